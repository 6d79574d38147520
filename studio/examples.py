"""The portraits that ship with the studio: names, credits, thumbnails, registration on first use."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import cv2
import numpy as np

from pipelines.assets import PORTRAITS
from pipelines.errors import StudioError
from pipelines.portrait.types import Portrait
from studio.frames import encode_jpeg

THUMB_SIDE = 224


@dataclass(frozen=True)
class Example:
    """One shipped portrait; credits in full: assets/CREDITS.md."""

    key: str
    """Stem of the file in assets/portraits."""
    label: str
    credit: str


EXAMPLES: tuple[Example, ...] = (
    Example("mona_lisa", "Mona Lisa", "Leonardo da Vinci, about 1503 · public domain"),
    Example("pearl_earring", "Pearl earring", "Johannes Vermeer, about 1665 · public domain"),
    Example("astronaut", "Astronaut", "Eileen Collins, NASA, 1993 · public domain"),
    Example("admiral", "Admiral", "Grace Hopper, US Navy, 1984 · public domain"),
    Example("la_velata", "La velata", "Raphael, about 1516 · public domain"),
)
FIRST = EXAMPLES[0]


class ExampleShelf:
    """Registered example portraits, shared by all visitors: a portrait's arrays are read-only."""

    def __init__(self, examples: tuple[Example, ...] = EXAMPLES) -> None:
        self._examples = {example.key: example for example in examples}
        self._portraits: dict[str, Portrait] = {}
        self._thumbs: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def find(self, key: str) -> Example:
        """
        Raises:
            StudioError: no example has this key.
        """
        if key not in self._examples:
            names = ", ".join(self._examples)
            raise StudioError(
                f"`portrait` should be one of {names} but is '{key[:40]}'; pick one in the Portrait panel."
            )
        return self._examples[key]

    def portrait(self, key: str) -> Portrait:
        """The registered portrait; about half a second of CPU time when it is asked for the first time."""
        from pipelines.portrait.load import load_photo
        from pipelines.portrait.register import register

        self.find(key)
        with self._lock:
            if key not in self._portraits:
                self._portraits[key] = register(load_photo(PORTRAITS / f"{key}.jpg"))
            return self._portraits[key]

    def thumb(self, key: str) -> bytes:
        """JPEG of the upper square of the photo, `THUMB_SIDE` pixels wide."""
        from pipelines.portrait.load import load_photo

        self.find(key)
        with self._lock:
            if key not in self._thumbs:
                photo = load_photo(PORTRAITS / f"{key}.jpg")
                side = min(photo.shape[:2])
                left = (photo.shape[1] - side) // 2
                square = photo[:side, left : left + side]
                small = cv2.resize(square, (THUMB_SIDE, THUMB_SIDE), interpolation=cv2.INTER_AREA)
                self._thumbs[key] = encode_jpeg(np.asarray(small, np.uint8))
            return self._thumbs[key]
