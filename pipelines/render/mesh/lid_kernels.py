"""Pixel loops of the lid layer: skin that follows the warp, and what is drawn along a lid's margin.

Every loop covers one pixel box `(x0, y0, x1, y1)` and allocates nothing that grows with it. All pictures are RGB.
"""

from __future__ import annotations

import numba as nb
import numpy as np

from pipelines.render.mesh.eye_kernels import LOW, UP, UP_LEAN
from pipelines.render.mesh.pixel_kernels import affine, byte, column_at, place_in, sample, smooth


@nb.njit(cache=True, nogil=True)
def lay_through_flow(out, box, map_x, map_y, gains, origin, skin, fixed, fixed_from_out, amount):
    """Lay `amount` of source-space skin over the picture wherever the warp shows that source region.

    Args:
        map_x, map_y, gains: (H, W) source x and y and brightness of every pixel of `out`.
        origin: picture x, y of the first pixel of `skin`.
        skin: (h, w, 4) RGB and cover 0..1.
        fixed: (h, w, 1 or 5) what follows the head and not the skin: grain as a share of the light, then, if there is
            something in front of the lid, its premultiplied RGB and alpha.
        fixed_from_out: (2, 3) affine from output pixels to pixels of `fixed`.
    """
    x0, y0, x1, y1 = box
    h, w = skin.shape[0], skin.shape[1]
    laid, still = np.empty(4, np.float32), np.zeros(5, np.float32)
    known = fixed.shape[2]
    for y in range(y0, y1):
        for x in range(x0, x1):
            xs, ys = map_x[y, x] - origin[0], map_y[y, x] - origin[1]
            if xs <= 0.0 or ys <= 0.0 or xs >= w - 1 or ys >= h - 1:
                laid[:] = 0.0
            else:
                sample(skin, xs, ys, 0, 4, laid)
            if laid[3] <= 0.0 and known == 1:
                continue
            gx, gy = affine(fixed_from_out, x, y)
            sample(fixed, gx, gy, 0, known, still)
            cover, front = amount * laid[3], amount * still[4]
            if front <= 0.0 and cover <= 0.0:
                continue
            light = gains[y, x] * (1.0 + still[0])
            for c in range(3):
                value = out[y, x, c] + cover * (laid[c] * light - out[y, x, c])
                out[y, x, c] = byte(value + amount * still[1 + c] - value * front)


@nb.njit(cache=True, nogil=True, inline="always")
def _plate(rise, crease, width):
    """Light on a lowered lid: dark in the corner of the lashes and of the crease, bright where the ball bulges.

    `rise` is the height above the margin as a share of the crease's, `crease` the distance above the crease in px of
    which `width` is the half width of its line.
    """
    # either side of the crease is 1 at its bottom
    bulge = 0.55 * np.exp(-(((rise - 0.5) / 0.24) ** 2)) - 0.9 * np.exp(-((rise / 0.26) ** 2))
    away = crease / width
    if away < 0.0:
        return bulge, 0.75 * np.exp(-away * away) + 0.25 * np.exp(-((away / 4.0) ** 2))
    return bulge, 1.02 * np.exp(-1.6 * away * away) - 0.35 * np.exp(-(((away - 3.2) / 1.9) ** 2))


@nb.njit(cache=True, nogil=True, inline="always")
def _lash(u, t, along, spacing, reach, hairs):
    """Cover 0..1 of lashes of length `reach` at `t` below the margin: single ones if `hairs` is 1, their mean if 0."""
    sweep = along * (0.45 * t + 0.35 * t * t / reach)
    phase = (u - sweep) / spacing
    phase += 0.23 * np.sin(2.4 * phase)
    tip = 1.0 - 0.45 * (0.5 + 0.5 * np.sin(12.9 * np.floor(phase) + 1.7))
    down = t / (reach * (tip if hairs > 0.5 else 0.8))
    if down >= 1.0:
        return 0.0
    stripe = 0.5 - 0.5 * np.cos(6.2831853 * phase)
    return (1.0 - down * down) * (0.42 * (1.0 - hairs) + hairs * stripe * stripe)


