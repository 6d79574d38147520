"""The viseme rule, and lips on and off the atlas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.motion.atlas import load_atlas
from pipelines.speech.visemes import (
    EXACT,
    HAMA,
    LIPS_SHUT,
    N_PHONES,
    PHONE_INDEX,
    TARGETS,
    lip_curves,
    lip_measures,
    lips_to_expression,
)


def said(*phones: str, frames: int = 12) -> np.ndarray:
    """Exact activations at 100 Hz, silence around."""
    names = ["SIL"] * 60 + [phone for phone in phones for _ in range(frames)] + ["SIL"] * 60
    return np.eye(N_PHONES, dtype=np.float32)[[PHONE_INDEX[name] for name in names]]


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_curves_stay_in_range(seed: int) -> None:
    rng = np.random.default_rng(seed)
    activations = rng.dirichlet(np.full(N_PHONES, 0.05), size=80).astype(np.float32)
    for evidence in (HAMA, EXACT):
        curves = lip_curves(activations, rate=50, evidence=evidence)
        assert curves.shape == (80, 6) and np.isfinite(curves).all()
        assert (curves[:, [0, 2, 3, 4, 5]] >= -1e-4).all() and (curves[:, [0, 2, 3, 4, 5]] <= 1 + 1e-4).all()
        assert (np.abs(curves[:, 1]) <= 1).all()


def test_bilabials_shut_the_lips_between_vowels() -> None:
    curves = lip_curves(said("AA", "P", "AA"), rate=100, evidence=EXACT)
    middle = 60 + 18
    assert curves[middle, 0] < 0.02 and curves[middle, 3] > 0.9
    assert curves[middle - 14 : middle + 15, 0].max() > 0.4
    assert all(TARGETS[index, 0] == 0 for index in LIPS_SHUT)


def test_rounding_and_spreading() -> None:
    def width(phone: str) -> float:
        return float(lip_curves(said(phone, frames=30), rate=100, evidence=EXACT)[75, 1])

    assert width("UW") < -0.5 < 0 < 0.3 < width("IY")


def test_pause_inside_speech_is_no_rest() -> None:
    near = lip_curves(said("AA", *["SIL"] * 3, "AA"), rate=100, evidence=EXACT)[90, 0]
    far = lip_curves(said("AA"), rate=100, evidence=EXACT)[0, 0]
    assert near > 0.2 and far < 0.1


@given(st.floats(0.13, 1), st.floats(-1, 1), st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_lips_measured_on_the_atlas_are_the_lips_asked_for(aperture: float, width: float, forward: float) -> None:
    exp = lips_to_expression(np.array([[aperture, width, forward]], np.float32))
    height, spread = lip_measures(exp)
    assert height[0] == pytest.approx(max(0, 0.55 * aperture - 0.07), abs=0.012)
    assert spread[0] == pytest.approx(0.28 * width, abs=0.01)


def test_lips_stay_in_measured_ranges() -> None:
    corners = np.array([[a, w, p] for a in (0, 0.95) for w in (-0.9, 0.55) for p in (0, 1)], np.float32)
    exp = lips_to_expression(corners)
    extreme = np.abs(load_atlas().range_rel_official[[0, -1]]).max(0) * 1.5
    assert (np.abs(exp) <= extreme + 1e-6).all()


def test_shut_lips_are_no_expression() -> None:
    assert np.abs(lips_to_expression(np.zeros((3, 6), np.float32))).max() == 0
