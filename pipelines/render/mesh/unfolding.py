"""Skin that never folds in the photo's view, whatever dims, lips and lids ask for together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from pipelines.portrait.topology import EYE_INNER, EYE_OUTER, N_LANDMARKS
from pipelines.render.mesh.geometry import MeshGeometry, face_triangles
from pipelines.render.mesh.photo_view import PhotoView
from pipelines.render.mesh.stops import LidRows, LipStop
from pipelines.render.mesh.vertex_kernels import unfold

Doubles = NDArray[np.float64]

AREA_FLOOR = 0.12
"""No skin triangle shrinks below this share of its area, seen from the front."""
SOFT_ROUNDS, UNFOLD_ROUNDS = 6, 32
UNFOLD_ATTEMPTS, SHRINK = 20, 0.015
"""Share by which the displacement around a fold shrinks more from attempt to attempt: little at first, or a stronger
edit would show less than a weaker one."""
SHRINK_REACH = 0.2
"""Distance in head units from a fold at which it shrinks by exp(-1/2) of that: a lid does not hold the mouth back."""
BISECTIONS = 10
"""Halvings to find how much of a displacement can stay where smoothing and the stops of lips and lids never agree."""
WATCHED_FACING = 0.08
"""Cosine of the angle to the camera from which a triangle is kept from folding."""
WATCHED_HEIGHT = 0.02
"""Height in head units (3 px in a 512 crop) from which it is."""


class SkinUnfolding:
    """Opens the folds that a displacement makes, one portrait's lips and lids kept as they were set."""

    def __init__(self, geometry: MeshGeometry, *, view: PhotoView, lips: LipStop, lids: Sequence[LidRows]) -> None:
        self._view, self._lips, self._lids = view, lips, lids
        self._skin, _ = face_triangles()
        self._watched = _facing(geometry, self._skin)
        self._neighbours, self._starts = _adjacency(self._skin)
        head = geometry.vertices_in_head[:N_LANDMARKS]
        self._near = np.exp(-0.5 * (cdist(head, head) / SHRINK_REACH) ** 2)
        self._scratch = np.empty((N_LANDMARKS, 3))

    def apply(self, moved: Doubles, closure: Doubles) -> None:
        """Smooth folds of (478, 3) `moved` in place as the camera of the photo would see them.

        Lips and lids, the latter by their (2,) `closure`, are set again after it. The two may disagree; then what
        moves around the fold shrinks until they do not, at the latest all of it.
        """
        view, closure = self._view, closure.copy()
        for attempt in range(UNFOLD_ATTEMPTS):
            folded = view.seen(moved)
            seen = folded.copy()
            if not self._unfold(seen, soft_rounds=0 if attempt else SOFT_ROUNDS, rounds=UNFOLD_ROUNDS):
                return
            moved[:] = view.unseen(seen)
            if attempt:
                kept = 1.0 - SHRINK * attempt * self._near[(seen != folded).any(1)].max(0, initial=0.0)
                moved *= kept[:, None]
                closure *= [lid.least(kept) for lid in self._lids]
            self._lips.apply(moved)
            for lid, closed in zip(self._lids, closure, strict=True):
                lid.meet(moved, float(closed))
        self._scale_back(moved)

    def _scale_back(self, moved: Doubles) -> None:
        """Scale a displacement to the largest share that folds nothing; gaps of lips and lids scale with it."""
        unfolded, folded = 0.0, 1.0
        for _ in range(BISECTIONS):
            share = 0.5 * (unfolded + folded)
            if self._unfold(self._view.seen(share * moved), soft_rounds=0, rounds=1):
                folded = share
            else:
                unfolded = share
        moved *= unfolded

    def _unfold(self, seen: Doubles, *, soft_rounds: int, rounds: int) -> int:
        """Smooth (478, 3) displacements as the camera sees them in place; the number of rounds it took."""
        return unfold(
            self._view.rest,
            seen,
            self._skin,
            self._watched,
            self._neighbours,
            self._starts,
            AREA_FLOOR,
            soft_rounds,
            rounds,
            self._scratch,
        )


def _facing(geometry: MeshGeometry, triangles: NDArray[np.int32]) -> NDArray[np.bool_]:
    """(T,) triangles that the photo sees well enough to be worth protecting against folds.

    Not those at the corners of the eyes, over which a closing lid really slides, nor slivers: the rows of a lip are a
    pixel apart in a smile, and a few levels of noise would count as a fold.
    """
    corners = geometry.vertices[triangles]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(normal, axis=1)
    side = np.sign(np.median(normal[:, 2]))
    corners_of_eyes = [ring[k] for ring in geometry.eye_rings for k in (EYE_OUTER, EYE_INNER)]
    slides = np.isin(triangles, corners_of_eyes).any(1)
    edges = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(1)
    wide = length / edges > WATCHED_HEIGHT * geometry.unit_px
    return (side * normal[:, 2] > WATCHED_FACING * length) & wide & ~slides


def _adjacency(triangles: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Neighbours of every landmark in compressed rows."""
    edges = np.concatenate([triangles[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))]).astype(np.int64)
    edges = np.unique(np.concatenate([edges, edges[:, ::-1]]), axis=0)
    starts = np.searchsorted(edges[:, 0], np.arange(N_LANDMARKS + 1))
    return np.ascontiguousarray(edges[:, 1]), starts.astype(np.int64)
