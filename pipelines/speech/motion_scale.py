"""The numbers the shipped speech model works on: motion frames without the lips that follow from the sound.

What the phonetic curves say about the lips is added by rule (`lips_to_expression`); the model draws everything else
and what the rule misses. Each of the 265 numbers is taken relative to its mean, in its standard deviations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.motion.dims import DIMS
from pipelines.motion.pack import EXPRESSION, pack
from pipelines.motion.space import Motion
from pipelines.speech.features.phonetic import CURVE_COLUMNS
from pipelines.speech.visemes import CURVES, lip_measures, lips_opened, lips_to_expression

Floats = NDArray[np.float32]

SMALLEST_STD = 1e-4
"""Numbers that vary less are constant: whatever the model says of them is not believed."""
_SPEECH = CURVES.index("speech")
_CLOSURE = CURVE_COLUMNS.start + CURVES.index("closure")
_MOUTH = [dim.index for dim in DIMS if dim.region == "mouth"]
_LIPS = [EXPRESSION.start + index for index in _MOUTH]


def spoken_lips(features: Floats) -> Floats:
    """(T, 63) expression offsets of the lips by rule, of (T, N_PHONETIC) features; none where nobody speaks."""
    curves = features[:, CURVE_COLUMNS]
    return lips_to_expression(curves) * curves[:, _SPEECH, None]


def added_height(frames: Floats, features: Floats) -> Floats:
    """(T,) inner-lip height in inter-ocular distances by which the mouth of (T, 265) frames departs from the rule."""
    return _mouth_height(without_lips(frames, features)[:, EXPRESSION])


@dataclass(frozen=True, eq=False)
class MotionScale:
    """Mean and standard deviation of every number of a frame, (265,) each; deviation 0 means constant."""

    mean: Floats
    std: Floats
    height_share: float = 1.0
    """How much of the lip height that the model adds is believed: least squares against held-out utterances."""

    @classmethod
    def of(cls, frames: Floats) -> MotionScale:
        """Measured on (N, 265) frames whose lips were taken away."""
        std = frames.std(0)
        return cls(frames.mean(0), np.where(std < SMALLEST_STD, 0, std).astype(np.float32))

    def encode(self, frames: Floats, features: Floats) -> Floats:
        """(T, 265) motion relative to rest -> what the model sees."""
        return self._scaled(without_lips(frames, features))

    def decode(self, values: Floats, features: Floats) -> Floats:
        """(T, 265) of the model -> motion relative to rest, with its lips."""
        frames = values * self.std + self.mean
        # where lips must shut nothing may part them
        frames[:, _LIPS] *= 1 - features[:, _CLOSURE, None]
        exp = frames[:, EXPRESSION]
        exp -= lips_opened((1 - self.height_share) * _mouth_height(exp))
        exp += spoken_lips(features)
        return frames

    def rest(self) -> Floats:
        """(265,) a face at rest."""
        return self._scaled(pack(Motion.identity())[0])

    def _scaled(self, frames: Floats) -> Floats:
        return np.asarray((frames - self.mean) / np.where(self.std > 0, self.std, 1), np.float32)


def without_lips(frames: Floats, features: Floats) -> Floats:
    """(T, 265) frames minus the lips that follow from their features."""
    out = np.array(frames, np.float32)
    out[:, EXPRESSION] -= spoken_lips(features)
    return out


def _mouth_height(exp: Floats) -> Floats:
    """(T,) inner-lip height of the mouth dims of (T, 63) expression."""
    mouth = np.zeros_like(exp)
    mouth[:, _MOUTH] = exp[:, _MOUTH]
    return lip_measures(mouth)[0]
