"""Loops over the vertices of the mesh: where they are projected, how folds open, which way they face."""

from __future__ import annotations

import numba as nb
import numpy as np


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
def give_way(rest, follow, first, segments, shift, least, out):
    """Let rings around a face that is shifted go along rather than be pressed together or folded by it.

    Args:
        rest: (V, 3) px with the rings from vertex `first` on, inner to outer, `segments` each.
        follow: (V,) share of `shift`, (2,) px, that is already in `out`.
        least: share of its way in the photo that is left between a ring and the next.
        out: (V, 3) float32 px, changed in place.
    """
    for spoke in range(segments):
        share = 1.0
        for v in range(first + spoke + segments, len(rest), segments):
            inner = v - segments
            ex, ey = rest[v, 0] - rest[inner, 0], rest[v, 1] - rest[inner, 1]
            pressed = ex * shift[0] + ey * shift[1]
            share = max(follow[v], min(share, share - (1.0 - least) * (ex * ex + ey * ey) / max(pressed, 1e-6)))
            out[v, 0] += (share - follow[v]) * shift[0]
            out[v, 1] += (share - follow[v]) * shift[1]


@nb.njit(cache=True, nogil=True, boundscheck=False, error_model="numpy")
def unfold(rest, displacement, triangles, watched, neighbours, starts, floor, soft_rounds, rounds, scratch):
    """Smooth displacements where a triangle would fold or collapse, until every area ratio is at least `floor`.

    Each round pulls the corners of bad triangles towards the mean displacement of their triangle and of their
    neighbours, in the end of their triangle alone: constant displacement folds nothing, so this converges. The first
    `soft_rounds` always run and pull by how far a triangle is below twice the floor, so that the result changes
    smoothly with the input; further rounds only where that was not enough.

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
        own = 0.5 + 0.5 * max(used - soft_rounds, 0) / rounds
        for v in range(len(rest)):
            if pull[v] == 0.0:
                continue
            first, last = starts[v], starts[v + 1]
            share = 0.7 * pull[v]
            for k in range(3):
                total = 0.0
                for n in range(first, last):
                    total += scratch[neighbours[n], k]
                aim = (1.0 - own) * total / (last - first) + own * target[v, k] / weight[v]
                displacement[v, k] = (1.0 - share) * scratch[v, k] + share * aim
    return rounds
