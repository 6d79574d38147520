"""Pixels that an outline crosses, by the share of them that every surface has.

Outlines are where one part of a turned head covers another, or where a completed cheek ends. The raster decides
between two surfaces once a pixel, which leaves stairs along a cheek or a nose and lets pixels jump when the outline
passes them. On outlines, and only there, the mesh is drawn once more at many places of the pixel.
"""

from __future__ import annotations

import numba as nb
import numpy as np

FAR = np.float32(1e9)
_ROWS = (27, 6, 11, 20, 4, 26, 14, 21, 5, 29, 15, 3, 22, 9, 31, 16, 2, 8, 24, 28, 13, 17, 23, 1, 10, 30, 7, 19, 25, 0)
_ROWS += (18, 12)
SAMPLES = 32
ACROSS = ((np.arange(SAMPLES) + 0.5) / SAMPLES * 2.0 - 1.0).astype(np.float32)
DOWN = ((np.array(_ROWS) + 0.5) / SAMPLES * 2.0 - 1.0).astype(np.float32)
"""Where a pixel is looked at, in half pixels from its middle: no two in one row or column, few in line."""
TILE, _RUN = 8, 64
_SLACK = np.float32(1e-5)
"""For rounding alone, as in `raster_flow`."""
_TORN_PX = 4.0
"""Neighbours whose origins lie farther apart than this are of different surfaces."""
_STEEP_PX = 4.0
"""Neighbours whose origins lie this far apart need samples, twice as far apart them alone."""
_FADE = 4.0
"""Share of a pixel's samples that counts, per px by which an outline has entered it."""
ROOM_SHARE = 12
"""Pixels on outlines that a frame may have, per pixel of its side."""


def room_for_outlines(size):
    """The `room` that `cover_kernels.cover_by_share` works in for pictures of this side.

    Number of every pixel on an outline from 1 on (S, S), whether tiles have any, and per such pixel its row and
    column, its half width, its share to be drawn anew, the depth and triangle of its middle and of every sample.
    """
    pixels, tiles = ROOM_SHARE * size, size // TILE + 1
    return (
        np.zeros((size, size), np.int32),
        np.zeros((tiles, tiles), np.bool_),
        np.empty((pixels, 2), np.int32),
        np.empty(pixels, np.float32),
        np.empty(pixels, np.float32),
        np.empty(pixels, np.float32),
        np.empty(pixels, np.int32),
        np.empty((pixels, SAMPLES), np.float32),
        np.empty((pixels, SAMPLES), np.int32),
    )


@nb.njit(cache=True, nogil=True, fastmath=True, boundscheck=False, error_model="numpy", inline="always")
def _origin(map_x, map_y, x, y):
    """What the maps show between pixels, edges replicated."""
    limit = map_x.shape[0] - 1.001
    x, y = min(max(x, 0.0), limit), min(max(y, 0.0), limit)
    i, j = int(x), int(y)
    w11 = (x - i) * (y - j)
    w10, w01 = y - j - w11, x - i - w11
    w00 = 1.0 - w01 - w10 - w11
    return (
        map_x[j, i] * w00 + map_x[j, i + 1] * w01 + map_x[j + 1, i] * w10 + map_x[j + 1, i + 1] * w11,
        map_y[j, i] * w00 + map_y[j, i + 1] * w01 + map_y[j + 1, i] * w10 + map_y[j + 1, i + 1] * w11,
    )


@nb.njit(cache=True, nogil=True, fastmath=True, boundscheck=False, error_model="numpy")
def _apart(map_x, map_y, px, py, nx, ny, u, v):
    """Source px between an outline's own origin (u, v) at (px, py) and what lies behind it, along (nx, ny)."""
    u1, v1 = _origin(map_x, map_y, px + 1.5 * nx, py + 1.5 * ny)
    u2, v2 = _origin(map_x, map_y, px + 2.5 * nx, py + 2.5 * ny)
    du, dv = u1 - u2, v1 - v2
    if du * du + dv * dv > _TORN_PX * _TORN_PX:
        du, dv = -nx, -ny
    return np.hypot(u1 + 1.5 * du - u, v1 + 1.5 * dv - v)


