"""From maps to pixels: the warped person over the scene."""

from __future__ import annotations

import numba as nb
import numpy as np

_SNAP = 1e-3
"""Map entries this near to their own pixel are that pixel: rest stays exact whatever rounding did."""
_SQUEEZED = 1.25
"""Source pixels per pixel from which more than one of them is looked at."""
_TAPS = 4
_TORN_PX = 4.0
"""Neighbours whose origins lie farther apart than this are of different surfaces."""


@nb.njit(cache=True, nogil=True, fastmath=True, boundscheck=False, error_model="numpy", inline="always")
def look_up(front, size, u, v):
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
def over_scene(red, green, blue, alpha, gain, back, k):
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
                    r, g, b, a = look_up(front, size, u + place * ax, v + place * ay)
                    red, green, blue, alpha = red + r, green + g, blue + b, alpha + a
                share = one / np.float32(_TAPS)
                red, green, blue, alpha = red * share, green * share, blue * share, alpha * share
            else:
                i, j = np.int32(min(max(u, zero), edge)), np.int32(min(max(v, zero), edge))
                if empty[j, i]:
                    result[k], result[k + 1], result[k + 2] = back[k], back[k + 1], back[k + 2]
                    continue
                red, green, blue, alpha = look_up(front, size, u, v)
            red, green, blue = over_scene(red, green, blue, alpha, gain, back, k)
            result[k] = np.uint8(np.int32(red + half))
            result[k + 1] = np.uint8(np.int32(green + half))
            result[k + 2] = np.uint8(np.int32(blue + half))


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
