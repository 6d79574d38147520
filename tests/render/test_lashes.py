"""Lash rings between lids and skin: nothing folds over, whatever brows and lids do."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.evaluation.renderer_stills import random_vectors
from pipelines.motion.edit import apply_vectors
from pipelines.portrait.topology import EYE_INNER, EYE_OUTER
from pipelines.render.mesh.geometry import MeshGeometry
from pipelines.render.mesh.lashes import LashFollow

from .mesh_case import edited, handle, portrait
from .test_eyes_layer import SHIPPED

EDITS = 80
SEEN_PX = 3.0
"""Height of a triangle below which a fold cannot be seen."""


def around_lashes(geometry: MeshGeometry) -> np.ndarray:
    """(T, 3) triangles that join lashes and skin, each wound to a positive area; no slivers."""
    skin = geometry.triangles[: geometry.n_skin_triangles]
    lids = np.concatenate([*geometry.eye_rings, *geometry.lash_ids])
    corners = np.concatenate([ring[[EYE_OUTER, EYE_INNER]] for ring in geometry.eye_rings])
    kept = np.isin(skin, geometry.lash_ids).any(1) & ~np.isin(skin, lids).all(1) & ~np.isin(skin, corners).any(1)
    area = doubled_areas(geometry.vertices, skin)
    wound = np.where((area < 0)[:, None], skin[:, [0, 2, 1]], skin)
    edges = geometry.vertices[skin] - geometry.vertices[np.roll(skin, 1, axis=1)]
    return wound[kept & (np.abs(area) / np.linalg.norm(edges[..., :2], axis=2).max(1) > SEEN_PX)]


def doubled_areas(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    a, b, c = (vertices[triangles[:, k], :2].astype(float) for k in range(3))
    return (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]


@pytest.mark.parametrize("name", SHIPPED)
def test_no_random_edit_folds_the_skin_around_the_lashes(name: str) -> None:
    own, rig, triangles = portrait(name), handle(name).rig, around_lashes(handle(name).geometry)
    assert len(triangles) > 20
    for vector in random_vectors(EDITS, seed=0, kinds=("semantic", "dim", "gaze")):
        vertices = rig.pose(apply_vectors(own, own.motion, vector[None])).vertices
        assert np.isfinite(vertices).all()
        assert doubled_areas(vertices, triangles).min() > 0


def test_lashes_stay_below_skin_that_is_pressed_onto_them() -> None:
    """Brows pulled down hard over eyes opened wide leave the lashes in front of the fold of the lid."""
    case = handle("astronaut")
    triangles = around_lashes(case.geometry)
    vertices = case.rig.pose(edited("astronaut", brow_raise=-1, eye_wide=1, limit_strength=0)).vertices
    share = doubled_areas(vertices, triangles) / doubled_areas(case.geometry.vertices, triangles)
    assert share.min() > 0.04


def test_lashes_of_a_face_at_rest_do_not_move() -> None:
    geometry = handle("mona_lisa").geometry
    displacement = np.zeros((len(geometry.vertices), 3))
    LashFollow(geometry).apply(displacement)
    assert np.abs(displacement).max() < 1e-12


def test_lashes_hardly_stretch_where_a_closing_lid_leaves_the_fold_behind() -> None:
    case = handle("astronaut")
    geometry, vertices = case.geometry, case.rig.pose(edited("astronaut", blink=1)).vertices
    for ring, lashes in zip(geometry.eye_rings, geometry.lash_ids, strict=True):
        before = np.linalg.norm((geometry.vertices[lashes] - geometry.vertices[ring])[2:7, :2], axis=1)
        after = np.linalg.norm((vertices[lashes] - vertices[ring])[2:7, :2], axis=1)
        assert (after < 1.35 * before).all()
