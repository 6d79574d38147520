"""What a project holds besides motion: portrait, media and playhead, and how each is read from the file's record.

Every reader raises `StudioError` where a value is of another kind or out of range.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any

from pipelines.errors import StudioError
from pipelines.motion.keyframes import MAX_SECONDS

PHOTO_SUFFIXES = (".jpg", ".png", ".webp", ".bmp", ".tif", ".gif")
SOUND_SUFFIXES = (".wav", ".mp3", ".flac", ".ogg", ".m4a", ".aac")
MAX_NAME = 200
_EXAMPLE = re.compile(r"[a-z0-9_-]{1,60}")


@dataclass(frozen=True)
class Media:
    """A photo or a sound as it was given, still encoded."""

    suffix: str
    """Ending such as ".jpg", one of those above."""
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class PortraitRef:
    """Which face the work is about."""

    name: str = ""
    """Shown to the visitor; never a file name."""
    example: str | None = None
    """Key of an example portrait that ships with the studio."""
    photo: Media | None = None
    """An own photo."""
    face_index: int = 0


@dataclass(frozen=True)
class Playhead:
    """Where playing is and what it repeats."""

    seconds: float = 0.0
    loop: bool = True
    start_s: float = 0.0
    stop_s: float | None = None
    """None plays to the end of the track."""


def read_portrait(record: Any, parts: dict[str, bytes]) -> PortraitRef:
    """The portrait of a record whose photo is one of the `parts`."""
    if not isinstance(record, dict):
        raise StudioError("`portrait` of the project file should be an object but is not.")
    name, example, face_index = record.get("name", ""), record.get("example"), record.get("face_index", 0)
    if not isinstance(name, str) or len(name) > MAX_NAME:
        raise StudioError(f"`name` of the portrait should be text of at most {MAX_NAME} letters.")
    if example is not None and not (isinstance(example, str) and _EXAMPLE.fullmatch(example)):
        raise StudioError(
            f"`example` of the project file should be the key of an example but is {str(example)[:40]!r}."
        )
    if type(face_index) is not int or not 0 <= face_index < 1000:
        raise StudioError(f"`face_index` of the project file should be from 0 to 999 but is {str(face_index)[:20]}.")
    return PortraitRef(name, example, read_media(record.get("photo"), "photo", PHOTO_SUFFIXES, parts), face_index)


def read_media(name: Any, stem: str, suffixes: tuple[str, ...], parts: dict[str, bytes]) -> Media | None:
    """The part that a record names, None where it names none."""
    if name is None:
        return None
    suffix = name.removeprefix(stem) if isinstance(name, str) and name.startswith(stem) else None
    if suffix not in suffixes or name not in parts:
        raise StudioError(f"`{stem}` of the project file should name a part it holds but is {str(name)[:40]!r}.")
    return Media(suffix, parts[name])


def read_playhead(record: Any) -> Playhead:
    """The playhead of a record."""
    if not isinstance(record, dict) or record.keys() - Playhead.__dataclass_fields__.keys():
        raise StudioError("`playhead` of the project file should be an object of times; save it again.")
    playhead = Playhead(**record)
    stop_s = MAX_SECONDS if playhead.stop_s is None else playhead.stop_s
    for name, value in (("seconds", playhead.seconds), ("start_s", playhead.start_s), ("stop_s", stop_s)):
        real = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not real or not 0 <= value <= MAX_SECONDS:
            raise StudioError(
                f"`{name}` of the playhead should be from 0 to {MAX_SECONDS:g} but is {str(value)[:20]}."
            )
    if not isinstance(playhead.loop, bool):
        raise StudioError("`loop` of the playhead should be true or false.")
    return playhead
