"""Compiled inner loops of the mesh renderer; in a module of their own so that edits elsewhere keep the cache.

Not parallel on purpose: numba's threading layer aborts when two Python threads enter it. The loops release the GIL
instead, so several sessions render side by side. Rectangles are (top, bottom, left, right), half open.
"""

from __future__ import annotations

from collections.abc import Callable

import numba as nb
import numpy as np

_FAR = 1e9
_SNAP = 1e-3
"""Map entries this near to their own pixel are that pixel: rest stays exact whatever rounding did."""


@nb.njit(cache=True, nogil=True)
def dirty_rect(posed, rest, gain, triangles, size, tolerance_px):
    """Rectangle around all triangles with a vertex that moved or changed brightness; empty if none did."""
    top, bottom, left, right = size, 0, size, 0
    moved = np.empty(len(rest), np.bool_)
    for v in range(len(rest)):
        dx, dy = posed[v, 0] - rest[v, 0], posed[v, 1] - rest[v, 1]
        moved[v] = abs(dx) > tolerance_px or abs(dy) > tolerance_px or abs(gain[v] - 1.0) > 0.002
    for t in range(len(triangles)):
        if not (moved[triangles[t, 0]] or moved[triangles[t, 1]] or moved[triangles[t, 2]]):
            continue
        for k in range(3):
            v = triangles[t, k]
            x0, x1 = min(posed[v, 0], rest[v, 0]), max(posed[v, 0], rest[v, 0])
            y0, y1 = min(posed[v, 1], rest[v, 1]), max(posed[v, 1], rest[v, 1])
            top, bottom = min(top, int(np.floor(y0))), max(bottom, int(np.ceil(y1)) + 1)
            left, right = min(left, int(np.floor(x0))), max(right, int(np.ceil(x1)) + 1)
    return max(top, 0), min(bottom, size), max(left, 0), min(right, size)


@nb.njit(cache=True, nogil=True, boundscheck=False)
def triangles_with_person(posed, uv, triangles, filled, kept):
    """Copy to `kept` the triangles that carry, cover or uncover any of the person; returns how many.

    The others would paint the scene over itself, so that nothing of them need be drawn.

    Args:
        posed: (V, 3) float32 px; uv: (V, 2) float32 source px.
        filled: (S + 1, S + 1) int32 integral image of the pixels at which the foreground is not empty.
        kept: (T, 3) like `triangles`, written from its start, order kept.
    """
    size = filled.shape[0] - 1
    count = 0
    for t in range(len(triangles)):
        left, right, top, bottom = float(size), -1.0, float(size), -1.0
        for k in range(3):
            v = triangles[t, k]
            left, right = min(left, posed[v, 0], uv[v, 0]), max(right, posed[v, 0], uv[v, 0])
            top, bottom = min(top, posed[v, 1], uv[v, 1]), max(bottom, posed[v, 1], uv[v, 1])
        x0, x1 = min(max(int(left) - 1, 0), size), min(max(int(right) + 3, 0), size)
        y0, y1 = min(max(int(top) - 1, 0), size), min(max(int(bottom) + 3, 0), size)
        if filled[y1, x1] - filled[y0, x1] - filled[y1, x0] + filled[y0, x0] > 0:
            kept[count, 0], kept[count, 1], kept[count, 2] = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            count += 1
    return count


@nb.njit(cache=True, nogil=True, inline="always")
def _span(a0, c0, a1, c1, a2, c2, left, right):
    """First and last integer x where the three half planes a*x + c >= 0 hold."""
    low, high = float(left), float(right - 1)
    slack = 1e-4
    for a, c in ((a0, c0), (a1, c1), (a2, c2)):
        if a > 1e-12:
            low = max(low, (-slack - c) / a)
        elif a < -1e-12:
            high = min(high, (-slack - c) / a)
        elif c < -slack:
            return 1, 0
    return int(np.ceil(low)), int(np.floor(high))


