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
            w += w >> 7  # 0..255 to 0..256, so that a shift can divide
            for c in range(3):
                below = np.int32(target[y, x, c])
                target[y, x, c] = np.uint8((below * 256 + (np.int32(over[y, x, c]) - below) * w + 128) >> 8)


@numba.njit(cache=True, nogil=True)
def blend_warped(
    target: NDArray[np.uint8],
    face: NDArray[np.uint8],
    weight: NDArray[np.uint8],
    face_from_target: NDArray[np.float64],
) -> None:
    """As `blend_region`, with the face and its weight seen through a (2, 3) affine transform, in place.

    Bilinear in steps of 1/32 pixel; the weight, which is soft anyway, is taken from the nearest pixel. Nothing
    happens outside the face. Warping, then blending, would take half as long again.

    Args:
        target: (H, W, 3); face: (S, S, 3); weight: (S, S).
    """
    rows, columns = target.shape[:2]
    limit = np.int64((face.shape[0] - 1) << 16)
    step_x, step_y = np.int64(65536 * face_from_target[0, 0]), np.int64(65536 * face_from_target[1, 0])
    for row in range(rows):
        start_x = np.int64(65536 * (face_from_target[0, 1] * row + face_from_target[0, 2]))
        start_y = np.int64(65536 * (face_from_target[1, 1] * row + face_from_target[1, 2]))
        for column in range(columns):
            at_x, at_y = start_x + step_x * column, start_y + step_y * column
            if at_x < 0 or at_y < 0 or at_x >= limit or at_y >= limit:
                continue
            x, y = at_x >> 16, at_y >> 16
            w = np.int32(weight[y, x])
            if w == 0:
                continue
            w += w >> 7
            right, lower = np.int32((at_x >> 11) & 31), np.int32((at_y >> 11) & 31)
            left, upper = 32 - right, 32 - lower
            for c in range(3):
                top = left * face[y, x, c] + right * face[y, x + 1, c]
                bottom = left * face[y + 1, x, c] + right * face[y + 1, x + 1, c]
                over = (upper * top + lower * bottom + 512) >> 10
                below = np.int32(target[row, column, c])
                target[row, column, c] = np.uint8((below * 256 + (over - below) * w + 128) >> 8)
