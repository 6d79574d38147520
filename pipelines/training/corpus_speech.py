"""The speech of the corpus: synthesised sentences with exact phone timing, as if recorded in many rooms.

A folder holds `speech.json` and one FLAC file per utterance, 16 kHz mono.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, fftconvolve, resample_poly, sosfilt

from pipelines.files import write_atomic
from pipelines.speech.tts import Phone, speak_with_phones
from pipelines.training.corpus_text import sentences

Samples = NDArray[np.float32]

RATE = 16_000
INDEX = "speech.json"
PITCH_HZ = {"slt": (165.0, 225.0), "rms": (85.0, 125.0), "awb": (95.0, 140.0), "kal16": (85.0, 125.0)}
"""Voices of flite that give phone timing, and the mean pitch each is varied in."""


@dataclass(frozen=True)
class SpeechSet:
    """How the utterances are made."""

    utterances: int = 900
    seed: int = 0
    stretch: tuple[float, float] = (0.85, 1.25)
    size: tuple[float, float] = (0.88, 1.14)
    """Playing speed: larger is a smaller speaker, higher and faster; the timing follows."""
    echo_s: tuple[float, float] = (0.05, 0.5)
    """Time in which the room's echo falls by 60 dB."""
    noise_db: tuple[float, float] = (12.0, 35.0)
    """Signal over noise."""
    clean_share: float = 0.25
    """Utterances without room and noise."""


@dataclass(frozen=True)
class Utterance:
    """One sentence of the set."""

    file: str
    text: str
    voice: str
    duration_s: float
    phones: tuple[Phone, ...]


def build_speech(folder: Path, options: SpeechSet, progress: Callable[[int, int], None] | None = None) -> None:
    """Fill `folder`; one seed repeats bit for bit with the same flite.

    Raises:
        StudioError: flite is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    utterances = []
    for number, text in enumerate(sentences(options.utterances, options.seed)):
        utterances.append(_utterance(folder, number, text, options))
        if progress:
            progress(number + 1, options.utterances)
    index: dict[str, Any] = {"options": asdict(options), "utterances": [asdict(u) for u in utterances]}
    write_atomic(folder / INDEX, json.dumps(index).encode())


def read_speech(folder: Path) -> Iterator[tuple[Utterance, Samples]]:
    """Utterances of a folder with their sound, (N,) float32 at 16 kHz."""
    import soundfile

    index = json.loads((folder / INDEX).read_text())
    for entry in index["utterances"]:
        phones = tuple(Phone(**phone) for phone in entry.pop("phones"))
        utterance = Utterance(phones=phones, **entry)
        samples, _ = soundfile.read(folder / utterance.file, dtype="float32")
        yield utterance, np.asarray(samples, np.float32)


def _utterance(folder: Path, number: int, text: str, options: SpeechSet) -> Utterance:
    import soundfile

    rng = np.random.default_rng([options.seed, number])
    voice = str(rng.choice(list(PITCH_HZ)))
    with tempfile.TemporaryDirectory() as scratch:
        sound = Path(scratch) / "speech.wav"
        stretch, pitch = rng.uniform(*options.stretch), rng.uniform(*PITCH_HZ[voice])
        phones = speak_with_phones(text, sound, voice=voice, stretch=stretch, f0_hz=pitch)
        samples, rate = soundfile.read(sound, dtype="float32")
    percent = round(100 * rng.uniform(*options.size))
    samples = np.asarray(resample_poly(samples, RATE, rate * percent // 100), np.float32)
    speed = rate * percent // 100 / rate
    if rng.random() >= options.clean_share:
        samples = _recorded(samples, options, rng)
    samples *= rng.uniform(0.05, 0.5) / max(float(np.abs(samples).max()), 1e-6)
    file = f"{number:05d}.flac"
    soundfile.write(folder / file, samples, RATE, format="FLAC", subtype="PCM_16")
    timed = tuple(Phone(p.name, p.start_s / speed, p.end_s / speed) for p in phones)
    return Utterance(file, text, voice, len(samples) / RATE, timed)


def _recorded(samples: Samples, options: SpeechSet, rng: np.random.Generator) -> Samples:
    """The same speech through a room, a microphone and noise."""
    echo_s = rng.uniform(*options.echo_s)
    time = np.arange(int(RATE * echo_s)) / RATE
    room = rng.standard_normal(len(time)) * np.exp(-6.9 * time / echo_s) * rng.uniform(0.01, 0.08)
    room[0] = 1.0
    heard = fftconvolve(samples, room)[: len(samples)]
    heard = _filtered(heard, (float(rng.uniform(40, 250)), float(rng.uniform(3400, 7600))), "bandpass")
    noise = _filtered(rng.standard_normal(len(heard)), float(rng.uniform(500, 7000)), "lowpass")
    level = np.sqrt(np.square(heard).mean() / np.square(noise).mean()) * 10 ** (-rng.uniform(*options.noise_db) / 20)
    return np.asarray(heard + level * noise, np.float32)


def _filtered(samples: NDArray[Any], edges_hz: float | tuple[float, float], kind: str) -> NDArray[np.float64]:
    return np.asarray(sosfilt(butter(1, edges_hz, kind, fs=RATE, output="sos"), samples))
