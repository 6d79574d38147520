"""From maps to pixels: the warped person over the scene, and what lies on either side of an outline.

Outlines are where one part of a turned head covers another. The raster decides between two surfaces once a pixel,
which leaves stairs along a cheek or a nose and lets pixels jump when the outline passes them.
"""

from __future__ import annotations

import numba as nb
import numpy as np

_SNAP = 1e-3
"""Map entries this near to their own pixel are that pixel: rest stays exact whatever rounding did."""
_SQUEEZED = 1.25
"""Source pixels per pixel from which more than one of them is looked at."""
_TAPS = 4
_SAME_PX, _SAME_LIGHT = 0.05, 0.01
"""Where origins and gains on both sides of an outline lie nearer than this, nothing is torn apart there."""
_TORN_PX = 4.0
"""Neighbours whose origins lie farther apart than this are of different surfaces."""


@nb.njit(cache=True, nogil=True, fastmath=True, boundscheck=False, error_model="numpy", inline="always")
def _tap(front, size, u, v):
    """Bilinear look-up of red, green, blue and alpha in the (S * S, 4) foreground; edges replicated."""
    one, edge = np.float32(1.0), np.float32(size - 1)
    u, v = min(max(u, np.float32(0.0)), edge), min(max(v, np.float32(0.0)), edge)
    i, j = np.int32(u), np.int32(v)
    fx, fy = u - np.float32(i), v - np.float32(j)
    # unsigned, so that no look-up has to ask whether its index counts from the end
    p = np.uintp(j * size + i)
    q = p + np.uintp(1) if i < size - 1 else p
    down = np.uintp(size) if j < size - 1 else np.uintp(0)
    r, s = p + down, q + down
    w11 = fx * fy
    w10, w01 = fy - w11, fx - w11
    w00 = one - fx - w10
    red = front[p, 0] * w00 + front[q, 0] * w01 + front[r, 0] * w10 + front[s, 0] * w11
    green = front[p, 1] * w00 + front[q, 1] * w01 + front[r, 1] * w10 + front[s, 1] * w11
    blue = front[p, 2] * w00 + front[q, 2] * w01 + front[r, 2] * w10 + front[s, 2] * w11
    alpha = front[p, 3] * w00 + front[q, 3] * w01 + front[r, 3] * w10 + front[s, 3] * w11
    return red, green, blue, alpha


@nb.njit(cache=True, nogil=True, fastmath=True, boundscheck=False, error_model="numpy", inline="always")
def _over(red, green, blue, alpha, gain, back, k):
    """Colour under a gain over the background at flat index `k`; float32 in 0..255."""
    one, white, zero = np.float32(1.0), np.float32(255.0), np.float32(0.0)
    # near white the photo has lost what light would change: bleached brightening, grey darkening
    more = gain - one
    if more != zero:
        high, mid, low = red / white, green / white, blue / white
        if more > zero:
            high = mid = low = max(high, mid, low)
        red += more * red * (one - high * high * high * high)
        green += more * green * (one - mid * mid * mid * mid)
        blue += more * blue * (one - low * low * low * low)
    see_through = one - alpha
    return (
        min(white, max(zero, red + back[k] * see_through)),
        min(white, max(zero, green + back[k + 1] * see_through)),
        min(white, max(zero, blue + back[k + 2] * see_through)),
    )


@nb.njit(cache=True, nogil=True, fastmath=True, boundscheck=False, error_model="numpy")
def _squeeze(map_x, map_y, y, x):
    """Way in the photo from a pixel to the next along the axis on which the map squeezes more: length, x and y.

    Of two opposite neighbours the nearer counts: where an outline passes between the pixel and the other, only that
    one lies on the same surface.
    """
    limit = map_x.shape[0] - 1
    u, v = map_x[y, x], map_y[y, x]
    square, along_x, along_y = np.float32(0.0), np.float32(0.0), np.float32(0.0)
    for dy, dx in ((0, 1), (1, 0)):
        j, i = min(y + dy, limit), min(x + dx, limit)
        ax, ay = map_x[j, i] - u, map_y[j, i] - v
        j, i = max(y - dy, 0), max(x - dx, 0)
        bx, by = u - map_x[j, i], v - map_y[j, i]
        if bx * bx + by * by < ax * ax + ay * ay:
            ax, ay = bx, by
        if ax * ax + ay * ay > square:
            square, along_x, along_y = ax * ax + ay * ay, ax, ay
    return np.sqrt(square), along_x, along_y


