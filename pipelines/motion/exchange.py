"""Motion in and out as files: by the name's ending, in the layouts that other tools read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.errors import StudioError
from pipelines.files import read_file, write_atomic
from pipelines.json_document import read_document
from pipelines.motion.exchange_arkit import read_arkit, write_arkit
from pipelines.motion.exchange_template import read_template, write_template
from pipelines.motion.space import Motion
from pipelines.motion.track import FORMAT, VERSION, Track

MAX_FILE_BYTES = 160 << 20
_MAX_QUOTES = 1000
"""Most quotation marks of a track as text; its names and its label need far fewer, however long it is."""
FORMATS = {
    ".npz": "the studio's own track",
    ".json": "the same as text",
    ".pkl": "LivePortrait template",
    ".csv": "ARKit shapes, Live Link Face layout",
}
_FIELDS = tuple(field.name for field in fields(Motion))


def write_json_track(track: Track, *, fps: float | None = None) -> bytes:
    """A track as text: rate, mode, label, rest frame, and per field a list of frames."""
    track = track.resampled(track.fps if fps is None else fps)
    document = {
        "format": FORMAT,
        "version": VERSION,
        "fps": track.fps,
        "relative": track.relative,
        "label": track.label,
        "reference": _lists(track.reference),
        "motion": _lists(track.motion),
    }
    return (json.dumps(document, allow_nan=False, ensure_ascii=False) + "\n").encode()


def read_json_track(data: bytes) -> Track:
    """The track of such a text.

    Raises:
        StudioError: another format or version, or frames that do not fit.
    """
    if data.count(b'"') > _MAX_QUOTES:
        raise StudioError("The track file should hold numbers under few names but holds many; choose a track file.")
    document = read_document(data, name="track", format=FORMAT, version=VERSION)
    relative, label = document.get("relative"), document.get("label")
    fps: Any = document.get("fps")
    if not (type(fps) in (int, float) and isinstance(relative, bool) and isinstance(label, str)):
        raise StudioError("The track file should have a frame rate, a mode and a label but lacks one; save it again.")
    motion, reference = (_motion(document.get(key), key) for key in ("motion", "reference"))
    return Track(motion, fps, relative, label, reference)


def _lists(motion: Motion) -> dict[str, Any]:
    lists = {}
    for name in _FIELDS:
        array = getattr(motion, name)
        # the shortest decimals that restore each float32
        texts = array.reshape(-1).astype("U32").astype(np.float64)
        lists[name] = texts.reshape(len(array), *array.shape[1:]).tolist()
    return lists


def _motion(record: Any, name: str) -> Motion:
    if not isinstance(record, dict) or record.keys() != set(_FIELDS):
        raise StudioError(f"`{name}` of the track file should hold {', '.join(_FIELDS)} but does not.")
    try:
        return Motion.of(**{key: np.array(value, np.float32) for key, value in record.items()})
    except (ValueError, TypeError, OverflowError) as error:
        raise StudioError(f"`{name}` of the track file should hold whole frames of numbers but does not.") from error


_WRITERS: dict[str, Callable[..., bytes]] = {
    ".npz": lambda track, *, fps: track.resampled(fps or track.fps).to_bytes(),
    ".json": write_json_track,
    ".pkl": write_template,
    ".csv": write_arkit,
}


def encode_track(track: Track, suffix: str, *, fps: float | None = None) -> bytes:
    """A track in the layout of a file ending, at its own or another frame rate.

    Raises:
        StudioError: an ending that stands for no layout.
    """
    return _WRITERS[check_suffix(suffix, "output")](track, fps=fps)


def write_track(path: Path, track: Track, *, fps: float | None = None) -> Path:
    """Write a track under a temporary name, then rename; the ending chooses the layout."""
    return write_atomic(path, encode_track(track, path.suffix, fps=fps))


def decode_track(data: bytes, suffix: str, *, label: str = "") -> Track:
    """The track of a file's bytes, by the file's ending.

    Raises:
        StudioError: an ending that stands for no layout, or a file that does not keep to its layout.
    """
    match check_suffix(suffix, "driver"):
        case ".npz":
            return Track.from_bytes(data)
        case ".json":
            return read_json_track(data)
        case ".pkl":
            return read_template(data, label=label)
        case _:
            return read_arkit(data, label=label)


def read_track(path: Path) -> Track:
    """The track of a file; errors as `decode_track`."""
    check_suffix(path.suffix, "driver")
    data = read_file(path, what="The motion file", max_bytes=MAX_FILE_BYTES)
    return decode_track(data, path.suffix, label=path.stem[:100])


def check_suffix(suffix: str, name: str) -> str:
    """The ending in lower case.

    Raises:
        StudioError: it stands for no layout.
    """
    if suffix.lower() not in FORMATS:
        raise StudioError(f"`{name}` should end in {', '.join(FORMATS)} but ends in '{suffix[:20]}'.")
    return suffix.lower()
