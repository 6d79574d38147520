"""How well lips follow a voice: correlation with the filmed lips, lag, closures, amplitude."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.evaluation.speech_clips import Clip
from pipelines.motion.space import FPS
from pipelines.speech.features.phonetic import RECOGNISER_LAG_S
from pipelines.speech.visemes import LIPS_SHUT

Floats = NDArray[np.float32]

MAX_LAG = 5
NEAR_LAG = 2
LONG_CLIP_S = 4.0
N_CONTROLS = 4
SHUT_SHARE, OPEN_SHARE = 0.15, 0.5
"""Of a clip's 95th percentile of lip height: below the first lips are shut, above the second they are open."""
PERCENTILE = 95
NEAR_CLOSURE_S = 0.06
HEARD = 0.3
RECOGNISER_RATE = 50


@dataclass(frozen=True, eq=False)
class Lips:
    """Predicted lips of one clip, T frames."""

    height: Floats
    width: Floats
    in_units: bool = True
    """Whether lengths are in inter-ocular distances, so that amplitudes can be compared."""


@dataclass(frozen=True)
class LipScore:
    """One predictor over a set of clips; correlations are means over clips, weighted by length."""

    height_r: float
    width_r: float
    best_lag: int
    """Frames; + where the prediction comes late."""
    near_lag_share: float
    """Of the clips of 4 s or more: best lag of the clip within 2 frames."""
    control_r: float
    """Height against the voices of other clips."""
    closed: float
    """Of the frames that are shut within 60 ms of a heard p, b or m: predicted shut."""
    false_closed: float
    """Of the frames that are open: predicted shut."""
    amplitude: float | None
    """Median over clips of predicted over filmed standard deviation of the height."""


def correlation(a: Floats, b: Floats, where: NDArray[np.bool_], *, lag: int = 0) -> float:
    """Pearson r of `a`, read `lag` frames later, with `b`; 0 where either does not move."""
    n = min(len(a), len(b))
    a, b, where = a[:n], b[:n], where[:n]
    if lag:
        a, b, where = (a[lag:], b[:-lag], where[:-lag]) if lag > 0 else (a[:lag], b[-lag:], where[-lag:])
    x, y = a[where].astype(np.float64), b[where].astype(np.float64)
    if len(x) < 3 or x.std() < 1e-6 or y.std() < 1e-6:
        return 0.0
    return float(np.corrcoef(x, y)[0, 1])


def clip_heights(clips: Sequence[Clip], lips: Sequence[Lips]) -> Floats:
    """(clips, 11) correlation of the height at lags -5..5."""
    lags = range(-MAX_LAG, MAX_LAG + 1)
    rows = [
        [correlation(p.height, c.height, c.found, lag=lag) for lag in lags] for c, p in zip(clips, lips, strict=True)
    ]
    return np.array(rows, np.float32)


def score(clips: Sequence[Clip], lips: Sequence[Lips], activations: Sequence[Floats]) -> LipScore:
    """All figures of one predictor.

    Args:
        activations: per clip (n, 40) phones that the recogniser hears, to know where p, b and m are.
    """
    weights = np.array([clip.frames for clip in clips], float)
    heights = clip_heights(clips, lips)
    widths = [correlation(p.width, c.width, c.found) for c, p in zip(clips, lips, strict=True)]
    best = heights.argmax(1) - MAX_LAG
    long = weights >= LONG_CLIP_S * FPS
    closed, false = closures(clips, lips, activations)
    ratios = [float(p.height.std() / c.height.std()) for c, p in zip(clips, lips, strict=True)]
    return LipScore(
        height_r=float(np.average(heights[:, MAX_LAG], weights=weights)),
        width_r=float(np.average(widths, weights=weights)),
        best_lag=int(np.average(heights, axis=0, weights=weights).argmax()) - MAX_LAG,
        near_lag_share=float((np.abs(best[long]) <= NEAR_LAG).mean()) if long.any() else 0.0,
        control_r=control(clips, lips),
        closed=closed,
        false_closed=false,
        amplitude=float(np.median(ratios)) if lips[0].in_units else None,
    )


def control(clips: Sequence[Clip], lips: Sequence[Lips]) -> float:
    """Height correlation with the lips predicted for the next clips' voices, cut at the shorter of the two."""
    total = weight = 0.0
    for index, clip in enumerate(clips):
        for step in range(1, min(N_CONTROLS, len(clips) - 1) + 1):
            other = lips[(index + step) % len(clips)]
            frames = min(clip.frames, len(other.height))
            total += frames * correlation(other.height, clip.height, clip.found)
            weight += frames
    return total / max(weight, 1)


def closures(clips: Sequence[Clip], lips: Sequence[Lips], activations: Sequence[Floats]) -> tuple[float, float]:
    """Share of true closures at p, b, m that are predicted, and share of open frames that are predicted shut."""
    hits = shut = wrong = opened = 0
    for clip, predicted, phones in zip(clips, lips, activations, strict=True):
        guess = predicted.height[: clip.frames]
        guess_shut = guess < SHUT_SHARE * np.percentile(guess, PERCENTILE)
        peak = np.percentile(clip.height, PERCENTILE)
        heard = np.flatnonzero(phones[:, LIPS_SHUT].sum(1) > HEARD) / RECOGNISER_RATE - RECOGNISER_LAG_S
        time = np.arange(len(guess)) / FPS
        near = (np.abs(time[:, None] - heard).min(1) <= NEAR_CLOSURE_S) if len(heard) else np.zeros(len(time), bool)
        true_shut = (clip.height < SHUT_SHARE * peak) & clip.found & near
        true_open = (clip.height > OPEN_SHARE * peak) & clip.found
        hits, shut = hits + int((true_shut & guess_shut).sum()), shut + int(true_shut.sum())
        wrong, opened = wrong + int((true_open & guess_shut).sum()), opened + int(true_open.sum())
    return hits / max(shut, 1), wrong / max(opened, 1)