@nb.njit(cache=True, nogil=True, fastmath=True, boundscheck=False, error_model="numpy")
def raster_flow(posed, uv, gain, triangles, first_hole, hole_depth, rect, map_x, map_y, gains, depth):
    """Z-buffered raster of source coordinates and gain into full-resolution maps, inside `rect` only.

    Args:
        posed: (V, 3) float32 px, z away from the camera.
        uv: (V, 2) float32 source px.
        gain: (V,) float32.
        triangles: (T, 3) wound so that their area is positive at rest.
        first_hole, hole_depth: triangles from `first_hole` on fill eyes and mouth; they and slivers that turned over
            lie this many px deeper, so that sound skin wins where lips or lids touch.
        map_x, map_y, gains, depth: (S, S) float32, written inside `rect`; uncovered pixels map to themselves.
    """
    top, bottom, left, right = rect
    for y in range(top, bottom):
        for x in range(left, right):
            depth[y, x] = _FAR
            map_x[y, x] = x
            map_y[y, x] = y
            gains[y, x] = 1.0
    for t in range(len(triangles)):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, az = float(posed[a, 0]), float(posed[a, 1]), float(posed[a, 2])
        bx, by, bz = float(posed[b, 0]), float(posed[b, 1]), float(posed[b, 2])
        cx, cy, cz = float(posed[c, 0]), float(posed[c, 1]), float(posed[c, 2])
        first = max(int(np.ceil(min(ay, by, cy) - 0.001)), top)
        last = min(int(np.floor(max(ay, by, cy) + 0.001)), bottom - 1)
        if first > last or max(ax, bx, cx) < left or min(ax, bx, cx) > right - 1:
            continue
        area = (by - cy) * (ax - cx) + (cx - bx) * (ay - cy)
        if t >= first_hole or area < 0.0:
            az, bz, cz = az + hole_depth, bz + hole_depth, cz + hole_depth
        if abs(area) < 1e-9:
            continue
        a0, b0 = (by - cy) / area, (cx - bx) / area
        a1, b1 = (cy - ay) / area, (ax - cx) / area
        ua, va = uv[a, 0] - uv[c, 0], uv[a, 1] - uv[c, 1]
        ub, vb = uv[b, 0] - uv[c, 0], uv[b, 1] - uv[c, 1]
        za, zb, ga, gb = az - cz, bz - cz, gain[a] - gain[c], gain[b] - gain[c]
        ux, vx, zx, gx = a0 * ua + a1 * ub, a0 * va + a1 * vb, a0 * za + a1 * zb, a0 * ga + a1 * gb
        for y in range(first, last + 1):
            l0, l1 = b0 * (y - cy) - a0 * cx, b1 * (y - cy) - a1 * cx
            start, stop = _span(a0, l0, a1, l1, -a0 - a1, 1.0 - l0 - l1, left, right)
            l0, l1 = l0 + a0 * start, l1 + a1 * start
            u, v = uv[c, 0] + l0 * ua + l1 * ub, uv[c, 1] + l0 * va + l1 * vb
            z, g = cz + l0 * za + l1 * zb, gain[c] + l0 * ga + l1 * gb
            for x in range(start, stop + 1):
                if z < depth[y, x]:
                    depth[y, x] = z
                    map_x[y, x] = u
                    map_y[y, x] = v
                    gains[y, x] = g
                u += ux
                v += vx
                z += zx
                g += gx


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


