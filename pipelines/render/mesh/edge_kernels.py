"""Edges of what is drawn: outlines where one part of a turned head covers another, and the border of the picture.

The raster decides between two surfaces once a pixel, which leaves stairs along a cheek or a nose.
"""

from __future__ import annotations

import numba as nb
import numpy as np


@nb.njit(cache=True, nogil=True)
def soften_outlines(out, map_x, map_y, depth, rect, jump, near, amount):
    """Blend pixels on either side of an outline with their eight neighbours (binomial), in place.

    Args:
        out: (H, W, 3) uint8 RGB.
        map_x, map_y: (H, W) float32 where the picture was taken from.
        depth: (H, W) float32, huge where nothing was drawn.
        rect: (top, bottom, left, right) to look at.
        jump: px by which neighbours' origins lie apart where an outline begins; from twice as much it is whole.
        near: depth that the nearer side must not exceed: the face has outlines, hair fades out.
        amount: 0..1.
    """
    top, bottom = max(rect[0], 1), min(rect[1], out.shape[0] - 1)
    left, right = max(rect[2], 1), min(rect[3], out.shape[1] - 1)
    width = out.shape[1]
    before, line = np.empty((width, 3), np.uint8), np.empty((width, 3), np.uint8)
    if top < bottom:
        before[:] = out[top - 1]
    for y in range(top, bottom):
        line[:] = out[y]
        for x in range(left, right):
            u, v = map_x[y, x], map_y[y, x]
            apart = max(
                max(abs(map_x[y, x - 1] - u), abs(map_x[y, x + 1] - u)),
                max(abs(map_y[y - 1, x] - v), abs(map_y[y + 1, x] - v)),
            )
            nearest = min(depth[y, x], min(depth[y, x - 1], depth[y, x + 1]), min(depth[y - 1, x], depth[y + 1, x]))
            if apart <= jump or nearest >= near:
                continue
            # outlines come and go with the turn, never all at once
            share = amount * min((apart - jump) / jump, 1.0) * min((near - nearest) / (10.0 * jump), 1.0)
            for c in range(3):
                rows = (
                    np.float32(before[x - 1, c]) + 2.0 * before[x, c] + before[x + 1, c]
                    + 2.0 * line[x - 1, c] + 4.0 * line[x, c] + 2.0 * line[x + 1, c]
                    + out[y + 1, x - 1, c] + 2.0 * out[y + 1, x, c] + out[y + 1, x + 1, c]
                )  # fmt: skip
                out[y, x, c] = np.uint8(line[x, c] + share * (rows / 16.0 - line[x, c]) + 0.5)
        before, line = line, before


@nb.njit(cache=True, nogil=True, boundscheck=False, error_model="numpy")
def cover_by_share(posed, edges, map_x, map_y, depth, rect, reach, out):
    """Blend pixels that an outline of the mesh crosses with those beyond it by how far it lies from their centres.

    A pixel would otherwise jump from what is in front to what is behind it when the outline passes its centre.

    Args:
        edges: (E, 4) two vertices of every inner edge and the third ones of its two triangles.
        reach: depth in px by which the surface may differ from the outline where that is seen.
        out: (S, S, 3) uint8, changed inside `rect`.
    """
    top, bottom, left, right = rect
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
            y0, x0, y1, x1 = (k, i, k, i + 1) if steep else (i, k, i + 1, k)
            z = posed[a, 2] + share * (posed[b, 2] - posed[a, 2])
            if min(abs(depth[y0, x0] - z), abs(depth[y1, x1] - z)) > reach:
                continue
            in_front = depth[y0, x0] - depth[y1, x1] if starts_here else depth[y1, x1] - depth[y0, x0]
            if in_front <= 0.0:
                continue
            jump = np.hypot(map_x[y1, x1] - map_x[y0, x0], map_y[y1, x1] - map_y[y0, x0])
            torn = min(max(jump - 1.25, 0.0), 1.0)
            if torn == 0.0:
                continue
            from_first = at - i
            if from_first > 0.5:
                y0, x0, y1, x1, from_first = y1, x1, y0, x0, 1.0 - from_first
            weight = torn * min(in_front, 1.0) * (0.5 - from_first)
            for channel in range(3):
                own, beyond = float(out[y0, x0, channel]), float(out[y1, x1, channel])
                out[y0, x0, channel] = np.uint8(own + (beyond - own) * weight + 0.5)


@nb.njit(cache=True, nogil=True, fastmath=True, boundscheck=False)
def fade_border(map_x, map_y, gains, rect, width):
    """Fade motion and gain to nothing over `width` px at the border of the picture."""
    top, bottom, left, right = rect
    size = map_x.shape[0]
    for y in range(top, bottom):
        from_edge_y = min(y, size - 1 - y)
        x = left
        while x < right:
            if from_edge_y >= width and x == width:
                x = max(x, size - width)
                if x >= right:
                    break
            t = min(from_edge_y, x, size - 1 - x) / width
            if t < 1.0:
                share = t * t * (3.0 - 2.0 * t)
                map_x[y, x] = x + (map_x[y, x] - x) * share
                map_y[y, x] = y + (map_y[y, x] - y) * share
                gains[y, x] = 1.0 + (gains[y, x] - 1.0) * share
            x += 1


@nb.njit(cache=True, nogil=True, fastmath=True, boundscheck=False, error_model="numpy")
def hold_border(image, out, width):
    """Blend `out` into `image` over `width` px at the border, whose outermost pixels become the image's."""
    size = image.shape[0]
    for y in range(size):
        from_edge_y = min(y, size - 1 - y)
        x = 0
        while x < size:
            if from_edge_y >= width and x == width:
                x = size - width
            t = min(from_edge_y, x, size - 1 - x) / width
            if t < 1.0:
                share = t * t * (3.0 - 2.0 * t)
                for c in range(3):
                    still = np.float32(image[y, x, c])
                    out[y, x, c] = np.uint8(still + (np.float32(out[y, x, c]) - still) * share + 0.5)
            x += 1
