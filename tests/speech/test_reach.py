"""How far generated motion reaches: parts of the face scale apart, the eyes hold the camera, streams agree."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipelines.errors import StudioError
from pipelines.motion.regions import MEMBERSHIP, REGIONS
from pipelines.motion.space import Motion
from pipelines.speech.choice import Delivery
from pipelines.speech.reach import AMOUNTS, FULL


@pytest.fixture
def motion() -> Motion:
    rng = np.random.default_rng(1)
    return Motion.of(
        exp=rng.standard_normal((9, 21, 3)) * 0.01,
        pitch_deg=rng.standard_normal(9),
        yaw_deg=rng.standard_normal(9) * 5,
        roll_deg=rng.standard_normal(9),
        t=rng.standard_normal((9, 3)) * 0.01,
    )


def _same(a: Motion, b: Motion) -> None:
    for name in ("exp", "pitch_deg", "yaw_deg", "roll_deg", "t", "gaze_deg"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), atol=1e-6)


def test_the_default_delivery_changes_nothing(motion: Motion) -> None:
    _same(Delivery().reach.on(motion), motion)
    _same(FULL.on(motion), motion)


@pytest.mark.parametrize("name", AMOUNTS)
def test_an_amount_scales_its_regions_and_no_other(motion: Motion, name: str) -> None:
    halved = replace(Delivery(), **{name: 0.5}).reach.on(motion)
    inside = MEMBERSHIP[:, [REGIONS.index(region) for region in AMOUNTS[name][2]]].sum(-1)
    ratio = (halved.exp / motion.exp).reshape(9, -1)
    np.testing.assert_allclose(ratio, np.broadcast_to(1 - 0.5 * inside, ratio.shape), atol=1e-4)
    np.testing.assert_array_equal(halved.yaw_deg, motion.yaw_deg)


def test_head_and_scope(motion: Motion) -> None:
    half = Delivery(head=0.5).reach.on(motion)
    np.testing.assert_allclose(half.yaw_deg, 0.5 * motion.yaw_deg)
    np.testing.assert_allclose(half.exp, motion.exp, rtol=1e-5)
    for scope in ("still_head", "lips_only"):
        still = Delivery(scope=scope, gaze=1.0).reach.on(motion)
        assert not still.yaw_deg.any() and not still.t.any() and not still.gaze_deg.any()
    lips = Delivery(scope="lips_only").reach.on(motion).exp.reshape(9, 63)
    assert not lips[:, MEMBERSHIP[:, REGIONS.index("brows")] == 1].any()


def test_the_eyes_turn_back_as_far_as_asked(motion: Motion) -> None:
    held = Delivery(gaze=1.0, head=0.5).reach.on(motion)
    for eye in (0, 1):
        np.testing.assert_allclose(held.gaze_deg[:, eye, 0], 0.5 * motion.yaw_deg, rtol=1e-5)
        np.testing.assert_allclose(held.gaze_deg[:, eye, 1], 0.5 * motion.pitch_deg, rtol=1e-5)
    np.testing.assert_allclose(Delivery(gaze=0.5, head=0.5).reach.on(motion).gaze_deg, held.gaze_deg / 2, rtol=1e-5)


def test_a_reach_may_be_laid_on_later(motion: Motion) -> None:
    delivery = Delivery(scope="except_brows", expression=0.7, lips=1.3, head=0.4, gaze=0.6)
    assert delivery.unscaled.reach.on(motion).exp.shape == motion.exp.shape
    _same(delivery.reach.on(delivery.unscaled.reach.on(motion)), delivery.reach.on(motion))


def test_moods_over_time() -> None:
    happy, sad = (0.0, 0, 0, 1, 0, 0, 0, 0), (0.0, 0, 0, 0, 0, 1, 0, 0)
    assert Delivery(mood=happy).moods == (happy,)
    assert Delivery(mood=happy, mood_end=sad).moods == (happy, happy, sad)
    assert Delivery(mood=happy, mood_middle=sad).moods == (happy, sad, sad)
    with pytest.raises(StudioError, match="`mood`"):
        Delivery(mood_end=(0.7, 0.7, 0, 0, 0, 0, 0, 0))
    with pytest.raises(StudioError, match="`gaze`"):
        Delivery(gaze=1.2)
    with pytest.raises(StudioError, match="`brows`"):
        Delivery(brows=-0.1)
