"""A driver moves another face: a film, a LivePortrait template, an ARKit CSV or one of the studio's tracks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import StudioError
from pipelines.motion.controls import SLOT_DEFAULT, SLOTS, resolve
from pipelines.motion.edit import HasSource
from pipelines.motion.exchange import FORMATS, read_track
from pipelines.motion.eyes import BLINK_LOWER, BLINK_UPPER, LOWER_LID, UPPER_LID, drive_of_closure
from pipelines.motion.regions import GAZE, HEAD, MEMBERSHIP, REGIONS, dim_weights, region_weights
from pipelines.motion.smoothing import Smoothing, smooth_track
from pipelines.motion.space import FPS, N_EXP, Motion
from pipelines.motion.track import Track

Progress = Callable[[float, str], None]
Extractor = Literal["landmarks", "neural"]

VIDEO_SUFFIXES = (".mp4", ".mov", ".webm", ".mkv", ".avi", ".m4v", ".gif")
MAX_STRENGTH = 2.0
_FACIAL = ("brows", "eyes", "gaze", "mouth")
"""Regions whose expression is the same in every face; in the others a person's build shows, so even absolute motion
moves them by departures."""
_MIN_RATIO = 0.05


@dataclass(frozen=True)
class RetargetOptions:
    """How the driver acts."""

    relative: bool = True
    """The face departs from its photo as the driver departs from its rest; otherwise it takes the driver's own
    expression, pose and place."""
    strength: float = 1.0
    """Factor of the whole motion, 0..2."""
    regions: Mapping[str, float] = field(default_factory=dict)
    """`region_…` names -> factor 0..2, 1 where left out."""
    smoothing: Smoothing = field(default_factory=Smoothing)
    rest_frame: int | None = None
    """Which frame of the driver counts as rest; None leaves it to the driver."""

    def __post_init__(self) -> None:
        if not 0 <= self.strength <= MAX_STRENGTH:
            raise StudioError(f"`strength` should be from 0 to {MAX_STRENGTH:g} but is {self.strength:g}.")
        for name, factor in self.regions.items():
            if not name.startswith("region_") or any(slot.control.kind != "region" for slot in resolve(name)):
                raise StudioError(f"`region` should name a region such as region_mouth but is '{name[:40]}'.")
            if not 0 <= factor <= MAX_STRENGTH:
                raise StudioError(f"`{name}` should be from 0 to {MAX_STRENGTH:g} but is {factor:g}.")


def read_driver(
    path: Path,
    *,
    extractor: Extractor = "landmarks",
    fps: float = FPS,
    face_index: int = 0,
    progress: Progress | None = None,
) -> Track:
    """The motion of a driver, whatever kind of file it is.

    Args:
        extractor: how a film is read.
        fps: rate a film is read at; other drivers keep their own.
        face_index: which face of a film, 0 = the largest where the first one is seen; for landmarks.

    Raises:
        StudioError: not a file we read, no face in the film, or weights that are not here.
    """
    if path.suffix.lower() in FORMATS:
        return read_track(path)
    if path.suffix.lower() not in VIDEO_SUFFIXES:
        known = ", ".join((*VIDEO_SUFFIXES, *FORMATS))
        raise StudioError(f"`driver` should be a video or a motion file ({known}) but is '{path.name[:60]}'.")
    return _read_film(path, extractor, fps, face_index, progress)


def _read_film(path: Path, extractor: Extractor, fps: float, face_index: int, progress: Progress | None) -> Track:
    from pipelines.portrait.video_motion import LandmarkMotionExtractor, read_motion

    if extractor == "neural":
        from pipelines.checkpoints.loading import load_motion_extractor
        from pipelines.portrait.neural_motion import NeuralMotionExtractor

        reader = NeuralMotionExtractor(load_motion_extractor())
    else:
        reader = LandmarkMotionExtractor(face_index=face_index)
    found = read_motion(path, reader, fps=fps, progress=progress)
    track = found.track(label=path.stem[:100])
    first_seen = int(np.flatnonzero(found.seen)[0])
    return with_measured_lids(track, found.eye_ratio, rest=found.eye_ratio[first_seen])


def with_measured_lids(track: Track, eye_ratio: NDArray[np.float32], *, rest: NDArray[np.float32]) -> Track:
    """The track with its lids set by measured eye aspect ratios, so that a closed eye closes the other face's too.

    Args:
        eye_ratio: (T, 2) [right, left].
        rest: (2,) the ratio that counts as open.
    """
    drive = drive_of_closure(1 - eye_ratio / np.maximum(rest, _MIN_RATIO)).astype(np.float32)
    exp = track.motion.exp.reshape(-1, N_EXP).copy()
    resting = track.reference.exp.reshape(-1, N_EXP)
    for dims, full in ((list(UPPER_LID), BLINK_UPPER), (list(LOWER_LID), BLINK_LOWER)):
        exp[:, dims] = resting[:, dims] + np.float32(full) * drive
    return replace(track, motion=track.motion.with_(exp=exp.reshape(track.motion.exp.shape)))


def retarget(track: Track, source: HasSource, options: RetargetOptions) -> Track:
    """The track as it shall move one face.

    Returns:
        A relative track; an absolute one is told as departures from this very face.
    """
    track = smooth_track(track, options.smoothing)
    if options.rest_frame is not None:
        if not 0 <= options.rest_frame < len(track):
            raise StudioError(f"`rest` should be a frame from 0 to {len(track) - 1} but is {options.rest_frame}.")
        track = replace(track, reference=track.motion[options.rest_frame])
    if not (options.relative and track.relative):
        track = _on_face(track, source.motion)
    if options.strength == 1 and not options.regions:
        return track
    return _weighted(track, options)


def _on_face(track: Track, own: Motion) -> Track:
    """An absolute track as departures from one face; build that is no expression departs from the track's rest."""
    facial = MEMBERSHIP[:, [REGIONS.index(region) for region in _FACIAL]].sum(-1).reshape(own.exp.shape[1:])
    motion, rest = track.motion, track.reference
    absolute = own.exp + facial * (motion.exp - own.exp) + (1 - facial) * (motion.exp - rest.exp)
    if not track.relative:
        absolute = motion.exp
    return replace(track, motion=motion.with_(exp=absolute.astype(np.float32)), relative=True, reference=own)