@nb.njit(cache=True, nogil=True)
def draw_lid_edge(out, box, uv_from_out, lids, crease, grid, ends, colour, shadow, look):
    """Shading of a lowered upper lid with its crease, the dark line along its margin and lashes that hang from it.

    Args:
        lids: (samples, LID_COLUMNS), see `eye_kernels.fill_lids`.
        crease: (samples,) v of the crease.
        ends: (u of the left corner, u of the right corner, +1 if the outer corner is the right one else -1).
        colour: (3,) of the lashes.
        shadow: (3,) how much of a shadow on this skin each channel takes.
        look: (amount of line and lashes, half width of the line, length of the lashes, shade of the lid, shade of
            the crease, half width of the crease, least height of the crease, drop of the line below the margin in its
            half widths); lengths in source px.
    """
    x0, y0, x1, y1 = box
    u_first, u_step, scale = grid
    amount, thickness, length, shade, fold, fold_width, least, drop = look
    middle, half = (ends[0] + ends[1]) / 2, max((ends[1] - ends[0]) / 2, 1e-3)
    spacing = 2.0 * half / 21.0
    hairs = smooth((spacing * scale - 1.5) / 2.0)
    for y in range(y0, y1):
        for x in range(x0, x1):
            u = uv_from_out[0, 0] * x + uv_from_out[0, 1] * y + uv_from_out[0, 2]
            v = uv_from_out[1, 0] * x + uv_from_out[1, 1] * y + uv_from_out[1, 2]
            along = (u - middle) / half
            if along < -1.25 or along > 1.25:
                continue
            i, part = place_in((u - u_first) / u_step, lids.shape[0])
            margin = column_at(lids, i, part, UP)
            gap = column_at(lids, i, part, LOW) - margin
            if gap < 0.0:
                margin, gap = margin + 0.5 * gap, 0.0
            t = (v - margin) * column_at(lids, i, part, UP_LEAN)
            plate = max(margin - (crease[i] + part * (crease[i + 1] - crease[i])), least)
            above = margin - v - plate
            if above > 6.0 * fold_width or t > length + 3.0 * thickness + gap:
                continue
            outer = 0.5 + 0.5 * along * ends[2]
            taper = smooth((1.12 - abs(along)) / 0.4)
            # what begins or ends at the margin takes a pixel and a half to do so: the margin moves in small steps
            off = smooth(t * scale / 1.5)
            light, line = 1.0, 0.0
            if off < 1.0:
                bulge, groove = _plate(max(-t, 0.0) / plate, above, fold_width)
                light += taper * (1.0 - off) * (shade * bulge - fold * taper * groove)
            # the lids go on touching beyond the outer corner; at the inner one the line is thin and without lashes
            ending = min(smooth((1.18 - outer) / (0.2 + 0.1 * drop)), smooth((outer + 0.04) / 0.1))
            pointed = 1.0 - 0.5 * drop * smooth((outer - 0.78) / 0.4)
            wide = max(thickness * (0.45 + 0.65 * smooth(outer * 1.4)) * pointed, 0.6 / scale)
            from_line = (t - 0.5 * min(gap, wide) - drop * wide) / wide
            if from_line > -2.5:
                line = np.exp((-1.2 if from_line < 0.0 else -0.6) * from_line * from_line)
            if outer < 0.3:
                line *= 0.55 + 0.45 * smooth(outer / 0.3)
            fringe = 0.0
            if t > 0.0 and outer > 0.08:
                reach = length * (0.4 + 0.6 * smooth(1.4 * outer)) + 1e-3
                fringe = (
                    0.8
                    * off
                    * smooth((outer - 0.08) / 0.12)
                    * smooth((1.02 - outer) / (0.12 + 0.24 * drop))
                    * _lash(u, t, along, spacing, reach, hairs)
                )
                light *= 1.0 - 0.5 * shade * off * amount * taper * (1.0 - smooth(t / (1.2 * length)))
            alpha = amount * ending * max(line, fringe)
            for c in range(3):
                value = np.float32(out[y, x, c]) * (1.0 + shadow[c] * (light - 1.0))
                out[y, x, c] = byte(value + (min(value, colour[c]) - value) * alpha)
