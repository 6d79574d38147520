"""Pixel loops of the eye, lid and mouth layers.

Kept in a module of their own so that editing a layer does not recompile them. All pictures are RGB; every loop
covers one pixel box `(x0, y0, x1, y1)` and allocates nothing that grows with it.
"""

from __future__ import annotations

import numba as nb
import numpy as np

SCLERA, IRIS, ALPHA, GLINT, UPPER, LOWER, UPPER_CLEAN, LOWER_CLEAN, SCLERA_CLEAN = 0, 3, 6, 7, 10, 14, 18, 21, 24
EYE_CHANNELS = 27


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
def _at(curve, position):
    i = int(position)
    if position <= 0.0:
        return curve[0]
    if i >= curve.shape[0] - 1:
        return curve[curve.shape[0] - 1]
    return curve[i] + (position - i) * (curve[i + 1] - curve[i])


@nb.njit(cache=True, nogil=True, inline="always")
def _lean(curve, position, u_step):
    """Cosine of the curve's slope: turns a distance across the corner axis into one across the curve."""
    i = min(max(int(position), 0), curve.shape[0] - 2)
    rise = (curve[i + 1] - curve[i]) / u_step
    return 1.0 / np.sqrt(1.0 + rise * rise)


@nb.njit(cache=True, nogil=True, inline="always")
def _sample(layers, x, y, first, count, into):
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
def _roi(roi_from_uv, u, v):
    x = roi_from_uv[0, 0] * u + roi_from_uv[0, 1] * v + roi_from_uv[0, 2]
    y = roi_from_uv[1, 0] * u + roi_from_uv[1, 1] * v + roi_from_uv[1, 2]
    return x, y


@nb.njit(cache=True, nogil=True, inline="always")
def _smooth(t):
    t = min(max(t, 0.0), 1.0)
    return t * t * (3.0 - 2.0 * t)


@nb.njit(cache=True, nogil=True, inline="always")
def _byte(value):
    return np.uint8(min(max(value + 0.5, 0.0), 255.0))


