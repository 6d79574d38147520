"""Speech to motion by rule, without a trained generator: lips from phones, blinks by schedule, a head that sways.

It is the labelled fallback where the generator's weights are missing, and the baseline the generator is held against.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from pipelines.errors import StudioError
from pipelines.motion.regions import HEAD, MEMBERSHIP, REGIONS
from pipelines.motion.space import FPS, N_KEYPOINTS, Motion
from pipelines.motion.track import Track
from pipelines.speech.audio import SAMPLE_RATE, Audio
from pipelines.speech.blinks import BlinkOptions, blink_index, blink_table
from pipelines.speech.features.phonetic import CURVE_COLUMNS, LOUDNESS_COLUMN, WHOLE, PhoneticStream
from pipelines.speech.visemes import CURVES, lips_to_expression

Floats = NDArray[np.float32]
Progress = Callable[[float, str], None]

SWAY_DEG = {"pitch_deg": 1.6, "yaw_deg": 2.4, "roll_deg": 1.1}
"""Standard deviation of the head while somebody speaks, about half of what filmed speakers show."""
SWAY_S = 0.45
"""Time constant of the sway: slower than syllables, faster than turning away."""
NOD_DEG = 1.5
"""Nod of the loudest syllable."""
IDLE_SHARE = 0.35
"""What is left of the sway in silence."""
_BLOCK_S = 15.0
_SPEECH = CURVES.index("speech")


@dataclass(frozen=True)
class RuleOptions:
    """What the rule may move, and how much."""

    seed: int = 0
    expression: float = 1.0
    """Factor on lips and blinks."""
    head: float = 1.0
    """Factor on the head."""
    blinks: bool = True
    idle: bool = True
    """The head goes on swaying a little in silence."""
    regions: tuple[str, ...] = REGIONS
    """Regions that may move; the head is one of them."""

    def __post_init__(self) -> None:
        if unknown := set(self.regions) - set(REGIONS):
            raise StudioError(f"`regions` should be of {', '.join(REGIONS)} but names '{min(unknown)}'.")


def rule_motion(
    audio: Audio, *, options: RuleOptions | None = None, label: str = "", progress: Progress | None = None
) -> Track:
    """The track of a voice; the same voice and seed give the same track.

    Args:
        label: what the visitor reads.
        progress: gets a fraction and a text; what it raises ends the work.
    """
    o = options or RuleOptions()
    features = _features(audio, progress or (lambda done, text: None))
    curves, loudness = features[:, CURVE_COLUMNS], features[:, LOUDNESS_COLUMN]
    # the spectrum alone hears lips in noise, too; where no phone is recognised they stay shut
    exp = lips_to_expression(curves) * curves[:, _SPEECH, None]
    if o.blinks:
        exp = exp + blink_table()[blink_index(len(exp), BlinkOptions(seed=o.seed))]
    kept = np.zeros(len(REGIONS), np.float32)
    kept[[REGIONS.index(region) for region in o.regions]] = 1
    exp = exp * (o.expression * (MEMBERSHIP @ kept))
    head = _sway(curves[:, _SPEECH], loudness, seed=o.seed, idle=o.idle)
    pose = {name: angle * np.float32(o.head * kept[HEAD]) for name, angle in head.items()}
    motion = Motion.of(exp=exp.reshape(-1, N_KEYPOINTS, 3), **pose)
    return Track(motion, fps=float(FPS), label=label, reference=Motion.identity())


def _features(audio: Audio, progress: Progress) -> Floats:
    """Phonetic features of the whole voice, block by block so that the work can be watched and ended."""
    stream = PhoneticStream(WHOLE)
    block = round(_BLOCK_S * SAMPLE_RATE)
    frames = []
    for start in range(0, len(audio.samples), block):
        progress(start / len(audio.samples), "listening")
        frames.append(stream.push(audio.samples[start : start + block]))
    frames.append(stream.finish())
    progress(1.0, "listening")
    return np.concatenate(frames)


def _sway(speech: Floats, loudness: Floats, *, seed: int, idle: bool) -> dict[str, Floats]:
    """(T,) angles: smooth noise that grows with speech, and a nod with every loud syllable."""
    rng = np.random.default_rng(seed)
    rest = IDLE_SHARE if idle else 0.0
    activity = rest + (1 - rest) * gaussian_filter1d(speech, 0.4 * FPS)
    angles = {}
    for name, spread_deg in SWAY_DEG.items():
        margin = round(8 * SWAY_S * FPS)
        noise = gaussian_filter1d(rng.standard_normal(len(speech) + 2 * margin), SWAY_S * FPS)[margin:-margin]
        # white noise smoothed by a Gaussian of s frames keeps a spread of (2 s sqrt(pi))^-1/2
        noise *= (2 * SWAY_S * FPS * np.sqrt(np.pi)) ** 0.5
        angles[name] = (spread_deg * activity * noise).astype(np.float32)
    accent = gaussian_filter1d(loudness, 2.0) - gaussian_filter1d(loudness, 0.8 * FPS)
    angles["pitch_deg"] += (NOD_DEG * speech * np.clip(4 * accent, -1, 1)).astype(np.float32)
    return angles
