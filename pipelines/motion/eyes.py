"""How the eyes open: one lid law for the solver and the mesh renderer.

The law is a fraction of the rest opening, so it holds for every portrait: closure 0 as photographed, 1 shut,
negative wider. Drive s = (upper + 0.87 lower) / 25.22e-3 with upper = dim 34 or 46 and lower = -dim 40 or -dim 49;
0.87 is the measured ratio of their effects on the opening (atlas: 3.53 to 4.05). At the blink row
(upper 20e-3, lower 6e-3, LivePortrait's ratio 0.3) s is exactly 1. Shut lids stay shut; widening saturates.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

UPPER_LID = (34, 46)
LOWER_LID = (40, 49)
"""Dims [right, left] whose positive direction moves the upper, the lower lid down."""
GAZE_DIMS = (33, 45)
"""Dims [right, left] whose positive direction turns the eye to image right."""
BLINK_UPPER = 20e-3
BLINK_LOWER = -6e-3
LOWER_SHARE = 0.87
FULL_DRIVE = BLINK_UPPER - LOWER_SHARE * BLINK_LOWER
WIDEST = 0.5
"""Closure never falls below -WIDEST: an eye opens at most to 1.5 times its rest (measured 99th percentile 1.56)."""
MIN_REST_RATIO = 0.02
"""A rest opening counts as at least this aspect ratio: shut eyes have no fraction."""

Floats = NDArray[np.float64]


def lid_drive(exp_right: NDArray, exp_left: NDArray) -> NDArray:
    """(..., 2) linear lid drive [right, left] of departures from the source expression, each (..., 63)."""
    right = exp_right[..., UPPER_LID[0]] - LOWER_SHARE * exp_right[..., LOWER_LID[0]]
    left = exp_left[..., UPPER_LID[1]] - LOWER_SHARE * exp_left[..., LOWER_LID[1]]
    return np.stack((right, left), -1) / FULL_DRIVE


def closure_of_drive(drive: ArrayLike) -> Floats:
    """Closure of a lid drive: the drive itself up to 1, soft below 0 (slope 1 at 0); monotone."""
    s = np.asarray(drive, np.float64)
    return np.where(s < 0, WIDEST * np.tanh(s / WIDEST), np.minimum(s, 1.0))


def drive_of_closure(closure: ArrayLike) -> Floats:
    """Inverse of `closure_of_drive`, of any shape; closures beyond 98 % of the widest are brought back to it."""
    c = np.clip(np.asarray(closure, np.float64), -0.98 * WIDEST, 1.0)
    return np.where(c < 0, WIDEST * np.arctanh(np.minimum(c, 0.0) / WIDEST), c)


def lid_closure(exp63_right: ArrayLike, exp63_left: ArrayLike) -> Floats:
    """(..., 2) closure [right, left] of the rest opening: 1 shut, 0 as photographed, negative wider.

    Args:
        exp63_right: (..., 63) departure from the source expression that drives the subject's right half
            (exp - side, minus the same of the source).
        exp63_left: (..., 63) the same for the left half (exp + side).
    """
    return closure_of_drive(lid_drive(np.asarray(exp63_right, np.float64), np.asarray(exp63_left, np.float64)))
