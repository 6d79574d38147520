"""Lip sync against filmed speakers, and whether what else the face does looks like people's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipelines.evaluation.speech_clips import Clip, load_clips
from pipelines.evaluation.speech_measures import MAX_LAG, Lips, LipScore, clip_heights, score
from pipelines.evaluation.speech_naturalness import NaturalRow, compare, seeds_differ
from pipelines.evaluation.speech_predictors import (
    Predictor,
    loudness,
    missing_peers,
    predictors,
    studio_model,
)
from pipelines.motion.space import FPS
from pipelines.speech.features.phonemes import phone_activations

Progress = Callable[[float, str], None]

BARS = {
    "height r": 0.50,
    "width r": 0.45,
    "height r without GRID": 0.46,
    "width r without GRID": 0.42,
    "best lag": 1,
    "control without GRID": 0.05,
    "better than loudness": 0.90,
    "closed": 0.75,
    "false closed": 0.12,
    "amplitude low": 0.7,
    "amplitude high": 1.3,
}
"""What the shipped model has to reach."""


@dataclass(frozen=True)
class SpeechRow:
    """One predictor."""

    name: str
    peer: bool
    all_clips: LipScore
    without_grid: LipScore
    beats_loudness: float
    """Share of the clips on which the height follows the film better than loudness does."""

    def record(self) -> dict[str, Any]:
        """The row as it is printed."""
        s, g = self.all_clips, self.without_grid
        return {
            "lips by": self.name,
            "height r": s.height_r,
            "width r": s.width_r,
            "no GRID": g.height_r,
            "no GRID width": g.width_r,
            "lag": s.best_lag,
            "near": s.near_lag_share,
            "control": g.control_r,
            "> loudness": self.beats_loudness,
            "closed": s.closed,
            "false": s.false_closed,
            "amplitude": s.amplitude,
        }

    def checks(self) -> dict[str, bool]:
        """Which of the bars it meets."""
        s, g = self.all_clips, self.without_grid
        return {
            "height r": s.height_r >= BARS["height r"],
            "width r": s.width_r >= BARS["width r"],
            "height r without GRID": g.height_r >= BARS["height r without GRID"],
            "width r without GRID": g.width_r >= BARS["width r without GRID"],
            "best lag": abs(s.best_lag) <= BARS["best lag"],
            "control without GRID": abs(g.control_r) <= BARS["control without GRID"],
            "better than loudness": self.beats_loudness >= BARS["better than loudness"],
            "closed": s.closed >= BARS["closed"],
            "false closed": s.false_closed <= BARS["false closed"],
            "amplitude": s.amplitude is not None and BARS["amplitude low"] <= s.amplitude <= BARS["amplitude high"],
        }


@dataclass(frozen=True)
class SpeechReport:
    """All predictors on all clips."""

    clips: int
    seconds: float
    rows: tuple[SpeechRow, ...]
    natural: tuple[NaturalRow, ...]
    """What else the studio's model moves; empty where it was not measured."""
    seed_repeats: bool | None
    seeds_differ: bool | None
    missing_peers: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "clips": self.clips,
            "seconds": self.seconds,
            "rows": [{**asdict(row), "meets": row.checks()} for row in self.rows],
            "natural": [asdict(row) for row in self.natural],
            "seed_repeats": self.seed_repeats,
            "seeds_differ": self.seeds_differ,
            "missing_peers": self.missing_peers,
        }


def evaluate_speech(
    data: Path,
    *,
    stream: bool = False,
    ways: Sequence[Predictor] | None = None,
    progress: Progress | None = None,
) -> SpeechReport:
    """Measure every predictor on the English clips of a folder, public peers among them where they are installed.

    Args:
        stream: also the features as a stream hears them, which costs six times the recognition.
        ways: the predictors, all that can run here if left out; then only lips are measured.
    """
    clips = load_clips(data)
    heard = [phone_activations(clip.samples) for clip in clips]
    chosen = predictors(stream=stream) if ways is None else list(ways)
    rows: list[SpeechRow] = []
    baseline = clip_heights(clips, [loudness(clip) for clip in clips])[:, MAX_LAG]
    for number, way in enumerate(chosen):
        if progress is not None:
            progress(number / len(chosen), way.name)
        rows.append(_measured(way, clips, heard, baseline))
    model = studio_model() if ways is None else None
    natural, repeats, differ = [], None, None
    if model is not None:
        rows.append(_measured(model.predictor, clips, heard, baseline))
        natural = compare(clips, model.generate)
        repeats, differ = seeds_differ(clips[0], model.generate)
    if progress is not None:
        progress(1.0, "done")
    seconds = sum(clip.frames for clip in clips) / FPS
    missing = missing_peers() if ways is None else ()
    return SpeechReport(len(clips), seconds, tuple(rows), tuple(natural), repeats, differ, missing)


def _measured(way: Predictor, clips: list[Clip], heard: list[Any], baseline: Any) -> SpeechRow:
    lips = [way.predict(clip) for clip in clips]
    beats = float((clip_heights(clips, lips)[:, MAX_LAG] > baseline).mean())
    return _row(way, clips, lips, heard, beats=beats)


def _row(way: Predictor, clips: list[Clip], lips: list[Lips], heard: list[Any], *, beats: float) -> SpeechRow:
    kept = [index for index, clip in enumerate(clips) if not clip.is_grid]
    part = score([clips[i] for i in kept], [lips[i] for i in kept], [heard[i] for i in kept])
    return SpeechRow(way.name, way.peer, score(clips, lips, heard), part, beats)
