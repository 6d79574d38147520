"""Pixel loop of the eye layer: the ball behind the lids and the lids' own rims. Pictures are RGB."""

from __future__ import annotations

import numba as nb
import numpy as np

from pipelines.render.mesh.pixel_kernels import affine, byte, lean, sample, smooth, value_at

SCLERA, IRIS, ALPHA, GLINT, UPPER, LOWER, UPPER_CLEAN, LOWER_CLEAN, SCLERA_CLEAN = 0, 3, 6, 7, 10, 14, 18, 21, 24
EYE_CHANNELS = 27


@nb.njit(cache=True, nogil=True)
def draw_eye(out, box, uv_from_out, roi_from_uv, curves, source_curves, shifts, grid, layers, ball, turn, shade):
    """Eyeball behind the lids, and the lids' own rims.

    Args:
        shifts: (2, n) v from a lid in this frame to the same lid in the source, see `eyes.rim_shifts`.
        grid: (u_first, u_step, output px per source px).
        layers: (h, w, EYE_CHANNELS) of the source region.
        ball: eyeball centre u, v, radius, and the resting iris centre from there; source px.
        turn: (3, 3) rotation of the eyeball.
        shade: (depth, reach px, reveal, looked_away, overlap px, light, gap px): shadow under the upper lid, share of
            cover, how far white and rims are replaced by ones without traces of the iris, how far the rims reach over
            the skin where the lids stand further apart than that, light on the whole ball, rest gap of the lids from
            which the shadow is whole, and how much further the rims reach over the lower lid.
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
            place = (u - u_first) / u_step
            upper, lower = value_at(curves[0], place), value_at(curves[1], place)
            below_upper = (v - upper) * lean(curves[0], place, u_step)
            above_lower = (lower - v) * lean(curves[1], place, u_step)
            cover = smooth(0.6 * min(below_upper, above_lower) * scale + 0.35)
            if shade[3] > 0.0:
                between = min(max((lower - upper) / shade[4], 0.0), 1.0)
                reach = min(below_upper, above_lower + shade[7])
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
            xs, ys = affine(roi_from_uv, u, v + value_at(shifts[0], place))
            sample(layers, xs, ys, UPPER, 4, above)
            if shade[3] > 0.0:
                sample(layers, xs, ys, UPPER_CLEAN, 3, spare)
                for c in range(3):
                    above[c] += shade[3] * (spare[c] - above[c])
            xs, ys = affine(roi_from_uv, u, v + value_at(shifts[1], place))
            sample(layers, xs, ys, LOWER, 4, below)
            if shade[3] > 0.0:
                sample(layers, xs, ys, LOWER_CLEAN, 3, spare)
                for c in range(3):
                    below[c] += shade[3] * (spare[c] - below[c])
            lids = above[3] + below[3]
            seen, norm = max(1.0 - lids, 0.0), 1.0 / max(lids, 1.0)
            was_gap = value_at(source_curves[1], place) - value_at(source_curves[0], place)
            depth = shade[0] * min(max(was_gap / shade[6], 0.0), 1.0)
            dark = shade[5] * (1.0 - depth * np.exp(-max(v - upper, 0.0) / shade[1]))
            for c in range(3):
                ball_light = (sclera[c] * (1.0 - iris[3]) + iris[c] + glint[c]) * dark
                value = min(max(ball_light * seen + (above[c] + below[c]) * norm, 0.0), 255.0)
                out[y, x, c] = byte(out[y, x, c] * (1.0 - cover) + value * cover)
