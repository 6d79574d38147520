"""Smooth outlines where one part of a turned head covers another.

The raster decides between two surfaces once a pixel, which leaves stairs along a cheek or a nose.
"""

from __future__ import annotations

import numba as nb
import numpy as np


@nb.njit(cache=True, nogil=True)
def soften_outlines(out, map_x, map_y, depth, rect, jump, near, amount):
    """Blend pixels on either side of an outline with their eight neighbours (binomial), in place.

    Args:
        out: (H, W, 3) uint8 RGB.
        map_x, map_y: (H, W) float32 where the picture was taken from.
        depth: (H, W) float32, huge where nothing was drawn.
        rect: (top, bottom, left, right) to look at.
        jump: px by which neighbours' origins lie apart where an outline begins; from twice as much it is whole.
        near: depth that the nearer side must not exceed: the face has outlines, hair fades out.
        amount: 0..1.
    """
    top, bottom = max(rect[0], 1), min(rect[1], out.shape[0] - 1)
    left, right = max(rect[2], 1), min(rect[3], out.shape[1] - 1)
    width = out.shape[1]
    before, line = np.empty((width, 3), np.uint8), np.empty((width, 3), np.uint8)
    if top < bottom:
        before[:] = out[top - 1]
    for y in range(top, bottom):
        line[:] = out[y]
        for x in range(left, right):
            u, v = map_x[y, x], map_y[y, x]
            apart = max(
                max(abs(map_x[y, x - 1] - u), abs(map_x[y, x + 1] - u)),
                max(abs(map_y[y - 1, x] - v), abs(map_y[y + 1, x] - v)),
            )
            nearest = min(depth[y, x], min(depth[y, x - 1], depth[y, x + 1]), min(depth[y - 1, x], depth[y + 1, x]))
            if apart <= jump or nearest >= near:
                continue
            # outlines come and go with the turn, never all at once
            share = amount * min((apart - jump) / jump, 1.0) * min((near - nearest) / (10.0 * jump), 1.0)
            for c in range(3):
                rows = (
                    np.float32(before[x - 1, c]) + 2.0 * before[x, c] + before[x + 1, c]
                    + 2.0 * line[x - 1, c] + 4.0 * line[x, c] + 2.0 * line[x + 1, c]
                    + out[y + 1, x - 1, c] + 2.0 * out[y + 1, x, c] + out[y + 1, x + 1, c]
                )  # fmt: skip
                out[y, x, c] = np.uint8(line[x, c] + share * (rows / 16.0 - line[x, c]) + 0.5)
        before, line = line, before
