"""Where the lash rings go: along with the lids, but never past the skin above and below them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipelines.portrait.topology import EYE_INNER, EYE_OUTER
from pipelines.render.mesh.anatomy import (
    LID_LOWER,
    LID_ROWS_ABOVE_RIGHT,
    LID_ROWS_BELOW_RIGHT,
    LID_UPPER,
    both_sides,
)
from pipelines.render.mesh.geometry import MeshGeometry

Doubles = NDArray[np.float64]
BESIDE_CORNERS_RIGHT = (130, 243)
"""Skin beside the outer and the inner corner."""
TIGHT, DRAWN_IN = 0.8, 0.25
"""Where less than this share of the room is left, lashes draw in, at last to the second share of their length."""
ROUNDS, AREA_LEFT, LEAST_AREA = 30, 0.12, 2e-5
"""Rounds of unfolding, share of its area that a triangle keeps, and the area, in squared head units, from which the
photo shows it."""


class LashFollow:
    """A lash vertex lies some way from its lid's margin to the next row of skin, and stays between the two.

    Where that skin comes nearer, the way shrinks with it, or the triangles beyond would fold; where it moves away, the
    lashes hardly stretch.
    """

    def __init__(self, geometry: MeshGeometry) -> None:
        beside = [both_sides((corner,)) for corner in BESIDE_CORNERS_RIGHT]
        above, below = both_sides(LID_ROWS_ABOVE_RIGHT[0][0]), both_sides(LID_ROWS_BELOW_RIGHT[0][0])
        lashes, margins, skin = [], [], []
        for side, (ring, ids) in enumerate(zip(geometry.eye_rings, geometry.lash_ids, strict=True)):
            corners = [(at[side], slice(k, k + 1)) for at, k in zip(beside, (EYE_OUTER, EYE_INNER), strict=True)]
            for row, part in ((above[side], LID_UPPER), (below[side], LID_LOWER), *corners):
                lashes.append(ids[part])
                margins.append(ring[part])
                skin.append(row)
        self._lashes, self._margins, self._skin = (np.concatenate(ids) for ids in (lashes, margins, skin))
        self._turn = geometry.frame.rotation[:2].T
        self._watch(geometry)
        self._room = self._a_cross(geometry.vertices_in_head)
        self._offset = geometry.vertices_in_head[self._lashes] - geometry.vertices_in_head[self._margins]
        self._square = np.maximum((self._room**2).sum(1), 1e-9)
        self._share = np.clip(((self._offset @ self._turn) * self._room).sum(1) / self._square, 0.0, 1.0)

    def apply(self, displacement: Doubles) -> None:
        """Correct the lash rows of (V, 3) head-frame `displacement`, which move with the margin alone, in place."""
        change = displacement[self._skin] - displacement[self._margins]
        left = ((self._room + change @ self._turn) * self._room).sum(1) / self._square
        follow = self._share / np.maximum(left, 1.0) ** 2
        drawn_in = np.clip(DRAWN_IN + (1.0 - DRAWN_IN) * left / TIGHT, DRAWN_IN, 1.0)[:, None]
        displacement[self._lashes] += drawn_in * (self._offset + follow[:, None] * change) - self._offset
        self._unfold(displacement)

    def _unfold(self, displacement: Doubles) -> None:
        """Push lashes out of the triangles that are still folded, as little as each needs, in the photo's plane."""
        if not len(self._triangles):
            return
        places = self._places + displacement[self._watched] @ self._turn
        start = places.copy()
        for _ in range(ROUNDS):
            a, b, c = (places[self._triangles[:, k]] for k in range(3))
            lack = self._least - _cross(b - a, c - a)
            folded = np.flatnonzero(lack > 0.0)
            if not len(folded):
                break
            for triangle in folded:
                _widen(places, self._triangles[triangle], free=self._free, least=self._least[triangle])
        displacement[self._watched] += (places - start) @ self._turn.T

    def _watch(self, geometry: MeshGeometry) -> None:
        """Set up the triangles between lashes and skin; those at the corners, over which a lid slides, are not among
        them, nor those within the lid."""
        skin = geometry.triangles[: geometry.n_skin_triangles]
        lids = np.concatenate([*geometry.eye_rings, *geometry.lash_ids])
        corners = np.concatenate([ring[[EYE_OUTER, EYE_INNER]] for ring in geometry.eye_rings])
        kept = np.isin(skin, geometry.lash_ids).any(1) & ~np.isin(skin, lids).all(1) & ~np.isin(skin, corners).any(1)
        self._watched, flat = np.unique(skin[kept], return_inverse=True)
        triangles = flat.reshape(-1, 3)
        self._places = geometry.vertices_in_head[self._watched] @ self._turn
        a, b, c = (self._places[triangles[:, k]] for k in range(3))
        area = _cross(b - a, c - a)
        forward = np.sign(np.median(area))
        whole = forward * area > LEAST_AREA
        self._triangles = (triangles if forward > 0 else triangles[:, [0, 2, 1]])[whole]
        self._least = AREA_LEFT * forward * area[whole]
        self._free = np.isin(self._watched, geometry.lash_ids)

    def _a_cross(self, head: Doubles) -> Doubles:
        """(n, 2) way from margin to skin as the photo sees it, head units."""
        return (head[self._skin] - head[self._margins]) @ self._turn


def _cross(a: Doubles, b: Doubles) -> Doubles:
    """(n,) cross product of (n, 2) plane vectors."""
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


def _widen(places: Doubles, triangle: NDArray[np.intp], *, free: NDArray[np.bool_], least: float) -> None:
    """Move the free corners of one triangle along the gradient of its doubled area until that is `least`, in place."""
    corners = places[triangle]
    edges = np.roll(corners, 1, 0) - np.roll(corners, -1, 0)
    gradient = np.column_stack([-edges[:, 1], edges[:, 0]]) * free[triangle][:, None]
    area = float(_cross(corners[1:2] - corners[:1], corners[2:] - corners[:1])[0])
    places[triangle] += max(least - area, 0.0) / max(float((gradient**2).sum()), 1e-12) * gradient
