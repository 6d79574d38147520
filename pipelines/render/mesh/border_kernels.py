"""The border of the picture, where all motion ends."""

from __future__ import annotations

import numba as nb
import numpy as np


@nb.njit(cache=True, nogil=True, fastmath=True, boundscheck=False)
def fade_border(map_x, map_y, gains, rect, width):
    """Fade motion and gain to nothing over `width` px at the border of the picture."""
    top, bottom, left, right = rect
    size = map_x.shape[0]
    for y in range(top, bottom):
        from_edge_y = min(y, size - 1 - y)
        x = left
        while x < right:
            if from_edge_y >= width and x == width:
                x = max(x, size - width)
                if x >= right:
                    break
            t = min(from_edge_y, x, size - 1 - x) / width
            if t < 1.0:
                share = t * t * (3.0 - 2.0 * t)
                map_x[y, x] = x + (map_x[y, x] - x) * share
                map_y[y, x] = y + (map_y[y, x] - y) * share
                gains[y, x] = 1.0 + (gains[y, x] - 1.0) * share
            x += 1


@nb.njit(cache=True, nogil=True, fastmath=True, boundscheck=False, error_model="numpy")
def hold_border(image, out, width):
    """Blend `out` into `image` over `width` px at the border, whose outermost pixels become the image's."""
    size = image.shape[0]
    for y in range(size):
        from_edge_y = min(y, size - 1 - y)
        x = 0
        while x < size:
            if from_edge_y >= width and x == width:
                x = size - width
            t = min(from_edge_y, x, size - 1 - x) / width
            if t < 1.0:
                share = t * t * (3.0 - 2.0 * t)
                for c in range(3):
                    still = np.float32(image[y, x, c])
                    out[y, x, c] = np.uint8(still + (np.float32(out[y, x, c]) - still) * share + 0.5)
            x += 1
