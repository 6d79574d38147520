"""Pixel loops that continue a scene into a hole with pieces of itself.

Criminisi et al. 2004, "Region Filling and Object Removal by Exemplar-Based Image Inpainting": the piece that comes
next is the one where a line runs into the hole, so that cords and edges go on before the areas between them.
"""

from __future__ import annotations

import numba as nb
import numpy as np

OPEN, SCENE, FILLED, CLOSED = 0, 1, 2, 3
"""States of a cell: to be filled, of the photo, filled, and neither source nor target."""
_FADE = 0.9
"""Confidence in a piece over that in what it continues."""
_PLAIN = 0.02
"""Strength of a line, as a share of white, below which the order goes by confidence alone."""


@nb.njit(cache=True, nogil=True, fastmath=True, boundscheck=False, error_model="numpy")
def _line_across(cells, state, y, x):
    """How strong a line runs into the hole at a cell: the isophote along the normal of the front, 0..1."""
    height, width = state.shape
    ny, nx, strongest, along_y, along_x = 0.0, 0.0, 0.0, 0.0, 0.0
    for j in range(max(y - 2, 1), min(y + 3, height - 1)):
        for i in range(max(x - 2, 1), min(x + 3, width - 1)):
            seen = state[j, i] == SCENE or state[j, i] == FILLED
            if not seen:
                continue
            ny, nx = ny + (y - j), nx + (x - i)
            # gradients only where both neighbours are known
            for k in ((j - 1, i), (j + 1, i), (j, i - 1), (j, i + 1)):
                seen = seen and (state[k] == SCENE or state[k] == FILLED)
            if not seen:
                continue
            for c in range(3):
                gy = 0.5 * (cells[j + 1, i, c] - cells[j - 1, i, c])
                gx = 0.5 * (cells[j, i + 1, c] - cells[j, i - 1, c])
                if gy * gy + gx * gx > strongest:
                    strongest, along_y, along_x = gy * gy + gx * gx, -gx, gy
    length = np.sqrt(ny * ny + nx * nx)
    return abs(along_y * ny + along_x * nx) / (255.0 * length) if length > 0.0 else 0.0


@nb.njit(cache=True, nogil=True, fastmath=True, boundscheck=False, error_model="numpy")
def _mean_trust(trust, y, x, half):
    height, width = trust.shape
    total, count = np.float32(0.0), 0
    for j in range(max(y - half, 0), min(y + half + 1, height)):
        for i in range(max(x - half, 0), min(x + half + 1, width)):
            total, count = total + trust[j, i], count + 1
    return total / count


@nb.njit(cache=True, nogil=True, fastmath=True, boundscheck=False, error_model="numpy")
def rank_front(cells, state, trust, half, box, rank):
    """Write how soon the cells in a box are to be filled; below 0 for those that do not touch what is known."""
    height, width = state.shape
    top, left, bottom, right = box
    for y in range(max(top, 0), min(bottom, height)):
        for x in range(max(left, 0), min(right, width)):
            touches = False
            if state[y, x] == OPEN:
                for j, i in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                    if 0 <= j < height and 0 <= i < width:
                        touches = touches or state[j, i] == SCENE or state[j, i] == FILLED
            rank[y, x] = -1.0
            if touches:
                rank[y, x] = _mean_trust(trust, y, x, half) * (_PLAIN + _line_across(cells, state, y, x))


@nb.njit(cache=True, nogil=True, fastmath=True, boundscheck=False, error_model="numpy")
def likest_piece(cells, state, worn, usual, y, x, look):
    """(y, x) of the source whose surroundings are most like what is known around a cell; -1 if there is none.

    Args:
        worn: (h, w) float32 squared grey levels that the source around a cell has lost by being used; below 0 where
            not all of it is of the photo.
        usual: (h, w, 3) float32 smooth filling of the scene.
        look: see `continue_scene`.
    """
    half, reach, far, common = int(look[1]), int(look[2]), look[3], np.float32(look[6])
    height, width = state.shape
    best, best_y, best_x = np.float32(1e30), -1, -1
    for sy in range(max(y - reach, half), min(y + reach + 1, height - half)):
        for sx in range(max(x - reach, half), min(x + reach + 1, width - half)):
            if worn[sy, sx] < 0.0:
                continue
            cost = worn[sy, sx] + np.float32(far * ((sy - y) ** 2 + (sx - x) ** 2))
            for dy in range(max(-half, -y), min(half + 1, height - y)):
                for dx in range(max(-half, -x), min(half + 1, width - x)):
                    here = state[y + dy, x + dx]
                    if here == OPEN:
                        for c in range(3):
                            off = usual[y + dy, x + dx, c] - cells[sy + dy, sx + dx, c]
                            cost += common * off * off
                    elif here != CLOSED:
                        for c in range(3):
                            off = cells[y + dy, x + dx, c] - cells[sy + dy, sx + dx, c]
                            cost += off * off
                if cost >= best:
                    break
            if cost < best:
                best, best_y, best_x = cost, sy, sx
    return best_y, best_x


