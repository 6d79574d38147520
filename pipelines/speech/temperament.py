"""How lively a speaker is: how far the head moves and how often the eyes blink, from the seed.

People differ more in this than one model trained to the mean can show. The spread of the head is that of the public
LivePortrait motion templates whose face talks for 3 s or more (d0, d5, d8, d19, talking): the logarithms of their
deviations in pitch, yaw and roll have standard deviations of 0.56, 0.37 and 1.0. Blinks while talking: 10.5 to 32.5 a
minute (Doughty 2001, 95 % interval over the literature, doi 10.1097/00006324-200110000-00011).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from pipelines.motion.space import FPS
from pipelines.speech.blinks import BLINK_FRAMES, BlinkOptions

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

_SHARED_STD = 0.5
"""Of the logarithm, over the whole head."""
_ANGLE_STD = (0.3, 0.3, 0.7)
"""On top, for pitch, yaw and roll."""
_LIVELINESS = (0.2, 0.95)
"""Quantiles between which the whole head is drawn: the stillest fifth of people looks lifeless on a photo."""
_ANGLES = (0.1, 0.9)
_BLINKS_PER_MIN = (10.5, 32.5)
_GAP_SPAN = 0.5
"""Share by which one speaker's gaps between blinks scatter."""
_STEP: Doubles = 1.1347241384015194 ** -np.arange(1.0, 6.0)
"""Steps of the additive sequence whose points fill five dimensions evenly, powers of the root of x^6 = x + 1 (Roberts
2018, R sequence)."""


@dataclass(frozen=True)
class Temperament:
    """One speaker."""

    pitch: float
    """Factor on the model's head motion; 1 is the mean speaker."""
    yaw: float
    roll: float
    blinks: BlinkOptions

    @classmethod
    def of(cls, seed: int) -> Temperament:
        """The same for the same seed. Seed 0 is the middle of the range; the next seeds spread over it evenly."""
        place: Doubles = np.mod(0.5 + seed * _STEP, 1.0)
        shared = _SHARED_STD * ndtri(np.interp(place[0], (0, 1), _LIVELINESS))
        angles = np.array(_ANGLE_STD) * ndtri(np.interp(place[1:4], (0, 1), _ANGLES))
        factors: Doubles = np.exp(shared + angles)
        least, most = _BLINKS_PER_MIN
        gap = 60 * FPS / (least * (most / least) ** float(place[4])) - BLINK_FRAMES
        options = BlinkOptions(shortest=round((1 - _GAP_SPAN) * gap), longest=round((1 + _GAP_SPAN) * gap), seed=seed)
        return cls(float(factors[0]), float(factors[1]), float(factors[2]), options)

    @property
    def head(self) -> Floats:
        """(3,) factors on pitch, yaw and roll."""
        return np.array([self.pitch, self.yaw, self.roll], np.float32)
