"""One eye of a photo taken apart: white, iris, catchlight and the rims of the lids."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.render.mesh.eye_kernels import ALPHA, GLINT, IRIS, LOWER, SCLERA, UPPER
from pipelines.render.mesh.eye_parts import split_eye
from pipelines.render.mesh.iris import EyeRegion
from pipelines.render.mesh.sclera import lid_shadow, local_light, sclera_model

from .mesh_case import handle
from .test_eyes_layer import NAMES, eyes_of


@pytest.mark.parametrize("name", NAMES)
def test_the_parts_of_an_eye_rebuild_the_photo(name: str) -> None:
    for eye in eyes_of(name):
        parts = eye.parts
        alpha = parts[..., ALPHA : ALPHA + 1]
        ball = (
            parts[..., SCLERA : SCLERA + 3] * (1 - alpha) + parts[..., IRIS : IRIS + 3] + parts[..., GLINT : GLINT + 3]
        )
        upper, lower = parts[..., UPPER : UPPER + 4], parts[..., LOWER : LOWER + 4]
        corner = np.round(eye.opening.origin - eye.roi_from_uv[:, 2]).astype(int)
        height, width = parts.shape[:2]
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        uv = ((np.stack([x, y], -1) + corner - eye.opening.origin) @ eye.opening.axes.T).astype(np.float32)
        above, below = eye.opening.sample_curves(uv[..., 0])
        ball *= lid_shadow(uv[..., 1] - above, below - above, eye.opening.width)[..., None]
        rebuilt = ball * (1 - upper[..., 3:] - lower[..., 3:]) + upper[..., :3] + lower[..., :3]
        photo = handle(name).image[corner[1] : corner[1] + height, corner[0] : corner[0] + width]
        assert np.abs(rebuilt - photo).max() < 0.02


def test_the_white_beside_the_iris_has_the_light_that_the_photo_shows_there() -> None:
    width, white = 60.0, np.full((40, 60, 3), 180.0, np.float32)
    seen, clean = white.copy(), np.ones((40, 60), np.float32)
    seen[:, 40:] *= 0.5
    seen[10:30, 20:40], clean[10:30, 20:40] = 20.0, 0.0
    light = local_light(seen, white, clean, width)[..., 0]
    assert abs(light[5, 5] - 1.0) < 0.05
    assert abs(light[5, 55] - 0.5) < 0.05
    assert light[20, 30] > 0.55
    assert np.abs(local_light(seen, white, np.zeros_like(clean), width) - 1.0).max() == 0.0


def drawn_eye(radius: float = 12.0, width: float = 60.0) -> tuple[EyeRegion, np.ndarray]:
    """An eye of one white and one iris between straight lids, and (h, w) distance from its iris's centre in radii."""
    y, x = np.mgrid[-24:25, -36:37].astype(np.float32)
    distance = np.hypot(x, y) / radius
    photo = np.full((*x.shape, 3), 200.0, np.float32)
    photo[distance <= 1.0] = (60.0, 70.0, 90.0)
    photo[np.abs(y) > 16] = (190.0, 140.0, 110.0)
    photo *= lid_shadow(y + 16, np.full_like(y, 32.0), width)[..., None]
    return EyeRegion(photo, y + 16, 16 - y, x, x, y), distance


def parts_of(region: EyeRegion) -> np.ndarray:
    skin = np.float32([190, 140, 110])
    return split_eye(region, np.zeros(2), 12.0, eye_width=60.0, skin=skin)


def test_white_beside_the_iris_does_not_go_along_with_it() -> None:
    region, distance = drawn_eye()
    parts = parts_of(region)
    beside = (distance > 1.1) & (distance < 1.4) & (np.abs(region.y) < 10)
    assert parts[beside][:, ALPHA].max() < 0.05
    assert np.abs(parts[beside][:, IRIS : IRIS + 3]).max() < 6
    assert np.abs(parts[beside][:, SCLERA : SCLERA + 3] - 200).max() < 6
    assert parts[(distance < 0.9) & (np.abs(region.y) < 10)][:, ALPHA].min() > 0.95


def test_lashes_below_the_landmarks_of_the_upper_lid_belong_to_the_lid() -> None:
    region, distance = drawn_eye()
    lash = (region.below_upper > 0) & (region.below_upper < 5) & (distance > 1.5)
    region.photo[lash] = (50.0, 30.0, 20.0)
    parts = parts_of(region)
    within = lash & (region.below_upper < 4) & (distance > 1.6)
    assert parts[within][:, UPPER + 3].min() > 0.9
    assert parts[within][:, SCLERA : SCLERA + 3].mean() > 120


def test_a_catchlight_is_as_bright_as_the_white_and_goes_whole() -> None:
    region, _ = drawn_eye()
    bare = region.photo.copy()
    spots = {-5.0: 240.0, 5.0: 60.0}
    for at, height in spots.items():
        region.photo[:] += height * np.exp(-(np.hypot(region.x - at, region.y + 2) ** 2) / 3.0)[..., None]
    parts = parts_of(region)
    bright, pale = (np.hypot(region.x - at, region.y + 2) < 4 for at in spots)
    assert parts[pale][:, GLINT : GLINT + 3].max() < 8
    iris = parts[bright][:, IRIS : IRIS + 3] - bare[bright]
    assert parts[bright][:, GLINT : GLINT + 3].max() > 100 and np.abs(iris).max() < 60


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("level", [0.0, 0.4])
def test_an_eye_that_is_all_black_gets_the_white_expected_beside_its_skin(level: float) -> None:
    skin, along = np.float32([180, 140, 120]), np.tile(np.linspace(-0.4, 0.4, 40, dtype=np.float32), (20, 1))
    shadow, clean = np.ones((20, 40, 1), np.float32), np.ones((20, 40), bool)
    white = sclera_model(np.full((20, 40, 3), level, np.float32), shadow, clean, along, skin=skin)
    unseen = sclera_model(np.full((20, 40, 3), level, np.float32), shadow, ~clean, along, skin=skin)
    assert np.isfinite(white).all()
    assert np.array_equal(white, unseen)
    assert white[:, 20].mean() > 100
