"""Reading a pickle without running what is in it: numpy arrays and plain containers only.

Python's own unpickler is not used, not even with a list of allowed names: the constructors of numpy take sizes, flags
and dtypes from the file as they come, so that a few bytes could ask for all memory, hang in a hash or damage it.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.checkpoints.pickle_rules import (
    Callee,
    DataType,
    RefusedError,
    callee_of,
    checked_dtype,
    dict_of,
    hashable_key,
    of_kind,
    plain_dtype,
    plain_value,
)
from pipelines.errors import StudioError
from pipelines.files import read_file

MAX_BYTES = 256 * 2**20

_ITEM_BYTES = 64
"""What an entry of a container counts for."""


_VALUES = frozenset(
    (
        *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
        *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
        *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
    )
)
"""Opcodes that carry their value."""
_MADE: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_DICT": dict,
    "EMPTY_SET": set,
}
_IGNORED = frozenset(("PROTO", "FRAME"))


class _Machine:
    """The stack machine of pickles, with the operations that plain data needs."""

    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}
        self._spent = 0

    def run(self, data: bytes) -> Any:
        for opcode, argument, _ in pickletools.genops(data):
            if opcode.name == "STOP":
                return self._stack.pop()
            self._step(opcode.name, argument)
        raise ValueError("no end")

    def _step(self, name: str, argument: Any) -> None:
        stack = self._stack
        if name in _VALUES:
            stack.append(plain_value(argument))
        elif name in _MADE:
            stack.append(_MADE[name]())
        elif name in ("BINPUT", "LONG_BINPUT", "PUT"):
            self._memo[argument] = stack[-1]
        elif name == "MEMOIZE":
            self._memo[len(self._memo)] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET", "GET"):
            stack.append(self._memo[argument])
        elif name not in _IGNORED:
            method = getattr(self, f"_{name.lower()}", None)
            if method is None:
                raise RefusedError(f"the operation {name}")
            method(*([] if argument is None else [argument]))

    def _pop_mark(self) -> list[Any]:
        at = self._marks.pop()
        items = self._stack[at:]
        del self._stack[at:]
        return items

    def _spend(self, size: int) -> None:
        """Count what does not take its size from the file alone: one part of the file may be used many times."""
        self._spent += size
        if self._spent > MAX_BYTES:
            raise RefusedError(f"more than {MAX_BYTES >> 20} MB")

    # ---- containers ----
    def _mark(self) -> None:
        self._marks.append(len(self._stack))

    def _pop(self) -> None:
        self._stack.pop()

    def _dup(self) -> None:
        self._stack.append(self._stack[-1])

    def _list(self) -> None:
        self._stack.append(self._pop_mark())

    def _tuple(self) -> None:
        self._stack.append(tuple(self._pop_mark()))

    def _tuple1(self) -> None:
        self._stack.append((self._stack.pop(),))

    def _tuple2(self) -> None:
        last = self._stack.pop()
        self._stack.append((self._stack.pop(), last))

    def _tuple3(self) -> None:
        last, middle = self._stack.pop(), self._stack.pop()
        self._stack.append((self._stack.pop(), middle, last))

    def _append(self) -> None:
        item = self._stack.pop()
        of_kind(self._stack[-1], list).append(item)

    def _appends(self) -> None:
        items = self._pop_mark()
        of_kind(self._stack[-1], list).extend(items)

    def _dict(self) -> None:
        items = self._pop_mark()
        self._stack.append(dict_of(items))

    def _setitem(self) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        of_kind(self._stack[-1], dict).update(dict_of([key, value]))

    def _setitems(self) -> None:
        items = self._pop_mark()
        of_kind(self._stack[-1], dict).update(dict_of(items))

    def _additems(self) -> None:
        items = self._pop_mark()
        of_kind(self._stack[-1], set).update(map(hashable_key, items))

    def _frozenset(self) -> None:
        self._stack.append(frozenset(map(hashable_key, self._pop_mark())))

    # ---- names ----
    def _global(self, both: str) -> None:
        module, _, name = both.partition(" ")
        self._stack.append(callee_of(module, name))

    def _stack_global(self) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        self._stack.append(callee_of(of_kind(module, str), of_kind(name, str)))

    def _reduce(self) -> None:
        arguments, name = of_kind(self._stack.pop(), tuple), of_kind(self._stack.pop(), Callee).name
        if name == "ndarray":
            raise RefusedError("an array of no content")
        self._stack.append(getattr(self, f"_call_{name.lstrip('_')}")(*arguments))

    def _call_dtype(self, name: Any, *_: Any) -> DataType:
        return DataType(plain_dtype(np.dtype(of_kind(name, str))))

    def _call_reconstruct(self, *_: Any) -> NDArray[Any]:
        """An array whose size, type and content come with BUILD, whatever is asked for here."""
        return np.empty(0, np.int8)

    def _call_scalar(self, kind: Any, raw: Any) -> Any:
        return np.frombuffer(of_kind(raw, bytes), of_kind(kind, DataType).dtype, 1)[0]

    def _call_frombuffer(self, raw: Any, kind: Any, shape: Any, order: Any) -> NDArray[Any]:
        content = raw if isinstance(raw, bytearray) else of_kind(raw, bytes)
        dtype = checked_dtype(of_kind(kind, DataType).dtype, shape, content)
        self._spend(len(content))
        return np.frombuffer(content, dtype).reshape(shape, order="F" if order == "F" else "C")

    def _call_encode(self, text: Any, encoding: Any) -> bytes:
        self._spend(len(of_kind(text, str)))
        if encoding not in ("latin1", "latin-1"):
            raise RefusedError("another encoding than latin1")
        return text.encode("latin1")

    def _call_bytearray(self, content: Any = b"", *encoding: Any) -> bytearray:
        if encoding:
            return bytearray(self._call_encode(content, *encoding))
        self._spend(len(of_kind(content, bytes)))
        return bytearray(content)

    def _call_set(self, items: Any = ()) -> set[Any]:
        self._spend(_ITEM_BYTES * len(items))
        return set(map(hashable_key, items))

    def _call_frozenset(self, items: Any = ()) -> frozenset[Any]:
        return frozenset(self._call_set(items))

    def _call_dict(self, items: Any = ()) -> dict[Any, Any]:
        self._spend(_ITEM_BYTES * len(items))
        return dict_of([part for pair in items for part in pair])

    def _build(self) -> None:
        state, target = of_kind(self._stack.pop(), tuple), self._stack[-1]
        if isinstance(target, DataType):
            # (version, byte order, and what only dtypes of several fields have)
            order, parts = state[1], state[2:5]
            if any(part is not None for part in parts) or order not in ("<", ">", "=", "|"):
                raise RefusedError("a type of several fields")
            target.dtype = target.dtype.newbyteorder(order)
            return
        array = of_kind(target, np.ndarray)
        _, shape, kind, is_fortran, raw = state
        dtype = checked_dtype(of_kind(kind, DataType).dtype, shape, of_kind(raw, bytes))
        self._spend(len(raw))
        array.__setstate__((1, shape, dtype, bool(is_fortran), raw))


def read_pickle(source: Path | bytes) -> Any:
    """What a pickle of numpy arrays and plain containers holds; about 3 us of CPU time an operation.

    Raises:
        StudioError: it holds anything else, is damaged, or is larger than 256 MB, packed or unpacked.
    """
    data = source if isinstance(source, bytes) else read_file(source, what="The file", max_bytes=MAX_BYTES)
    try:
        return _Machine().run(data)
    except RefusedError as error:
        raise StudioError(f"The file should hold only arrays and plain containers but asks for {error}.") from error
    except Exception as error:
        # a hostile or damaged pickle may raise anything from inside the parser and numpy
        raise StudioError(f"The file should be a pickle but is damaged ({type(error).__name__}).") from error
