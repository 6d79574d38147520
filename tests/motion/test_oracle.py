"""Equal to the parity oracle: the whole file beside the repository, and a small part that ships with the tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.motion.controls import CONTROL_BY_KEY
from pipelines.motion.emotion import emotion_vector
from pipelines.motion.eyes import LOWER_LID, UPPER_LID
from pipelines.motion.fold import gaze_to_exp
from pipelines.motion.pack import PackedFields, mix_relative, pack_fields, unpack_fields
from pipelines.motion.space import Motion, bins_to_degrees, keypoints, rotation_degrees, rotation_matrix
from pipelines.portrait.eyes import eye_state

FIXTURE = Path(__file__).parents[1] / "fixtures" / "motion_golden.npz"
TOLERANCE = 1e-5


@pytest.fixture(scope="module", params=["shipped", "shared"])
def golden(request: pytest.FixtureRequest) -> Any:
    if request.param == "shipped":
        return np.load(FIXTURE, allow_pickle=False)
    return np.load(request.getfixturevalue("shared") / "oracle" / "golden_math.npz", allow_pickle=False)


def agree(got: np.ndarray, expected: np.ndarray, tolerance: float = TOLERANCE) -> None:
    assert got.shape == expected.shape
    assert np.abs(got - expected).max() <= tolerance * np.abs(expected).max()


def test_bins(golden: Any) -> None:
    agree(bins_to_degrees(golden["bins.in.logits"]), golden["bins.out.degrees"])


def test_rotation_and_its_inverse(golden: Any) -> None:
    angles = [golden[f"rotation.in.{name}"] for name in ("pitch", "yaw", "roll")]
    rotation = rotation_matrix(*angles)
    agree(rotation, golden["rotation.out.R"])
    for got, angle in zip(rotation_degrees(rotation), angles, strict=True):
        assert np.allclose(got, angle, atol=1e-4)


@pytest.mark.parametrize("topic", ["transform", "transform_bins"])
def test_keypoints(golden: Any, topic: str) -> None:
    angles = [golden[f"{topic}.in.{name}"] for name in ("pitch", "yaw", "roll")]
    pitch, yaw, roll = (bins_to_degrees(a) if a.shape[-1] == 66 else a[:, 0] for a in angles)
    motion = Motion.of(
        exp=golden["transform.in.exp"],
        pitch_deg=pitch,
        yaw_deg=yaw,
        roll_deg=roll,
        t=golden["transform.in.t"],
        scale=golden["transform.in.scale"][:, 0],
    )
    got = np.stack([keypoints(kp, motion[i])[0] for i, kp in enumerate(golden["transform.in.kp"])])
    agree(got, golden[f"{topic}.out.x"])


def test_pack_and_unpack(golden: Any) -> None:
    names = ("scale", "pitch", "yaw", "roll", "t", "exp")
    frame = pack_fields(PackedFields(*(golden[f"pack.in.{name}"] for name in names)))
    agree(frame[0], golden["pack.out.vector"])
    fields = unpack_fields(golden["pack.out.vector"])
    for name in names:
        agree(getattr(fields, name), golden[f"unpack.out.{name}"])


def test_eye_state(golden: Any) -> None:
    opening, ball = eye_state(golden["eye_state.in.lmk478"])
    agree(opening, golden["eye_state.out.open"])
    agree(ball.reshape(-1, 3, 2), golden["eye_state.out.ball_move"])
    agree(ball, golden["eye_state.out.ball_move_flat6"])


def test_emotion_vectors(golden: Any) -> None:
    agree(np.stack([emotion_vector(i) for i in range(8)]), golden["emotion.single"])
    agree(emotion_vector([3, 4]), golden["emotion.pair_3_4"])
    agree(emotion_vector([0, 5, 6]), golden["emotion.triple_0_5_6"])


def test_gaze_units(golden: Any) -> None:
    dx, dy = golden["gaze.in.dx_dy"].T[..., None].repeat(2, -1)
    agree(gaze_to_exp(dx, dy), golden["gaze.out.exp_delta"])


def test_relative_motion(golden: Any) -> None:
    at = golden.__getitem__
    source = Motion.of(
        exp=at("relative.in.source.exp"),
        pitch_deg=at("relative.in.source.pitch")[:, 0],
        yaw_deg=at("relative.in.source.yaw")[:, 0],
        roll_deg=at("relative.in.source.roll")[:, 0],
        t=at("relative.in.source.t"),
        scale=at("relative.in.source.scale")[:, 0],
    )
    pitch, yaw, roll = rotation_degrees(at("relative.in.driving.R"))
    driven = Motion.of(
        exp=at("relative.in.driving.exp"),
        pitch_deg=pitch,
        yaw_deg=yaw,
        roll_deg=roll,
        t=at("relative.in.driving.t"),
        scale=at("relative.in.driving.scale")[:, 0],
    )
    # LivePortrait composes rotations, multiplies scales and leaves depth; the rest is our relative motion
    rest = driven[0]
    r_driven, r_rest, r_source = (rotation_matrix(m.pitch_deg, m.yaw_deg, m.roll_deg) for m in (driven, rest, source))
    pitch, yaw, roll = rotation_degrees(r_driven @ np.swapaxes(r_rest, -1, -2) @ r_source)
    mixed = mix_relative(source, driven)
    mixed = mixed.with_(
        pitch_deg=pitch,
        yaw_deg=yaw,
        roll_deg=roll,
        t=mixed.t * np.array([1, 1, 0], np.float32),
        scale=source.scale * driven.scale / rest.scale,
    )
    got = keypoints(at("relative.in.source.kp"), mixed)
    agree(got, at("relative.out.relative.all.x_d"))


def published(golden: Any, slider: str) -> np.ndarray:
    return golden[f"edit.{slider}"].reshape(63).astype(float)


def row(key: str) -> np.ndarray:
    dense = np.zeros(63)
    for dim, value in CONTROL_BY_KEY[key].coefficients:
        dense[dim] = value
    return dense


@pytest.mark.parametrize(
    ("key", "slider"),
    [
        ("smile", "smile.plus1"),
        ("brow_raise", "eyebrow.plus1"),
        ("brow_knit", "eyebrow.minus1"),
        ("jaw_open", "lip_variation_three.plus1"),
        ("mouth_sideways", "lip_variation_zero.plus1"),
    ],
)
def test_rows_stay_near_the_published_sliders(golden: Any, key: str, slider: str) -> None:
    ours, theirs = row(key), published(golden, slider)
    cosine = ours @ theirs / np.linalg.norm(ours) / np.linalg.norm(theirs)
    assert cosine > 0.75


def test_blink_keeps_the_published_lid_ratio(golden: Any) -> None:
    theirs = published(golden, "wink.plus1")
    ours = row("blink")
    for upper, lower in zip(UPPER_LID, LOWER_LID, strict=True):
        assert np.isclose(ours[lower] / ours[upper], theirs[LOWER_LID[0]] / theirs[UPPER_LID[0]])
