"""A curve that follows another one with a time constant, piece by piece."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from pipelines.motion.space import FPS

Floats = NDArray[np.float32]


class Follower:
    """Follows C curves at once, from 0; how they are cut into pieces does not change the result."""

    def __init__(self, seconds: float, channels: int = 1) -> None:
        self._share = 1 - np.exp(-1 / (seconds * FPS))
        self._state = np.zeros((1, channels))

    def take(self, values: Floats) -> Floats:
        """The next values, (k,) for one curve or (k, C)."""
        if not len(values):
            return values
        columns = values.reshape(len(values), -1)
        followed, self._state = lfilter([self._share], [1, self._share - 1], columns, axis=0, zi=self._state)
        return np.asarray(followed, np.float32).reshape(values.shape)