@nb.njit(cache=True, nogil=True, fastmath=True, boundscheck=False, error_model="numpy")
def crease(map_x, map_y, gains, field, scale, window, rect):
    """Multiply exp(field) into the gains of pixels inside `rect` whose source lies in `window` of the field.

    Args:
        field: (F, F) float32 log brightness, zero at its border; bilinear.
        scale: field pixels per source pixel.
        window: (top, bottom, left, right) of the field outside which it is zero.
    """
    one, half = np.float32(1.0), np.float32(0.5)
    low_x, high_x = np.float32(window[2]), np.float32(window[3] - 1)
    low_y, high_y = np.float32(window[0]), np.float32(window[1] - 1)
    for y in range(rect[0], rect[1]):
        for x in range(rect[2], rect[3]):
            v = (map_y[y, x] + half) * scale - half
            if v < low_y or v >= high_y:
                continue
            u = (map_x[y, x] + half) * scale - half
            if u < low_x or u >= high_x:
                continue
            i, j = np.int32(u), np.int32(v)
            fx, fy = u - np.float32(i), v - np.float32(j)
            upper = field[j, i] * (one - fx) + field[j, i + 1] * fx
            lower = field[j + 1, i] * (one - fx) + field[j + 1, i + 1] * fx
            log = upper * (one - fy) + lower * fy
            if log != 0.0:
                gains[y, x] *= np.exp(log)


