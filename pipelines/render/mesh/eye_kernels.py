"""Pixel loop of the eye layer: the ball behind the lids and the lids' own rims. Pictures are RGB."""

from __future__ import annotations

import numba as nb
import numpy as np

from pipelines.render.mesh.pixel_kernels import (
    affine,
    byte,
    column_at,
    fill_curve,
    place_in,
    ring_edges,
    sample,
    smooth,
)

SCLERA, IRIS, ALPHA, GLINT, UPPER, LOWER, UPPER_CLEAN, LOWER_CLEAN, SCLERA_CLEAN = 0, 3, 6, 7, 10, 14, 18, 21, 24
EYE_CHANNELS = 27
UP, LOW, UP_LEAN, LOW_LEAN, UP_U, UP_V, LOW_U, LOW_V, SHADED = range(9)
LID_COLUMNS = 9
LEAN_REACH = 4
"""Samples to both sides over which the slope of a lid is taken: beside a steep corner the nearest part of the lid is
not the one straight above."""


@nb.njit(cache=True, nogil=True, inline="always")
def _median5(a, b, c, d, e):
    a, b = min(a, b), max(a, b)
    c, d = min(c, d), max(c, d)
    a, c = min(a, c), max(a, c)
    b, d = min(b, d), max(b, d)
    # the smallest and the largest of four are out
    return max(min(b, c), min(max(b, c), e))


@nb.njit(cache=True, nogil=True)
def fill_lids(rest, ring, onward, grid, curves, source_curves, whole_gap, lids):
    """What a column of an eye needs to know about both lids, sampled along u.

    Args:
        rest, ring: (n, 2) of (u, v), lids in the photo and in this frame; see `pixel_kernels.ring_edges`.
        grid: (u_first, u_step).
        whole_gap: distance of the lids in the photo from which the upper one casts its whole shadow.
        lids: (samples, LID_COLUMNS) float32: v of both lids, cosine of their slopes, way (u, v) from each lid in this
            frame to the same place of it in the photo, and the share of the upper lid's shadow.
    """
    n, samples = ring.shape[0], lids.shape[0]
    u_first, u_step = grid
    order, points, way = np.empty((2, n + 1), np.int64), np.empty((n + 1, 2)), np.empty(samples, np.float32)
    counts = ring_edges(ring, onward, order)
    for row in range(2):
        for axis in range(2):
            for k in range(counts[row]):
                i = order[row, k]
                points[k, 0] = ring[i, 0] if k == 0 else max(ring[i, 0], points[k - 1, 0])
                points[k, 1] = rest[i, axis] - ring[i, axis]
            fill_curve(points[: counts[row]], u_first, u_step, 0.0, way)
            column = UP_U + 2 * row + axis
            # where a lid is upright the way jumps from one sample to the next, and would fetch single pixels
            for i in range(samples):
                a, b, c, d = max(i - 2, 0), max(i - 1, 0), min(i + 1, samples - 1), min(i + 2, samples - 1)
                lids[i, column] = _median5(way[a], way[b], way[i], way[c], way[d])
        for i in range(samples):
            a, b = max(i - LEAN_REACH, 0), min(i + LEAN_REACH, samples - 1)
            rise = (curves[row, b] - curves[row, a]) / ((b - a) * u_step)
            lids[i, row] = curves[row, i]
            lids[i, UP_LEAN + row] = 1.0 / np.sqrt(1.0 + rise * rise)
    for i in range(samples):
        lids[i, SHADED] = min(max((source_curves[1, i] - source_curves[0, i]) / whole_gap, 0.0), 1.0)


