"""The 265-number frame of the motion network, and mixing a driven motion with a source.

Layout: scale - 1 | pitch, yaw, roll logits 66 each | t 3 | exp 63, row-major by keypoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipelines.errors import StudioError
from pipelines.motion.space import (
    N_BINS,
    N_EXP,
    N_KEYPOINTS,
    N_PACKED,
    Motion,
    bins_to_degrees,
)

Floats = NDArray[np.float32]

SCALE = slice(0, 1)
PITCH = slice(1, 67)
YAW = slice(67, 133)
ROLL = slice(133, 199)
TRANSLATION = slice(199, 202)
EXPRESSION = slice(202, 265)

_SIGMA_BINS = 1.5
_FLOOR = -12.0
_STEPS = 12
_REACH_DEG = 90.0

MIX_KEYS = ("exp", "pitch_deg", "yaw_deg", "roll_deg", "t", "gaze_deg")


@dataclass(frozen=True)
class PackedFields:
    """Fields of packed frames, pose still as logits; float32."""

    scale: Floats
    """(T, 1)."""
    pitch: Floats
    """(T, 66) logits, as are yaw and roll."""
    yaw: Floats
    roll: Floats
    t: Floats
    """(T, 3)."""
    exp: Floats
    """(T, 63)."""


def pack_fields(fields: PackedFields) -> Floats:
    """(T, 265) frames (oracle `pack`)."""
    parts = (fields.scale - np.float32(1), fields.pitch, fields.yaw, fields.roll, fields.t, fields.exp)
    return np.concatenate(parts, -1).astype(np.float32)


def unpack_fields(frames: ArrayLike) -> PackedFields:
    """Fields of (T, 265) or (265,) frames (oracle `unpack`).

    Raises:
        StudioError: the last axis is not 265 long.
    """
    v = np.atleast_2d(np.asarray(frames, np.float32))
    if v.shape[-1] != N_PACKED:
        raise StudioError(f"A motion frame should have {N_PACKED} numbers but has {v.shape[-1]}; check the file.")
    return PackedFields(
        v[..., SCALE] + np.float32(1),
        v[..., PITCH],
        v[..., YAW],
        v[..., ROLL],
        v[..., TRANSLATION],
        v[..., EXPRESSION],
    )


def degrees_to_bins(degrees: ArrayLike) -> Floats:
    """(..., 66) logits whose decode is `degrees`, which are held inside +-90.

    A smooth bump of 1.5 bins (4.5 degrees) with a floor of -12, as a network's head would give, instead of the two
    bins that would do: the bump has no infinite logits and varies smoothly with the angle. Its centre is shifted by
    a few fixed-point steps until the decode is exact, which only matters for the floor and near the ends.
    """
    wanted = np.clip(np.asarray(degrees, np.float64), -_REACH_DEG, _REACH_DEG)
    bins = np.arange(N_BINS)
    target = (wanted + 97.5) / 3.0
    centre = target.copy()
    logits = np.zeros((*wanted.shape, N_BINS))
    for _ in range(_STEPS):
        logits = np.maximum(-0.5 * ((bins - centre[..., None]) / _SIGMA_BINS) ** 2, _FLOOR)
        weights = np.exp(logits)
        centre = centre + (target - (weights @ bins) / weights.sum(-1))
    return logits.astype(np.float32)


def pack(motion: Motion) -> Floats:
    """(T, 265) frames of a motion; `side` and `gaze_deg` are folded into the expression first."""
    m = motion.folded()
    return pack_fields(
        PackedFields(
            m.scale[:, None],
            degrees_to_bins(m.pitch_deg),
            degrees_to_bins(m.yaw_deg),
            degrees_to_bins(m.roll_deg),
            m.t,
            m.exp.reshape(-1, N_EXP),
        )
    )


def unpack(frames: ArrayLike) -> Motion:
    """Motion of (T, 265) frames."""
    fields = unpack_fields(frames)
    return Motion.of(
        exp=fields.exp.reshape(-1, N_KEYPOINTS, 3),
        pitch_deg=bins_to_degrees(fields.pitch),
        yaw_deg=bins_to_degrees(fields.yaw),
        roll_deg=bins_to_degrees(fields.roll),
        t=fields.t,
        scale=fields.scale[:, 0],
    )


def mix_relative(
    source: Motion, driven: Motion, *, reference: Motion | None = None, weights: Mapping[str, float] | None = None
) -> Motion:
    """Ditto's relative motion: the source plus the weighted departure of `driven` from its reference.

    Differences are taken in degrees, not in logits as upstream does, so that half a weight is half an angle.
    The scale stays the source's; `side` follows `exp`.

    Args:
        source: one frame.
        driven: T frames.
        reference: the frame that counts as rest, the first of `driven` if left out.
        weights: factor per key of `MIX_KEYS`, 1 if left out.

    Raises:
        StudioError: an unknown key.
    """
    factor = dict.fromkeys(MIX_KEYS, 1.0) | dict(weights or {})
    if unknown := factor.keys() - set(MIX_KEYS):
        raise StudioError(f"`weights` has no key `{min(unknown)}`; choose from {', '.join(MIX_KEYS)}.")
    rest = driven[0] if reference is None else reference
    mixed = {}
    for key, weight in {**factor, "side": factor["exp"]}.items():
        departure = getattr(driven, key) - getattr(rest, key)
        mixed[key] = getattr(source, key) + np.float32(weight) * departure
    return Motion(**mixed, scale=np.repeat(source.scale, len(driven)))
