"""Less jitter in captured motion, three ways. Ditto smooths pose over 3 frames and never the expression; LivePortrait
runs a Kalman smoother over expression and rotation (process variance 1e-5, observation variance 3e-7)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import StudioError
from pipelines.motion.track import Track

Array = NDArray[Any]
Smoother = Literal["none", "savgol", "one-euro", "kalman"]
SMOOTHERS: tuple[Smoother, ...] = get_args(Smoother)

SAVGOL_S = 0.28
"""Window of the Savitzky-Golay filter at amount 1: a blink of 0.2 s keeps its depth."""
CUTOFF_HZ = 2.0
"""Lowest cut-off of the one-euro filter at amount 1."""
CUTOFF_PER_SPEED = 1.5
"""How much the cut-off rises per standard deviation a second."""
PROCESS_VARIANCE, OBSERVATION_VARIANCE = 1e-5, 3e-7
"""LivePortrait's, for expression and rotation in radians. They hardly smooth; amounts of 10 and more do."""
MAX_AMOUNT = 100.0
_FIELDS = ("exp", "side", "pitch_deg", "yaw_deg", "roll_deg", "t", "gaze_deg")
_DEGREES = ("pitch_deg", "yaw_deg", "roll_deg", "gaze_deg")


@dataclass(frozen=True)
class Smoothing:
    """Which filter, and how much of it."""

    kind: Smoother = "none"
    amount: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in SMOOTHERS:
            raise StudioError(f"`smooth` should be {', '.join(SMOOTHERS)} but is '{str(self.kind)[:40]}'.")
        if not 0 <= self.amount <= MAX_AMOUNT:
            raise StudioError(f"`amount` of smoothing should be from 0 to {MAX_AMOUNT:g} but is {self.amount:g}.")

    @classmethod
    def parse(cls, text: str) -> Smoothing:
        """`KIND` or `KIND=AMOUNT`.

        Raises:
            StudioError: an unknown filter or an amount that is no number in range.
        """
        kind, _, amount = text.partition("=")
        try:
            return cls(kind, float(amount) if amount else 1.0)  # type: ignore[arg-type]
        except StudioError:
            raise
        except ValueError as error:
            raise StudioError(f"`smooth` should be KIND or KIND=AMOUNT but is '{text[:40]}'.") from error


def smooth_track(track: Track, smoothing: Smoothing) -> Track:
    """The track with its motion smoothed; its rest frame stays as it is."""
    if smoothing.kind == "none" or smoothing.amount == 0 or len(track) < 3:
        return track
    fields = {name: _smoothed(getattr(track.motion, name), name, track.fps, smoothing) for name in _FIELDS}
    return replace(track, motion=track.motion.with_(**fields))


def _smoothed(array: Array, name: str, fps: float, smoothing: Smoothing) -> Array:
    columns = array.reshape(len(array), -1).astype(np.float64)
    match smoothing.kind:
        case "savgol":
            smooth = savgol(columns, fps=fps, amount=smoothing.amount)
        case "one-euro":
            smooth = one_euro(columns, fps=fps, amount=smoothing.amount)
        case _:
            unit = np.radians(1.0) if name in _DEGREES else 1.0
            smooth = kalman(unit * columns, amount=smoothing.amount) / unit
    return smooth.reshape(array.shape).astype(np.float32)


def savgol(columns: Array, *, fps: float, amount: float = 1.0) -> Array:
    """(T, n) through a Savitzky-Golay filter of degree 2: no delay, parabolas pass unchanged."""
    from scipy.signal import savgol_filter

    window = 2 * round(0.5 * amount * SAVGOL_S * fps) + 1
    window = min(window, len(columns) if len(columns) % 2 else len(columns) - 1)
    if window < 5:
        return columns
    return np.asarray(savgol_filter(columns, window, 2, axis=0, mode="interp"))


def one_euro(columns: Array, *, fps: float, amount: float = 1.0) -> Array:
    """(T, n) through a one-euro filter: looks at the past only; still faces are calmed, fast ones followed.

    The speed that opens the filter is counted in standard deviations, so that one setting fits every unit.
    """
    cutoff_hz = CUTOFF_HZ / max(amount, 1e-3)
    spread = np.maximum(columns.std(0), 1e-9)
    out = columns.copy()
    speed = np.zeros(columns.shape[1])
    slow = _gain(1.0, fps)
    for index in range(1, len(columns)):
        speed += slow * ((columns[index] - columns[index - 1]) * fps / spread - speed)
        gain = _gain(cutoff_hz + CUTOFF_PER_SPEED * np.abs(speed), fps)
        out[index] = out[index - 1] + gain * (columns[index] - out[index - 1])
    return out


def _gain(cutoff_hz: Any, fps: float) -> Any:
    """Share of the newest value in a low pass of first order."""
    step = 2 * np.pi * cutoff_hz / fps
    return step / (step + 1)


def kalman(columns: Array, *, amount: float = 1.0) -> Array:
    """(T, n) through a Kalman smoother of a value that wanders: forwards, then backwards, so without delay."""
    noise = OBSERVATION_VARIANCE * amount**2
    count = len(columns)
    mean, variance = columns.copy(), np.zeros(count)
    variance[0] = noise
    for index in range(1, count):
        predicted = variance[index - 1] + PROCESS_VARIANCE
        gain = predicted / (predicted + noise)
        mean[index] = mean[index - 1] + gain * (columns[index] - mean[index - 1])
        variance[index] = (1 - gain) * predicted
    for index in range(count - 2, -1, -1):
        back = variance[index] / (variance[index] + PROCESS_VARIANCE)
        mean[index] += back * (mean[index + 1] - mean[index])
    return mean