@nb.njit(cache=True, nogil=True, fastmath=True, boundscheck=False, error_model="numpy")
def _misfit(picture, done, known, top, left, bottom, right, dy, dx):
    """Mean squared difference between what is done in a box and the photo at an offset; 1e30 outside of the photo."""
    height, width = done.shape
    total, count = np.float32(0.0), 0
    for y in range(top, bottom, 2):
        for x in range(left, right, 2):
            j, i = y + dy, x + dx
            if j < 0 or i < 0 or j >= height or i >= width or not known[j, i]:
                return np.float32(1e30)
            if done[y, x]:
                count += 1
                for c in range(3):
                    off = picture[y, x, c] - picture[j, i, c]
                    total += off * off
    return total / max(count, 1)


@nb.njit(cache=True, nogil=True, fastmath=True, boundscheck=False, error_model="numpy")
def lay_piece(picture, done, known, box, offset, play, soft, most):
    """Copy a piece of the photo over what is not done yet in a box, in place, its edges blended where something is.

    Args:
        picture: (H, W, 3) float32; done: (H, W) whether a pixel has its colour; known: (H, W) whether it is the
            photo's own.
        box, offset: (top, left, bottom, right), and (dy, dx) to the source.
        play, soft: px by which the offset may be bettered, and over which the piece passes into what lies beside it.
        most: grey levels by which the piece may be made brighter or darker to fit.
    """
    top, left, bottom, right = box
    best, best_y, best_x = np.float32(1e30), offset[0], offset[1]
    for dy in range(offset[0] - play, offset[0] + play + 1):
        for dx in range(offset[1] - play, offset[1] + play + 1):
            off = _misfit(picture, done, known, top, left, bottom, right, dy, dx)
            if off < best:
                best, best_y, best_x = off, dy, dx
    if best >= np.float32(1e30):
        return
    shift, count = np.float32(0.0), 0
    for y in range(top, bottom):
        for x in range(left, right):
            if done[y, x]:
                count += 3
                for c in range(3):
                    shift += picture[y, x, c] - picture[y + best_y, x + best_x, c]
    shift = min(max(shift / max(count, 1), -most), most)
    for y in range(top, bottom):
        for x in range(left, right):
            if known[y, x]:
                continue
            share = np.float32(1.0)
            if done[y, x]:
                inside = min(y - top + 1, bottom - y, x - left + 1, right - x)
                share = min(inside / soft, np.float32(1.0))
            for c in range(3):
                new = picture[y + best_y, x + best_x, c] + shift
                picture[y, x, c] += share * (new - picture[y, x, c])
            done[y, x] = True


@nb.njit(cache=True, nogil=True, fastmath=True, boundscheck=False, error_model="numpy")
def continue_scene(picture, known, cells, state, worn, trust, usual, look):
    """Fill the open cells with pieces of the scene, in place.

    Args:
        picture: (H, W, 3) float32; known: (H, W) what of it is the scene.
        cells: (h, w, 3) float32 the same on a grid; state: (h, w) uint8; worn, usual: see
            `likest_piece`; trust: (h, w) float32, 1 in the scene and 0 elsewhere.
        look: (px per cell, half a piece in cells, reach in cells, far, soft px, most grey levels,
            weight of the usual colour, wear by one use).

    Returns:
        (H, W) what has been filled or is known.
    """
    cell, half, soft, most, wear = look[0], int(look[1]), look[4], look[5], np.float32(look[7])
    height, width = state.shape
    rows, columns = known.shape
    done = known.copy()
    rank = np.empty(state.shape, np.float32)
    rank_front(cells, state, trust, half, (0, 0, height, width), rank)
    while True:
        place = np.argmax(rank)
        y, x = place // width, place % width
        if rank[y, x] < 0.0:
            return done
        sy, sx = likest_piece(cells, state, worn, usual, y, x, look)
        if sy < 0:
            state[y, x], rank[y, x] = CLOSED, -1.0
            continue
        box = (
            max(round((y - half) * cell), 0),
            max(round((x - half) * cell), 0),
            min(round((y + half + 1) * cell), rows),
            min(round((x + half + 1) * cell), columns),
        )
        offset = (round((sy - y) * cell), round((sx - x) * cell))
        lay_piece(picture, done, known, box, offset, round(0.5 * cell) + 1, soft, most)
        confidence = np.float32(_FADE) * _mean_trust(trust, y, x, half)
        for dy in range(max(-half, -y), min(half + 1, height - y)):
            for dx in range(max(-half, -x), min(half + 1, width - x)):
                if worn[sy + dy, sx + dx] >= 0.0:
                    worn[sy + dy, sx + dx] += wear * max(1.0 - 0.25 * (abs(dy) + abs(dx)), 0.0)
                if state[y + dy, x + dx] == OPEN:
                    state[y + dy, x + dx] = FILLED
                    trust[y + dy, x + dx] = confidence
                    for c in range(3):
                        cells[y + dy, x + dx, c] = cells[sy + dy, sx + dx, c]
        near = 2 * half + 3
        rank_front(cells, state, trust, half, (y - near, x - near, y + near + 1, x + near + 1), rank)
