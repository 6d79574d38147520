"""Measures of lip sync on cases whose figures are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipelines.errors import StudioError
from pipelines.evaluation.speech import evaluate_speech
from pipelines.evaluation.speech_clips import Clip, load_clips
from pipelines.evaluation.speech_measures import Lips, closures, correlation, score
from pipelines.evaluation.speech_predictors import Predictor, fused, loudness
from pipelines.speech.features.phonetic import WHOLE
from pipelines.speech.visemes import LIPS_SHUT, N_PHONES


def clip(seed: int = 0, frames: int = 150) -> Clip:
    rng = np.random.default_rng(seed)
    height = np.abs(np.convolve(rng.standard_normal(frames), np.hanning(7), "same")).astype(np.float32) * 0.05
    return Clip(
        f"clip{seed}",
        np.zeros(frames * 640, np.float32),
        height,
        height * 0.5,
        np.ones(frames, bool),
        np.zeros((frames, 3), np.float32),
        np.zeros(frames, np.float32),
    )


def test_perfect_lips() -> None:
    clips = [clip(seed) for seed in range(6)]
    lips = [Lips(c.height, c.width) for c in clips]
    result = score(clips, lips, [np.zeros((300, N_PHONES), np.float32)] * 6)
    assert result.height_r == pytest.approx(1, abs=1e-5) and result.width_r == pytest.approx(1, abs=1e-5)
    assert result.best_lag == 0 and result.near_lag_share == 1 and result.amplitude == pytest.approx(1)
    assert abs(result.control_r) < 0.2 and result.false_closed == 0


@pytest.mark.parametrize("late", [-3, 0, 2, 4])
def test_lag_is_found(late: int) -> None:
    clips = [clip(seed) for seed in range(4)]
    lips = [Lips(np.roll(c.height, late), c.width) for c in clips]
    assert score(clips, lips, [np.zeros((300, N_PHONES), np.float32)] * 4).best_lag == late


def test_correlation_of_nothing_is_none() -> None:
    flat, where = np.ones(50, np.float32), np.ones(50, bool)
    assert correlation(flat, np.arange(50, dtype=np.float32), where) == 0
    assert correlation(flat[:2], flat, where) == 0


def test_closures_are_counted_near_heard_bilabials() -> None:
    film = clip()
    film.height[:] = 0.2
    film.height[50:52] = 0
    film.height[100:102] = 0
    phones = np.zeros((300, N_PHONES), np.float32)
    phones[105, LIPS_SHUT[0]] = 1
    shut, open_ = film.height.copy(), np.full_like(film.height, 0.2)
    assert closures([film], [Lips(shut, shut)], [phones]) == (1.0, 0.0)
    assert closures([film], [Lips(open_, open_)], [phones]) == (0.0, 0.0)


def test_selection_is_thirty_english_clips(shared: Path) -> None:
    clips = load_clips(shared / "talking")
    assert len(clips) == 30 and sum(c.frames for c in clips) / 25 == pytest.approx(244, abs=1)
    assert sum(not c.is_grid for c in clips) == 13
    assert all(len(c.samples) == 640 * c.frames for c in clips)
    with pytest.raises(StudioError, match="shard"):
        load_clips(shared / "motion")


def test_report_of_two_predictors(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipelines.evaluation import speech

    some = [c for c in load_clips(shared / "talking") if c.name.startswith(("grid_b", "hdtf_RD"))]
    monkeypatch.setattr(speech, "load_clips", lambda folder: some)
    ways = [Predictor("loudness", loudness), Predictor("fused", lambda c: fused(c, WHOLE))]
    report = evaluate_speech(shared / "talking", ways=ways)
    quiet, ours = report.rows
    assert ours.all_clips.height_r > 0.45 > quiet.all_clips.height_r
    assert ours.beats_loudness >= 0.75 and ours.record()["lips by"] == "fused"
    assert set(report.as_dict()["rows"][1]["meets"]) == set(ours.checks())
