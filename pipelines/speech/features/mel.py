"""Lip curves straight from the spectrum: a small convolutional network made on synthetic speech.

It hears what a phoneme recogniser drops (how long, how loud, how wide), costs 2 % of one, and is what is left where
the recogniser has no engine. `python -m pipelines train lips` makes assets/speech_lips.safetensors, see its card.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pipelines.assets import ASSETS
from pipelines.errors import StudioError
from pipelines.speech.audio import SAMPLE_RATE

Floats = NDArray[np.float32]

WEIGHTS_FILE = ASSETS / "speech_lips.safetensors"
RATE = 50
HOP = SAMPLE_RATE // RATE
N_MELS = 64
N_INPUT = 2 * N_MELS
"""Two spectra 10 ms apart per frame."""
N_SHAPES = 3
"""Aperture, width, protrusion."""
WIDTH = 128
DILATIONS = (1, 2, 4)
REACH = 1 + sum(DILATIONS)
"""Frames of context on each side."""
_FFT = 512
_WINDOW = 400
_STEP = HOP // 2
_LOWEST_HZ, _HIGHEST_HZ = 60.0, 7600.0
_FLOOR = 1e-6
_SPREAD = 3.0


def log_mel(samples: Floats) -> Floats:
    """(ceil(N / 320), 128) log mel spectra in nats, two per frame; 25 ms windows centred on their 10 ms."""
    count = -(-len(samples) // HOP) * 2
    margin = (_WINDOW - _STEP) // 2
    padded = np.zeros(count * _STEP + 2 * margin, np.float32)
    padded[margin : margin + len(samples)] = samples
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_STEP][:count]
    power = np.abs(np.fft.rfft(windows * np.hanning(_WINDOW).astype(np.float32), _FFT)) ** 2
    return np.log(power.astype(np.float32) @ _mel_filters() + _FLOOR).reshape(-1, N_INPUT)


class RunningMean:
    """Mean spectrum of all sound so far: voice, microphone and level, which the network must not hear."""

    def __init__(self) -> None:
        self._sum = np.zeros(N_MELS)
        self._end = 0

    def add(self, spectra: Floats, *, start: int = 0) -> None:
        """Take (n, 128) spectra whose first frame is `start`; frames that were taken before are passed over."""
        new = spectra[max(0, self._end - start) :]
        self._sum += new.reshape(-1, N_MELS).sum(0)
        self._end += len(new)

    @property
    def mean(self) -> Floats:
        """(64,)."""
        return (self._sum / max(1, 2 * self._end)).astype(np.float32)


def normalised(spectra: Floats, mean: Floats | None = None) -> Floats:
    """Spectra without a (64,) mean, their own if left out."""
    centre = spectra.reshape(-1, N_MELS).mean(0) if mean is None else mean
    return (spectra - np.tile(centre, 2)) / _SPREAD


def shapes_of(spectra: Floats, mean: Floats | None = None) -> Floats:
    """(n, 3) aperture, width, protrusion at 50 Hz of (n, 128) spectra, in step with the sound."""
    return run_network(_weights(), normalised(spectra, mean))


def run_network(weights: dict[str, Floats], x: Floats) -> Floats:
    """(n, 3) shapes of (n, 128) normalised spectra. The same network as `training.lips.LipNetwork`."""
    h = _gelu(_conv(x, weights, "first", 1))
    for index, dilation in enumerate(DILATIONS):
        h = h + _gelu(_conv(h, weights, f"blocks.{index}", dilation))
    return h @ weights["shapes.weight"].T + weights["shapes.bias"]


def _conv(x: Floats, weights: dict[str, Floats], name: str, dilation: int) -> Floats:
    kernel = weights[f"{name}.weight"]
    padded = np.pad(x, ((dilation, dilation), (0, 0)))
    taps = (padded[k * dilation : k * dilation + len(x)] @ kernel[:, :, k].T for k in range(3))
    return np.asarray(sum(taps, weights[f"{name}.bias"]), np.float32)


def _gelu(x: Floats) -> Floats:
    """The sigmoid form, which torch trains with the same formula."""
    return np.asarray(x / (1 + np.exp(-1.702 * x)), np.float32)


@lru_cache(maxsize=1)
def _mel_filters() -> Floats:
    """(257, 64) triangles, evenly spaced on the mel scale."""
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (_LOWEST_HZ, _HIGHEST_HZ))
    corners = 700 * (10 ** (np.linspace(low, high, N_MELS + 2) / 2595) - 1)
    hz = np.fft.rfftfreq(_FFT, 1 / SAMPLE_RATE)[:, None]
    rising = (hz - corners[:-2]) / (corners[1:-1] - corners[:-2])
    falling = (corners[2:] - hz) / (corners[2:] - corners[1:-1])
    return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)


@lru_cache(maxsize=1)
def _weights() -> dict[str, Floats]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        weights = load_file(WEIGHTS_FILE)
        if weights["shapes.weight"].shape != (N_SHAPES, WIDTH):
            raise ValueError("another shape")
    except (OSError, KeyError, ValueError, SafetensorError) as error:
        raise StudioError(
            f"`{WEIGHTS_FILE.name}` should be the file that ships with the project but cannot be read; restore it from"
            f" the repository: {WEIGHTS_FILE}"
        ) from error
    return {name: value.astype(np.float32) for name, value in weights.items()}
