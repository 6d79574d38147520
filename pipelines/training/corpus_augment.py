"""Rooms, microphones and noise for clean synthetic speech, so that what learns from it stands real recordings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve, resample_poly

from pipelines.speech.audio import SAMPLE_RATE
from pipelines.training.corpus_voices import Utterance

Floats = NDArray[np.float32]

SPEED = (0.84, 1.2)
NOISE_DB = (12.0, 35.0)
ROOM_S = (0.1, 0.5)
ROOM_SHARE = 0.6
EQ_DB = 6.0
_LEVEL = (0.03, 0.2)


def augmented(utterance: Utterance, rng: np.random.Generator) -> Utterance:
    """The utterance at another speed and pitch, in another room, through another microphone, with noise."""
    steps = round(rng.uniform(*SPEED) * 100)
    samples = resample_poly(utterance.samples, 100, steps).astype(np.float32)
    phones = tuple((phone, end * 100 / steps) for phone, end in utterance.phones)
    if rng.random() < ROOM_SHARE:
        samples = _in_room(samples, rng)
    samples = _equalised(samples, rng)
    samples *= rng.uniform(*_LEVEL) / (samples.std() + 1e-9)
    samples += _noise(len(samples), rng) * samples.std() * 10 ** (-rng.uniform(*NOISE_DB) / 20)
    return Utterance(np.clip(samples, -1, 1).astype(np.float32), phones)


def _in_room(samples: Floats, rng: np.random.Generator) -> Floats:
    """Direct sound plus an exponential tail that starts 3 ms later."""
    decay_s = rng.uniform(*ROOM_S)
    time = np.arange(round(decay_s * SAMPLE_RATE)) / SAMPLE_RATE
    tail = rng.normal(size=len(time)) * np.exp(-6.9 * time / decay_s)
    tail[: round(0.003 * SAMPLE_RATE)] = 0
    tail *= rng.uniform(0.1, 0.7) / (np.linalg.norm(tail) + 1e-9)
    tail[0] = 1
    return fftconvolve(samples, tail)[: len(samples)].astype(np.float32)


def _equalised(samples: Floats, rng: np.random.Generator) -> Floats:
    """A smooth random response of some dB over the octaves; now and then a telephone's band."""
    hz = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE)
    octave = np.log2(np.maximum(hz, 60) / 60)
    gain_db = np.interp(octave, np.arange(8), rng.normal(0, EQ_DB / 2, 8))
    if rng.random() < 0.1:
        gain_db -= 40 * ((hz < 250) | (hz > 3500))
    return np.fft.irfft(np.fft.rfft(samples) * 10 ** (gain_db / 20), len(samples)).astype(np.float32)


def _noise(length: int, rng: np.random.Generator) -> Floats:
    """Unit noise between white and brown, swelling slowly."""
    spectrum = np.fft.rfft(rng.normal(size=length))
    spectrum /= np.maximum(np.fft.rfftfreq(length, 1 / SAMPLE_RATE), 50) ** rng.uniform(0, 1)
    noise = np.fft.irfft(spectrum, length)
    swell = np.interp(np.arange(length), np.linspace(0, length, 6), rng.uniform(0.5, 1.5, 6))
    return (noise * swell / (noise.std() + 1e-9)).astype(np.float32)
