"""Figures of blinks and heads on motions whose figures are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipelines.evaluation.speech_clips import Clip
from pipelines.evaluation.speech_naturalness import compare, measure, of_track, seeds_differ
from pipelines.motion.space import Motion
from pipelines.motion.track import Track
from pipelines.speech.blinks import BLINK_FRAMES, blink_table


def swaying(seed: int, frames: int = 500) -> np.ndarray:
    time = np.arange(frames)[:, None] / 25
    return (np.sin(2 * np.pi * 0.5 * time + seed) * (2.0, 3.0, 1.0)).astype(np.float32)


def track(seed: int = 0, frames: int = 500, *, lively: float = 1) -> Track:
    exp = np.zeros((frames, 63), np.float32)
    for start in range(100, frames - BLINK_FRAMES, 100):
        exp[start : start + BLINK_FRAMES] = blink_table()
    pitch, yaw, roll = lively * swaying(seed, frames).T
    motion = Motion.of(exp=exp.reshape(-1, 21, 3), pitch_deg=pitch, yaw_deg=yaw, roll_deg=roll)
    return Track(motion, reference=Motion.identity())


def clip() -> Clip:
    flat = np.ones(500, np.float32)
    blink = np.zeros(500, np.float32)
    blink[100:104] = 1
    return Clip("someone", np.zeros(320_000, np.float32), flat, flat, flat > 0, swaying(0), blink)


def test_blinks_and_sway_of_a_track_are_counted() -> None:
    figures = of_track(track())
    assert figures.blinks_per_min == pytest.approx(4 * 60 / 20)
    assert figures.pitch_std_deg == pytest.approx(2 / np.sqrt(2), rel=0.02)
    assert figures.yaw_std_deg == pytest.approx(3 / np.sqrt(2), rel=0.02)
    assert figures.head_centroid_hz == pytest.approx(0.5, abs=0.1)


def test_a_still_head_has_no_figures() -> None:
    figures = measure(np.zeros(100, np.float32), np.zeros((100, 3), np.float32))
    assert figures.blinks_per_min == figures.head_speed_deg_s == figures.head_centroid_hz == 0


def test_generated_against_people() -> None:
    rows = {row.figure: row for row in compare([clip()], lambda clip, seed: track(seed))}
    assert rows["yaw_std_deg"].generated == pytest.approx(rows["yaw_std_deg"].people_low, rel=0.01)
    assert not rows["blinks_per_min"].in_range
    assert rows["blinks_per_min"].people_high == pytest.approx(3)
    assert rows["blinks_per_min"].verdict == "OUTSIDE"


def test_people_who_differ_are_not_met_by_one_who_repeats() -> None:
    calm, lively = clip(), replace(clip(), pose_deg=3 * swaying(0))
    alike = {row.figure: row for row in compare([calm, lively], lambda clip, seed: track(seed, lively=1.5))}
    assert alike["yaw_std_deg"].in_range and alike["yaw_std_deg"].verdict == "in range, TOO ALIKE"
    varied = compare([calm, lively], lambda clip, seed: track(0, lively=1.1 + 1.5 * seed))
    assert {row.figure: row for row in varied}["yaw_std_deg"].verdict == "in range"


def test_seeds() -> None:
    assert seeds_differ(clip(), lambda clip, seed: track(seed)) == (True, True)
    assert seeds_differ(clip(), lambda clip, seed: track(0)) == (True, False)
