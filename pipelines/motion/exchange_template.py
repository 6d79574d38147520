"""Motion templates of LivePortrait: pickles of plain containers and numpy arrays.

They are read by the restricted reader only, which runs nothing. They are written in the oldest module names that both
numpy 1 and 2 load, with everything LivePortrait looks for: motion, frame rate, and the eye and lip ratios.
"""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.checkpoints.pickles import read_pickle
from pipelines.errors import StudioError
from pipelines.motion.atlas import load_atlas
from pipelines.motion.eyes import lid_closure
from pipelines.motion.space import (
    FPS,
    N_EXP,
    N_KEYPOINTS,
    Motion,
    keypoints,
    rotation_degrees,
    rotation_matrix,
)
from pipelines.motion.track import MAX_FPS, MAX_FRAMES, Track

Array = NDArray[Any]

REST_EYE_RATIO = 0.35
"""What LivePortrait measures on open eyes."""
_WHAT = "The LivePortrait template"
_LARGEST = 100.0
_SHAPES = {"exp": (N_KEYPOINTS, 3), "R": (3, 3), "t": (3,), "scale": ()}


def read_template(data: bytes, *, label: str = "") -> Track:
    """The track of a template; it rests in its first frame.

    Raises:
        StudioError: the pickle holds anything but arrays and containers, or is no template.
    """
    template = read_pickle(data)
    if not isinstance(template, dict) or not isinstance(template.get("motion"), list | tuple):
        raise StudioError(f"{_WHAT} should hold a list called 'motion' but does not; choose another file.")
    frames = template["motion"]
    if not 1 <= len(frames) <= MAX_FRAMES:
        raise StudioError(f"{_WHAT} should have 1 to {MAX_FRAMES} frames but has {len(frames)}.")
    columns = {name: np.stack([_entry(frame, name) for frame in frames]) for name in _SHAPES}
    error = np.abs(columns["R"] @ np.swapaxes(columns["R"], -1, -2) - np.eye(3)).max()
    if error > 1e-2:
        raise StudioError(f"`R` of the template should be rotations but misses that by {error:.2g}.")
    pitch, yaw, roll = rotation_degrees(columns["R"])
    motion = Motion.of(
        exp=columns["exp"], pitch_deg=pitch, yaw_deg=yaw, roll_deg=roll, t=columns["t"], scale=columns["scale"]
    )
    return Track(motion, _rate(template.get("output_fps", FPS)), label=label)


def _entry(frame: Any, name: str) -> Array:
    """One field of one frame, in its own shape; `R_d` is an older name of `R`."""
    value = frame.get(name, frame.get("R_d") if name == "R" else None) if isinstance(frame, dict) else None
    shape = _SHAPES[name]
    size = int(np.prod(shape))
    array = np.asarray(value, np.float64) if _is_plain(value, size) else np.zeros(0)
    if array.size != size or not (np.abs(array) < _LARGEST).all():
        raise StudioError(
            f"`{name}` of the template should be {size} finite numbers a frame but is not; export it again."
        )
    return array.reshape(shape)


def _is_plain(value: Any, size: int) -> bool:
    """Whether it is so many numbers, found out without making anything of it."""
    if not isinstance(value, np.ndarray | np.generic | float | int):
        return False
    numbers = np.asarray(value)
    return numbers.size == size and numbers.dtype.kind in "fiu"


def _rate(value: Any) -> float:
    rate = float(np.asarray(value).reshape(())) if _is_plain(value, 1) else None
    if rate is None or not 1 <= rate <= MAX_FPS:
        found = f"{rate:g}" if rate is not None else type(value).__name__
        raise StudioError(f"`output_fps` of the template should be from 1 to {MAX_FPS:g} but is {found}.")
    return rate


def write_template(track: Track, *, fps: float | None = None) -> bytes:
    """A template that LivePortrait drives with; it takes the first frame as rest, so a track that rests elsewhere gets
    its rest frame put before the others.

    Args:
        fps: frames a second of the file, the track's own if left out.
    """
    track = track.resampled(track.fps if fps is None else fps)
    motion = track.motion.folded()
    rest = track.reference.folded()
    if track.relative and not all(np.array_equal(getattr(rest, k), getattr(motion[0], k)) for k in vars(rest)):
        motion = Motion(**{name: np.concatenate((getattr(rest, name), getattr(motion, name))) for name in vars(rest)})
    kp = load_atlas().kp_mean.astype(np.float32)
    placed = keypoints(kp, motion)
    rotation = rotation_matrix(motion.pitch_deg, motion.yaw_deg, motion.roll_deg).astype(np.float32)
    frames = [
        {
            "scale": motion.scale[i].reshape(1, 1).copy(),
            "R": rotation[i : i + 1].copy(),
            "exp": motion.exp[i : i + 1].copy(),
            "t": motion.t[i : i + 1].copy(),
            "kp": kp[None].copy(),
            "x_s": placed[i : i + 1].copy(),
        }
        for i in range(len(motion))
    ]
    eyes, lips = _ratios(motion, rest)
    return _plain_pickle(
        {
            "n_frames": len(motion),
            "output_fps": round(track.fps) if track.fps == round(track.fps) else track.fps,
            "motion": frames,
            "c_eyes_lst": [row.reshape(1, 2).copy() for row in eyes],
            "c_lip_lst": [row.reshape(1, 1).copy() for row in lips],
        }
    )


def _ratios(motion: Motion, rest: Motion) -> tuple[Array, Array]:
    """(T, 2) eye and (T, 1) lip ratios of the departures from rest, float32."""
    atlas = load_atlas()
    departure = (motion.exp - rest.exp).reshape(-1, N_EXP)
    eyes = REST_EYE_RATIO * (1 - lid_closure(departure, departure))
    names = [str(name) for name in atlas.semantic_names]
    opening, wider = (
        departure @ atlas.semantic_per_unit[:, names.index(name)] for name in ("mouth_open", "mouth_width")
    )
    width = np.ptp(atlas.mesh_mean[atlas.region_lips, 0]) + wider
    lips = np.clip(opening / np.maximum(width, 0.1), 0, 1)
    return eyes.astype(np.float32), lips[:, None].astype(np.float32)


def _plain_pickle(value: Any) -> bytes:
    buffer = io.BytesIO()
    pickle.Pickler(buffer, protocol=3).dump(value)
    # protocol 3 spells globals as lines of text; numpy 1 knows this module by its older name only
    return buffer.getvalue().replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")
