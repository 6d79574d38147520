"""The loops of pasting that numpy would do in many passes. No threads inside: pools of them call these."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

BLOCK = 4
"""Pixels on a side of the blocks in which change is noted."""


@numba.njit(cache=True, nogil=True)
def changed_blocks(face: NDArray[np.uint8], rest: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(ceil(S / 4), ceil(S / 4)) 255 for every block of 4 x 4 pixels in which two (S, S, 3) pictures differ."""
    rows, columns = face.shape[:2]
    blocks = np.zeros(((rows + BLOCK - 1) // BLOCK, (columns + BLOCK - 1) // BLOCK), np.uint8)
    for y in range(rows):
        line = blocks[y // BLOCK]
        for block in range(columns // BLOCK):
            x = block * BLOCK
            differs = 0
            for i in range(BLOCK):
                for c in range(3):
                    differs |= face[y, x + i, c] ^ rest[y, x + i, c]
            if differs:
                line[block] = 255
        for x in range(columns // BLOCK * BLOCK, columns):
            for c in range(3):
                if face[y, x, c] != rest[y, x, c]:
                    line[x // BLOCK] = 255
    return blocks


@numba.njit(cache=True, nogil=True)
def blend_region(target: NDArray[np.uint8], over: NDArray[np.uint8], weight: NDArray[np.uint8]) -> None:
    """target += (over - target) * weight / 255 in place, rounded; weight 0 leaves every bit, 255 gives `over`.

    Args:
        target, over: (H, W, 3); weight: (H, W).
    """
    rows, columns = weight.shape
    for y in range(rows):
        for x in range(columns):
            w = np.int32(weight[y, x])
            if w == 0:
                continue
            if w == 255:
                target[y, x, 0], target[y, x, 1], target[y, x, 2] = over[y, x, 0], over[y, x, 1], over[y, x, 2]
                continue
            w += w >> 7  # 0..255 to 0..256, so that a shift can divide
            for c in range(3):
                below = np.int32(target[y, x, c])
                target[y, x, c] = np.uint8((below * 256 + (np.int32(over[y, x, c]) - below) * w + 128) >> 8)
