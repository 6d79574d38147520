"""Eye state equals the reference; ratios ignore where and how large a face is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipelines.motion.atlas import load_atlas
from pipelines.motion.space import rotation_matrix
from pipelines.portrait.eyes import eye_ratio, eye_state, lip_ratio
from pipelines.portrait.topology import EYE_LEFT, EYE_RIGHT
from pipelines.portrait.types import CROP_SIZE, Portrait


def test_eye_state_equals_the_reference(shared: Path) -> None:
    with np.load(shared / "oracle" / "golden_math.npz", allow_pickle=False) as golden:
        opening, ball = eye_state(golden["eye_state.in.lmk478"])
        np.testing.assert_allclose(opening, golden["eye_state.out.open"], atol=1e-6)
        np.testing.assert_allclose(ball, golden["eye_state.out.ball_move_flat6"], atol=1e-6)


def test_eye_state_of_a_portrait_is_in_the_usual_range(portrait: Callable[[str], Portrait]) -> None:
    p = portrait("admiral")
    opening, ball = eye_state(p.landmarks_in_crop / CROP_SIZE)
    np.testing.assert_allclose(opening, 3 * p.eye_ratio, rtol=1e-5)
    assert np.abs(ball).max() < 0.05


@given(yaw=st.floats(-70, 70), pitch=st.floats(-40, 40), scale=st.floats(0.01, 500))
def test_ratios_ignore_pose_and_scale(yaw: float, pitch: float, scale: float) -> None:
    mesh = np.array(load_atlas().mesh_mean, np.float64)
    turned = scale * mesh @ rotation_matrix(pitch, yaw, 7.0) + 3.0
    np.testing.assert_allclose(eye_ratio(turned), eye_ratio(mesh), rtol=1e-4)
    np.testing.assert_allclose(lip_ratio(turned), lip_ratio(mesh), rtol=1e-4)


def test_closing_one_eye_lowers_only_its_ratio() -> None:
    mesh = np.array(load_atlas().mesh_mean, np.float64)
    closed = mesh.copy()
    for i in range(1, 8):
        closed[EYE_RIGHT[i]] = closed[EYE_RIGHT[16 - i]]
    right, left = eye_ratio(closed)
    assert right < 1e-6
    assert left == eye_ratio(mesh)[1]
    assert EYE_LEFT[0] != EYE_RIGHT[0]
    batch = eye_ratio(np.stack([mesh, closed]))
    assert batch.shape == (2, 2)