@nb.njit(cache=True, nogil=True)
def draw_eye(out, box, uv_from_out, roi_from_uv, curves, source_curves, grid, layers, ball, turn, shade):
    """Eyeball behind the lids, and the lids' own rims.

    Args:
        grid: (u_first, u_step, output px per source px).
        layers: (h, w, EYE_CHANNELS) of the source region.
        ball: eyeball centre u, v, radius, and the resting iris centre from there; source px.
        turn: (3, 3) rotation of the eyeball.
        shade: (depth, reach px, reveal, looked_away, overlap px, light, gap px): shadow under the upper lid, share of
            cover, how far white and rims are replaced by ones without traces of the iris, how far the rims reach over
            the skin where the lids stand further apart than that, light on the whole ball, and rest gap of the lids
            from which the shadow is whole.
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
            upper, lower = _at(curves[0], place), _at(curves[1], place)
            inside = min((v - upper) * _lean(curves[0], place, u_step), (lower - v) * _lean(curves[1], place, u_step))
            cover = _smooth(0.6 * inside * scale + 0.35)
            if shade[3] > 0.0:
                between = min(max((lower - upper) / shade[4], 0.0), 1.0)
                cover = max(cover, shade[3] * between * _smooth(1.5 + 1.5 * inside / shade[4]))
            cover *= shade[2]
            if cover <= 0.0:
                continue
            xs, ys = _roi(roi_from_uv, u, v)
            _sample(layers, xs, ys, SCLERA, 3, sclera)
            if shade[3] > 0.0:
                _sample(layers, xs, ys, SCLERA_CLEAN, 3, spare)
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
                    xs, ys = _roi(roi_from_uv, su, sv)
                    _sample(layers, xs, ys, IRIS, 4, iris)
            xs, ys = _roi(roi_from_uv, u - glint_u, v - glint_v)
            _sample(layers, xs, ys, GLINT, 3, glint)
            xs, ys = _roi(roi_from_uv, u, v - upper + _at(source_curves[0], place))
            _sample(layers, xs, ys, UPPER, 4, above)
            if shade[3] > 0.0:
                _sample(layers, xs, ys, UPPER_CLEAN, 3, spare)
                for c in range(3):
                    above[c] += shade[3] * (spare[c] - above[c])
            xs, ys = _roi(roi_from_uv, u, v - lower + _at(source_curves[1], place))
            _sample(layers, xs, ys, LOWER, 4, below)
            if shade[3] > 0.0:
                _sample(layers, xs, ys, LOWER_CLEAN, 3, spare)
                for c in range(3):
                    below[c] += shade[3] * (spare[c] - below[c])
            lids = above[3] + below[3]
            seen, norm = max(1.0 - lids, 0.0), 1.0 / max(lids, 1.0)
            was_gap = _at(source_curves[1], place) - _at(source_curves[0], place)
            depth = shade[0] * min(max(was_gap / shade[6], 0.0), 1.0)
            dark = shade[5] * (1.0 - depth * np.exp(-max(v - upper, 0.0) / shade[1]))
            for c in range(3):
                ball_light = (sclera[c] * (1.0 - iris[3]) + iris[c] + glint[c]) * dark
                value = min(max(ball_light * seen + (above[c] + below[c]) * norm, 0.0), 255.0)
                out[y, x, c] = _byte(out[y, x, c] * (1.0 - cover) + value * cover)


@nb.njit(cache=True, nogil=True)
def add_through_flow(out, box, map_x, map_y, origin, delta, fixed, fixed_from_out, amount):
    """Add `amount` of a source-space correction wherever the warp shows that source region.

    Args:
        delta: (h, w, 4) RGB change and the share 0..1 of the grain that goes with it.
        origin: picture x, y of the first pixel of `delta`.
        fixed: (h, w, 5) what follows the head and not the skin: grain, then premultiplied RGB and alpha of things in
            front of the lid.
        fixed_from_out: (2, 3) affine from output pixels to pixels of `fixed`.
    """
    x0, y0, x1, y1 = box
    h, w = delta.shape[0], delta.shape[1]
    value, still = np.empty(4, np.float32), np.empty(5, np.float32)
    for y in range(y0, y1):
        for x in range(x0, x1):
            xs, ys = map_x[y, x] - origin[0], map_y[y, x] - origin[1]
            if xs <= 0.0 or ys <= 0.0 or xs >= w - 1 or ys >= h - 1:
                value[:] = 0.0
            else:
                _sample(delta, xs, ys, 0, 4, value)
            gx, gy = _roi(fixed_from_out, x, y)
            _sample(fixed, gx, gy, 0, 5, still)
            front = amount * still[4]
            if front <= 0.0 and value[3] <= 0.0 and value[0] == 0.0 and value[1] == 0.0 and value[2] == 0.0:
                continue
            for c in range(3):
                skin = out[y, x, c] + amount * (value[c] + value[3] * still[0])
                out[y, x, c] = _byte(skin + amount * still[1 + c] - skin * front)


@nb.njit(cache=True, nogil=True)
def draw_lid_edge(out, box, uv_from_out, curves, grid, ends, colour, look):
    """Shading of a lowered upper lid, the dark line along its margin and lashes that hang from it.

    Args:
        ends: (u of the left corner, u of the right corner, +1 if the outer corner is the right one else -1).
        colour: (3,) of the lashes.
        look: (amount of line and lashes, half width of the line, length of the lashes, shade of the lid, height of
            the open eye, drop of the line below the margin in its half widths); lengths in source px.
    """
    x0, y0, x1, y1 = box
    u_first, u_step, scale = grid
    amount, thickness, length, shade, height, drop = look
    middle, half = (ends[0] + ends[1]) / 2, max((ends[1] - ends[0]) / 2, 1e-3)
    spacing = 2.0 * half / 19.0
    hairs = _smooth((spacing * scale - 1.5) / 2.0)
    for y in range(y0, y1):
        for x in range(x0, x1):
            u = uv_from_out[0, 0] * x + uv_from_out[0, 1] * y + uv_from_out[0, 2]
            v = uv_from_out[1, 0] * x + uv_from_out[1, 1] * y + uv_from_out[1, 2]
            along = (u - middle) / half
            if along < -1.2 or along > 1.2:
                continue
            place = (u - u_first) / u_step
            margin = _at(curves[0], place)
            gap = _at(curves[1], place) - margin
            if gap < 0.0:
                margin, gap = margin + 0.5 * gap, 0.0
            t = (v - margin) * _lean(curves[0], place, u_step)
            if t < -1.1 * height or t > length + (2.6 + drop) * thickness + gap:
                continue
            outer = 0.5 + 0.5 * along * ends[2]
            taper = _smooth((1.12 - abs(along)) / 0.45)
            # what begins or ends at the margin takes a pixel and a half to do so: the margin moves in small steps
            off = _smooth(t * scale / 1.5)
            rise = max(-t, 0.0) / height
            light = 1.0 - (1.0 - off) * shade * taper * (
                np.exp(-((rise / 0.22) ** 2)) - 0.3 * np.exp(-(((rise - 0.5) / 0.2) ** 2))
            )
            # the lids go on touching beyond the outer corner; at the inner one there are no lashes
            ending = min(_smooth((1.14 - outer) / 0.26), _smooth((outer + 0.05) / 0.3))
            wide = thickness * (0.65 + 0.5 * _smooth(outer * 1.3))
            from_line = (t - 0.5 * min(gap, wide) - drop * wide) / wide
            line = np.exp(-1.4 * from_line * from_line) if from_line < 0.0 else np.exp(-0.7 * from_line * from_line)
            fringe = 0.0
            if t > 0.0 and outer > 0.12:
                reach = length * (0.45 + 0.55 * _smooth(1.5 * outer)) + 1e-3
                phase = (u - 0.55 * along * t) / spacing
                stripe = 0.5 + 0.5 * np.cos(6.2831853 * (phase + 0.21 * np.sin(2.4 * phase)))
                fringe = 0.7 * off * _smooth((outer - 0.12) / 0.1) * (1.0 - _smooth(t / reach))
                fringe *= 0.5 + hairs * (stripe - 0.5)
            alpha = amount * ending * max(line, fringe)
            for c in range(3):
                value = np.float32(out[y, x, c]) * light
                out[y, x, c] = _byte(value + (min(value, colour[c]) - value) * alpha)


@nb.njit(cache=True, nogil=True)
def draw_mouth(
    out, box, uv_from_out, roi_from_uv, curves, source_curves, grid, upper, lower, cavity, photo, jaw, look
):
    """Inside of the mouth between the lips.

    Args:
        grid: (u_first, u_step, output px per source px, source px per cm, v of the closed lips).
        upper, lower: (h, w, 4) premultiplied teeth at `look[0]` px per cm.
        cavity: (3, 3) RGB of cavity and tongue, and the exponents by which shadow in the mouth dims each channel.
        photo: (h, w, 6) the photo's own open mouth and the same grown beyond its lips, or (1, 1, 6) if it was closed.
        jaw: (right cm, down cm) of the lower jaw.
        look: (px per cm, upper edge row, lower edge row, upper edge v cm, lower edge v cm, cover, half width cm,
            photo's width over this width, photo used, photo stretched, photo left behind, upper teeth drawn, growth
            of the light towards image right per cm): see `mouth.MouthLayer`.
    """
    x0, y0, x1, y1 = box
    u_first, u_step, scale, cm, v_closed = grid
    top, low, own = np.empty(4, np.float32), np.empty(4, np.float32), np.empty(6, np.float32)
    for y in range(y0, y1):
        for x in range(x0, x1):
            u = uv_from_out[0, 0] * x + uv_from_out[0, 1] * y + uv_from_out[0, 2]
            v = uv_from_out[1, 0] * x + uv_from_out[1, 1] * y + uv_from_out[1, 2]
            place = (u - u_first) / u_step
            lip_up, lip_low = _at(curves[0], place), _at(curves[1], place)
            inside = min(
                (v - lip_up) * _lean(curves[0], place, u_step), (lip_low - v) * _lean(curves[1], place, u_step)
            )
            cover = _smooth(0.6 * inside * scale + 0.35) * look[5]
            if cover <= 0.0:
                continue
            gap = (lip_low - lip_up) / cm
            below, above = max(v - lip_up, 0.0) / cm, max(lip_low - v, 0.0) / cm
            across, down = u / cm, (v - v_closed) / cm
            side = across - jaw[0]
            _teeth(upper, across, down - look[3] + 0.045 * across * across, look[0], look[1], top)
            _teeth(lower, side, down - look[4] + 0.03 * side * side, look[0], look[2], low)
            apart = max(look[4] - look[3], 0.0)
            from_tip = (look[4] + 0.12 - down) / (0.25 + 0.6 * apart)
            aside = side / 1.75
            tongue = 1.0 - _smooth((np.sqrt(aside * aside + max(from_tip, 0.0) ** 2) - 0.55) / 0.55)
            tongue *= _smooth((apart - 0.05) / 0.5)
            lit = 1.02 - 0.32 * _smooth(from_tip) - 0.12 * aside * aside
            lit += 0.07 * np.exp(-(((from_tip - 0.3) / 0.22) ** 2)) - 0.09 * np.exp(-((side / 0.14) ** 2)) * _smooth(
                from_tip
            )
            throat = np.exp(-((side / 1.2) ** 2) - ((2.0 * below / max(gap, 1e-3) - 0.8) / 0.8) ** 2)
            back = 1.0 - 0.34 * throat * _smooth((gap - 0.5) / 1.2)
            lips = 1.0 - 0.30 * np.exp(-below / 0.15) - 0.14 * np.exp(-above / 0.12)
            lips *= 1.0 - 0.28 * np.exp(-gap / 0.26)
            to_corner = _smooth((abs(across) / look[6] - 0.45) / 0.55)
            lips *= 1.0 - 0.22 * to_corner
            light = min(max(1.0 + look[12] * across, 0.6), 1.4)
            shown = 1.0 - 0.75 * _smooth((abs(across) / look[6] - 0.6) / 0.4)
            ratio = look[8]
            if ratio > 0.0:
                ratio = _own_mouth(
                    photo, roi_from_uv, source_curves, u_first, u_step, u, v, lip_up, lip_low, cm, look, own
                )
            behind = 1.0 - 0.22 * np.exp(-max(down - look[3] + 0.05, 0.0) / 0.18)
            under_teeth = 1.0 - 0.18 * np.exp(-max(down - look[3], 0.0) / 0.35)
            upper_shown, lower_shown = look[11] * shown, 0.5 + 0.5 * shown
            for c in range(3):
                value = cavity[0, c] * back
                value = (value + tongue * (cavity[1, c] * lit - value)) * under_teeth
                value += lower_shown * (low[c] * behind - value * low[3])
                value += upper_shown * (top[c] - value * top[3])
                value *= light * lips ** cavity[2, c]
                if ratio > 0.0:
                    mine = own[c] + look[10] * (own[3 + c] - own[c])
                    value += ratio * (mine - value)
                out[y, x, c] = _byte(out[y, x, c] * (1.0 - cover) + min(max(value, 0.0), 255.0) * cover)


@nb.njit(cache=True, nogil=True, inline="always")
def _teeth(sprite, across, down, px_per_cm, edge_row, into):
    x = across * px_per_cm + (sprite.shape[1] - 1) / 2
    y = down * px_per_cm + edge_row
    if x < 0.0 or y < 0.0 or x > sprite.shape[1] - 1 or y > sprite.shape[0] - 1:
        into[0] = into[1] = into[2] = into[3] = 0.0
    else:
        _sample(sprite, x, y, 0, 4, into)


@nb.njit(cache=True, nogil=True, inline="always")
def _own_mouth(photo, roi_from_uv, source_curves, u_first, u_step, u, v, lip_up, lip_low, cm, look, own):
    """Sample the photo's own mouth into `own`; returns how much of it is meant here."""
    us = u * look[7]
    place = (us - u_first) / u_step
    was_up, was_low = _at(source_curves[0], place), _at(source_curves[1], place)
    kept = v
    if lip_up < was_up and was_low - lip_up > 1e-3:
        kept = was_low - (was_low - v) * (was_low - was_up) / (was_low - lip_up) if v < was_low else v
    stretched = v
    if lip_low - lip_up > 1e-3:
        stretched = was_up + (v - lip_up) * max(was_low - was_up, 0.0) / (lip_low - lip_up)
    vs = kept + look[9] * (stretched - kept)
    xs, ys = _roi(roi_from_uv, us, vs)
    _sample(photo, xs, ys, 0, 6, own)
    here = 1.0 - _smooth((vs - was_low) / (0.12 * cm))
    here = here + look[9] * (1.0 - here)
    return look[8] * (1.0 + look[10] * (here - 1.0))
