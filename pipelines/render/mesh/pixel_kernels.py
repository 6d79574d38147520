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


@nb.njit(cache=True, nogil=True)
def ring_edges(ring, onward, order):
    """Part a closed ring (n, 2) of (u, v) at its outermost points; returns the lengths of its upper and lower edge.

    A turned head has these points anywhere: the corner of an eye that looks away lies behind its upper lid.

    Args:
        onward: +1 if the ring goes along its upper edge towards larger u, else -1.
        order: (2, n + 1) integers, the points of both edges from small u to large.
    """
    n = ring.shape[0]
    left = right = 0
    for i in range(n):
        if ring[i, 0] < ring[left, 0]:
            left = i
        if ring[i, 0] > ring[right, 0]:
            right = i
    upper, lower = (right - left) * onward % n + 1, (left - right) * onward % n + 1
    for k in range(upper):
        order[0, k] = (left + k * onward) % n
    for k in range(lower):
        order[1, k] = (left - k * onward) % n
    return upper, lower


@nb.njit(cache=True, nogil=True)
def ring_curves(ring, onward, u_first, u_step, curves):
    """Sample both edges of a ring, see `ring_edges`, into `curves` (2, samples); returns their mean distance."""
    order, points = np.empty((2, ring.shape[0] + 1), np.int64), np.empty((ring.shape[0] + 1, 2))
    counts = ring_edges(ring, onward, order)
    for row in range(2):
        for k in range(counts[row]):
            i = order[row, k]
            # an edge may turn back beside a corner, and would draw a spike there
            points[k, 0] = ring[i, 0] if k == 0 else max(ring[i, 0], points[k - 1, 0])
            points[k, 1] = ring[i, 1]
        fill_curve(points[: counts[row]], u_first, u_step, 2.0 * row - 1.0, curves[row])
    last = curves.shape[1] - 1
    first = min(max(int(np.ceil((points[0, 0] - u_first) / u_step)), 0), last)
    end = min(max(int((points[counts[1] - 1, 0] - u_first) / u_step), first), last)
    total = 0.0
    for k in range(first, end + 1):
        total += curves[1, k] - curves[0, k]
    return total / (end - first + 1)


@nb.njit(cache=True, nogil=True, inline="always")
def value_at(curve, position):
    i = int(position)
    if position <= 0.0:
        return curve[0]
    if i >= curve.shape[0] - 1:
        return curve[curve.shape[0] - 1]
    return curve[i] + (position - i) * (curve[i + 1] - curve[i])


@nb.njit(cache=True, nogil=True, inline="always")
def place_in(position, samples):
    """The sample before a position, and the share of the next one."""
    position = min(max(position, 0.0), samples - 1.0)
    i = min(int(position), samples - 2)
    return i, position - i


@nb.njit(cache=True, nogil=True, inline="always")
def column_at(table, i, part, column):
    """Look-up of a column of (samples, columns), see `place_in`."""
    return table[i, column] + part * (table[i + 1, column] - table[i, column])


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