@nb.njit(cache=True, nogil=True, fastmath=True, boundscheck=False, error_model="numpy")
def compose(photo, foreground, empty, background, map_x, map_y, gains, rect, out):
    """out = warped premultiplied foreground * gain over the background, inside `rect`; bilinear in float32.

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
    one, half, white, zero = np.float32(1.0), np.float32(0.5), np.float32(255.0), np.float32(0.0)
    front, back, still, result = foreground.reshape(-1), background.reshape(-1), photo.reshape(-1), out.reshape(-1)
    for y in range(top, bottom):
        for x in range(left, right):
            u, v, gain = map_x[y, x], map_y[y, x], gains[y, x]
            k = (y * size + x) * 3
            if abs(u - np.float32(x)) < snap and abs(v - np.float32(y)) < snap and abs(gain - one) < snap:
                result[k], result[k + 1], result[k + 2] = still[k], still[k + 1], still[k + 2]
                continue
            u, v = min(max(u, zero), edge), min(max(v, zero), edge)
            i, j = np.int32(u), np.int32(v)
            if empty[j, i]:
                result[k], result[k + 1], result[k + 2] = back[k], back[k + 1], back[k + 2]
                continue
            fx, fy = u - np.float32(i), v - np.float32(j)
            p = (j * size + i) * 4
            q = p + 4 if i < limit else p
            down = 4 * size if j < limit else 0
            r, s = p + down, q + down
            w11 = fx * fy
            w10, w01 = fy - w11, fx - w11
            w00 = one - fx - w10
            red = front[p] * w00 + front[q] * w01 + front[r] * w10 + front[s] * w11
            green = front[p + 1] * w00 + front[q + 1] * w01 + front[r + 1] * w10 + front[s + 1] * w11
            blue = front[p + 2] * w00 + front[q + 2] * w01 + front[r + 2] * w10 + front[s + 2] * w11
            alpha = front[p + 3] * w00 + front[q + 3] * w01 + front[r + 3] * w10 + front[s + 3] * w11
            see_through = one - alpha
            result[k] = np.uint8(np.int32(min(white, max(zero, red * gain + back[k] * see_through + half))))
            result[k + 1] = np.uint8(np.int32(min(white, max(zero, green * gain + back[k + 1] * see_through + half))))
            result[k + 2] = np.uint8(np.int32(min(white, max(zero, blue * gain + back[k + 2] * see_through + half))))


@nb.njit(cache=True, nogil=True, boundscheck=False, error_model="numpy")
def soften_outlines(posed, edges, map_x, map_y, depth, rect, reach, out):
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


@nb.njit(cache=True, nogil=True, fastmath=True, boundscheck=False, error_model="numpy")
def vertex_normals(vertices, triangles, count, flip, normals):
    """(V, 3) unit normals from the first `count` triangles, written to `normals`; with `flip` all face the camera."""
    normals[:] = 0.0
    for t in range(count):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ux, uy, uz = vertices[b, 0] - vertices[a, 0], vertices[b, 1] - vertices[a, 1], vertices[b, 2] - vertices[a, 2]
        vx, vy, vz = vertices[c, 0] - vertices[a, 0], vertices[c, 1] - vertices[a, 1], vertices[c, 2] - vertices[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for k in range(3):
            v = triangles[t, k]
            normals[v, 0] += nx
            normals[v, 1] += ny
            normals[v, 2] += nz
    for v in range(len(normals)):
        x, y, z = normals[v, 0], normals[v, 1], normals[v, 2]
        length = np.sqrt(x * x + y * y + z * z) + 1e-9
        if flip and z > 0.0:
            length = -length
        normals[v, 0] = x / length
        normals[v, 1] = y / length
        normals[v, 2] = z / length


@nb.njit(cache=True, nogil=True, fastmath=True, boundscheck=False, error_model="numpy")
def project(head, rotation, pivot, scale_px, camera, centre, shift, follow, rest, out):
    """Turn, scale and project head-frame vertices about the pivot, then blend with rest by `follow`.

    Args:
        camera: distance in px from the camera to the pivot plane; `centre` is the pivot in px.
        out: (V, 3) float32 px.
    """
    for v in range(len(head)):
        x, y, z = head[v, 0] - pivot[0], head[v, 1] - pivot[1], head[v, 2] - pivot[2]
        px = scale_px * (rotation[0, 0] * x + rotation[0, 1] * y + rotation[0, 2] * z)
        py = scale_px * (rotation[1, 0] * x + rotation[1, 1] * y + rotation[1, 2] * z)
        pz = scale_px * (rotation[2, 0] * x + rotation[2, 1] * y + rotation[2, 2] * z)
        perspective = (camera + rest[v, 2] - centre[2]) / (camera + pz)
        to_x = px * perspective + centre[0] + shift[0]
        to_y = py * perspective + centre[1] + shift[1]
        out[v, 0] = rest[v, 0] + (to_x - rest[v, 0]) * follow[v]
        out[v, 1] = rest[v, 1] + (to_y - rest[v, 1]) * follow[v]
        out[v, 2] = pz + centre[2]


@nb.njit(cache=True, nogil=True, boundscheck=False, error_model="numpy")
def unfold(rest, displacement, triangles, watched, neighbours, starts, floor, soft_rounds, rounds, scratch):
    """Smooth displacements where a triangle would fold or collapse, until every area ratio is at least `floor`.

    Each round pulls the corners of bad triangles towards the mean displacement of their triangle and of their
    neighbours; constant displacement folds nothing, so this converges. The first `soft_rounds` always run and pull by
    how far a triangle is below twice the floor, so that the result changes smoothly with the input; further rounds
    only where that was not enough.

    Args:
        rest, displacement: (V, 3) with the camera along the last axis.
        watched: (T,) bool, triangles that face the camera at rest.
        neighbours, starts: adjacency in compressed rows.
        scratch: (V, 3) float64.

    Returns:
        Number of rounds used.
    """
    pull, weight, target = np.zeros(len(rest)), np.zeros(len(rest)), np.zeros((len(rest), 3))
    for used in range(rounds):
        pull[:] = 0.0
        weight[:] = 0.0
        target[:] = 0.0
        soft_bad, bad = False, False
        for t in range(len(triangles)):
            if not watched[t]:
                continue
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            ux, uy = rest[b, 0] - rest[a, 0], rest[b, 1] - rest[a, 1]
            vx, vy = rest[c, 0] - rest[a, 0], rest[c, 1] - rest[a, 1]
            before = ux * vy - uy * vx
            ux += displacement[b, 0] - displacement[a, 0]
            uy += displacement[b, 1] - displacement[a, 1]
            vx += displacement[c, 0] - displacement[a, 0]
            vy += displacement[c, 1] - displacement[a, 1]
            ratio = (ux * vy - uy * vx) / before
            if ratio < 2.0 * floor:
                strength = min(2.0 - ratio / floor, 1.0)
                soft_bad = True
                bad = bad or ratio < floor
                for i in range(3):
                    v = triangles[t, i]
                    pull[v] = max(pull[v], strength)
                    weight[v] += strength
                    for k in range(3):
                        mean = (displacement[a, k] + displacement[b, k] + displacement[c, k]) / 3.0
                        target[v, k] += strength * mean
        if not soft_bad or (used >= soft_rounds and not bad):
            return used
        scratch[:] = displacement
        for v in range(len(rest)):
            if pull[v] == 0.0:
                continue
            first, last = starts[v], starts[v + 1]
            share = 0.7 * pull[v]
            for k in range(3):
                total = 0.0
                for n in range(first, last):
                    total += scratch[neighbours[n], k]
                aim = 0.5 * total / (last - first) + 0.5 * target[v, k] / weight[v]
                displacement[v, k] = (1.0 - share) * scratch[v, k] + share * aim
    return rounds


@nb.njit(cache=True, nogil=True, fastmath=True, boundscheck=False)
def blend_over(out, colour, alpha):
    """Blend (h, w, 3) uint8 `colour` over `out` in place by (h, w) float32 `alpha`."""
    half = np.float32(0.5)
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            a = alpha[y, x]
            if a <= 0.0:
                continue
            for c in range(3):
                below = np.float32(out[y, x, c])
                out[y, x, c] = np.uint8(np.int32(below + (np.float32(colour[y, x, c]) - below) * a + half))


def warm_up(progress: Callable[[float, str], None] | None = None) -> None:
    """Compile (or load from the cache) every kernel on a tiny problem.

    Args:
        progress: called with the share done and a sentence after every kernel.
    """
    size = 8
    points = np.array([[0, 0, 0], [7, 0, 0], [0, 7, 0], [7, 7, 0]], np.float64)
    posed, uv = (points + 0.25).astype(np.float32), points[:, :2].astype(np.float32)
    gain, follow = np.ones(4, np.float32), np.ones(4)
    triangles = np.array([[0, 1, 2], [1, 3, 2]], np.int32)
    maps = [np.zeros((size, size), np.float32) for _ in range(4)]
    photo, foreground = np.zeros((size, size, 3), np.uint8), np.zeros((size, size, 4), np.float32)
    empty, filled = np.zeros((size, size), np.bool_), np.ones((size + 1, size + 1), np.int32)
    rect, eye, zero = (0, size, 0, size), np.eye(3), np.zeros(3)
    neighbours, starts = np.array([1, 2, 0, 2, 0, 1, 1, 2]), np.array([0, 2, 4, 6, 8])
    steps: tuple[tuple[str, Callable[[], object]], ...] = (
        ("pose", lambda: project(points, eye, zero, 1.0, 9.0, zero, zero[:2], follow, points, posed.copy())),
        (
            "triangles",
            lambda: unfold(points, points * 0, triangles, np.ones(2, bool), neighbours, starts, 0.2, 1, 1, points * 0),
        ),
        ("normals", lambda: vertex_normals(posed, triangles, 2, True, np.empty((4, 3)))),
        ("moved area", lambda: dirty_rect(posed, points, gain, triangles, size, 0.01)),
        ("person", lambda: triangles_with_person(posed, uv, triangles, filled, triangles.copy())),
        ("raster", lambda: raster_flow(posed, uv, gain, triangles, 2, 1.0, rect, *maps)),
        (
            "outlines",
            lambda: soften_outlines(
                posed, np.array([[1, 2, 0, 3]]), maps[0], maps[1], maps[3], rect, 1.0, photo.copy()
            ),
        ),
        ("folds of the skin", lambda: crease(maps[0], maps[1], maps[2], maps[3], np.float32(1.0), rect, rect)),
        ("border", lambda: fade_border(maps[0], maps[1], maps[2], rect, 1)),
        (
            "cheek",
            lambda: blend_over(photo.copy()[0:4, 0:4], photo[0:4, 0:4].copy(), maps[3][0:4, 0:4]),
        ),
        ("composite", lambda: compose(photo, foreground, empty, photo, maps[0], maps[1], maps[2], rect, photo.copy())),
    )
    for index, (name, step) in enumerate(steps, start=1):
        step()
        if progress is not None:
            progress(index / len(steps), f"Preparing the renderer: {name}")
