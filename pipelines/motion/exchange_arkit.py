"""Face capture as CSV in the layout of Live Link Face: time code, count, 52 shapes, head and eye rotation.

Angles are radians about the axes of ARKit's face anchor: x to the viewer's right, y up, z out of the face; so pitch
turns the nose down, yaw turns it to the viewer's right, roll turns against the clock as the viewer sees it.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import StudioError
from pipelines.motion.arkit import N_SHAPES, SHAPES, gaze_of, motion_to_shapes, shapes_to_motion
from pipelines.motion.space import FPS, Motion
from pipelines.motion.track import MAX_FPS, MAX_FRAMES, Track

Array = NDArray[Any]
Rest = Literal["neutral", "first"]
"""What counts as rest: all shapes 0 and the head straight, or the first frame."""

_HEAD = ("HeadYaw", "HeadPitch", "HeadRoll")
_EYES = tuple(f"{eye}Eye{angle}" for eye in ("Left", "Right") for angle in ("Yaw", "Pitch", "Roll"))
_HEADER = ("Timecode", "BlendShapeCount", *(shape[0].upper() + shape[1:] for shape in SHAPES), *_HEAD, *_EYES)
_OPTIONAL = frozenset({"tongueout", *(name.lower() for name in (*_HEAD, *_EYES))})
_TIME = re.compile(r"(\d{1,2}):(\d{2}):(\d{2})[:;.](\d{1,3})(?:\.\d+)?")
_RATES = (24.0, 25.0, 30.0, 50.0, 60.0)
_WHAT = "The ARKit CSV"
_MAX_LINE = 1 << 16
"""Most letters of a row; a capture has about 600."""


def write_arkit(track: Track, *, fps: float | None = None) -> bytes:
    """The CSV of what a track does against its rest frame; translation has no place in it.

    Args:
        fps: frames a second of the file, the track's own if left out.
    """
    track = track.resampled(track.fps if fps is None else fps)
    departure = _departure(track)
    shapes = motion_to_shapes(departure)
    head = np.radians(np.stack([-departure.yaw_deg, departure.pitch_deg, -departure.roll_deg], -1, dtype=np.float64))
    eyes = _eyes_of_gaze(gaze_of(departure))
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(_HEADER)
    for index, values in enumerate(np.concatenate((shapes, head, eyes), -1)):
        row = [f"{value:.7g}" for value in values]
        writer.writerow([_time_code(index, track.fps), len(row), *row])
    return buffer.getvalue().encode()


def read_arkit(data: bytes, *, fps: float | None = None, rest: Rest = "neutral", label: str = "") -> Track:
    """The track of a CSV; columns are found by name, head and eye rotation may be missing.

    Args:
        fps: frames a second, read from the time codes if left out.

    Raises:
        StudioError: not that layout, not a number, no rows or too many.
    """
    header, rows = _read_rows(data)
    shapes = np.stack([_column(header, rows, shape) for shape in SHAPES], -1)
    motion = shapes_to_motion(shapes)
    yaw, pitch, roll = (np.degrees(_column(header, rows, name)) for name in _HEAD)
    angles = {"yaw_deg": -yaw, "pitch_deg": pitch, "roll_deg": -roll}
    motion = motion.with_(**{name: angle.astype(np.float32) for name, angle in angles.items()})
    eyes = np.stack([_column(header, rows, name) for name in _EYES], -1)
    if eyes.any():
        motion = motion.with_(gaze_deg=_gaze_of_eyes(eyes).astype(np.float32))
    rate = _rate(header, rows) if fps is None else fps
    track = Track(motion, rate, label=label)
    return replace(track, reference=Motion.identity()) if rest == "neutral" else track


def _departure(track: Track) -> Motion:
    """Frames as departures from the rest frame, on a face that is straight and at rest."""
    if not track.relative:
        return track.motion
    rest = track.reference
    names = ("exp", "side", "pitch_deg", "yaw_deg", "roll_deg", "gaze_deg")
    return Motion.of(**{name: getattr(track.motion, name) - getattr(rest, name) for name in names})


def _eyes_of_gaze(gaze_deg: Array) -> Array:
    """(T, 6) left yaw, pitch, roll, right yaw, pitch, roll in radians."""
    turned = np.radians(gaze_deg)
    none = np.zeros(len(turned))
    columns = [column for eye in (1, 0) for column in (turned[:, eye, 0], -turned[:, eye, 1], none)]
    return np.stack(columns, -1)


def _gaze_of_eyes(eyes: Array) -> Array:
    """Inverse of `_eyes_of_gaze`."""
    turned = np.degrees(eyes).reshape(-1, 2, 3)[:, ::-1]
    return np.stack((turned[..., 0], -turned[..., 1]), -1)


def _time_code(index: int, fps: float) -> str:
    second, frame = divmod(index, max(1, round(fps)))
    minute, hour = second // 60, second // 3600
    return f"{hour % 24:02d}:{minute % 60:02d}:{second % 60:02d}:{frame:02d}.000"


def _read_rows(data: bytes) -> tuple[dict[str, int], list[list[str]]]:
    try:
        lines = csv.reader(_short_lines(data.decode("utf-8-sig")))
        names = [name.strip().lower() for name in next(lines, [])]
        rows = []
        for row in lines:
            if len(rows) >= MAX_FRAMES:
                raise StudioError(f"{_WHAT} should have at most {MAX_FRAMES} rows but has more; cut it into parts.")
            if row:
                rows.append(row)
    except (UnicodeDecodeError, csv.Error) as error:
        raise StudioError(f"{_WHAT} should be a text table but is not ({type(error).__name__}).") from error
    header = {name: index for index, name in enumerate(names)}
    missing = [shape for shape in SHAPES if shape.lower() not in header and shape.lower() not in _OPTIONAL]
    if missing:
        raise StudioError(
            f"{_WHAT} should have a column for each of the {N_SHAPES} face shapes but lacks {missing[0]} and "
            f"{len(missing) - 1} more; export it from Live Link Face."
        )
    if not rows:
        raise StudioError(f"{_WHAT} should have at least one row but has none; record it again.")
    return header, rows


def _short_lines(text: str) -> Iterator[str]:
    for line in io.StringIO(text):
        if len(line) > _MAX_LINE:
            raise StudioError(f"{_WHAT} should have rows of at most {_MAX_LINE} letters; export it again.")
        yield line


def _column(header: dict[str, int], rows: list[list[str]], name: str) -> Array:
    """(T,) numbers of a column, zeros if an optional one is missing."""
    index = header.get(name.lower())
    if index is None:
        return np.zeros(len(rows))
    values = np.zeros(len(rows))
    for number, row in enumerate(rows):
        text = row[index] if index < len(row) else ""
        try:
            values[number] = float(text)
        except ValueError:
            values[number] = math.nan
        if not abs(values[number]) < 1e3:
            raise StudioError(
                f"`{name}` of the ARKit CSV should be a number but is {text[:30]!r} in row {number + 2}; correct it."
            )
    return values


def _rate(header: dict[str, int], rows: list[list[str]]) -> float:
    """Frames a second by the time codes: rows between the first and the last turn of a second; the project's rate
    where the codes do not tell."""
    index = header.get("timecode")
    if index is None:
        return float(FPS)
    seconds, frames = [], []
    for row in rows:
        match = _TIME.fullmatch(row[index].strip()) if index < len(row) else None
        if match is None:
            return float(FPS)
        hour, minute, second, frame = (int(part) for part in match.groups())
        seconds.append(3600 * hour + 60 * minute + second)
        frames.append(frame)
    turns = np.flatnonzero(np.diff(seconds) > 0) + 1
    if len(turns) >= 2:
        first, last = int(turns[0]), int(turns[-1])
        rate = (last - first) / (seconds[last] - seconds[first])
        nearest = min(_RATES, key=lambda known: abs(known - rate))
        return float(min(max(nearest if abs(nearest - rate) < 0.5 else rate, 1.0), MAX_FPS))
    fewest = max(FPS, max(frames) + 1)
    return next((rate for rate in _RATES if rate >= fewest), float(FPS))
