"""The two loops of pasting that numpy would do in many passes. No threads inside: pools of them call these."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray


@numba.njit(cache=True, nogil=True)
def changed_mask(face: NDArray[np.uint8], rest: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(S, S) 255 where two (S, S, 3) pictures differ."""
    rows, columns = face.shape[:2]
    mask = np.zeros((rows, columns), np.uint8)
    for y in range(rows):
        for x in range(columns):
            if face[y, x, 0] != rest[y, x, 0] or face[y, x, 1] != rest[y, x, 1] or face[y, x, 2] != rest[y, x, 2]:
                mask[y, x] = 255
    return mask


@numba.njit(cache=True, nogil=True)
def blend_region(target: NDArray[np.uint8], over: NDArray[np.uint8], weight: NDArray[np.uint8]) -> None:
    """target += (over - target) * weight / 255 in place, rounded; weight 0 leaves every bit."""
    rows, columns = weight.shape
    for y in range(rows):
        for x in range(columns):
            w = np.int32(weight[y, x])
            if w == 0:
                continue
            for c in range(3):
                below = np.int32(target[y, x, c])
                target[y, x, c] = np.uint8((below * (255 - w) + np.int32(over[y, x, c]) * w + 127) // 255)
