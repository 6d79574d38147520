"""What a pickle may hold: the names it may call, and checks of every value that come before it is used.

Every check here returns what it was given or raises `RefusedError`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

_KINDS = "biufcSU"
_MAX_BITS = 64
_MAX_SHOWN = 80


class RefusedError(ValueError):
    """The pickle asks for something that is not on the list."""


@dataclass
class DataType:
    """A dtype; its byte order is told after it has been named."""

    dtype: np.dtype[Any]


@dataclass(frozen=True)
class Callee:
    """One of the names that may be called, or numpy's array class."""

    name: str


_NUMPY = ("numpy.core", "numpy._core")
_NAMES = {
    ("numpy", "ndarray"): "ndarray",
    ("numpy", "dtype"): "dtype",
    ("_codecs", "encode"): "encode",
    ("collections", "OrderedDict"): "dict",
    **{(f"{package}.multiarray", name): name for package in _NUMPY for name in ("_reconstruct", "scalar")},
    **{(f"{package}.numeric", "_frombuffer"): "_frombuffer" for package in _NUMPY},
    **{(module, name): name for module in ("builtins", "__builtin__") for name in ("set", "frozenset", "bytearray")},
}


def plain_value(value: Any) -> Any:
    """A value that an operation carries; numbers only as long as a machine's."""
    if isinstance(value, int) and value.bit_length() > _MAX_BITS:
        raise RefusedError(f"a number of {value.bit_length()} bits")
    return value


def of_kind(value: Any, kind: type) -> Any:
    """The value, if an operation may use it in this place."""
    if not isinstance(value, kind):
        raise RefusedError(f"{kind.__name__.lower()} where there is {type(value).__name__[:_MAX_SHOWN]}")
    return value


def hashable_key(value: Any) -> Any:
    """Only what hashes in no time: a tuple of tuples of the same tuple would take for ever."""
    if not (value is None or isinstance(value, str | bytes | int | float | np.number)):
        raise RefusedError(f"a key that is a {type(value).__name__[:_MAX_SHOWN]}")
    return value


def dict_of(items: list[Any]) -> dict[Any, Any]:
    """A dict of keys and values that take turns."""
    return dict(zip(map(hashable_key, items[::2]), items[1::2], strict=True))


def callee_of(module: str, name: str) -> Callee:
    """What a name in the pickle stands for here; nothing is imported."""
    if (module, name) not in _NAMES:
        raise RefusedError(f"{module}.{name}"[:_MAX_SHOWN])
    return Callee(_NAMES[module, name])


def plain_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype, if it is numbers or text."""
    if dtype.kind not in _KINDS or dtype.fields is not None or dtype.subdtype is not None:
        raise RefusedError(f"arrays of {str(dtype)[:_MAX_SHOWN]}")
    return dtype


def checked_dtype(dtype: np.dtype[Any], shape: Any, raw: bytes | bytearray) -> np.dtype[Any]:
    """The dtype, if the content is as long as it and the shape say."""
    sides = of_kind(shape, tuple)
    if not all(type(side) is int and side >= 0 for side in sides) or math.prod(sides) * dtype.itemsize != len(raw):
        raise RefusedError("an array of another size than its content")
    return dtype
