"""Pixel loops of the mouth layer, and of the nose before an eye.

Kept in a module of their own so that editing a layer does not recompile them. All pictures are RGB; every loop
covers one pixel box `(x0, y0, x1, y1)` and allocates nothing that grows with it.
"""

from __future__ import annotations

import numba as nb
import numpy as np

from pipelines.render.mesh.pixel_kernels import affine, byte, lean, sample, smooth, value_at


@nb.njit(cache=True, nogil=True)
def draw_mouth(
    out, box, uv_from_out, roi_from_uv, curves, source_curves, grid, upper, lower, cavity, photo, jaw, look
):
    """Inside of the mouth between the lips.

    Args:
        grid: (u_first, u_step, output px per source px, source px per cm, v of the closed lips).
        upper, lower: (h, w, 4) premultiplied teeth at `look[0]` px per cm.
        cavity: (3, 3) RGB of cavity and tongue, and the exponents by which shadow in the mouth dims each channel.
        source_curves: (4, n) the photo's upper and lower lip, the end of its upper teeth and the top of what follows
            its jaw; the last two are read where `look[8]` is not 0.
        photo: (h, w, 6) the photo's own open mouth and the same grown beyond its lips, or (1, 1, 6) if it was closed.
        jaw: (right cm, down cm) of the lower jaw.
        look: (px per cm, upper edge row, lower edge row, upper edge v cm, lower edge v cm, cover, half width cm,
            photo's width over this width, photo used, photo parted below its teeth, photo left behind, upper teeth
            drawn, growth of the light towards image right per cm): see `mouth.MouthLayer`.
    """
    x0, y0, x1, y1 = box
    u_first, u_step, scale, cm, v_closed = grid
    top, low, own = np.empty(4, np.float32), np.empty(4, np.float32), np.empty(6, np.float32)
    for y in range(y0, y1):
        for x in range(x0, x1):
            u = uv_from_out[0, 0] * x + uv_from_out[0, 1] * y + uv_from_out[0, 2]
            v = uv_from_out[1, 0] * x + uv_from_out[1, 1] * y + uv_from_out[1, 2]
            place = (u - u_first) / u_step
            lip_up, lip_low = value_at(curves[0], place), value_at(curves[1], place)
            inside = min((v - lip_up) * lean(curves[0], place, u_step), (lip_low - v) * lean(curves[1], place, u_step))
            cover = smooth(0.6 * inside * scale + 0.35) * look[5]
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
            tongue = 1.0 - smooth((np.sqrt(aside * aside + max(from_tip, 0.0) ** 2) - 0.55) / 0.55)
            tongue *= smooth((apart - 0.05) / 0.5)
            lit = 1.02 - 0.32 * smooth(from_tip) - 0.12 * aside * aside
            lit += 0.07 * np.exp(-(((from_tip - 0.3) / 0.22) ** 2)) - 0.09 * np.exp(-((side / 0.14) ** 2)) * smooth(
                from_tip
            )
            throat = np.exp(-((side / 1.2) ** 2) - ((2.0 * below / max(gap, 1e-3) - 0.8) / 0.8) ** 2)
            back = 1.0 - 0.34 * throat * smooth((gap - 0.5) / 1.2)
            lips = 1.0 - 0.30 * np.exp(-below / 0.15) - 0.14 * np.exp(-above / 0.12)
            lips *= 1.0 - 0.28 * np.exp(-gap / 0.26)
            to_corner = smooth((abs(across) / look[6] - 0.45) / 0.55)
            lips *= 1.0 - 0.22 * to_corner
            light = min(max(1.0 + look[12] * across, 0.6), 1.4)
            shown = 1.0 - 0.75 * smooth((abs(across) / look[6] - 0.6) / 0.4)
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
                out[y, x, c] = byte(out[y, x, c] * (1.0 - cover) + min(max(value, 0.0), 255.0) * cover)


@nb.njit(cache=True, nogil=True, inline="always")
def _teeth(sprite, across, down, px_per_cm, edge_row, into):
    x = across * px_per_cm + (sprite.shape[1] - 1) / 2
    y = down * px_per_cm + edge_row
    if x < 0.0 or y < 0.0 or x > sprite.shape[1] - 1 or y > sprite.shape[0] - 1:
        into[0] = into[1] = into[2] = into[3] = 0.0
    else:
        sample(sprite, x, y, 0, 4, into)


@nb.njit(cache=True, nogil=True, inline="always")
def _own_mouth(photo, roi_from_uv, source_curves, u_first, u_step, u, v, lip_up, lip_low, cm, look, own):
    """Sample the photo's own mouth into `own`; returns how much of it is meant here."""
    us = u * look[7]
    place = (us - u_first) / u_step
    was_up, was_low = value_at(source_curves[0], place), value_at(source_curves[1], place)
    kept = v
    if lip_up < was_up and was_low - lip_up > 1e-3:
        kept = was_low - (was_low - v) * (was_low - was_up) / (was_low - lip_up) if v < was_low else v
    here = 1.0 - smooth((kept - was_low) / (0.12 * cm))
    bite, rise = value_at(source_curves[2], place), value_at(source_curves[3], place)
    drop = lip_low - was_low
    edge, parted = 0.1 * cm, v
    # slivers of teeth or of what follows the jaw would flicker
    teeth, jaw = smooth((bite - was_up) / edge - 0.5), smooth((was_low - rise) / edge - 0.5)
    was_dark, is_dark = rise - bite, rise + drop - bite
    # a narrow gap that opens wide would be drawn out to streaks
    meant = smooth((was_dark / cm - 0.1) / 0.2) * (1.0 - smooth(is_dark / max(was_dark, 1e-3) - 2.0))
    if v <= bite:
        meant = max(meant, teeth)
        if lip_up < was_up and bite - lip_up > 1e-3:
            parted = bite - (bite - v) * (bite - was_up) / (bite - lip_up)
    elif v >= rise + drop:
        meant = max(meant, jaw)
        parted = v - drop
    else:
        parted = bite + (v - bite) * was_dark / is_dark
        meant = max(meant, teeth * (1.0 - smooth((v - bite) / edge)), jaw * (1.0 - smooth((rise + drop - v) / edge)))
    xs, ys = affine(roi_from_uv, us, kept + look[9] * (parted - kept))
    sample(photo, xs, ys, 0, 6, own)
    here += look[9] * (meant - here)
    return look[8] * (1.0 + look[10] * (here - 1.0))


@nb.njit(cache=True, nogil=True)
def lay_nose(out, box, before, source_x, source_y, corner, inward, beside, beyond):
    """Put back what was there `before` an eye, where the source lies inwards of the eye's inner corner.

    Args:
        source_x, source_y: (H, W) photo pixels that the frame shows.
        corner, inward: (2,) inner corner in the photo, and the way from there to the nose over the squared eye width.
        beside, beyond: eye widths from which it is put back in part, and wholly.
    """
    x0, y0, x1, y1 = box
    for y in range(y0, y1):
        for x in range(x0, x1):
            inside = (source_x[y, x] - corner[0]) * inward[0] + (source_y[y, x] - corner[1]) * inward[1]
            if inside > beside:
                cover = smooth((inside - beside) / (beyond - beside))
                for c in range(3):
                    out[y, x, c] = byte(out[y, x, c] + cover * (np.float32(before[y - y0, x - x0, c]) - out[y, x, c]))
