"""The motion space of a face: expression deformation, head pose, translation, scale.

Source: LivePortrait and Ditto (paper eq. 1-3); numbers pinned by the parity oracle.
Axes are image axes: x right, y down, z away from the camera. "Right" is the subject's right (image left).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

N_KEYPOINTS = 21
N_EXP = 3 * N_KEYPOINTS
N_BINS = 66
N_PACKED = 265
FPS = 25

Floats = NDArray[np.float32]

_SHAPES: dict[str, tuple[int, ...]] = {
    "exp": (N_KEYPOINTS, 3),
    "pitch_deg": (),
    "yaw_deg": (),
    "roll_deg": (),
    "t": (3,),
    "scale": (),
    "side": (N_KEYPOINTS, 3),
    "gaze_deg": (2, 2),
}


@dataclass(frozen=True)
class Motion:
    """Motion of one face over T frames; every array is float32 with a leading time axis.

    Build it with `Motion.of`, which checks shapes and fills what is left out with rest values.
    """

    exp: Floats
    """(T, 21, 3) expression deformation, added to the keypoints after head rotation."""
    pitch_deg: Floats
    """(T,) head pitch; + nods down."""
    yaw_deg: Floats
    """(T,) head yaw; + turns the nose to image left."""
    roll_deg: Floats
    """(T,) head roll; + turns clockwise as the viewer sees it."""
    t: Floats
    """(T, 3) translation in [-1, 1] crop units; the renderers never use t_z."""
    scale: Floats
    """(T,) keypoint scale."""
    side: Floats
    """(T, 21, 3) half of the left-minus-right expression: the subject's left half of the face moves by
    `exp + side`, the right half by `exp - side`. The 63 dims alone cannot smile on one side."""
    gaze_deg: Floats
    """(T, 2, 2) eyeball rotation away from the source gaze, [right, left] x [+ image right, + up].
    Kept apart because dims 33 and 45 each move both irises."""

    @classmethod
    def of(cls, **arrays: ArrayLike) -> Motion:
        """Motion from any subset of the fields, as (T, ...) or as a single frame without the time axis.

        Raises:
            ValueError: a shape or a length does not fit, or a name is unknown.
        """
        unknown = arrays.keys() - _SHAPES.keys()
        if unknown:
            raise ValueError(f"`Motion` has no field {sorted(unknown)}; fields are {list(_SHAPES)}.")
        given: dict[str, Floats] = {}
        for name, value in arrays.items():
            array = np.asarray(value, np.float32)
            shape = _SHAPES[name]
            if array.ndim == len(shape):
                array = array[None]
            if array.shape[1:] != shape:
                raise ValueError(f"`{name}` should have shape (T, {', '.join(map(str, shape))}) but is {array.shape}.")
            given[name] = array
        lengths = {len(array) for array in given.values()}
        if len(lengths) > 1:
            raise ValueError(f"Motion fields should share one length T but have {sorted(lengths)}.")
        length = lengths.pop() if lengths else 1
        for name, shape in _SHAPES.items():
            if name not in given:
                given[name] = np.full((length, *shape), 1.0 if name == "scale" else 0.0, np.float32)
        return cls(**given)

    @classmethod
    def identity(cls, length: int = 1) -> Motion:
        """Rest: no expression, no rotation, no translation, scale 1."""
        return cls.of(pitch_deg=np.zeros(length, np.float32))

    @classmethod
    def joined(cls, parts: Sequence[Motion]) -> Motion:
        """Motions one after the other; there must be one."""
        return cls(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)})

    def __len__(self) -> int:
        return len(self.scale)

    def __getitem__(self, index: int | slice | NDArray[np.intp]) -> Motion:
        """One frame (still with a time axis), a range of frames, or the frames of an index array."""
        window = slice(index, index + 1 or None) if isinstance(index, int) else index
        return Motion(**{field.name: getattr(self, field.name)[window] for field in fields(self)})

    def folded(self) -> Motion:
        """The same motion in the 63 dims alone, as the neural nets need it: `side` and `gaze_deg` go into `exp`
        as well as they can (see pipelines/motion/fold.py) and are 0 in the result."""
        from pipelines.motion.fold import fold

        return fold(self)

    def with_(self, **arrays: Floats) -> Motion:
        """A copy with some fields replaced; shapes are the caller's promise (hot path)."""
        return replace(self, **arrays)


def bins_to_degrees(logits: ArrayLike) -> Floats:
    """Head angle from (..., 66) logits: 3 * sum_i i * softmax_i - 97.5 degrees (oracle `bins`)."""
    x = np.asarray(logits, np.float64)
    weights = np.exp(x - x.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    return (3.0 * (weights @ np.arange(N_BINS)) - 97.5).astype(np.float32)


def rotation_matrix(pitch_deg: ArrayLike, yaw_deg: ArrayLike, roll_deg: ArrayLike) -> NDArray[np.float64]:
    """(..., 3, 3) row-vector rotation R = (Rz Ry Rx)^T: keypoints turn as `kp @ R` (oracle `rotation`)."""
    p, y, r = (np.radians(np.asarray(a, np.float64)) for a in (pitch_deg, yaw_deg, roll_deg))
    cp, sp, cy, sy, cr, sr = np.cos(p), np.sin(p), np.cos(y), np.sin(y), np.cos(r), np.sin(r)
    rows = [
        [cr * cy, sr * cy, -sy],
        [cr * sy * sp - sr * cp, sr * sy * sp + cr * cp, cy * sp],
        [cr * sy * cp + sr * sp, sr * sy * cp - cr * sp, cy * cp],
    ]
    return np.stack([np.stack(row, -1) for row in rows], -2)


def rotation_degrees(rotation: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Pitch, yaw, roll in degrees of (..., 3, 3) row-vector rotations; inverse of `rotation_matrix` for |yaw| < 90."""
    r = np.asarray(rotation, np.float64)
    pitch = np.arctan2(r[..., 1, 2], r[..., 2, 2])
    yaw = np.arcsin(np.clip(-r[..., 0, 2], -1, 1))
    roll = np.arctan2(r[..., 0, 1], r[..., 0, 0])
    pitch_deg, yaw_deg, roll_deg = (np.degrees(a).astype(np.float32) for a in (pitch, yaw, roll))
    return pitch_deg, yaw_deg, roll_deg


def keypoints(kp_canonical: ArrayLike, motion: Motion) -> Floats:
    """(T, 21, 3) keypoints x = scale * (c R + exp) + (t_x, t_y, 0) in [-1, 1] crop units (oracle `transform`)."""
    c = np.asarray(kp_canonical, np.float64).reshape(N_KEYPOINTS, 3)
    turned = c @ rotation_matrix(motion.pitch_deg, motion.yaw_deg, motion.roll_deg)  # (T, 21, 3)
    x = motion.scale[:, None, None] * (turned + motion.exp)
    x[..., :2] += motion.t[:, None, :2]
    return x.astype(np.float32)
