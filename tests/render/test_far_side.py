"""A head that turns past the camera shows an ear and hair beside the cheek, not a mask before the scene."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np

from pipelines.portrait.topology import OVAL
from pipelines.render.mesh.compose_kernels import lay_under
from pipelines.render.mesh.far_side import FarSide
from pipelines.render.mesh.renderer import MeshHandle

from .mesh_case import RENDERER, edited, handle, largest_difference, portrait

CHEEKBONE = 234
"""Landmark of the oval before the ear that the Mona Lisa turns away."""


@lru_cache(maxsize=2)
def bare(name: str = "mona_lisa") -> MeshHandle:
    """A portrait as if the scene began right beside its far cheek."""
    own = portrait(name)
    oval = own.landmarks_in_crop[OVAL, :2]
    face = np.zeros(own.matte.shape, np.uint8)
    cv2.fillPoly(face, [cv2.convexHull(np.round(oval).astype(np.int32))], 1)
    beside = np.arange(len(face)) < oval[:, 0].mean()
    return RENDERER.prepare(replace(own, matte=np.where(beside & (face == 0), 0, own.matte).astype(np.float32)))


def person_beside(yaw_deg: float) -> np.ndarray:
    """(40,) alpha in the row of the cheekbone outwards from the far cheek, after a turn."""
    case = bare()
    RENDERER.render(case, edited("mona_lisa", yaw_deg=yaw_deg, limit_strength=0))
    x, y = np.round(RENDERER.landmarks(case)[CHEEKBONE]).astype(int)
    return RENDERER.alpha(case)[y, x - 43 : x - 3][::-1]


def test_the_far_side_of_the_head_comes_out_from_behind_the_cheek() -> None:
    widths = [int((person_beside(yaw_deg) > 0.5).sum()) for yaw_deg in (-10, -18, -24, -30)]
    assert widths == sorted(widths)
    assert widths[0] < 8 and widths[-1] >= 20


def test_the_far_side_looks_like_the_near_one() -> None:
    """Dark hair and veil, before a pale sky."""
    case, turned = bare(), edited("mona_lisa", yaw_deg=-30, limit_strength=0)
    picture = RENDERER.render(case, turned).copy()
    x, y = np.round(RENDERER.landmarks(case)[CHEEKBONE]).astype(int)
    hair = case.image[y - 5 : y + 5, 420:440].mean()
    assert abs(picture[y - 5 : y + 5, x - 24 : x - 8].mean() - hair) < 20


def test_the_far_side_lies_in_the_light_of_the_far_cheek() -> None:
    """La Velata's far cheek is in shadow, of which the ear that is mirrored knows nothing."""
    case, turned = bare("la_velata"), edited("la_velata", yaw_deg=-30, limit_strength=0)
    unlit = replace(case, far_side=FarSide.of(case.image, case.layers, case.geometry, cheek=None))
    dark, bright = (RENDERER.render(each, turned).astype(int).mean(2) for each in (case, unlit))
    dimmed = bright - dark > 8
    assert dimmed.sum() > 200
    assert 0.45 < dark[dimmed].mean() / bright[dimmed].mean() < 0.75


def test_a_far_side_that_turns_away_stays_hidden_and_one_in_view_moves_smoothly() -> None:
    case = bare()
    away = edited("mona_lisa", yaw_deg=8)
    assert np.array_equal(RENDERER.render(case, away), RENDERER.render(replace(case, far_side=None), away))
    before, after = (
        RENDERER.render(case, edited("mona_lisa", yaw_deg=yaw_deg, limit_strength=0)) for yaw_deg in (-29, -29.01)
    )
    x, y = np.round(RENDERER.landmarks(case)[CHEEKBONE]).astype(int)
    beside = np.s_[y - 40 : y + 40, x - 40 : x - 4]
    assert largest_difference(before[beside], after[beside]) <= 8


def test_a_face_that_shows_both_sides_needs_no_far_side() -> None:
    assert handle("astronaut").far_side is None


def test_what_is_laid_under_a_person_shows_where_the_scene_did() -> None:
    """Half a person over a scene of 100; what lies between has 200 and is half see-through itself."""
    above = np.array([[1.0, 0.5, 0.0]], np.float32)
    scene, layer = np.full((1, 3, 3), 100, np.uint8), np.empty((1, 3, 4), np.float32)
    layer[..., :3], layer[..., 3] = 200 * 0.5, 0.5
    picture = np.round(above[..., None] * 40 + (1 - above[..., None]) * 100).astype(np.uint8).repeat(3, 2)
    lay_under(layer, np.ones((1, 3), np.float32), above, scene, picture)
    assert picture[0, :, 0].tolist() == [40, 95, 150]