@nb.njit(cache=True, nogil=True, fastmath=True, boundscheck=False, error_model="numpy")
def compose(photo, foreground, empty, background, map_x, map_y, gains, rect, out):
    """out = warped premultiplied foreground * gain over the background, inside `rect`; bilinear in float32.

    Where the map squeezes the photo, a pixel shows the mean of what falls on it, or fine structure would flicker.
    Flat indices and written-out channels: a loop over channels costs 30 % more here.

    Args:
        photo, background, out: (S, S, 3) uint8, contiguous.
        foreground: (S, S, 4) float32 premultiplied colour and alpha.
        empty: (S, S) bool, where the four pixels that a sample from here on would blend hold no foreground.
    """
    top, bottom, left, right = rect
    size = photo.shape[0]
    limit = size - 1
    edge, snap = np.float32(limit), np.float32(_SNAP)
    one, half, zero = np.float32(1.0), np.float32(0.5), np.float32(0.0)
    squeezed, most = np.float32(_SQUEEZED), np.float32(_TORN_PX)
    front, back, still, result = foreground.reshape(-1, 4), background.reshape(-1), photo.reshape(-1), out.reshape(-1)
    for y in range(top, bottom):
        below = min(y + 1, limit)
        for x in range(left, right):
            u, v, gain = map_x[y, x], map_y[y, x], gains[y, x]
            k = (y * size + x) * 3
            if abs(u - np.float32(x)) < snap and abs(v - np.float32(y)) < snap and abs(gain - one) < snap:
                result[k], result[k + 1], result[k + 2] = still[k], still[k + 1], still[k + 2]
                continue
            # no squeeze towards one side is none at all, and this is cheap to see
            east, south = (y, min(x + 1, limit)), (below, x)
            du, dv, eu, ev = map_x[east] - u, map_y[east] - v, map_x[south] - u, map_y[south] - v
            length = ax = ay = zero
            if max(du * du + dv * dv, eu * eu + ev * ev) > squeezed * squeezed:
                length, ax, ay = _squeeze(map_x, map_y, y, x)
            if length > squeezed:
                step = (min(length, most) - squeezed) / (np.float32(_TAPS) * length)
                start = -half * step * np.float32(_TAPS - 1)
                red = green = blue = alpha = zero
                for tap in range(_TAPS):
                    place = start + np.float32(tap) * step
                    r, g, b, a = _tap(front, size, u + place * ax, v + place * ay)
                    red, green, blue, alpha = red + r, green + g, blue + b, alpha + a
                share = one / np.float32(_TAPS)
                red, green, blue, alpha = red * share, green * share, blue * share, alpha * share
            else:
                i, j = np.int32(min(max(u, zero), edge)), np.int32(min(max(v, zero), edge))
                if empty[j, i]:
                    result[k], result[k + 1], result[k + 2] = back[k], back[k + 1], back[k + 2]
                    continue
                red, green, blue, alpha = _tap(front, size, u, v)
            red, green, blue = _over(red, green, blue, alpha, gain, back, k)
            result[k] = np.uint8(np.int32(red + half))
            result[k + 1] = np.uint8(np.int32(green + half))
            result[k + 2] = np.uint8(np.int32(blue + half))


@nb.njit(cache=True, nogil=True, fastmath=True, boundscheck=False, error_model="numpy", inline="always")
def _blend(front, back, out, size, y, x, u, v, gain, weight):
    """Blend a pixel of flat `out` with what the maps would give from (u, v)."""
    red, green, blue, alpha = _tap(front, size, np.float32(u), np.float32(v))
    k = (y * size + x) * 3
    red, green, blue = _over(red, green, blue, alpha, np.float32(gain), back, k)
    out[k] = np.uint8(out[k] + (red - out[k]) * weight + 0.5)
    out[k + 1] = np.uint8(out[k + 1] + (green - out[k + 1]) * weight + 0.5)
    out[k + 2] = np.uint8(out[k + 2] + (blue - out[k + 2]) * weight + 0.5)


