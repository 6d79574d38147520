"""Pixels on outlines, blended by the share of them that every surface has."""

from __future__ import annotations

import numba as nb
import numpy as np

from pipelines.render.mesh.cheek_kernels import with_cheek
from pipelines.render.mesh.compose_kernels import look_up, over_scene
from pipelines.render.mesh.outline_kernels import ACROSS, DOWN, FAR, SAMPLES, TILE, mark, mark_torn, sample

_SAME_PX, _SAME_LIGHT, _SAME_COVER = 0.05, 0.01, 0.1
"""Where origins, gains and shares of the completed cheek lie nearer than this, it is the pixel's own surface; from
five times as much on surely another one."""
_AHEAD_PX = 1.5
"""Source pixels by which a surface is continued to the middle of the pixel at most."""


@nb.njit(cache=True, nogil=True, fastmath=True, error_model="numpy", inline="always")
def _unlike(difference, same):
    """0 where two things are the same, 1 where they surely are not."""
    return min(max(0.25 * (difference / same - 1.0), 0.0), 1.0)


@nb.njit(cache=True, nogil=True, fastmath=True, boundscheck=False, error_model="numpy")
def _surface(mesh, cheek, t, x, y, held):
    """Triangle `t` as planes over the picture, 6 x (value at (x, y), slope across, slope down).

    Origin x and y, gain, share of the completed cheek and its origin x and y. `held`: share of motion and light here.
    """
    posed, uv, gain, triangles = mesh[0], mesh[1], mesh[2], mesh[3]
    cheek_uv, cheek_alpha = cheek[2], cheek[3]
    a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
    ax, ay = float(posed[a, 0] - posed[c, 0]), float(posed[a, 1] - posed[c, 1])
    bx, by = float(posed[b, 0] - posed[c, 0]), float(posed[b, 1] - posed[c, 1])
    double_area = ax * by - bx * ay
    dx, dy = x - posed[c, 0], y - posed[c, 1]
    l0, l1 = (dx * by - bx * dy) / double_area, (ax * dy - dx * ay) / double_area
    a0, a1, b0, b1 = by / double_area, -ay / double_area, -bx / double_area, ax / double_area
    p, q = float(uv[a, 0] - uv[c, 0]), float(uv[b, 0] - uv[c, 0])
    u, ux, uy = uv[c, 0] + l0 * p + l1 * q, a0 * p + a1 * q, b0 * p + b1 * q
    p, q = float(uv[a, 1] - uv[c, 1]), float(uv[b, 1] - uv[c, 1])
    v, vx, vy = uv[c, 1] + l0 * p + l1 * q, a0 * p + a1 * q, b0 * p + b1 * q
    p, q = float(gain[a] - gain[c]), float(gain[b] - gain[c])
    g, gx, gy = gain[c] + l0 * p + l1 * q, a0 * p + a1 * q, b0 * p + b1 * q
    if held < 1.0:
        u, ux, uy = x + (u - x) * held, 1.0 + (ux - 1.0) * held, uy * held
        v, vx, vy = y + (v - y) * held, vx * held, 1.0 + (vy - 1.0) * held
        g, gx, gy = 1.0 + (g - 1.0) * held, gx * held, gy * held
    if cheek[0][1] <= cheek[0][0] or max(a, b, c) >= cheek[7] or cheek_alpha[a] + cheek_alpha[b] + cheek_alpha[c] <= 0:
        nothing = (0.0, 0.0, 0.0)
        return (u, ux, uy), (v, vx, vy), (g, gx, gy), nothing, nothing, nothing
    p, q = float(cheek_alpha[a] - cheek_alpha[c]), float(cheek_alpha[b] - cheek_alpha[c])
    alpha = cheek_alpha[c] + l0 * p + l1 * q, a0 * p + a1 * q, b0 * p + b1 * q
    p, q = float(cheek_uv[a, 0] - cheek_uv[c, 0]), float(cheek_uv[b, 0] - cheek_uv[c, 0])
    mu = cheek_uv[c, 0] + l0 * p + l1 * q, a0 * p + a1 * q, b0 * p + b1 * q
    p, q = float(cheek_uv[a, 1] - cheek_uv[c, 1]), float(cheek_uv[b, 1] - cheek_uv[c, 1])
    mv = cheek_uv[c, 1] + l0 * p + l1 * q, a0 * p + a1 * q, b0 * p + b1 * q
    return (u, ux, uy), (v, vx, vy), (g, gx, gy), alpha, mu, mv


