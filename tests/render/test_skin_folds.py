"""Folds of the skin under expressions: where, how strong, and never at rest."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.render.mesh.folds import SkinFolds
from pipelines.render.mesh.geometry import MeshGeometry

from .mesh_case import RENDERER, edited, handle

STEPS = (0.0, 0.02, 0.1, 0.3, 0.6, 1.0)
LINES = {
    "smile": (206, 426),
    "brow_raise": (104, 333),
    "brow_knit": (8, 9),
}
"""Landmarks in the middle of the folds that a control shows."""


def field(name: str, **values: float) -> np.ndarray:
    """(S, S) brightness factor of the folds alone, in the picture at rest."""
    case = handle(name)
    grid_y, grid_x = np.mgrid[0:512, 0:512].astype(np.float32)
    gains = np.ones((512, 512), np.float32)
    case.folds.apply(case.rig.pose(edited(name, **values)), (grid_x, grid_y, gains), (0, 512, 0, 512))
    return gains


@pytest.mark.parametrize("values", [{}, {"yaw_deg": 20, "pitch_deg": -10, "move_z": 0.1, "gaze_compensation": 0}])
@pytest.mark.parametrize("name", ["astronaut", "mona_lisa"])
def test_a_face_without_expression_has_no_folds(name: str, values: dict[str, float]) -> None:
    strengths = handle(name).folds.strengths(handle(name).rig.pose(edited(name, **values)))
    assert strengths.max() < 1e-5
    assert (field(name, **values) == 1.0).all()


@pytest.mark.parametrize("key", sorted(LINES))
def test_folds_deepen_with_the_expression(key: str) -> None:
    case = handle("mona_lisa")
    strengths = [case.folds.strengths(case.rig.pose(edited("mona_lisa", **{key: value}))) for value in STEPS]
    assert (np.diff(strengths, axis=0) >= -1e-6).all()
    assert 0.4 < strengths[-1].max() <= 1.0


@pytest.mark.parametrize("key", sorted(LINES))
def test_folds_lie_where_the_control_acts(key: str) -> None:
    gains, points = field("mona_lisa", **{key: 1.0}), handle("mona_lisa").geometry.landmarks[:, :2]
    for landmark in LINES[key]:
        x, y = points[landmark].astype(int)
        around = gains[y - 22 : y + 23, x - 22 : x + 23]
        assert around.min() < 0.97
    assert gains.min() > 0.7
    assert gains.max() < 1.25
    mouth_to_brow = points[[13, 14, 159, 386, 1]].astype(int)
    assert np.allclose(gains[mouth_to_brow[:, 1], mouth_to_brow[:, 0]], 1.0, atol=0.02)


def test_a_smile_of_one_side_folds_that_side_only() -> None:
    gains, points = field("astronaut", smile_right=1.0), handle("astronaut").geometry.landmarks[:, 0]
    middle = int(points[1])
    assert gains[:, : middle - 20].min() < 0.95
    assert (gains[:, middle + 20 :] > 0.995).all()


def test_hair_over_the_forehead_stays_as_it_is() -> None:
    gains = field("astronaut", brow_raise=1.0)
    hair_row = int(handle("astronaut").geometry.landmarks[10, 1]) - 4
    assert (gains[:hair_row] > 0.985).all()


@pytest.mark.parametrize("axis", [0, 1])
def test_relief_turns_round_with_the_light(axis: int) -> None:
    case = handle("la_velata")
    geometry: MeshGeometry = case.geometry
    posed = case.rig.pose(edited("la_velata", smile=1.0, brow_raise=1.0))
    maps = np.mgrid[0:512, 0:512].astype(np.float32)
    logs = []
    for sign in (1.0, -1.0, 0.0):
        light = np.zeros(3)
        light[axis] = 0.3 * sign
        gains = np.ones((512, 512), np.float32)
        SkinFolds(case.image, geometry, light=light).apply(posed, (maps[1], maps[0], gains), (0, 512, 0, 512))
        logs.append(np.log(gains))
    one, other, flat = logs
    assert np.abs(one - flat).max() > 0.03
    assert np.allclose(one - flat, -(other - flat), atol=1e-4)
    assert (flat <= 1e-6).all()


def test_a_strong_smile_shows_its_folds_in_the_picture() -> None:
    case, motion = handle("mona_lisa"), edited("mona_lisa", smile=1.0)
    frame = RENDERER.render(case, motion).astype(float).mean(2)
    posed = case.rig.pose(motion).vertices
    away = np.clip(posed[216, :2].astype(int), 0, 511)
    window = (slice(away[1] - 20, away[1] + 21), slice(away[0] - 20, away[0] + 21))
    gains = case.gains[window]
    assert gains.min() < 0.93
    assert frame[window].min() < case.image.astype(float).mean(2)[window].max()
