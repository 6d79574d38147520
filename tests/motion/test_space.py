"""Motion, folding, packing, relative mixing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import StudioError
from pipelines.motion.edit import Edit, Source, apply_edit
from pipelines.motion.pack import degrees_to_bins, mix_relative, pack, unpack
from pipelines.motion.space import Motion, bins_to_degrees
from tests.motion.strategies import close, generators, random_motion, same


def exp_of(motion: Motion) -> np.ndarray:
    return motion.exp.reshape(63)


@given(generators())
@settings(max_examples=25, deadline=None)
def test_folding_twice_is_folding_once(rng: np.random.Generator) -> None:
    once = random_motion(rng, 3).folded()
    assert once.folded() is once
    assert not once.side.any()
    assert not once.gaze_deg.any()


def test_folding_changes_nothing_without_side_and_gaze() -> None:
    motion = Motion.of(exp=np.full((21, 3), 0.01))
    assert motion.folded() is motion


def test_one_sided_smile_folds_into_uneven_corners() -> None:
    source = Source(Motion.identity())
    right = exp_of(apply_edit(source, source.motion, Edit.of({"smile_right": 1})).folded())
    left = exp_of(apply_edit(source, source.motion, Edit.of({"smile_left": 1})).folded())
    assert right[60] < 0 < left[60]
    assert right[51] > 0 > left[51]
    assert np.isclose(right[43], left[43])


def test_gaze_folds_into_the_dims_of_its_own_eye() -> None:
    gaze = np.zeros((2, 2), np.float32)
    gaze[0] = 10, 5
    exp = exp_of(Motion.of(gaze_deg=gaze).folded())
    assert exp[33] > 0 > exp[34]
    assert not exp[[45, 46]].any()


@given(st.floats(-90, 90))
@settings(max_examples=100, deadline=None)
def test_bins_decode_to_the_angle(degrees: float) -> None:
    logits = degrees_to_bins(degrees)
    assert abs(bins_to_degrees(logits) - degrees) < 1e-3
    assert logits.min() >= -12
    # reversing the bins negates the angle
    assert abs(bins_to_degrees(logits[::-1]) + degrees) < 1e-3


def test_one_hot_bins() -> None:
    first, last = np.full(66, -1e3), np.full(66, -1e3)
    first[0] = last[-1] = 0
    assert bins_to_degrees(first) == -97.5
    assert bins_to_degrees(last) == 97.5


@given(generators())
@settings(max_examples=20, deadline=None)
def test_packing_round_trip(rng: np.random.Generator) -> None:
    motion = random_motion(rng, 4)
    frames = pack(motion)
    assert frames.shape == (4, 265)
    assert frames.dtype == np.float32
    assert close(unpack(frames), motion.folded(), 1e-3)


def test_wrong_frame_length() -> None:
    with pytest.raises(StudioError, match="265"):
        unpack(np.zeros((3, 202)))


@given(generators())
@settings(max_examples=25, deadline=None)
def test_relative_mix_of_stillness_is_the_source(rng: np.random.Generator) -> None:
    source, driven = random_motion(rng), random_motion(rng)
    still = driven[np.zeros(5, np.intp)]
    assert same(mix_relative(source, still), source[np.zeros(5, np.intp)])


def test_relative_weights_scale_one_key() -> None:
    rng = np.random.default_rng(0)
    source, driven = random_motion(rng), random_motion(rng, 4)
    mixed = mix_relative(source, driven, weights={"yaw_deg": 0.5, "pitch_deg": 0})
    assert np.allclose(mixed.yaw_deg - source.yaw_deg, (driven.yaw_deg - driven.yaw_deg[0]) / 2, atol=1e-5)
    assert (mixed.pitch_deg == source.pitch_deg).all()
    assert np.allclose(mixed.exp - source.exp, driven.exp - driven.exp[0], atol=1e-6)
    assert (mixed.scale == source.scale).all()
    with pytest.raises(StudioError, match="kp"):
        mix_relative(source, driven, weights={"kp": 1})
