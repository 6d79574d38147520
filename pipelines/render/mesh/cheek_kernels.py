"""A completed cheek over the picture, and its colour at a place."""

from __future__ import annotations

import numba as nb
import numpy as np

_NEAR = 1e8
"""Depths below this are where something was drawn."""
_BEHIND_PX = 3.0
"""Px behind the mesh at which a completed cheek is hidden."""


@nb.njit(cache=True, nogil=True, fastmath=True, error_model="numpy", inline="always")
def _bilinear(image, u, v, c):
    i, j = int(u), int(v)
    fx, fy = u - i, v - j
    upper = image[j, i, c] * (1.0 - fx) + image[j, i + 1, c] * fx
    lower = image[j + 1, i, c] * (1.0 - fx) + image[j + 1, i + 1, c] * fx
    return upper * (1.0 - fy) + lower * fy


@nb.njit(cache=True, nogil=True, fastmath=True, error_model="numpy", inline="always")
def with_cheek(image, u, v, cover, red, green, blue):
    """A colour under the completed cheek, (S, S, 3) `image` at (u, v)."""
    edge = image.shape[0] - 1.001
    u, v = min(max(u, 0.0), edge), min(max(v, 0.0), edge)
    return (
        red + cover * (_bilinear(image, u, v, 0) - red),
        green + cover * (_bilinear(image, u, v, 1) - green),
        blue + cover * (_bilinear(image, u, v, 2) - blue),
    )


@nb.njit(cache=True, nogil=True, fastmath=True, boundscheck=False, error_model="numpy")
def lay_cheek(out, image, map_x, map_y, cover, near, depth, rect):
    """Lay the completed cheek over `out` inside `rect`; `cover` becomes what of it is seen.

    Args:
        out, image: (S, S, 3) uint8 picture and what the cheek is read from.
        map_x, map_y, cover, near: (S, S) float32 as `raster_flow` drew the cheek.
        depth: (S, S) float32 of the whole mesh.
    """
    for y in range(rect[0], rect[1]):
        for x in range(rect[2], rect[3]):
            a = 0.0
            if near[y, x] < _NEAR:
                # it lies on the mesh itself: deeper, it is behind the nose
                a = max(cover[y, x] * min(_BEHIND_PX - (near[y, x] - depth[y, x]), 1.0), 0.0)
            cover[y, x] = a
            if a <= 0.0:
                continue
            red, green, blue = float(out[y, x, 0]), float(out[y, x, 1]), float(out[y, x, 2])
            red, green, blue = with_cheek(image, float(map_x[y, x]), float(map_y[y, x]), a, red, green, blue)
            out[y, x, 0] = np.uint8(red + 0.5)
            out[y, x, 1] = np.uint8(green + 0.5)
            out[y, x, 2] = np.uint8(blue + 0.5)