def _weighted(track: Track, options: RetargetOptions) -> Track:
    """Departures from rest times strength and region factors."""
    vector = SLOT_DEFAULT.copy()
    factors = {slot.key: factor for name, factor in options.regions.items() for slot in resolve(name)}
    for slot in SLOTS:
        if slot.control.kind == "region":
            vector[slot.index] = options.strength * factors.get(slot.key, 1.0)
    right, left = region_weights(vector)
    motion, rest = track.motion, track.reference
    mask_right, mask_left = (mask.reshape(motion.exp.shape[1:]) for mask in dim_weights(right, left))
    exp, side = motion.exp - rest.exp, motion.side - rest.side
    half_right, half_left = mask_right * (exp - side), mask_left * (exp + side)
    head = right[HEAD]
    gaze = np.array([right[GAZE], left[GAZE]], np.float32)[:, None]
    moved = {name: getattr(rest, name) + head * (getattr(motion, name) - getattr(rest, name)) for name in _RIGID}
    return replace(
        track,
        motion=motion.with_(
            exp=(rest.exp + 0.5 * (half_right + half_left)).astype(np.float32),
            side=(rest.side + 0.5 * (half_left - half_right)).astype(np.float32),
            gaze_deg=(rest.gaze_deg + gaze * (motion.gaze_deg - rest.gaze_deg)).astype(np.float32),
            **{name: value.astype(np.float32) for name, value in moved.items()},
        ),
    )


_RIGID = ("pitch_deg", "yaw_deg", "roll_deg", "t")