@nb.njit(cache=True, nogil=True, fastmath=True, error_model="numpy", inline="always")
def _at(plane, sx, sy):
    return plane[0] + sx * plane[1] + sy * plane[2]


@nb.njit(cache=True, nogil=True, fastmath=True, error_model="numpy", inline="always")
def _between(one, other, sx, sy):
    """How far two planes over the picture lie apart in the middle of a pixel or (sx, sy) from it."""
    value, across, down = one[0] - other[0], one[1] - other[1], one[2] - other[2]
    return max(abs(value), abs(value + sx * across + sy * down))


@nb.njit(cache=True, nogil=True, fastmath=True, error_model="numpy", inline="always")
def _unlike_surfaces(own, other, sx, sy):
    """0 where two surfaces look the same around a pixel, 1 where they surely do not."""
    cheek = min(max(_at(own[3], sx, sy), 0.0), max(_at(other[3], sx, sy), 0.0), 1.0)
    apart = np.hypot(_between(own[0], other[0], sx, sy), _between(own[1], other[1], sx, sy))
    lent = np.hypot(_between(own[4], other[4], sx, sy), _between(own[5], other[5], sx, sy)) if cheek > 0.0 else 0.0
    # under a cheek that is opaque nothing else is seen
    beneath = max(_unlike(apart, _SAME_PX), _unlike(_between(own[2], other[2], sx, sy), _SAME_LIGHT))
    unlike = min(3.0 * ((1.0 - cheek) * beneath + cheek * _unlike(lent, _SAME_PX)), 1.0)
    return max(unlike, _unlike(_between(own[3], other[3], sx, sy), _SAME_COVER))


@nb.njit(cache=True, nogil=True, fastmath=True, error_model="numpy", inline="always")
def _steep(surface, sx, sy):
    """0 where a surface goes on to the middle of the pixel from (sx, sy), towards 1 where that is far in the photo."""
    far = np.hypot(sx * surface[0][1] + sy * surface[0][2], sx * surface[1][1] + sy * surface[1][2])
    if _at(surface[3], sx, sy) > 0.0:
        far = max(far, np.hypot(sx * surface[4][1] + sy * surface[4][2], sx * surface[5][1] + sy * surface[5][2]))
    return 1.0 - min(_AHEAD_PX / max(far, 1e-6), 1.0)


@nb.njit(cache=True, nogil=True, fastmath=True, boundscheck=False, error_model="numpy")
def _colour(surface, sx, sy, front, back, size, y, x, cheek_image):
    """What a surface shows around (sx, sy) in a pixel, continued towards the pixel's middle."""
    u, v = _at(surface[0], sx, sy), _at(surface[1], sx, sy)
    du, dv = surface[0][0] - u, surface[1][0] - v
    ahead = min(1.0, _AHEAD_PX / max(np.hypot(du, dv), 1e-6))
    red, green, blue, opaque = look_up(front, size, np.float32(u + ahead * du), np.float32(v + ahead * dv))
    gain = np.float32(_at(surface[2], sx, sy))
    red, green, blue = over_scene(red, green, blue, opaque, gain, back, (y * size + x) * 3)
    cover = min(_at(surface[3], sx, sy), 1.0)
    if cover > 0.0:
        u, v = _at(surface[4], sx, sy), _at(surface[5], sx, sy)
        du, dv = surface[4][0] - u, surface[5][0] - v
        ahead = min(1.0, _AHEAD_PX / max(np.hypot(du, dv), 1e-6))
        red, green, blue = with_cheek(cheek_image, u + ahead * du, v + ahead * dv, cover, red, green, blue)
    return float(red), float(green), float(blue)


