"""What the pixel loops of the eye, lid and mouth layers share: curves, look-ups, soft steps."""

from __future__ import annotations

import numba as nb
import numpy as np


@nb.njit(cache=True, nogil=True)
def fill_curve(points, u_first, u_step, outward, curve):
    """Sample the polyline `points` (n, 2) of (u, v), left to right, into `curve`; outside it leaves the opening.

    `outward` is +1 when the curve should fall below the other one beyond the corners (lower edge: v shrinks), -1 else.
    """
    n = points.shape[0]
    place = 0
    for i in range(curve.shape[0]):
        u = u_first + i * u_step
        if u <= points[0, 0]:
            curve[i] = points[0, 1] - outward * 0.7 * (points[0, 0] - u)
        elif u >= points[n - 1, 0]:
            curve[i] = points[n - 1, 1] - outward * 0.7 * (u - points[n - 1, 0])
        else:
            while place < n - 2 and points[place + 1, 0] < u:
                place += 1
            span = points[place + 1, 0] - points[place, 0]
            t = 0.0 if span < 1e-6 else min(max((u - points[place, 0]) / span, 0.0), 1.0)
            curve[i] = points[place, 1] + t * (points[place + 1, 1] - points[place, 1])


@nb.njit(cache=True, nogil=True, inline="always")
def value_at(curve, position):
    i = int(position)
    if position <= 0.0:
        return curve[0]
    if i >= curve.shape[0] - 1:
        return curve[curve.shape[0] - 1]
    return curve[i] + (position - i) * (curve[i + 1] - curve[i])


@nb.njit(cache=True, nogil=True, inline="always")
def lean(curve, position, u_step):
    """Cosine of the curve's slope: turns a distance across the corner axis into one across the curve."""
    i = min(max(int(position), 0), curve.shape[0] - 2)
    rise = (curve[i + 1] - curve[i]) / u_step
    return 1.0 / np.sqrt(1.0 + rise * rise)


@nb.njit(cache=True, nogil=True, inline="always")
def sample(layers, x, y, first, count, into):
    """Bilinear look-up of `count` channels, edges replicated."""
    h, w = layers.shape[0], layers.shape[1]
    x = min(max(x, 0.0), w - 1.0)
    y = min(max(y, 0.0), h - 1.0)
    i, j = int(x), int(y)
    fx, fy = np.float32(x - i), np.float32(y - j)
    i1, j1 = min(i + 1, w - 1), min(j + 1, h - 1)
    for c in range(count):
        top = layers[j, i, first + c] + fx * (layers[j, i1, first + c] - layers[j, i, first + c])
        low = layers[j1, i, first + c] + fx * (layers[j1, i1, first + c] - layers[j1, i, first + c])
        into[c] = top + fy * (low - top)


@nb.njit(cache=True, nogil=True, inline="always")
def affine(roi_from_uv, u, v):
    x = roi_from_uv[0, 0] * u + roi_from_uv[0, 1] * v + roi_from_uv[0, 2]
    y = roi_from_uv[1, 0] * u + roi_from_uv[1, 1] * v + roi_from_uv[1, 2]
    return x, y


@nb.njit(cache=True, nogil=True, inline="always")
def smooth(t):
    t = min(max(t, 0.0), 1.0)
    return t * t * (3.0 - 2.0 * t)


@nb.njit(cache=True, nogil=True, inline="always")
def byte(value):
    return np.uint8(min(max(value + 0.5, 0.0), 255.0))
