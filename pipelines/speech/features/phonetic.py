"""What the shipped speech model hears: phones, the lip curves that follow from them, loudness; 25 frames a second.

Two sources are fused: the viseme rule on recognised phones, which knows closures and rounding, and a small network on
the spectrum, which knows the rest. One code path serves files and streams; they differ in how much future they see.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.motion.space import FPS
from pipelines.speech.audio import SAMPLE_RATE, n_frames
from pipelines.speech.features import mel, phonemes
from pipelines.speech.visemes import CURVES, N_CURVES, N_PHONES, PHONES, lip_curves

Floats = NDArray[np.float32]

RATE = phonemes.RATE
HOP = phonemes.HOP
PHONETIC_COLUMNS: tuple[str, ...] = (*(f"phone_{phone}" for phone in PHONES), *CURVES, "loudness")
N_PHONETIC = len(PHONETIC_COLUMNS)
"""40 phone activations, 6 curves (aperture, width, protrusion, closure, labiodental, speech), loudness 0..1."""
PHONE_COLUMNS = slice(0, N_PHONES)
CURVE_COLUMNS = slice(N_PHONES, N_PHONES + N_CURVES)
LOUDNESS_COLUMN = N_PHONES + N_CURVES

RECOGNISER_LAG_S = 0.08
"""A spike comes this much after the lips have the shape of its phone."""
SPECTRUM_LAG_S = 0.02
_PER_FRAME = RATE // FPS
_SPECTRUM_SHARE = np.array([0.4, 0.3, 0.3], np.float32)
"""Of the aperture, width and protrusion; the rest is the rule's."""
_SPEAKING_NARROWS = 0.1
"""A mouth that speaks is narrower than at rest: by .02 inter-ocular distances on 23 filmed speakers with pauses, of
which the phones' own widths give a third."""
_FUSED_GATE = 0.6
"""The rule has shut its own aperture already; this shuts what the spectrum left open."""
_QUIETEST_DB = -60.0
_EDGE_S = 0.2
"""Lips part and shut in this time where sound begins and ends with silence; inside, they wait parted."""
_LEAST_EDGE_S = 0.1
"""Less silence than this, and the sound is cut within a word."""
_HEARD = 0.3
_QUIET, _QUIETER = 0.3, 0.3
"""Loudness below which nobody speaks: -42 dB, or 18 dB below the loudest."""
_SPEECH = CURVES.index("speech")
_SHAPES = slice(CURVE_COLUMNS.start, CURVE_COLUMNS.start + mel.N_SHAPES)


@dataclass(frozen=True)
class Windowing:
    """How sound is cut for the recogniser, which attends to all it is given."""

    window_s: float
    hop_s: float
    dropped_s: float
    """The newest part of a window is heard again in the next one."""
    future_s: float
    """How far the curves look ahead of a frame."""

    @property
    def look_ahead_s(self) -> float:
        """The most sound that must be known after the start of a frame before it is given."""
        return self.hop_s + self.dropped_s + self.future_s + RECOGNISER_LAG_S + 1 / FPS


WHOLE = Windowing(window_s=20.0, hop_s=15.0, dropped_s=2.0, future_s=0.66)
"""For files: the kernels of the rule are complete."""
LIVE = Windowing(window_s=3.0, hop_s=0.5, dropped_s=0.25, future_s=0.1)
"""For streams: the kernels end 0.1 s ahead."""


def phonetic_features(samples: Floats, *, windowing: Windowing = WHOLE) -> Floats:
    """(ceil(N / 640), 47) `PHONETIC_COLUMNS` of sound at 16 kHz, in step with the lips."""
    stream = PhoneticStream(windowing)
    return np.concatenate([stream.push(samples), stream.finish()])


def phones_heard(features: Floats) -> NDArray[np.bool_]:
    """(T,) whether any phone is heard in (T, 47) features."""
    # a spike may lie in one of the two raw frames of a frame
    return features[:, PHONE_COLUMNS][:, 1:].sum(1) > _HEARD / _PER_FRAME


