"""What plays under the edit: a base track, its sound, and both as the timeline shows them."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import StudioError
from pipelines.motion.eyes import lid_closure
from pipelines.motion.space import N_EXP, Motion
from pipelines.motion.track import Track
from pipelines.speech.visemes import lip_measures

MAX_FRAMES = 15_000
"""Ten minutes at 25 fps, 9 MB; the command line has no such limit."""
PEAKS = 1200
"""Columns of the waveform."""
MAX_POINTS = 4000
"""Most points of a curve on the page; longer tracks are thinned."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Clip:
    """A visitor's base track. Never changed: a new one takes its place."""

    track: Track
    sound: Path | None = None
    """16-bit WAV that plays along, in the session's folder."""
    peaks: tuple[float, ...] = ()
    """Loudest sample 0..1 of `PEAKS` equal stretches of the sound."""
    key: str = field(default_factory=lambda: secrets.token_hex(6))

    def __post_init__(self) -> None:
        if len(self.track) > MAX_FRAMES:
            minutes = MAX_FRAMES / self.track.fps / 60
            raise StudioError(
                f"The page plays at most {minutes:.0f} minutes but this track has {self.track.duration_s / 60:.1f}; "
                "use `python -m pipelines speak --stream` for longer sound."
            )

    def record(self) -> dict[str, Any]:
        """What the page always knows of it."""
        return {
            "key": self.key,
            "frames": len(self.track),
            "fps": self.track.fps,
            "label": self.track.label,
            "sound": self.sound is not None,
        }

    def drawing(self) -> dict[str, Any]:
        """Waveform and curves for the timeline, each curve as [rest, scale's end] and its values."""
        step = -(-len(self.track) // MAX_POINTS)
        curves = track_curves(self.track.motion[::step] if step > 1 else self.track.motion, self.track.reference)
        return {
            "key": self.key,
            "peaks": self.peaks,
            "step": step,
            "curves": {name: np.round(values, 3).tolist() for name, values in curves.items()},
        }


def track_curves(motion: Motion, reference: Motion) -> dict[str, Floats]:
    """What a motion does, as (T,) curves.

    `lips` is the change of the gap between the lips in inter-ocular distances, `yaw` the turn of the head in degrees,
    `blink` the closure of the more open eye: 0 as photographed, 1 shut.
    """
    exp = (motion.exp - reference.exp).reshape(-1, N_EXP)
    side = (motion.side - reference.side).reshape(-1, N_EXP)
    lips, _ = lip_measures(exp)
    blink = lid_closure(exp - side, exp + side).min(-1)
    yaw = motion.yaw_deg - reference.yaw_deg
    return {"lips": lips, "yaw": yaw, "blink": blink.astype(np.float32)}


def sound_peaks(samples: Floats) -> tuple[float, ...]:
    """Loudest absolute sample of `PEAKS` equal stretches, scaled so that the loudest of all is 1."""
    if not len(samples):
        return ()
    edges = np.linspace(0, len(samples), PEAKS + 1).astype(int)[:-1]
    peaks = np.maximum.reduceat(np.abs(samples), np.minimum(edges, len(samples) - 1))
    return tuple(np.round(peaks / max(float(peaks.max()), 1e-6), 3).tolist())
