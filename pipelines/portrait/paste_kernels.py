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
    new, old = face.reshape(rows, -1), rest.reshape(rows, -1)
    blocks = np.zeros(((rows + BLOCK - 1) // BLOCK, (columns + BLOCK - 1) // BLOCK), np.uint8)
    differs = np.zeros(3 * BLOCK * blocks.shape[1], np.uint8)
    words = differs.view(np.uint32)  # three to a block
    for row in range(len(blocks)):
        differs[:] = 0
        for y in range(row * BLOCK, min((row + 1) * BLOCK, rows)):
            a, b = new[y], old[y]
            for k in range(len(a)):
                differs[k] |= a[k] ^ b[k]
        for column in range(blocks.shape[1]):
            if words[3 * column] | words[3 * column + 1] | words[3 * column + 2]:
                blocks[row, column] = 255
    return blocks


@numba.njit(cache=True, nogil=True)
def blend_region(
    out: NDArray[np.uint8],
    under: NDArray[np.uint8],
    corner: tuple[int, int],
    over: NDArray[np.uint8],
    weight: NDArray[np.uint8],
) -> None:
    """out = under + (over - under) * weight / 255, rounded: weight 0 gives `under` and 255 `over`, bit for bit.

    Args:
        out, under: (H, W, 3), contiguous; they may be one picture.
        corner: row and column of both where `over` begins; outside it `out` is left alone.
        over: (h, w, 3), contiguous.
        weight: (h, w).
    """
    rows, columns = weight.shape
    written, below, above = out.reshape(len(out), -1), under.reshape(len(under), -1), over.reshape(rows, -1)
    first, last = 3 * corner[1], 3 * (corner[1] + columns)
    shares = np.empty(3 * columns, np.uint16)
    for y in range(rows):
        for x in range(columns):
            share = np.uint16(weight[y, x])
            share += share >> 7  # 0..255 to 0..256, so that a shift can divide
            shares[3 * x] = shares[3 * x + 1] = shares[3 * x + 2] = share
        line = corner[0] + y
        _blend_line(written[line][first:last], below[line][first:last], above[y], shares)


@numba.njit(cache=True, nogil=True)
def _blend_line(target, below, above, shares):
    """A loop without branches over one line, of which the compiler does many steps at a time."""
    for k in range(len(target)):
        old = np.int32(below[k])
        target[k] = np.uint8((old * 256 + (np.int32(above[k]) - old) * np.int32(shares[k]) + 128) >> 8)
