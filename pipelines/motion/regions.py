"""Regions of the face over the 63 dims: a soft partition, weights, presets.

Weights multiply the whole departure from the source: what drives the face and what was edited alike.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipelines.motion.controls import REGIONS as REGION_ROWS
from pipelines.motion.controls import SLOT_BY_KEY, slots_of
from pipelines.motion.dims import DIM_REGIONS, DIMS, KEYPOINT_REGIONS
from pipelines.motion.space import N_EXP

Floats = NDArray[np.float32]

REGIONS: tuple[str, ...] = tuple(key for key, _, _ in REGION_ROWS)
N_REGIONS = len(REGIONS)
HEAD = REGIONS.index("head")
GAZE = REGIONS.index("gaze")

_NEIGHBOURS: tuple[tuple[str, str], ...] = (
    ("brows", "eyes"),
    ("brows", "nose"),
    ("eyes", "gaze"),
    ("eyes", "cheeks"),
    ("eyes", "nose"),
    ("nose", "cheeks"),
    ("nose", "mouth"),
    ("cheeks", "mouth"),
    ("cheeks", "jaw"),
    ("cheeks", "outline"),
    ("mouth", "jaw"),
    ("jaw", "outline"),
    ("jaw", "neck"),
    ("outline", "neck"),
)


def _membership() -> Floats:
    table = np.zeros((N_EXP, N_REGIONS), np.float32)
    for dim in DIMS:
        for region, share in DIM_REGIONS.get(dim.index, KEYPOINT_REGIONS[dim.keypoint]).items():
            table[dim.index, REGIONS.index(region)] = share
    table.flags.writeable = False
    return table


def _spread() -> Floats:
    table = np.zeros((N_REGIONS, N_REGIONS))
    for a, b in _NEIGHBOURS:
        i, j = REGIONS.index(a), REGIONS.index(b)
        table[i, j] = table[j, i] = 1.0
    table[HEAD, HEAD] = 1.0
    spread = (table / table.sum(1, keepdims=True)).astype(np.float32)
    spread.flags.writeable = False
    return spread


def _sidedness() -> NDArray[np.intp]:
    side = {"right": 0, "left": 1, None: -1}
    return np.array([side[dim.side] for dim in DIMS])


MEMBERSHIP: Floats = _membership()
"""(63, regions) shares; every row sums to 1; the head has none, its weight scales the pose."""
KEYPOINT_REGION: tuple[str, ...] = tuple(max(shares, key=lambda r: shares[r]) for shares in KEYPOINT_REGIONS)
"""Region of each of the 21 keypoints."""
_SPREAD: Floats = _spread()
_SIDE_OF_DIM = _sidedness()
_SLOTS_RIGHT = np.array([slots_of(f"region_{key}")[0] for key in REGIONS])
_SLOTS_LEFT = np.array([slots_of(f"region_{key}")[-1] for key in REGIONS])
_FEATHER_SLOT = SLOT_BY_KEY["region_feather"].index
REGION_SLOTS = np.unique(np.concatenate([_SLOTS_RIGHT, _SLOTS_LEFT]))


def region_weights(vector: NDArray) -> tuple[NDArray, NDArray]:
    """(..., regions) weights of the subject's right and left half in an edit vector, feathered."""
    right, left = vector[..., _SLOTS_RIGHT], vector[..., _SLOTS_LEFT]
    softness = vector[..., _FEATHER_SLOT, None]
    if not softness.any():
        return right, left
    return feather(right, amount=softness), feather(left, amount=softness)


def feather(weights: ArrayLike, *, amount: ArrayLike) -> NDArray:
    """(..., regions) weights moved half of `amount` (0..1) to the mean of their neighbours; equal weights stay."""
    w = np.asarray(weights)
    neighbours = w @ _SPREAD.T
    # exact where all neighbours agree, so that a feather over untouched regions changes no bit
    step = np.where(np.abs(neighbours - w) < 1e-6, 0, neighbours - w)
    return w + 0.5 * np.asarray(amount) * step


def dim_weights(right: NDArray, left: NDArray) -> tuple[NDArray, NDArray]:
    """(..., 63) masks of the right and the left half from (..., regions) weights.

    A dim that belongs to one eye takes that side's weight in both halves.
    """
    raw = [w @ MEMBERSHIP.T for w in (right, left)]
    # shares such as 0.9 and 0.1 may miss 1 by a rounding error
    mask_right, mask_left = (np.where(np.abs(m - 1) < 1e-6, 1, m) for m in raw)
    return (
        np.where(_SIDE_OF_DIM == 1, mask_left, mask_right),
        np.where(_SIDE_OF_DIM == 0, mask_right, mask_left),
    )


def union(a: ArrayLike, b: ArrayLike) -> NDArray:
    """Soft union of weights of any one shape: the larger one."""
    return np.maximum(a, b)


def exclude(a: ArrayLike, b: ArrayLike) -> NDArray:
    """`a` without `b`, weights of one shape: the smaller of `a` and what `b` leaves."""
    return np.minimum(a, invert(b))


def invert(a: ArrayLike) -> NDArray:
    """What weights leave: 1 - a."""
    return 1 - np.asarray(a)


def _only(*kept: str) -> NDArray:
    return np.array([float(region in kept) for region in REGIONS])


def _slot_weights(weights: NDArray) -> dict[str, float]:
    return {
        f"region_{key}{suffix}": float(weight)
        for (key, _, sided), weight in zip(REGION_ROWS, weights, strict=True)
        for suffix in (("_right", "_left") if sided else ("",))
    }


_ALL, _EYES, _LIPS = _only(*REGIONS), _only("eyes", "gaze"), _only("mouth")
_PRESET_WEIGHTS: dict[str, tuple[str, NDArray]] = {
    "all": ("All", _ALL),
    "except_lips": ("Except lips", exclude(_ALL, _LIPS)),
    "lips_only": ("Lips only", _LIPS),
    "upper_face": ("Upper face", union(_EYES, _only("brows"))),
    "neck_stable": ("Neck stable", union(union(_LIPS, _EYES), _only("head"))),
    "eyes_only": ("Eyes only", _EYES),
}
"""`neck_stable` is the paper's case: lips, eyes and head pose follow, every other point keeps the source."""

PRESETS: dict[str, tuple[str, Mapping[str, float]]] = {
    name: (label, _slot_weights(weights)) for name, (label, weights) in _PRESET_WEIGHTS.items()
}
"""name -> (label, slot -> weight)."""