@nb.njit(cache=True, nogil=True, fastmath=True, boundscheck=False, error_model="numpy")
def settle(mesh, layers, border, cheek, room, found, out):
    """Blend the numbered pixels by their samples and clear the room."""
    front, back = layers[0].reshape(-1, 4), layers[1].reshape(-1)
    slots, tiles, pixels, halves, shares, _, middle, depths, ids = room
    size = slots.shape[0]
    for k in range(found):
        y, x = pixels[k, 0], pixels[k, 1]
        slots[y, x] = 0
        tiles[y // TILE, x // TILE] = False
        if middle[k] < 0:
            continue
        held = 1.0
        from_border = min(y, size - 1 - y, x, size - 1 - x) / border
        if from_border < 1.0:
            held = from_border * from_border * (3.0 - 2.0 * from_border)
        surface = _surface(mesh, cheek, middle[k], x, y, held)
        own = float(out[y, x, 0]), float(out[y, x, 1]), float(out[y, x, 2])
        red, green, blue = own
        for s in range(SAMPLES):
            t = ids[k, s]
            if depths[k, s] >= FAR or t < 0:
                continue
            # all samples of one triangle at once
            count, sx, sy = 0, 0.0, 0.0
            for r in range(s, SAMPLES):
                if ids[k, r] == t and depths[k, r] < FAR:
                    ids[k, r] = -1
                    count += 1
                    sx += ACROSS[r]
                    sy += DOWN[r]
            sx, sy = sx * halves[k] / count, sy * halves[k] / count
            other = _surface(mesh, cheek, t, x, y, held)
            unlike = max(_unlike_surfaces(surface, other, sx, sy), _steep(other, sx, sy))
            share = unlike * count * shares[k] / SAMPLES
            if share > 0.0:
                shown = _colour(other, sx, sy, front, back, size, y, x, cheek[1])
                red += share * (shown[0] - own[0])
                green += share * (shown[1] - own[1])
                blue += share * (shown[2] - own[2])
        out[y, x, 0] = np.uint8(min(max(red, 0.0), 255.0) + 0.5)
        out[y, x, 1] = np.uint8(min(max(green, 0.0), 255.0) + 0.5)
        out[y, x, 2] = np.uint8(min(max(blue, 0.0), 255.0) + 0.5)


@nb.njit(cache=True, nogil=True, boundscheck=False, error_model="numpy")
def cover_by_share(mesh, edges, layers, maps, rect, border, soft, cheek, room, out):
    """Blend pixels that an outline of the mesh crosses by how much of them every surface has.

    Args:
        mesh: (posed, uv, gain, triangles, first_hole, hole_depth) as `raster_flow` drew it.
        edges: (E, 4) two vertices of every inner edge and the third ones of its two triangles.
        layers: foreground and background as `compose` read them.
        maps: source x and y, gain and depth as `compose` read them.
        border: px over which motion ends at the border of the picture.
        soft: (reach, jump, near, amount). Px in depth by which the surface beside an outline that is seen may lie
            before it. Then for outlines softer than a pixel: px between the two origins from which they are, depth
            that they must not exceed (the face has outlines, hair fades out), and 0..1 how much of it.
        cheek: (rect, image, uv, alpha, map_x, map_y, cover, first_ring). The completed cheek in `out`: where it is,
            empty if nowhere; (S, S, 3) uint8 that it is read from; (V, 2) px and (V,) 0..1 per vertex; (S, S) as it
            was drawn; and the first vertex beside the face.
        room: see `room_for_outlines`.
        out: (S, S, 3) uint8, changed inside `rect`.
    """
    found = mark(mesh, edges, maps, rect, soft, cheek, room)
    found = mark_torn(maps, layers[0], rect, room, found)
    if found:
        sample(mesh, room)
        settle(mesh, layers, border, cheek, room, found, out)