@nb.njit(cache=True, nogil=True, fastmath=True, boundscheck=False, error_model="numpy")
def _number(room, found, y, x, half, share):
    """Number a pixel that is not yet; returns how many there are."""
    slots, tiles, pixels, halves, shares, middle_depth, middle, depths, _ = room
    k = slots[y, x] - 1
    if k >= 0:
        halves[k], shares[k] = max(halves[k], np.float32(half)), max(shares[k], np.float32(share))
        return found
    if found >= len(pixels):
        return found
    slots[y, x] = found + 1
    tiles[y // TILE, x // TILE] = True
    pixels[found, 0], pixels[found, 1] = y, x
    halves[found], shares[found] = half, share
    depths[found] = middle_depth[found] = FAR
    middle[found] = -1
    return found + 1


@nb.njit(cache=True, nogil=True, fastmath=True, boundscheck=False, error_model="numpy", inline="always")
def _alpha_at(foreground, u, v):
    limit = foreground.shape[0] - 1
    return foreground[min(max(int(v), 0), limit), min(max(int(u), 0), limit), 3]


@nb.njit(cache=True, nogil=True, fastmath=True, boundscheck=False, error_model="numpy")
def _any_torn(map_x, map_y, next_x, next_y, least):
    """Whether in a piece of a row any pixel lies that far from its right or lower neighbour."""
    torn = 0
    for x in range(len(map_x) - 1):
        du, dv = map_x[x + 1] - map_x[x], map_y[x + 1] - map_y[x]
        eu, ev = next_x[x] - map_x[x], next_y[x] - map_y[x]
        torn |= (du * du + dv * dv > least) | (eu * eu + ev * ev > least)
    return torn != 0


@nb.njit(cache=True, nogil=True, fastmath=True, boundscheck=False, error_model="numpy")
def mark_torn(maps, foreground, rect, room, found):
    """Number the pixels where neighbours show places of the person that lie far apart; returns how many there are."""
    map_x, map_y = maps[0], maps[1]
    least = np.float32(_STEEP_PX * _STEEP_PX)
    for y in range(rect[0], rect[1] - 1):
        for first in range(rect[2], rect[3] - 1, _RUN):
            last = min(first + _RUN, rect[3] - 1)
            row = slice(first, last + 1)
            if not _any_torn(map_x[y, row], map_y[y, row], map_x[y + 1, row], map_y[y + 1, row], least):
                continue
            for x in range(first, last):
                u, v = map_x[y, x], map_y[y, x]
                du, dv = map_x[y, x + 1] - u, map_y[y, x + 1] - v
                eu, ev = map_x[y + 1, x] - u, map_y[y + 1, x] - v
                east, south = du * du + dv * dv, eu * eu + ev * ev
                if max(east, south) <= least:
                    continue
                here = _alpha_at(foreground, u, v)
                for far, j, i in ((east, y, x + 1), (south, y + 1, x)):
                    if far > least and here + _alpha_at(foreground, map_x[j, i], map_y[j, i]) > 0.0:
                        share = min(np.sqrt(far) / _STEEP_PX - 1.0, 1.0)
                        found = _number(room, found, y, x, 0.5, share)
                        found = _number(room, found, j, i, 0.5, share)
    return found


@nb.njit(cache=True, nogil=True, fastmath=True, boundscheck=False, error_model="numpy")
def mark(mesh, edges, maps, rect, soft, cheek, room):
    """Number the pixels that an outline in view may cross; returns how many there are."""
    posed, uv = mesh[0], mesh[1]
    map_x, map_y, _, depth = maps
    top, bottom, left, right = rect
    reach, jump, near, amount = soft
    cheek_rect, cheek_alpha, first_ring = cheek[0], cheek[3], cheek[7]
    with_cheek = cheek_rect[1] > cheek_rect[0]
    size = map_x.shape[0]
    found = 0
    for e in range(len(edges)):
        a, b, c, d = edges[e, 0], edges[e, 1], edges[e, 2], edges[e, 3]
        ax, ay, az = float(posed[a, 0]), float(posed[a, 1]), float(posed[a, 2])
        ux, uy, uz = float(posed[b, 0]) - ax, float(posed[b, 1]) - ay, float(posed[b, 2]) - az
        to_c = ux * (posed[c, 1] - ay) - uy * (posed[c, 0] - ax)
        to_d = ux * (posed[d, 1] - ay) - uy * (posed[d, 0] - ax)
        if to_c * to_d <= 0.0 and (
            not with_cheek or (c < first_ring) == (d < first_ring) or cheek_alpha[a] + cheek_alpha[b] <= 0.0
        ):
            # the mesh goes on here, and so does the cheek
            continue
        length = np.hypot(ux, uy)
        if length < 1e-4:
            continue
        # off the surface of the outline, and how far the corner of a square lies in that direction
        nx, ny = uy / length, -ux / length
        if to_c < 0.0:
            nx, ny = -nx, -ny
        corner = abs(nx) + abs(ny)
        softest = amount * min(max((near - min(az, az + uz)) / (10.0 * jump), 0.0), 1.0)
        widest = 0.5 + 0.5 * softest
        for y in range(
            max(int(np.ceil(min(ay, ay + uy) - widest)), top),
            min(int(np.floor(max(ay, ay + uy) + widest)), bottom - 1) + 1,
        ):
            low, high = 0.0, 1.0
            if abs(uy) > 1e-9:
                enter, leave = (y - widest - ay) / uy, (y + widest - ay) / uy
                low, high = max(low, min(enter, leave)), min(high, max(enter, leave))
            x_low, x_high = ax + low * ux, ax + high * ux
            for x in range(
                max(int(np.ceil(min(x_low, x_high) - widest)), left),
                min(int(np.floor(max(x_low, x_high) + widest)), right - 1) + 1,
            ):
                share = min(max(((x - ax) * ux + (y - ay) * uy) / (length * length), 0.0), 1.0)
                px, py, z = ax + share * ux, ay + share * uy, az + share * uz
                in_view = z - reach
                if depth[y, x] < in_view:
                    # the outline may still be seen in the pixels beside this one
                    before, after = max(x - 1, 0), min(x + 1, size - 1)
                    above, below = max(y - 1, 0), min(y + 1, size - 1)
                    deepest = max(depth[y, before], depth[y, after], depth[above, x], depth[below, x])
                    if deepest < in_view:
                        continue
                half = 0.5
                if softest > 0.0:
                    u, v = uv[a, 0] + share * (uv[b, 0] - uv[a, 0]), uv[a, 1] + share * (uv[b, 1] - uv[a, 1])
                    apart = _apart(map_x, map_y, px, py, nx, ny, u, v)
                    half += 0.5 * softest * min(max(apart / jump - 1.0, 0.0), 1.0)
                # nothing may jump when an outline reaches a pixel, not even the grain that samples average
                share = min(_FADE * (half * corner - np.hypot(px - x, py - y)), 1.0)
                if share > 0.0:
                    found = _number(room, found, y, x, half, share)
    return found


@nb.njit(cache=True, nogil=True, fastmath=True, boundscheck=False, error_model="numpy")
def sample(mesh, room):
    """Draw the mesh into the samples of the numbered pixels."""
    posed, _, _, triangles, first_hole, hole_depth = mesh
    slots, tiles, _, halves, _, middle_depth, middle, depths, ids = room
    size = slots.shape[0]
    for t in range(len(triangles)):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, az = posed[a, 0], posed[a, 1], posed[a, 2]
        bx, by, bz = posed[b, 0], posed[b, 1], posed[b, 2]
        cx, cy, cz = posed[c, 0], posed[c, 1], posed[c, 2]
        y0 = max(int(np.ceil(min(ay, by, cy) - 1.0)), 0)
        y1 = min(int(np.floor(max(ay, by, cy) + 1.0)), size - 1)
        x0 = max(int(np.ceil(min(ax, bx, cx) - 1.0)), 0)
        x1 = min(int(np.floor(max(ax, bx, cx) + 1.0)), size - 1)
        if y0 > y1 or x0 > x1:
            continue
        double_area = float(by - cy) * float(ax - cx) + float(cx - bx) * float(ay - cy)
        if abs(double_area) < 1e-9:
            continue
        deeper = np.float32(hole_depth if t >= first_hole or double_area < 0.0 else 0.0)
        a0, b0 = np.float32((by - cy) / double_area), np.float32((cx - bx) / double_area)
        a1, b1 = np.float32((cy - ay) / double_area), np.float32((ax - cx) / double_area)
        a2, b2 = -a0 - a1, -b0 - b1
        za, zb = az - cz, bz - cz
        zx, zy = a0 * za + a1 * zb, b0 * za + b1 * zb
        e0, e1, e2 = abs(a0) + abs(b0), abs(a1) + abs(b1), abs(a2) + abs(b2)
        for tile_y in range(y0 // TILE, y1 // TILE + 1):
            for tile_x in range(x0 // TILE, x1 // TILE + 1):
                if not tiles[tile_y, tile_x]:
                    continue
                for y in range(max(y0, tile_y * TILE), min(y1, tile_y * TILE + TILE - 1) + 1):
                    for x in range(max(x0, tile_x * TILE), min(x1, tile_x * TILE + TILE - 1) + 1):
                        k = slots[y, x] - 1
                        if k < 0:
                            continue
                        half = halves[k]
                        dx, dy = np.float32(x) - cx, np.float32(y) - cy
                        l0, l1 = a0 * dx + b0 * dy, a1 * dx + b1 * dy
                        l2 = np.float32(1.0) - l0 - l1
                        if l0 < -half * e0 or l1 < -half * e1 or l2 < -half * e2:
                            continue
                        z = cz + deeper + l0 * za + l1 * zb
                        if min(l0, l1, l2) >= -_SLACK and z < middle_depth[k]:
                            middle_depth[k], middle[k] = z, t
                        for s in range(SAMPLES):
                            sx, sy = half * ACROSS[s], half * DOWN[s]
                            inside = min(l0 + a0 * sx + b0 * sy, l1 + a1 * sx + b1 * sy, l2 + a2 * sx + b2 * sy)
                            here = z + zx * sx + zy * sy
                            nearer = inside >= np.float32(0.0) and here < depths[k, s]
                            depths[k, s] = here if nearer else depths[k, s]
                            ids[k, s] = t if nearer else ids[k, s]