@nb.njit(cache=True, nogil=True, boundscheck=False, error_model="numpy")
def cover_by_share(
    posed, uv, gain, edges, foreground, background, map_x, map_y, gains, depth, rect, border, soft, out
):
    """Blend pixels that an outline of the mesh crosses by how much of them lies on either side of it.

    A pixel would otherwise jump from what is in front to what is behind it when the outline passes its centre. In
    front lies what the mesh has on the outline itself; what is behind continues from the pixel beyond.

    Args:
        posed, uv, gain: (V, 3), (V, 2) and (V,) of the mesh as it was drawn.
        edges: (E, 4) two vertices of every inner edge and the third ones of its two triangles.
        map_x, map_y, gains, depth: (S, S) float32 as `compose` read them.
        border: px over which motion ends at the border of the picture.
        soft: (reach, jump, near, amount). Px by which the surface beside an outline that is seen may lie from it, in
            depth or in the photo. Then for outlines softer than a pixel: px between the two origins from which they
            are, depth that they must not exceed (the face has outlines, hair fades out), and 0..1 how much of it.
        out: (S, S, 3) uint8, changed inside `rect`.
    """
    top, bottom, left, right = rect
    reach, jump, near, amount = soft
    size = out.shape[0]
    front, back, result = foreground.reshape(-1, 4), background.reshape(-1), out.reshape(-1)
    for e in range(len(edges)):
        a, b, c, d = edges[e, 0], edges[e, 1], edges[e, 2], edges[e, 3]
        ax, ay = float(posed[a, 0]), float(posed[a, 1])
        ux, uy = float(posed[b, 0]) - ax, float(posed[b, 1]) - ay
        to_c = ux * (posed[c, 1] - ay) - uy * (posed[c, 0] - ax)
        to_d = ux * (posed[d, 1] - ay) - uy * (posed[d, 0] - ax)
        if to_c * to_d <= 0.0:
            continue
        steep = abs(uy) > abs(ux)
        start, along, first, across = (ay, uy, ax, ux) if steep else (ax, ux, ay, uy)
        if abs(along) < 1e-6:
            continue
        # the surface lies on one side of its outline: where what lies there is the farther, the outline is hidden
        starts_here = ((to_c > 0.0) == (along > 0.0)) != steep
        low, high = (top, bottom) if steep else (left, right)
        least, most = (left, right) if steep else (top, bottom)
        for k in range(
            max(int(np.ceil(min(start, start + along))), low),
            min(int(np.floor(max(start, start + along))), high - 1) + 1,
        ):
            share = (k - start) / along
            at = first + share * across
            i = int(np.floor(at))
            if i < least or i + 1 >= most:
                continue
            # one pixel on the surface of the outline, one behind it and the next one there
            own, behind = (i + 1, i) if starts_here else (i, i + 1)
            after = min(max(2 * behind - own, 0), size - 1)
            y0, x0, y1, x1 = (k, own, k, behind) if steep else (own, k, behind, k)
            y2, x2 = (k, after) if steep else (after, k)
            z = posed[a, 2] + share * (posed[b, 2] - posed[a, 2])
            in_front = min(depth[y1, x1] - depth[y0, x0], 1.0)
            if in_front <= 0.0:
                continue
            held = 1.0
            from_border = min(k, size - 1 - k, at, size - 1 - at) / border
            if from_border < 1.0:
                held = from_border * from_border * (3.0 - 2.0 * from_border)
            px, py = (at, float(k)) if steep else (float(k), at)
            u = px + (uv[a, 0] + share * (uv[b, 0] - uv[a, 0]) - px) * held
            v = py + (uv[a, 1] + share * (uv[b, 1] - uv[a, 1]) - py) * held
            # a surface seen edge on goes deep within a pixel, but its origins stay together
            gap = min(abs(depth[y0, x0] - z), np.hypot(map_x[y0, x0] - u, map_y[y0, x0] - v))
            in_front = min(in_front, 2.0 - gap / reach)
            if in_front <= 0.0:
                continue
            # what lies behind continues from the pixel beyond
            du, dv = map_x[y1, x1] - map_x[y2, x2], map_y[y1, x1] - map_y[y2, x2]
            if du * du + dv * dv > _TORN_PX * _TORN_PX:
                du, dv = float(x0 - x1), float(y0 - y1)
            far = abs(behind - at)
            apart = np.hypot(map_x[y1, x1] + far * du - u, map_y[y1, x1] + far * dv - v)
            light = 1.0 + (gain[a] + share * (gain[b] - gain[a]) - 1.0) * held
            torn = max(apart / _SAME_PX, abs(light - gains[y1, x1]) / _SAME_LIGHT)
            in_front *= min(max(0.2 * torn - 0.2, 0.0), 1.0)
            if in_front <= 0.0:
                continue
            softer = amount * min(max(apart / jump - 1.0, 0.0), 1.0) * min(max((near - z) / (10.0 * jump), 0.0), 1.0)
            width = 0.5 + 0.5 * softer
            over, under = width - far, width - abs(own - at)
            if over > 0.0:
                _blend(front, back, result, size, y1, x1, u, v, light, in_front * over / (2.0 * width))
            if under > 0.0:
                u, v = map_x[y1, x1] + du, map_y[y1, x1] + dv
                _blend(front, back, result, size, y0, x0, u, v, gains[y1, x1], in_front * under / (2.0 * width))


@nb.njit(cache=True, nogil=True, fastmath=True, boundscheck=False, error_model="numpy")
def lay_under(front, share, above, back, out):
    """Lay a layer between what was drawn and the scene behind it, in place.

    Args:
        front: (h, w, 4) float32 premultiplied colour and alpha of the layer, cut from the same scene.
        share: (h, w) float32 0..1 of it to show.
        above: (h, w) float32 alpha of what was drawn over the scene.
        back, out: (h, w, 3) uint8 scene and picture.
    """
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            seen = share[y, x] * (np.float32(1.0) - above[y, x])
            if seen <= 0.0:
                continue
            alpha = front[y, x, 3]
            for c in range(3):
                value = np.float32(out[y, x, c]) + seen * (front[y, x, c] - alpha * np.float32(back[y, x, c]))
                out[y, x, c] = np.uint8(min(np.float32(255.0), max(np.float32(0.0), value)) + np.float32(0.5))