@nb.njit(cache=True, nogil=True)
def draw_eye(out, box, uv_from_out, roi_from_uv, lids, grid, layers, ball, turn, shade):
    """Eyeball behind the lids, and the lids' own rims.

    Args:
        lids: (samples, LID_COLUMNS), see `fill_lids`.
        grid: (u_first, u_step, output px per source px).
        layers: (h, w, EYE_CHANNELS) of the source region.
        ball: eyeball centre u, v, radius, and the resting iris centre from there; source px.
        turn: (3, 3) rotation of the eyeball.
        shade: (depth, reach px, reveal, looked_away, overlap px, light, below px): shadow under the upper lid, share
            of cover, how far white and rims are replaced by ones without traces of the iris, how far the rims reach
            over the skin where the lids stand further apart than that, light on the whole ball, and how much further
            the rims reach over the lower lid.
    """
    x0, y0, x1, y1 = box
    sclera, iris, glint = np.empty(3, np.float32), np.empty(4, np.float32), np.empty(3, np.float32)
    above, below, spare = np.empty(4, np.float32), np.empty(4, np.float32), np.empty(3, np.float32)
    u_first, u_step, scale = grid
    radius = ball[2]
    rest = np.sqrt(max(radius * radius - ball[3] * ball[3] - ball[4] * ball[4], 0.0))
    glint_u = 0.5 * (turn[0, 0] * ball[3] + turn[0, 1] * ball[4] - turn[0, 2] * rest - ball[3])
    glint_v = 0.5 * (turn[1, 0] * ball[3] + turn[1, 1] * ball[4] - turn[1, 2] * rest - ball[4])
    for y in range(y0, y1):
        for x in range(x0, x1):
            u = uv_from_out[0, 0] * x + uv_from_out[0, 1] * y + uv_from_out[0, 2]
            v = uv_from_out[1, 0] * x + uv_from_out[1, 1] * y + uv_from_out[1, 2]
            i, part = place_in((u - u_first) / u_step, lids.shape[0])
            upper, lower = column_at(lids, i, part, UP), column_at(lids, i, part, LOW)
            below_upper = (v - upper) * column_at(lids, i, part, UP_LEAN)
            above_lower = (lower - v) * column_at(lids, i, part, LOW_LEAN)
            cover = smooth(0.6 * min(below_upper, above_lower) * scale + 0.35)
            if shade[3] > 0.0:
                between = min(max((lower - upper) / shade[4], 0.0), 1.0)
                reach = min(below_upper, above_lower + shade[6])
                cover = max(cover, shade[3] * between * smooth(1.5 + 1.5 * reach / shade[4]))
            cover *= shade[2]
            if cover <= 0.0:
                continue
            xs, ys = affine(roi_from_uv, u, v)
            sample(layers, xs, ys, SCLERA, 3, sclera)
            if shade[3] > 0.0:
                sample(layers, xs, ys, SCLERA_CLEAN, 3, spare)
                for c in range(3):
                    sclera[c] += shade[3] * (spare[c] - sclera[c])
            iris[0] = iris[1] = iris[2] = iris[3] = 0.0
            pu, pv = u - ball[0], v - ball[1]
            square = pu * pu + pv * pv
            if square < 0.98 * radius * radius:
                pz = -np.sqrt(radius * radius - square)
                su = turn[0, 0] * pu + turn[1, 0] * pv + turn[2, 0] * pz + ball[0]
                sv = turn[0, 1] * pu + turn[1, 1] * pv + turn[2, 1] * pz + ball[1]
                sz = turn[0, 2] * pu + turn[1, 2] * pv + turn[2, 2] * pz
                if sz < 0.0:
                    xs, ys = affine(roi_from_uv, su, sv)
                    sample(layers, xs, ys, IRIS, 4, iris)
            xs, ys = affine(roi_from_uv, u - glint_u, v - glint_v)
            sample(layers, xs, ys, GLINT, 3, glint)
            xs, ys = affine(roi_from_uv, u + column_at(lids, i, part, UP_U), v + column_at(lids, i, part, UP_V))
            sample(layers, xs, ys, UPPER, 4, above)
            if shade[3] > 0.0:
                sample(layers, xs, ys, UPPER_CLEAN, 3, spare)
                for c in range(3):
                    above[c] += shade[3] * (spare[c] - above[c])
            xs, ys = affine(roi_from_uv, u + column_at(lids, i, part, LOW_U), v + column_at(lids, i, part, LOW_V))
            sample(layers, xs, ys, LOWER, 4, below)
            if shade[3] > 0.0:
                sample(layers, xs, ys, LOWER_CLEAN, 3, spare)
                for c in range(3):
                    below[c] += shade[3] * (spare[c] - below[c])
            rims = above[3] + below[3]
            seen, norm = max(1.0 - rims, 0.0), 1.0 / max(rims, 1.0)
            depth = shade[0] * column_at(lids, i, part, SHADED)
            dark = shade[5] * (1.0 - depth * np.exp(-max(v - upper, 0.0) / shade[1]))
            for c in range(3):
                ball_light = (sclera[c] * (1.0 - iris[3]) + iris[c] + glint[c]) * dark
                value = min(max(ball_light * seen + (above[c] + below[c]) * norm, 0.0), 255.0)
                out[y, x, c] = byte(out[y, x, c] * (1.0 - cover) + value * cover)
