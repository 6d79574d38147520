"""Speech to motion by rule, without a trained generator: lips from phones, blinks by schedule, a head that sways.

It is the labelled fallback where the generator's weights are missing, and the baseline the generator is held against.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import StudioError
from pipelines.motion.regions import HEAD, MEMBERSHIP, REGIONS
from pipelines.motion.space import FPS, N_KEYPOINTS, Motion
from pipelines.motion.track import Track
from pipelines.speech.audio import SAMPLE_RATE, Audio
from pipelines.speech.blinks import BlinkOptions, SpokenBlinks
from pipelines.speech.features.phonetic import (
    CURVE_COLUMNS,
    LIVE,
    LOUDNESS_COLUMN,
    WHOLE,
    PhoneticStream,
    Windowing,
    phones_heard,
)
from pipelines.speech.follower import Follower
from pipelines.speech.reach import FULL, Reach
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
    stream = RuleStream(options, windowing=WHOLE)
    block = round(_BLOCK_S * SAMPLE_RATE)
    parts = []
    for start in range(0, len(audio.samples), block):
        if progress is not None:
            progress(start / len(audio.samples), "listening")
        parts.append(stream.push(audio.samples[start : start + block]))
    parts.append(stream.finish())
    fields = ("exp", "pitch_deg", "yaw_deg", "roll_deg")
    motion = Motion.of(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in fields})
    return Track(motion, fps=float(FPS), label=label, reference=Motion.identity())


class RuleStream:
    """The same motion while the sound arrives, in flat memory; how the sound is cut does not change it."""

    def __init__(
        self, options: RuleOptions | None = None, *, windowing: Windowing = LIVE, reach: Reach = FULL
    ) -> None:
        """
        Args:
            reach: laid on the finished motion, besides the options.
        """
        self.options = options or RuleOptions()
        self.look_ahead_s = windowing.look_ahead_s
        self._reach = reach
        self._features = PhoneticStream(windowing)
        self._sway = _Sway(seed=self.options.seed, idle=self.options.idle)
        self._blinks = SpokenBlinks(BlinkOptions(seed=self.options.seed))
        kept = np.zeros(len(REGIONS), np.float32)
        kept[[REGIONS.index(region) for region in self.options.regions]] = 1
        self._expression = self.options.expression * (MEMBERSHIP @ kept)
        self._head = np.float32(self.options.head * kept[HEAD])

    def push(self, samples: Floats) -> Motion:
        """Departure from the photo of the frames that are settled by now, perhaps none, for (n,) more samples."""
        return self._move(self._features.push(samples))

    def finish(self) -> Motion:
        """The remaining frames."""
        features = self._features.finish()
        self._blinks.end_after(len(features))
        return self._move(features)

    def _move(self, features: Floats) -> Motion:
        curves, loudness = features[:, CURVE_COLUMNS], features[:, LOUDNESS_COLUMN]
        speech = curves[:, _SPEECH]
        # the spectrum alone hears lips in noise, too; where no phone is recognised they stay shut
        exp = lips_to_expression(curves) * speech[:, None]
        if self.options.blinks:
            exp = exp + self._blinks.take(phones_heard(features))
        pose = {name: self._head * angle for name, angle in self._sway.take(speech, loudness).items()}
        return self._reach.on(Motion.of(exp=(exp * self._expression).reshape(-1, N_KEYPOINTS, 3), **pose))


class _Sway:
    """Head angles, frame after frame: smooth noise that grows with speech, and a nod with every loud syllable."""

    def __init__(self, *, seed: int, idle: bool) -> None:
        self._rng = np.random.default_rng(seed)
        self._rest = IDLE_SHARE if idle else 0.0
        reach = round(3 * SWAY_S * FPS)
        taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (SWAY_S * FPS)) ** 2)
        self._taps = taps / np.linalg.norm(taps)
        self._noise_state = self._rng.standard_normal((len(taps) - 1, len(SWAY_DEG)))
        self._activity, self._quick, self._slow = (Follower(seconds) for seconds in (0.4, 0.08, 0.8))

    def take(self, speech: Floats, loudness: Floats) -> dict[str, Floats]:
        """(k,) angles in degrees of the next frames."""
        white = np.concatenate([self._noise_state, self._rng.standard_normal((len(speech), len(SWAY_DEG)))])
        self._noise_state = white[len(speech) :]
        activity = self._rest + (1 - self._rest) * self._activity.take(speech)
        angles = {}
        for channel, (name, spread_deg) in enumerate(SWAY_DEG.items()):
            smooth = np.convolve(white[:, channel], self._taps, "valid") if len(speech) else np.zeros(0)
            angles[name] = (spread_deg * activity * smooth).astype(np.float32)
        accent = self._quick.take(loudness) - self._slow.take(loudness)
        angles["pitch_deg"] += (NOD_DEG * speech * np.clip(4 * accent, -1, 1)).astype(np.float32)
        return angles
