"""How far an edit may leave the source, from measured ranges."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipelines.motion.control import LIMIT_MARGIN
from pipelines.motion.dims import extremes

AWAY_DEG = 45.0
"""A face is not turned further from the camera than this: its far half would be invented."""
BACK_DEG = 35.0
"""A face photographed at this yaw comes back to the camera as far as any; one turned further shows less of its far
cheek, and by so much less it may come back."""

_LOW, _HIGH = (LIMIT_MARGIN * extreme.astype(np.float32) for extreme in extremes())


def bounds(low: NDArray, high: NDArray, strength: ArrayLike) -> tuple[NDArray, NDArray]:
    """(..., n) limits at a strength: limit / strength, none at 0. `strength` broadcasts against the (n,) limits."""
    s = np.asarray(strength, np.float32)
    slack = np.divide(1, s, out=np.ones_like(s), where=s > 0)
    return np.where(s > 0, low * slack, -np.inf), np.where(s > 0, high * slack, np.inf)


def dim_bounds(strength: ArrayLike) -> tuple[NDArray, NDArray]:
    """(..., 63) lowest and highest allowed departure from the source; `strength` is (..., 1) or a number.

    Strength 1 is 1.5 times the measured extreme, 2 half of that; 0 switches the limits off.
    """
    return bounds(_LOW, _HIGH, strength)


def yaw_ends(yaw_deg: ArrayLike, low: ArrayLike, high: ArrayLike) -> tuple[NDArray, NDArray]:
    """Limits of the yaw edit of a face photographed at `yaw_deg`, within `low` <= 0 <= `high`, all in degrees and of
    one shape.

    Judged by eye on paintings and photos turned by 0 to 34 degrees, all of which come back by 25 without smears; a
    frontal face keeps `low` and `high`.
    """
    yaw, low, high = (np.asarray(each, np.float32) for each in (yaw_deg, low, high))
    away = np.maximum(AWAY_DEG - np.abs(yaw), 0)
    back_less = np.maximum(np.abs(yaw) - BACK_DEG, 0)
    lowest = np.where(yaw < 0, np.maximum(low, -away), np.minimum(low + back_less, 0))
    highest = np.where(yaw > 0, np.minimum(high, away), np.maximum(high - back_less, 0))
    return lowest, highest


def clamp_edit(edit: NDArray, driven: NDArray, *, low: NDArray, high: NDArray) -> NDArray:
    """The part of an (..., n) `edit` that keeps `driven + edit` inside the limits; `edit` itself if all is.

    Where the driven motion alone is beyond a limit the edit may not push it further out, and nothing pulls it
    back: a dim that was not edited is never touched.
    """
    total = driven + edit
    inside = (total >= low) & (total <= high)
    if inside.all():
        return edit
    kept = np.clip(total, np.minimum(low, driven), np.maximum(high, driven))
    # sums that were not cut keep the very same edit: `kept - driven` would lose bits
    return np.where((kept == total) | (edit == 0), edit, kept - driven)
