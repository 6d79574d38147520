"""The live protocol from the page's side."""

from __future__ import annotations

import asyncio
import json
import struct
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.motion.controls import SLOT_DEFAULT, resolve

T = TypeVar("T")


def complete(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, in a thread of its own: a browser test may have a loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


@dataclass(frozen=True)
class Answer:
    """One frame as the page reads it."""

    seq: int
    header: dict[str, Any]
    picture: NDArray[np.uint8]


def wait_until(holds: Callable[[], bool], *, at_most_s: float = 180) -> None:
    """Wait for a state. The end is far away: it only keeps a test that hangs from hanging for ever."""
    deadline = time.monotonic() + at_most_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def vector(**values: float) -> NDArray[np.float32]:
    """(N_SLOTS,) defaults with some controls set."""
    result = SLOT_DEFAULT.copy()
    for name, value in values.items():
        for slot in resolve(name):
            result[slot.index] = value
    return result


def message(seq: int = 1, frame: float | None = None, **values: float) -> bytes:
    tail = b"" if frame is None else struct.pack("<f", frame)
    return struct.pack("<I", seq) + vector(**values).astype("<f4").tobytes() + tail


def read(answer: bytes) -> Answer:
    seq, length = struct.unpack_from("<II", answer)
    header = json.loads(answer[8 : 8 + length])
    jpeg = np.frombuffer(answer, np.uint8, offset=8 + length)
    bgr = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)
    assert bgr is not None
    return Answer(seq, header, np.asarray(bgr[..., ::-1], np.uint8))


def decode(jpeg: bytes) -> NDArray[np.uint8]:
    bgr = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert bgr is not None
    return np.asarray(bgr[..., ::-1], np.uint8)