class PhoneticStream:
    """The same features while the sound arrives; memory stays flat. Give sound in pieces of any size.

    How it is cut into pieces does not change the result.
    """

    def __init__(self, windowing: Windowing = LIVE) -> None:
        self.windowing = windowing
        self._window = round(windowing.window_s * SAMPLE_RATE / HOP) * HOP
        self._hop = round(windowing.hop_s * SAMPLE_RATE / HOP) * HOP
        self._dropped = round(windowing.dropped_s * RATE)
        self._future = round(windowing.future_s * RATE)
        self._samples = np.zeros(0, np.float32)
        self._start = 0
        """Sample at which the buffer begins."""
        self._due = min(self._window, self._hop)
        """Samples after which the next window is heard."""
        self._raw = np.zeros((0, N_PHONES + mel.N_SHAPES + 1), np.float32)
        self._raw_start = 0
        self._first_sound: int | None = None
        """Raw frame in which the voice begins."""
        self._given = 0
        self._spectrum = mel.RunningMean()

    def push(self, samples: Floats) -> Floats:
        """Take (n,) samples; returns the (k, 47) frames that are settled by now, k may be 0."""
        self._samples = np.concatenate([self._samples, np.asarray(samples, np.float32)])
        frames = [np.zeros((0, N_PHONETIC), np.float32)]
        while self._heard >= self._due:
            self._hear(self._due, self._due // HOP - self._dropped)
            frames.append(self._settled(self._raw_end - self._future))
            self._due += self._hop
        return np.concatenate(frames)

    def finish(self) -> Floats:
        """The remaining (k, 47) frames."""
        total = self._heard
        last = -(-total // HOP)
        if total and last > self._raw_end:
            self._hear(total, last)
        wanted = n_frames(total)
        frames = self._frames(self._given, wanted)
        frames[:, _SHAPES] *= self._shutting(np.arange(self._given, wanted), wanted)
        self._given = wanted
        return frames

    @property
    def _heard(self) -> int:
        return self._start + len(self._samples)

    @property
    def _raw_end(self) -> int:
        return self._raw_start + len(self._raw)

    def _hear(self, end: int, settled: int) -> None:
        """Recognise the window that ends at sample `end` and keep what is new up to raw frame `settled`."""
        begin = max(0, (end - self._window) // HOP * HOP)
        window = self._samples[begin - self._start : end - self._start]
        spectra = mel.log_mel(window)
        first = begin // HOP
        self._spectrum.add(spectra, start=first)
        shapes = mel.shapes_of(spectra, self._spectrum.mean)
        phones = phonemes.phone_activations(window) if phonemes.available() else np.zeros((len(shapes), N_PHONES))
        raw = np.column_stack([phones, shapes, _loudness(window)]).astype(np.float32)
        self._raw = np.concatenate([self._raw, raw[self._raw_end - first : settled - first]])
        if self._first_sound is None and len(sounding := self._sounding()):
            self._first_sound = int(sounding[0])
        keep = max(0, end - self._window)
        self._samples = self._samples[max(0, keep - self._start) :]
        self._start = max(self._start, keep)

    def _settled(self, known: int) -> Floats:
        """Frames whose sound and future lie before raw frame `known`."""
        lag = round(RECOGNISER_LAG_S * RATE) + 1
        ready = max(self._given, (known - lag) // _PER_FRAME)
        frames = self._frames(self._given, ready)
        self._given = ready
        # two seconds of past is more than any kernel reaches
        drop = max(0, min(ready * _PER_FRAME - 2 * RATE, self._raw_end) - self._raw_start)
        self._raw, self._raw_start = self._raw[drop:], self._raw_start + drop
        return frames

    def _frames(self, begin: int, end: int) -> Floats:
        """(end - begin, 47) frames from the raw frames that are kept."""
        if end <= begin:
            return np.zeros((0, N_PHONETIC), np.float32)
        raw = self._raw
        phones, shapes, loudness = raw[:, :N_PHONES], raw[:, N_PHONES:-1], raw[:, -1:]
        place = np.arange(begin, end) * _PER_FRAME - self._raw_start
        late = place + round(RECOGNISER_LAG_S * RATE)
        out = np.empty((end - begin, N_PHONETIC), np.float32)
        out[:, PHONE_COLUMNS] = (_read(phones, late) + _read(phones, late - 1)) / 2
        out[:, CURVE_COLUMNS] = fused_curves(phones, shapes, place)
        out[:, _SHAPES] *= self._parting(np.arange(begin, end))
        out[:, LOUDNESS_COLUMN] = (_read(loudness, place) + _read(loudness, place + 1))[:, 0] / 2
        return out

    def _parting(self, frames: NDArray[np.intp]) -> Floats:
        """(k, 1) share 0..1 of their shapes that lips have before the voice begins."""
        first_s = np.inf if self._first_sound is None else self._first_sound / RATE
        return _eased(frames / FPS, min(first_s, _EDGE_S))

    def _shutting(self, frames: NDArray[np.intp], total: int) -> Floats:
        """(k, 1) the same after the voice has ended, of `total` frames."""
        sounding, end_s = self._sounding(), (total - 1) / FPS
        last_s = sounding[-1] / RATE if len(sounding) else -np.inf
        return _eased(end_s - frames / FPS, min(end_s - last_s, _EDGE_S))

    def _sounding(self) -> NDArray[np.intp]:
        """Raw frames that are kept and hold a phone or are loud."""
        loudness = self._raw[:, -1]
        loud = loudness > max(_QUIET, loudness.max(initial=0) - _QUIETER)
        return self._raw_start + np.flatnonzero(loud | (self._raw[:, 1:N_PHONES].sum(1) > _HEARD))


def _eased(time_s: NDArray[np.float64], span_s: float) -> Floats:
    """(k, 1) smooth rise from 0 at time 0 to 1 after `span_s`; 1 where the sound is cut within a word."""
    share = np.clip(time_s / span_s, 0, 1) if span_s > _LEAST_EDGE_S else np.ones_like(time_s)
    return np.asarray(share * share * (3 - 2 * share), np.float32)[:, None]


def fused_curves(phones: Floats, shapes: Floats, place: NDArray[np.intp]) -> Floats:
    """(k, 6) curves at the raw frames `place` of (n, 40) activations and (n, 3) shapes of the spectrum."""
    spectral = _read(shapes, place + round(SPECTRUM_LAG_S * RATE))
    if not phonemes.available():
        return np.pad(spectral, ((0, 0), (0, N_CURVES - mel.N_SHAPES)))
    rule = lip_curves(phones, rate=RATE)
    curves = _read(rule, place + round(RECOGNISER_LAG_S * RATE))
    curves[:, : mel.N_SHAPES] += _SPECTRUM_SHARE * (spectral - curves[:, : mel.N_SHAPES])
    curves[:, 0] = np.clip(curves[:, 0], 0, 1) * (1 - _FUSED_GATE * curves[:, 3])
    curves[:, 1] = np.clip(curves[:, 1] - _SPEAKING_NARROWS * curves[:, _SPEECH], -1, 1)
    curves[:, 2] = np.clip(curves[:, 2], 0, 1)
    return curves


def _read(values: Floats, place: NDArray[np.intp]) -> Floats:
    return values[np.clip(place, 0, len(values) - 1)]


def _loudness(window: Floats) -> Floats:
    """(ceil(n / 320),) level of each raw frame, 0 at -60 dB, 1 at full scale."""
    padded = np.pad(window, (0, -len(window) % HOP)).reshape(-1, HOP)
    level_db = 10 * np.log10((padded**2).mean(1) + 1e-12)
    return np.clip(1 - level_db / _QUIETEST_DB, 0, 1)
