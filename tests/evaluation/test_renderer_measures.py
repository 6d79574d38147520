"""The measures of the renderer on cases whose figures are known."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.assets import PORTRAITS
from pipelines.evaluation.atlas_fit import Pairs, fit_jacobian
from pipelines.evaluation.leakage import control_regions, half_mask, region_area
from pipelines.evaluation.renderer_measures import (
    change_energy,
    interior_error,
    landmark_errors_pct,
    likeness,
    polygon_mask,
    psnr_db,
    pupil_distance,
    share_outside,
    ssim,
)
from pipelines.motion.atlas import load_atlas
from pipelines.motion.controls import CONTROL_BY_KEY
from pipelines.motion.regions import REGIONS
from pipelines.portrait.load import load_photo
from pipelines.portrait.register import register
from pipelines.portrait.topology import EYE_LEFT, EYE_RIGHT, LIPS_INNER, LIPS_OUTER
from pipelines.portrait.types import Portrait


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    return register(load_photo(PORTRAITS / "astronaut.jpg"))


def test_psnr_of_a_known_error() -> None:
    grey = np.full((32, 32, 3), 100, np.uint8)
    assert psnr_db(grey, grey + np.uint8(10)) == pytest.approx(20 * np.log10(255 / 10))
    assert psnr_db(grey, grey) == 99.0


def test_ssim_is_one_for_equal_pictures_and_known_for_a_shift_of_brightness() -> None:
    noise = np.random.default_rng(0).integers(0, 200, (48, 48, 3), np.uint8)
    assert ssim(noise, noise) == pytest.approx(1.0)
    grey = np.full((32, 32, 3), 100, np.uint8)
    c1 = (0.01 * 255) ** 2
    assert ssim(grey, grey + np.uint8(20)) == pytest.approx((2 * 100 * 120 + c1) / (100**2 + 120**2 + c1))
    assert ssim(noise, np.roll(noise, 5, axis=1)) < 0.2


def test_a_known_shift_gives_a_known_landmark_error(portrait: Portrait) -> None:
    truth = portrait.landmarks_in_crop
    shift = 0.05 * pupil_distance(truth)
    everywhere, mouth = landmark_errors_pct(truth + np.array([0.6 * shift, 0.8 * shift, 0]), truth)
    assert everywhere == pytest.approx(5.0, rel=1e-4)
    assert mouth == pytest.approx(5.0, rel=1e-4)
    assert np.isnan(landmark_errors_pct(None, truth)).all()


def test_the_mouth_is_measured_inside_its_contour_only(portrait: Portrait) -> None:
    real = portrait.image
    inside = polygon_mask(portrait.landmarks_in_crop[LIPS_INNER, :2], real.shape[:2])
    drawn = real.copy()
    drawn[~inside] = 0
    assert interior_error(drawn, real, portrait.landmarks_in_crop) == (0.0, 0.0)
    darker = np.where(inside[..., None], np.maximum(real, 12) - np.uint8(12), real).astype(np.uint8)
    mae, bias = interior_error(darker, np.maximum(real, 12), portrait.landmarks_in_crop)
    assert mae == pytest.approx(12.0, abs=0.6)
    assert bias == pytest.approx(-12.0, abs=0.6)


def test_a_frame_is_perfectly_like_itself(portrait: Portrait) -> None:
    landmarks = portrait.landmarks_in_crop
    same = likeness(portrait.image, portrait.image, landmarks=landmarks, true_landmarks=landmarks)
    assert (same.psnr_db, same.landmarks_pct, same.mouth_pct, same.interior_mae) == (99.0, 0.0, 0.0, 0.0)
    assert same.ssim == pytest.approx(1.0)


def test_leakage_of_a_made_up_change_is_its_share() -> None:
    rest = np.full((64, 64, 3), 90, np.uint8)
    frame = rest.copy()
    frame[:10, :10] += np.uint8(20)
    frame[40:45, 40:45] += np.uint8(40)
    frame[60, 60] += np.uint8(1)
    inside = np.zeros((64, 64), bool)
    inside[:20, :20] = True
    energy = change_energy(frame, rest)
    assert energy[60, 60] == 0, "rounding counts as none"
    assert share_outside(energy, inside) == pytest.approx(25 * 40**2 / (25 * 40**2 + 100 * 20**2))
    assert share_outside(change_energy(rest, rest), inside) == 0.0


def test_areas_hold_their_landmarks_and_halves_their_eyes(portrait: Portrait) -> None:
    points = portrait.landmarks_in_crop.astype(np.float64)

    def covered(area: np.ndarray, rows: np.ndarray) -> bool:
        x, y = np.round(points[rows, :2]).astype(int).T
        return bool(area[y, x].all())

    assert covered(region_area("mouth", points, size=512), LIPS_OUTER)
    assert covered(region_area("eyes", points, size=512), EYE_RIGHT)
    assert not covered(region_area("mouth", points, size=512), EYE_RIGHT)
    assert not region_area("outline", points, size=512)[tuple(np.round(points[4, [1, 0]]).astype(int))]
    right = half_mask(points, size=512)
    assert covered(right, EYE_RIGHT) and covered(~right, EYE_LEFT)


def test_a_control_may_act_where_its_dims_may() -> None:
    assert control_regions(CONTROL_BY_KEY["blink"]) == ("eyes",)
    assert set(control_regions(CONTROL_BY_KEY["smile"])) > {"mouth", "cheeks"}
    assert all(
        set(control_regions(control)) <= set(REGIONS) for control in CONTROL_BY_KEY.values() if control.coefficients
    )


def test_the_atlas_fit_leaves_the_tested_clip_out() -> None:
    rng = np.random.default_rng(0)
    truth = load_atlas().J.astype(np.float64)
    exp = rng.normal(0, 0.01, (300, 63))
    clip = np.repeat([0, 1, 2], 100)
    landmarks = np.einsum("nd,dvc->nvc", exp, truth)
    landmarks[clip == 2] = rng.normal(0, 0.1, (100, 478, 3))
    pairs = Pairs(("a", "b", "bad"), clip, np.tile(np.arange(100), 3), exp, landmarks)
    fitted = fit_jacobian(pairs, without="bad")
    assert np.linalg.norm(fitted - truth) < 0.1 * np.linalg.norm(truth)
    assert np.linalg.norm(fit_jacobian(pairs) - truth) > np.linalg.norm(truth)
