"""Reading a pickle without running what is in it: numpy arrays and plain containers only."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

from pipelines.errors import StudioError

MAX_BYTES = 256 * 2**20

_ALLOWED = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy.core.numeric", "_frombuffer"),
    ("numpy._core.numeric", "_frombuffer"),
    ("_codecs", "encode"),
    ("collections", "OrderedDict"),
    *((module, name) for module in ("builtins", "__builtin__") for name in ("set", "frozenset", "bytearray")),
}


class _RefusedError(pickle.UnpicklingError):
    """The pickle asks for something that is not on the list."""


class _PlainUnpickler(pickle.Unpickler):
    """Finds nothing but what numpy arrays and plain containers are made of."""

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        if (module_name, global_name) not in _ALLOWED:
            raise _RefusedError(f"{module_name}.{global_name}")
        return super().find_class(module_name, global_name)

    def persistent_load(self, pid: Any) -> Any:
        raise _RefusedError("a persistent reference")


def read_pickle(source: Path | bytes) -> Any:
    """What a pickle of numpy arrays and plain containers holds.

    Raises:
        StudioError: it holds anything else, is damaged, or is larger than 256 MB.
    """
    data = source if isinstance(source, bytes) else _read_bytes(source)
    try:
        return _PlainUnpickler(io.BytesIO(data)).load()
    except _RefusedError as error:
        raise StudioError(f"The file should hold only arrays and plain containers but asks for {error}.") from error
    except Exception as error:
        # A hostile or damaged pickle may raise anything from inside the allowed constructors.
        raise StudioError(f"The file should be a pickle but is damaged ({type(error).__name__}).") from error


def _read_bytes(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise StudioError(f"The file should be at most {MAX_BYTES >> 20} MB but is {size >> 20} MB: {path}")
        return path.read_bytes()
    except OSError as error:
        raise StudioError(f"The file should be readable: {error.strerror}: {path}") from error
