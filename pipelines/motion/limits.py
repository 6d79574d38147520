"""How far an edit may leave the source, from measured ranges."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipelines.motion.controls import LIMIT_MARGIN
from pipelines.motion.dims import extremes

_LOW, _HIGH = (LIMIT_MARGIN * extreme.astype(np.float32) for extreme in extremes())


def bounds(low: NDArray, high: NDArray, strength: ArrayLike) -> tuple[NDArray, NDArray]:
    """Limits at a strength: limit / strength, none at 0. `strength` broadcasts against the limits."""
    s = np.asarray(strength, np.float32)
    slack = np.divide(1, s, out=np.full_like(s, np.inf), where=s > 0)
    return low * slack, high * slack


def dim_bounds(strength: ArrayLike) -> tuple[NDArray, NDArray]:
    """(..., 63) lowest and highest allowed departure from the source; `strength` is (..., 1) or a number.

    Strength 1 is 1.5 times the measured extreme, 2 half of that; 0 switches the limits off.
    """
    return bounds(_LOW, _HIGH, strength)


def clamp_edit(edit: NDArray, driven: NDArray, *, low: NDArray, high: NDArray) -> NDArray:
    """The part of `edit` that keeps `driven + edit` inside the limits; `edit` itself if all is.

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
