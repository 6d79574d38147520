"""Eye and lip openings from landmarks: the ratios of the sliders and the eye state the speech model is told."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipelines.portrait.topology import (
    EYE_INNER,
    EYE_OUTER,
    EYES,
    IRISES,
    LID_PAIRS,
    LIPS_INNER,
    MOUTH_BOTTOM,
    MOUTH_LEFT,
    MOUTH_RIGHT,
    MOUTH_TOP,
)

Points = NDArray[np.floating]
Floats = NDArray[np.float32]

_TINY = 1e-8


def eye_ratio(landmarks: Points) -> Floats:
    """(..., 2) eye aspect ratio [right, left]: mean lid distance over eye width.

    Args:
        landmarks: (..., 478, 3) in one unit on all axes. Distances are 3-D, so a turned head keeps its ratio.
    """
    return _lid_ratios(landmarks).mean(-1).astype(np.float32)


def lip_ratio(landmarks: Points) -> Floats:
    """(...) inner lip height over inner mouth width of (..., 478, 3) landmarks in one unit on all axes."""
    ring = np.asarray(landmarks, np.float64)[..., LIPS_INNER, :]
    height = np.linalg.norm(ring[..., MOUTH_TOP, :] - ring[..., MOUTH_BOTTOM, :], axis=-1)
    width = np.linalg.norm(ring[..., MOUTH_LEFT, :] - ring[..., MOUTH_RIGHT, :], axis=-1)
    return np.asarray(height / (width + _TINY), np.float32)


def eye_state(landmarks: Points) -> tuple[Floats, Floats]:
    """What Ditto's motion model is told about the eyes (parity oracle `eye_state`).

    Args:
        landmarks: (..., 478, 3) divided by the side of the square crop.

    Returns:
        open: (..., 2) [right, left], the sum (not the mean) of three lid distances over the eye width.
        ball: (..., 6) displacement of the pupil along the eye axis, as x, y, z of [right, left].
    """
    points = np.asarray(landmarks, np.float64)
    balls = [_ball(points, ring, int(iris[0])) for ring, iris in zip(EYES, IRISES, strict=True)]
    ball = np.stack(balls, -1)  # (..., 3, 2)
    return _lid_ratios(points).sum(-1).astype(np.float32), ball.reshape(*ball.shape[:-2], 6).astype(np.float32)


def _lid_ratios(landmarks: Points) -> NDArray[np.float64]:
    """(..., 2, 3) lid distances over eye width, [right, left]."""
    rings = np.asarray(landmarks, np.float64)[..., np.stack(EYES), :]  # (..., 2, 16, 3)
    upper, lower = (rings[..., list(side), :] for side in zip(*LID_PAIRS, strict=True))
    width = np.linalg.norm(rings[..., EYE_OUTER, :] - rings[..., EYE_INNER, :], axis=-1)
    return np.linalg.norm(upper - lower, axis=-1) / (width[..., None] + _TINY)


def _ball(points: NDArray[np.float64], ring: NDArray[np.int32], pupil: int) -> NDArray[np.float64]:
    outer, inner = points[..., ring[EYE_OUTER], :], points[..., ring[EYE_INNER], :]
    offset = points[..., pupil, :] - 0.5 * (outer + inner)
    distance = np.linalg.norm(offset, axis=-1, keepdims=True)
    axis = outer - inner
    axis = axis / (np.linalg.norm(axis, axis=-1, keepdims=True) + _TINY)
    return offset - distance * axis
