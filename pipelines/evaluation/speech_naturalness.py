"""What a face does besides its lips while it talks, generated against filmed: blinks, head, and how much both vary."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import welch

from pipelines.evaluation.speech_clips import Clip
from pipelines.motion.eyes import lid_closure
from pipelines.motion.space import FPS, N_EXP
from pipelines.motion.track import Track

Floats = NDArray[np.float32]
Generate = Callable[[Clip, int], Track]
"""(clip, seed) -> the motion of its voice."""

SHUT = 0.5
"""Closure, and blink blendshape, above which an eye counts as shut."""
SHORTEST_S = 5.0
LEAST_SPREAD = 1 / 3
"""Of the people's: their clips differ in camera, script and posture as well."""
_WINDOW = 64
ANGLES = ("pitch", "yaw", "roll")


@dataclass(frozen=True)
class Liveliness:
    """One clip or track."""

    blinks_per_min: float
    pitch_std_deg: float
    yaw_std_deg: float
    roll_std_deg: float
    head_speed_deg_s: float
    """Root mean square over the three angles."""
    head_centroid_hz: float
    """Mean frequency of the head's movement, weighted by power."""


FIGURES = tuple(Liveliness.__dataclass_fields__)


@dataclass(frozen=True)
class NaturalRow:
    """One figure over all clips."""

    figure: str
    people_low: float
    people_high: float
    generated: float
    """Mean over the clips."""
    spread_people: float
    spread_generated: float
    """Standard deviation from clip to clip."""
    in_range: bool
    """The generated mean lies between the least and the most of the filmed people."""
    varied: bool
    """The generated clips spread by at least a third as much as the filmed ones."""

    @property
    def verdict(self) -> str:
        """What is printed."""
        parts = ("in range" if self.in_range else "OUTSIDE", "" if self.varied else "TOO ALIKE")
        return ", ".join(filter(None, parts))


def measure(blink: Floats, pose_deg: Floats) -> Liveliness:
    """Figures of (T,) closure 0..1 and (T, 3) pitch, yaw, roll."""
    shut = blink > SHUT
    begun = int((shut[1:] & ~shut[:-1]).sum())
    centred = pose_deg - pose_deg.mean(0)
    hz, power = welch(centred, FPS, nperseg=min(_WINDOW, len(centred)), axis=0)
    total = power.sum(1)
    speed = np.sqrt((np.diff(pose_deg, axis=0) ** 2).sum(1).mean()) * FPS
    pitch, yaw, roll = (float(value) for value in pose_deg.std(0))
    centroid = float((hz * total).sum() / max(float(total.sum()), 1e-12))
    return Liveliness(60 * FPS * begun / len(blink), pitch, yaw, roll, float(speed), centroid)


def of_track(track: Track) -> Liveliness:
    """Figures of a generated motion, relative to where the track rests."""
    motion, rest = track.motion, track.reference
    exp, side = (
        (getattr(motion, name) - getattr(rest, name)).reshape(-1, N_EXP).astype(np.float64) for name in ("exp", "side")
    )
    closure = lid_closure(exp - side, exp + side).mean(-1)
    pose = np.stack([motion.pitch_deg, motion.yaw_deg, motion.roll_deg], -1)
    return measure(np.asarray(closure, np.float32), pose)


def compare(clips: Sequence[Clip], generate: Generate) -> list[NaturalRow]:
    """Every figure on the clips of 5 s or more, each voice with a seed of its own."""
    long = [clip for clip in clips if clip.frames >= SHORTEST_S * FPS]
    people = [measure(clip.blink, clip.pose_deg) for clip in long]
    made = [of_track(generate(clip, seed)) for seed, clip in enumerate(long)]
    rows = []
    for figure in FIGURES:
        filmed, generated = (np.array([getattr(one, figure) for one in group]) for group in (people, made))
        low, high, mean = float(filmed.min()), float(filmed.max()), float(generated.mean())
        spreads = float(filmed.std()), float(generated.std())
        is_varied = spreads[1] >= LEAST_SPREAD * spreads[0]
        rows.append(NaturalRow(figure, low, high, mean, *spreads, low <= mean <= high, is_varied))
    return rows


def seeds_differ(clip: Clip, generate: Generate) -> tuple[bool, bool]:
    """Whether one seed repeats exactly, and whether another gives another motion."""
    first, again, other = (generate(clip, seed) for seed in (1, 1, 2))
    return first == again, first != other
