"""What the neural nets cannot be told apart from the 63 dims: one-sided expression and free gaze, folded into them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipelines.motion.dims import DIMS
from pipelines.motion.eyes import GAZE_DIMS, UPPER_LID
from pipelines.motion.space import N_EXP, Motion

UNITS_PER_DEG_X = 0.5
"""LivePortrait gaze slider units per degree of eyeball: 10 units move the irises by 4.7 % of eye distance (atlas),
which is 20 degrees for an eyeball of 12 mm radius; 30 degrees are then the 15 units its editors allow."""
UNITS_PER_DEG_Y = 0.28
"""Vertical units per degree; upstream's compensation of one degree of head pitch."""

_SIDE_TO_EXP: tuple[tuple[int, int, float], ...] = ((43, 60, -1.2), (43, 51, 0.4))
"""(dim of `side`, dim of `exp`, factor): corners apart in height become the two dims whose measured effect is one
corner up and the other down. Other one-sided expression has no counterpart and keeps its mean."""


def _native(side: str) -> NDArray[np.float32]:
    return np.array([dim.side == side for dim in DIMS], np.float32)


_RIGHT = _native("right")
_LEFT = _native("left")


def _fold_matrix() -> NDArray[np.float32]:
    table = np.diag(_LEFT - _RIGHT)
    for source, target, factor in _SIDE_TO_EXP:
        table[source, target] += factor
    return table


_FOLD = _fold_matrix()


def gaze_to_exp(dx: ArrayLike, dy: ArrayLike) -> NDArray[np.float64]:
    """(..., 63) expression offset of a gaze in slider units, + image right and + up, each eye by its own dims.

    Args:
        dx: (..., 2) horizontal units [right, left].
        dy: (..., 2) vertical units [right, left].

    With equal eyes this is Ditto's gaze correction (oracle `gaze`).
    """
    x, y = np.asarray(dx, np.float64), np.asarray(dy, np.float64)
    exp = np.zeros((*x.shape[:-1], N_EXP))
    exp[..., GAZE_DIMS[0]] = x[..., 0] * np.where(x[..., 0] > 0, 0.0007, 0.001)
    exp[..., GAZE_DIMS[1]] = x[..., 1] * np.where(x[..., 1] > 0, 0.001, 0.0007)
    exp[..., UPPER_LID[0]] = -0.001 * y[..., 0]
    exp[..., UPPER_LID[1]] = -0.001 * y[..., 1]
    return exp


def fold(motion: Motion) -> Motion:
    """Motion with `side` and `gaze_deg` moved into `exp`; one that has neither is returned as it is."""
    if not motion.side.any() and not motion.gaze_deg.any():
        return motion
    side = motion.side.reshape(-1, N_EXP) @ _FOLD
    gaze = gaze_to_exp(UNITS_PER_DEG_X * motion.gaze_deg[..., 0], UNITS_PER_DEG_Y * motion.gaze_deg[..., 1])
    exp = motion.exp + (side + gaze).reshape(motion.exp.shape)
    return motion.with_(
        exp=exp.astype(np.float32), side=np.zeros_like(motion.side), gaze_deg=np.zeros_like(motion.gaze_deg)
    )
