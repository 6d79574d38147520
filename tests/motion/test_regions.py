"""Regions partition the dims; their algebra; limits; the lid law; emotions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipelines.errors import StudioError
from pipelines.motion.atlas import load_atlas
from pipelines.motion.controls import SLOT_DEFAULT, slots_of
from pipelines.motion.dims import DIMS
from pipelines.motion.edit import Edit, Source, apply_edit
from pipelines.motion.emotion import EMOTION_NAMES, emotion_vector
from pipelines.motion.eyes import WIDEST, closure_of_drive, drive_of_closure, lid_closure
from pipelines.motion.limits import clamp_edit, dim_bounds
from pipelines.motion.regions import (
    HEAD,
    KEYPOINT_REGION,
    MEMBERSHIP,
    N_REGIONS,
    PRESETS,
    REGIONS,
    dim_weights,
    exclude,
    feather,
    invert,
    region_weights,
    union,
)
from pipelines.motion.space import Motion

weights = arrays(np.float32, N_REGIONS, elements=st.floats(0, 1, width=32))
quick = settings(max_examples=60, deadline=None)


def test_membership_is_a_partition() -> None:
    assert MEMBERSHIP.shape == (63, N_REGIONS)
    assert (MEMBERSHIP >= 0).all()
    assert np.allclose(MEMBERSHIP.sum(1), 1)
    assert not MEMBERSHIP[:, HEAD].any()
    assert (MEMBERSHIP.sum(0) > 0).sum() == N_REGIONS - 1
    assert set(KEYPOINT_REGION) <= set(REGIONS)


@given(weights, weights, weights)
@quick
def test_soft_set_algebra(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> None:
    assert np.array_equal(union(a, b), union(b, a))
    assert np.array_equal(union(a, union(b, c)), union(union(a, b), c))
    assert np.array_equal(union(a, a), a)
    assert np.array_equal(exclude(a, np.zeros_like(b)), a)
    assert not exclude(a, np.ones_like(b)).any()
    assert np.allclose(invert(invert(a)), a, atol=1e-6)
    assert np.allclose(exclude(a, b), invert(union(invert(a), b)), atol=1e-6)


@given(weights, weights)
@quick
def test_masks_stay_in_range_and_ones_stay_one(right: np.ndarray, left: np.ndarray) -> None:
    for mask in dim_weights(right, left):
        assert mask.shape == (63,)
        assert (mask >= 0).all()
        assert (mask <= 1 + 1e-6).all()
    ones = np.ones(N_REGIONS, np.float32)
    assert all((mask == 1).all() for mask in dim_weights(ones, ones))


def test_a_dim_of_one_eye_follows_that_side_in_both_halves() -> None:
    right, left = np.ones(N_REGIONS, np.float32), np.zeros(N_REGIONS, np.float32)
    on_right, on_left = dim_weights(right, left)
    for dim in DIMS:
        if dim.side:
            assert on_right[dim.index] == on_left[dim.index] == float(dim.side == "right")


@given(weights, st.floats(0, 1))
@quick
def test_feather_is_an_average(w: np.ndarray, amount: float) -> None:
    soft = feather(w, amount=amount)
    assert w.min() - 1e-6 <= soft.min() <= soft.max() <= w.max() + 1e-6
    assert np.array_equal(feather(w, amount=0), w)
    ones = np.ones(N_REGIONS, np.float32)
    assert np.array_equal(feather(ones, amount=amount), ones)
    assert feather(w, amount=amount)[HEAD] == w[HEAD]


def test_presets() -> None:
    assert (Edit.of(PRESETS["all"][1]).vector == SLOT_DEFAULT).all()
    for name in PRESETS:
        right, left = region_weights(Edit.of(PRESETS[name][1]).vector)
        assert np.array_equal(right, left)
    lips, rest = (region_weights(Edit.of(PRESETS[name][1]).vector)[0] for name in ("lips_only", "except_lips"))
    assert np.array_equal(invert(lips), rest)
    eyes = dim_weights(*region_weights(Edit.of(PRESETS["eyes_only"][1]).vector))[0]
    assert {k for k in range(21) if eyes.reshape(21, 3)[k].any()} == {11, 13, 15, 16, 18}


motions = arrays(np.float32, 63, elements=st.floats(-0.125, 0.125, width=32))


@given(motions, motions, st.floats(0.125, 2, width=32))
@quick
def test_clamp_is_idempotent_and_spares_unedited_dims(edit: np.ndarray, driven: np.ndarray, strength: float) -> None:
    low, high = dim_bounds(strength)
    kept = clamp_edit(edit, driven, low=low, high=high)
    again = clamp_edit(kept, driven, low=low, high=high)
    assert np.allclose(again, kept, atol=1e-7)
    assert not kept[edit == 0].any()
    total = driven + kept
    assert (total >= np.minimum(low, driven) - 1e-7).all()
    assert (total <= np.maximum(high, driven) + 1e-7).all()
    assert (kept * edit >= -1e-9).all()


def test_strength_scales_and_zero_switches_off() -> None:
    low, high = dim_bounds(1)
    assert np.allclose(dim_bounds(2)[1], high / 2)
    extreme = load_atlas().range_rel_official[-1]
    assert np.allclose(high[34], 1.5 * extreme[34])
    assert np.isinf(dim_bounds(0)[0]).all()
    assert (low < 0).all()
    huge = np.full(63, 9, np.float32)
    assert clamp_edit(huge, np.zeros(63, np.float32), low=dim_bounds(0)[0], high=dim_bounds(0)[1]) is huge


@given(st.floats(-3, 3), st.floats(0, 1))
@quick
def test_lid_law_is_monotone_and_bounded(drive: float, more: float) -> None:
    a, b = closure_of_drive(drive), closure_of_drive(drive + more)
    assert -WIDEST <= a <= b <= 1


@given(st.floats(-0.98 * WIDEST, 1))
@quick
def test_lid_law_inverts(closure: float) -> None:
    assert closure_of_drive(drive_of_closure(closure)) == pytest.approx(closure, abs=1e-9)


def test_lid_law_is_shut_at_the_blink_row_and_separates_the_eyes() -> None:
    exp = np.zeros(63)
    exp[34], exp[40] = 20e-3, -6e-3
    assert np.allclose(lid_closure(exp, exp), [1, 0])
    assert np.allclose(lid_closure(np.zeros(63), exp), [0, 0])
    assert (lid_closure(np.zeros((5, 63)), np.zeros((5, 63))) == 0).all()


def test_emotions_are_distinct_and_scale() -> None:
    source = Source(Motion.identity())

    def face(values: dict[str, float]) -> np.ndarray:
        motion = apply_edit(source, source.motion, Edit.of({"limit_strength": 0, **values}))
        return np.concatenate((motion.exp.ravel(), motion.side.ravel())).astype(float)

    faces = {name: face({f"emotion_{name}": 1}) for name in EMOTION_NAMES if name != "neutral"}
    assert not face({"emotion_neutral": 1}).any()
    for a in faces:
        for b in faces:
            if a < b:
                cosine = faces[a] @ faces[b] / np.linalg.norm(faces[a]) / np.linalg.norm(faces[b])
                assert cosine < 0.75, (a, b, cosine)
    assert np.allclose(face({"emotion_sad": 1, "emotion_intensity": 0.5}), faces["sad"] / 2, atol=1e-6)
    assert np.allclose(face({"emotion_sad": 1, "emotion_happy": 1}), (faces["sad"] + faces["happy"]) / 2, atol=1e-6)
    assert not face({"emotion_sad": 1, "emotion_intensity": 0}).any()


def test_emotion_is_the_sum_of_its_controls() -> None:
    source = Source(Motion.identity())
    preset = apply_edit(source, source.motion, Edit.of({"emotion_surprise": 1}))
    by_hand = apply_edit(source, source.motion, Edit.of({"brow_raise": 1, "eye_wide": 1, "jaw_open": 0.55}))
    assert np.allclose(preset.exp, by_hand.exp, atol=1e-7)


@pytest.mark.parametrize("labels", [8, -1, [], range(8)])
def test_bad_emotion_labels(labels) -> None:
    with pytest.raises(StudioError, match="labels"):
        emotion_vector(labels)


def test_atlas_is_read_only() -> None:
    atlas = load_atlas()
    assert load_atlas() is atlas
    with pytest.raises(ValueError, match="read-only"):
        atlas.J[0] = 1
    assert slots_of("limit_strength")
