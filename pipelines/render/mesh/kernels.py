"""Compiled inner loops of the mesh renderer; in a module of their own so that edits elsewhere keep the cache.

Not parallel on purpose: numba's threading layer aborts when two Python threads enter it. The loops release the GIL
instead, so several sessions render side by side. Rectangles are (top, bottom, left, right), half open.
"""

from __future__ import annotations

import numba as nb
import numpy as np

_FAR = 1e9


@nb.njit(cache=True, nogil=True)
def dirty_rect(posed, rest, gain, triangles, size, tolerance_px):
    """Rectangle around all triangles with a vertex that moved or changed brightness; empty if none did."""
    top, bottom, left, right = size, 0, size, 0
    moved = np.empty(len(rest), np.bool_)
    for v in range(len(rest)):
        dx, dy = posed[v, 0] - rest[v, 0], posed[v, 1] - rest[v, 1]
        moved[v] = abs(dx) > tolerance_px or abs(dy) > tolerance_px or abs(gain[v] - 1.0) > 0.002
    for t in range(len(triangles)):
        if not (moved[triangles[t, 0]] or moved[triangles[t, 1]] or moved[triangles[t, 2]]):
            continue
        for k in range(3):
            v = triangles[t, k]
            x0, x1 = min(posed[v, 0], rest[v, 0]), max(posed[v, 0], rest[v, 0])
            y0, y1 = min(posed[v, 1], rest[v, 1]), max(posed[v, 1], rest[v, 1])
            top, bottom = min(top, int(np.floor(y0))), max(bottom, int(np.ceil(y1)) + 1)
            left, right = min(left, int(np.floor(x0))), max(right, int(np.ceil(x1)) + 1)
    return max(top, 0), min(bottom, size), max(left, 0), min(right, size)


@nb.njit(cache=True, nogil=True, boundscheck=False)
def triangles_with_person(posed, uv, triangles, filled, kept):
    """Copy to `kept` the triangles that carry, cover or uncover any of the person; returns how many.

    The others would paint the scene over itself, so that nothing of them need be drawn.

    Args:
        posed: (V, 3) float32 px; uv: (V, 2) float32 source px.
        filled: (S + 1, S + 1) int32 integral image of the pixels at which the foreground is not empty.
        kept: (T, 3) like `triangles`, written from its start, order kept.
    """
    size = filled.shape[0] - 1
    count = 0
    for t in range(len(triangles)):
        left, right, top, bottom = float(size), -1.0, float(size), -1.0
        for k in range(3):
            v = triangles[t, k]
            left, right = min(left, posed[v, 0], uv[v, 0]), max(right, posed[v, 0], uv[v, 0])
            top, bottom = min(top, posed[v, 1], uv[v, 1]), max(bottom, posed[v, 1], uv[v, 1])
        x0, x1 = min(max(int(left) - 1, 0), size), min(max(int(right) + 3, 0), size)
        y0, y1 = min(max(int(top) - 1, 0), size), min(max(int(bottom) + 3, 0), size)
        if filled[y1, x1] - filled[y0, x1] - filled[y1, x0] + filled[y0, x0] > 0:
            kept[count, 0], kept[count, 1], kept[count, 2] = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            count += 1
    return count


@nb.njit(cache=True, nogil=True, inline="always")
def _span(a0, c0, a1, c1, a2, c2, left, right):
    """First and last integer x where the three half planes a*x + c >= 0 hold."""
    low, high = float(left), float(right - 1)
    # for rounding alone: pixels that outlines have passed but that stay drawn would be smoothed by nobody
    slack = 1e-5
    for a, c in ((a0, c0), (a1, c1), (a2, c2)):
        if a > 1e-12:
            low = max(low, (-slack - c) / a)
        elif a < -1e-12:
            high = min(high, (-slack - c) / a)
        elif c < -slack:
            return 1, 0
    return int(np.ceil(low)), int(np.floor(high))


