"""What drives the face over time: a motion per frame, and the frame that counts as rest.

track = Track(motion, fps=25)
base = track.at(portrait, 12)
motion = apply_edit(portrait, base, edit)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import StudioError
from pipelines.files import read_file, write_atomic
from pipelines.motion.edit import HasSource
from pipelines.motion.pack import mix_relative
from pipelines.motion.space import FPS, Motion
from pipelines.npz import pack_npz, read_npz

FORMAT = "ditto-track"
VERSION = 1
MAX_FRAMES = 180_000
"""Two hours at 25 fps, 100 MB."""
MAX_FPS = 240.0
MAX_LABEL = 200
_MAX_BYTES = 160 << 20
_FIELDS = tuple(field.name for field in fields(Motion))
_FIRST_FRAME = Motion.identity(0)
"""Stands for the first frame of the track."""


@dataclass(frozen=True, eq=False)
class Track:
    """A motion over time that any portrait can follow. Its arrays are read-only views."""

    motion: Motion
    """T frames."""
    fps: float = float(FPS)
    relative: bool = True
    """The face departs from the photo as the track departs from `reference`; otherwise it takes the track's own
    expression, pose and position. The scale of the face is the photo's either way."""
    label: str = ""
    """What the track was made from, shown to the visitor."""
    reference: Motion = _FIRST_FRAME
    """One frame that counts as rest; the first frame if left out. Speech rests at `Motion.identity()`."""

    def __post_init__(self) -> None:
        if not 1 <= len(self.motion) <= MAX_FRAMES:
            raise StudioError(
                f"A track should have 1 to {MAX_FRAMES} frames but has {len(self.motion)}; cut it into parts."
            )
        if not (isinstance(self.fps, int | float) and 1 <= self.fps <= MAX_FPS):
            raise StudioError(f"`fps` of a track should be from 1 to {MAX_FPS:g} but is {self.fps}.")
        if len(self.label) > MAX_LABEL:
            raise StudioError(
                f"`label` of a track should have at most {MAX_LABEL} letters but has {len(self.label)}; shorten it."
            )
        reference = self.motion[0] if len(self.reference) == 0 else self.reference
        if len(reference) != 1:
            raise StudioError(f"`reference` of a track should be one frame but has {len(reference)}.")
        object.__setattr__(self, "fps", float(self.fps))
        for name, motion in (("motion", self.motion), ("reference", reference)):
            object.__setattr__(self, name, _read_only(motion, name))

    @classmethod
    def still(cls, *, label: str = "") -> Track:
        """One frame that leaves the photo as it is."""
        return cls(Motion.identity(), label=label)

    @property
    def duration_s(self) -> float:
        """Seconds from the first frame to the end of the last."""
        return len(self) / self.fps

    def __len__(self) -> int:
        return len(self.motion)

    def __getitem__(self, window: slice) -> Track:
        """A range of frames; the rest frame stays, so that a cut does not change what the face does."""
        return replace(self, motion=self.motion[window])

    def at(self, source: HasSource, frame: float) -> Motion:
        """One base frame for `apply_edit`, in constant time.

        Args:
            source: the face that follows.
            frame: index from 0; a fraction mixes its two neighbours, beyond the ends the last frame is held.
        """
        return self._on(source, self._sample(min(max(frame, 0.0), len(self) - 1.0)))

    def base(self, source: HasSource) -> Motion:
        """All T base frames for `apply_vectors`."""
        return self._on(source, self.motion)

    def frames(self, source: HasSource, *, fps: float | None = None) -> Iterator[Motion]:
        """Base frames one by one, at the track's own or another rate."""
        rate = self.fps if fps is None else fps
        for index in range(frame_count(len(self), self.fps, rate)):
            yield self.at(source, index * self.fps / rate)

    def resampled(self, fps: float) -> Track:
        """The same motion at another frame rate; angles and offsets are mixed linearly."""
        if fps == self.fps:
            return self
        where = np.arange(frame_count(len(self), self.fps, fps)) * (self.fps / fps)
        return replace(self, motion=sample(self.motion, where), fps=fps)

    def retimed(self, speed: float) -> Track:
        """The same motion at `speed` times the pace, same frame rate.

        Raises:
            StudioError: `speed` is not positive.
        """
        if not 0 < speed < np.inf:
            raise StudioError(f"`speed` should be above 0 but is {speed}.")
        where = np.arange(max(1, round(len(self) / speed))) * speed
        return replace(self, motion=sample(self.motion, where))

    def to_bytes(self) -> bytes:
        """The track file, a .npz without pickles."""
        header = {"format": FORMAT, "version": VERSION, "fps": self.fps, "relative": self.relative}
        motion = {name: getattr(self.motion, name) for name in _FIELDS}
        reference = {f"reference_{name}": getattr(self.reference, name) for name in _FIELDS}
        return pack_npz({**header, "label": self.label, **motion, **reference})

    @classmethod
    def from_bytes(cls, data: bytes) -> Track:
        """The track of a track file.

        Raises:
            StudioError: another format or version, damaged, not finite, or too long.
        """
        return _unpack(read_npz(data, what="The track file", max_bytes=_MAX_BYTES))

    def save(self, path: Path) -> Path:
        """Write the track file under a temporary name, then rename."""
        return write_atomic(path, self.to_bytes())

    @classmethod
    def load(cls, path: Path) -> Track:
        """The track of a file; errors as `from_bytes`."""
        return cls.from_bytes(read_file(path, what="The track file", max_bytes=_MAX_BYTES))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Track):
            return NotImplemented
        same = (self.fps, self.relative, self.label) == (other.fps, other.relative, other.label)
        return self is other or (same and all(_equal(getattr(self, k), getattr(other, k)) for k in _MOTIONS))

    def __hash__(self) -> int:
        return hash((len(self), self.fps, self.relative, self.label))

    def _sample(self, frame: float) -> Motion:
        first = int(frame)
        return self.motion[first] if first == frame else sample(self.motion, np.array([frame]))

    def _on(self, source: HasSource, motion: Motion) -> Motion:
        if self.relative:
            return mix_relative(source.motion, motion, reference=self.reference)
        return motion.with_(scale=np.repeat(source.motion.scale, len(motion)))


