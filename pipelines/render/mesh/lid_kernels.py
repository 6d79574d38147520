"""Pixel loops of the lid layer: skin that follows the warp, and what is drawn along a lid's margin.

Every loop covers one pixel box `(x0, y0, x1, y1)` and allocates nothing that grows with it. All pictures are RGB.
"""

from __future__ import annotations

import numba as nb
import numpy as np

from pipelines.render.mesh.pixel_kernels import affine, byte, lean, sample, smooth, value_at


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
                sample(delta, xs, ys, 0, 4, value)
            gx, gy = affine(fixed_from_out, x, y)
            sample(fixed, gx, gy, 0, 5, still)
            front = amount * still[4]
            if front <= 0.0 and value[3] <= 0.0 and value[0] == 0.0 and value[1] == 0.0 and value[2] == 0.0:
                continue
            for c in range(3):
                skin = out[y, x, c] + amount * (value[c] + value[3] * still[0])
                out[y, x, c] = byte(skin + amount * still[1 + c] - skin * front)


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
    hairs = smooth((spacing * scale - 1.5) / 2.0)
    for y in range(y0, y1):
        for x in range(x0, x1):
            u = uv_from_out[0, 0] * x + uv_from_out[0, 1] * y + uv_from_out[0, 2]
            v = uv_from_out[1, 0] * x + uv_from_out[1, 1] * y + uv_from_out[1, 2]
            along = (u - middle) / half
            if along < -1.2 or along > 1.2:
                continue
            place = (u - u_first) / u_step
            margin = value_at(curves[0], place)
            gap = value_at(curves[1], place) - margin
            if gap < 0.0:
                margin, gap = margin + 0.5 * gap, 0.0
            t = (v - margin) * lean(curves[0], place, u_step)
            if t < -1.1 * height or t > length + (2.6 + drop) * thickness + gap:
                continue
            outer = 0.5 + 0.5 * along * ends[2]
            taper = smooth((1.12 - abs(along)) / 0.45)
            # what begins or ends at the margin takes a pixel and a half to do so: the margin moves in small steps
            off = smooth(t * scale / 1.5)
            rise = max(-t, 0.0) / height
            light = 1.0 - (1.0 - off) * shade * taper * (
                np.exp(-((rise / 0.22) ** 2)) - 0.3 * np.exp(-(((rise - 0.5) / 0.2) ** 2))
            )
            # the lids go on touching beyond the outer corner; at the inner one there are no lashes
            ending = min(smooth((1.14 - outer) / 0.26), smooth((outer + 0.05) / 0.3))
            wide = thickness * (0.65 + 0.5 * smooth(outer * 1.3))
            from_line = (t - 0.5 * min(gap, wide) - drop * wide) / wide
            line = np.exp(-1.4 * from_line * from_line) if from_line < 0.0 else np.exp(-0.7 * from_line * from_line)
            fringe = 0.0
            if t > 0.0 and outer > 0.12:
                reach = length * (0.45 + 0.55 * smooth(1.5 * outer)) + 1e-3
                phase = (u - 0.55 * along * t) / spacing
                stripe = 0.5 + 0.5 * np.cos(6.2831853 * (phase + 0.21 * np.sin(2.4 * phase)))
                fringe = 0.7 * off * smooth((outer - 0.12) / 0.1) * (1.0 - smooth(t / reach))
                fringe *= 0.5 + hairs * (stripe - 0.5)
            alpha = amount * ending * max(line, fringe)
            for c in range(3):
                value = np.float32(out[y, x, c]) * light
                out[y, x, c] = byte(value + (min(value, colour[c]) - value) * alpha)