@nb.njit(cache=True, nogil=True, fastmath=True, boundscheck=False, error_model="numpy")
def raster_flow(posed, uv, gain, triangles, first_hole, hole_depth, rect, map_x, map_y, gains, depth):
    """Z-buffered raster of source coordinates and gain into full-resolution maps, inside `rect` only.

    Args:
        posed: (V, 3) float32 px, z away from the camera.
        uv: (V, 2) float32 source px.
        gain: (V,) float32.
        triangles: (T, 3) wound so that their area is positive at rest.
        first_hole, hole_depth: triangles from `first_hole` on fill eyes and mouth; they and slivers that turned over
            lie this many px deeper, so that sound skin wins where lips or lids touch.
        map_x, map_y, gains, depth: (S, S) float32, written inside `rect`; uncovered pixels map to themselves.
    """
    top, bottom, left, right = rect
    for y in range(top, bottom):
        for x in range(left, right):
            depth[y, x] = _FAR
            map_x[y, x] = x
            map_y[y, x] = y
            gains[y, x] = 1.0
    for t in range(len(triangles)):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, az = float(posed[a, 0]), float(posed[a, 1]), float(posed[a, 2])
        bx, by, bz = float(posed[b, 0]), float(posed[b, 1]), float(posed[b, 2])
        cx, cy, cz = float(posed[c, 0]), float(posed[c, 1]), float(posed[c, 2])
        first = max(int(np.ceil(min(ay, by, cy) - 0.001)), top)
        last = min(int(np.floor(max(ay, by, cy) + 0.001)), bottom - 1)
        if first > last or max(ax, bx, cx) < left or min(ax, bx, cx) > right - 1:
            continue
        area = (by - cy) * (ax - cx) + (cx - bx) * (ay - cy)
        if t >= first_hole or area < 0.0:
            az, bz, cz = az + hole_depth, bz + hole_depth, cz + hole_depth
        if abs(area) < 1e-9:
            continue
        a0, b0 = (by - cy) / area, (cx - bx) / area
        a1, b1 = (cy - ay) / area, (ax - cx) / area
        ua, va = uv[a, 0] - uv[c, 0], uv[a, 1] - uv[c, 1]
        ub, vb = uv[b, 0] - uv[c, 0], uv[b, 1] - uv[c, 1]
        za, zb, ga, gb = az - cz, bz - cz, gain[a] - gain[c], gain[b] - gain[c]
        ux, vx, zx, gx = a0 * ua + a1 * ub, a0 * va + a1 * vb, a0 * za + a1 * zb, a0 * ga + a1 * gb
        for y in range(first, last + 1):
            l0, l1 = b0 * (y - cy) - a0 * cx, b1 * (y - cy) - a1 * cx
            start, stop = _span(a0, l0, a1, l1, -a0 - a1, 1.0 - l0 - l1, left, right)
            l0, l1 = l0 + a0 * start, l1 + a1 * start
            u, v = uv[c, 0] + l0 * ua + l1 * ub, uv[c, 1] + l0 * va + l1 * vb
            z, g = cz + l0 * za + l1 * zb, gain[c] + l0 * ga + l1 * gb
            row = np.uintp(y)  # unsigned, so that no look-up has to ask whether its index counts from the end
            for x in range(start, stop + 1):
                column = np.uintp(x)
                if z < depth[row, column]:
                    depth[row, column] = z
                    map_x[row, column] = u
                    map_y[row, column] = v
                    gains[row, column] = g
                u += ux
                v += vx
                z += zx
                g += gx


@nb.njit(cache=True, nogil=True, fastmath=True, boundscheck=False, error_model="numpy")
def crease(map_x, map_y, gains, field, scale, window, rect):
    """Multiply exp(field) into the gains of pixels inside `rect` whose source lies in `window` of the field.

    Args:
        field: (F, F) float32 log brightness, zero at its border; bilinear.
        scale: field pixels per source pixel.
        window: (top, bottom, left, right) of the field outside which it is zero.
    """
    one, half = np.float32(1.0), np.float32(0.5)
    low_x, high_x = np.float32(window[2]), np.float32(window[3] - 1)
    low_y, high_y = np.float32(window[0]), np.float32(window[1] - 1)
    for y in range(rect[0], rect[1]):
        for x in range(rect[2], rect[3]):
            v = (map_y[y, x] + half) * scale - half
            if v < low_y or v >= high_y:
                continue
            u = (map_x[y, x] + half) * scale - half
            if u < low_x or u >= high_x:
                continue
            i, j = np.int32(u), np.int32(v)
            fx, fy = u - np.float32(i), v - np.float32(j)
            upper = field[j, i] * (one - fx) + field[j, i + 1] * fx
            lower = field[j + 1, i] * (one - fx) + field[j + 1, i + 1] * fx
            log = upper * (one - fy) + lower * fy
            if log != 0.0:
                gains[y, x] *= np.exp(log)