_MOTIONS = ("motion", "reference")


def frame_count(frames: int, fps: float, other_fps: float) -> int:
    """Frames that `frames` at `fps` become at another rate."""
    return max(1, round(frames * other_fps / fps))


def sample(motion: Motion, where: NDArray[Any]) -> Motion:
    """Frames of a motion at (n,) fractional indices, mixed linearly; beyond the ends the last frame is held."""
    position = np.clip(where, 0, len(motion) - 1)
    first = position.astype(np.intp)
    second = np.minimum(first + 1, len(motion) - 1)
    share = (position - first).astype(np.float32)

    def mixed(name: str) -> NDArray[np.float32]:
        array = getattr(motion, name)
        weight = share.reshape(-1, *[1] * (array.ndim - 1))
        return array[first] + weight * (array[second] - array[first])

    return Motion(**{name: mixed(name) for name in _FIELDS})


def join(tracks: Sequence[Track]) -> Track:
    """Tracks one after another, at the rate and on the rest frame of the first.

    Raises:
        StudioError: none given, or relative and absolute ones together.
    """
    if not tracks:
        raise StudioError("`tracks` should hold at least one track but is empty.")
    head = tracks[0]
    if any(track.relative != head.relative for track in tracks):
        raise StudioError("Tracks that are joined should all be relative or all absolute; import one of them anew.")
    parts = [_rebased(track.resampled(head.fps), head) for track in tracks]
    joined = Motion(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in _FIELDS})
    return replace(head, motion=joined)


def _rebased(track: Track, head: Track) -> Motion:
    """The frames of `track` as if it rested where `head` rests."""
    if not head.relative or _equal(track.reference, head.reference):
        return track.motion
    moved = {}
    for name in _FIELDS:
        array, rest, other = (getattr(m, name) for m in (track.motion, track.reference, head.reference))
        moved[name] = array / rest * other if name == "scale" else array - rest + other
    return Motion(**moved)


def _read_only(motion: Motion, name: str) -> Motion:
    views = {}
    for key in _FIELDS:
        array = getattr(motion, key)
        if not np.isfinite(array).all():
            raise StudioError(f"`{name}` of a track should hold finite numbers but its `{key}` does not.")
        views[key] = array.view()
        views[key].flags.writeable = False
    return Motion(**views)


def _equal(a: Motion, b: Motion) -> bool:
    return a is b or all(np.array_equal(getattr(a, name), getattr(b, name)) for name in _FIELDS)


def _unpack(arrays: dict[str, NDArray[Any]]) -> Track:
    def one(name: str) -> Any:
        value = arrays.get(name)
        return value.item() if value is not None and value.ndim == 0 else None

    if one("format") != FORMAT:
        raise StudioError("The track file should be one that this studio saved but is not; choose another one.")
    version = one("version")
    if version != VERSION:
        raise StudioError(f"`version` of the track file should be {VERSION} but is {version!r}; save it again.")
    fps, relative, label = one("fps"), one("relative"), one("label")
    if not (isinstance(fps, float) and isinstance(relative, bool) and isinstance(label, str)):
        raise StudioError("The track file should have a frame rate, a mode and a label but lacks one; save it again.")
    motion, reference = (_motion_of(arrays, prefix) for prefix in ("", "reference_"))
    return Track(motion, fps, relative, label, reference)


def _motion_of(arrays: dict[str, NDArray[Any]], prefix: str) -> Motion:
    found = {name: arrays[prefix + name] for name in _FIELDS if prefix + name in arrays}
    if len(found) < len(_FIELDS) or any(array.dtype != np.float32 for array in found.values()):
        raise StudioError("The track file should hold every field of the motion as float32; save it again.")
    try:
        return Motion.of(**found)
    except ValueError as error:
        raise StudioError(f"The track file should hold whole frames but does not: {error}") from error
