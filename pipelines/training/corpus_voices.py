"""Synthetic speech with the exact time of every phone: flite (Debian `flite`) and eSpeak NG (Debian `espeak-ng`)."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from ctypes.util import find_library
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import StudioError
from pipelines.speech.audio import Audio
from pipelines.speech.visemes import N_PHONES, PHONE_INDEX, SILENCE
from pipelines.training.corpus_text import sentences

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Utterance:
    """Speech whose phones are known."""

    samples: Floats
    """(N,) at 16 kHz."""
    phones: tuple[tuple[str, float], ...]
    """Phone and its end, s, in order; they follow each other without gaps from 0."""

    def activations(self, rate: float, n: int) -> Floats:
        """(n, 40) share of each phone in each of n frames at `rate` a second."""
        fine = 8
        ends = np.array([end for _, end in self.phones])
        labels = np.array([PHONE_INDEX[phone] for phone, _ in self.phones])
        times = (np.arange(n * fine) + 0.5) / (rate * fine)
        which = np.searchsorted(ends, times, side="right")
        label = np.where(which < len(labels), labels[np.minimum(which, len(labels) - 1)], PHONE_INDEX[SILENCE])
        return np.eye(N_PHONES, dtype=np.float32)[label].reshape(n, fine, N_PHONES).mean(1)


@dataclass(frozen=True)
class Manner:
    """How a voice speaks."""

    voice: str
    """A flite voice, or an eSpeak NG voice with its variant, such as "en-us+f3"."""
    stretch: float = 1.0
    """Durations, times this."""
    pitch: float = 1.0
    """Pitch, times this."""


FLITE_VOICES = ("awb", "rms", "slt", "kal16")
_FLITE_PITCH_HZ = {"awb": 130.0, "rms": 105.0, "slt": 170.0, "kal16": 105.0}
ESPEAK_VOICES = ("en-us", "en-us+f2", "en-gb", "en-gb+m3", "en-us+m7", "en-gb-scotland", "en-gb+f4", "en-us+f5")


def speak_timed(text: str, manner: Manner) -> Utterance:
    """An utterance with its phones.

    Raises:
        StudioError: the synthesiser of the voice is not installed.
    """
    return _flite(text, manner) if manner.voice in FLITE_VOICES else _espeak(text, manner)


def utterances(count: int, seed: int) -> Iterator[Utterance]:
    """Sentences of the grammar in all voices, each in a manner of its own."""
    rng = np.random.default_rng(seed)
    voices = (*FLITE_VOICES, *FLITE_VOICES, *ESPEAK_VOICES)
    for index, text in zip(range(count), sentences(seed), strict=False):
        manner = Manner(voices[index % len(voices)], stretch=rng.uniform(0.8, 1.25), pitch=rng.uniform(0.8, 1.3))
        yield speak_timed(text, manner)


_FLITE_PHONES: dict[str, str] = {
    "ax": "AH", "axr": "ER", "dx": "T", "el": "L", "em": "M", "en": "N", "hv": "HH", "nx": "N",
    "pau": SILENCE, "h#": SILENCE, "brk": SILENCE, "sil": SILENCE,
}  # fmt: skip


def _flite(text: str, manner: Manner) -> Utterance:
    import soundfile

    if shutil.which("flite") is None:
        raise StudioError("The corpus needs flite but it is not installed: apt install flite espeak-ng")
    pitch = _FLITE_PITCH_HZ[manner.voice] * manner.pitch
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        how = ["--setf", f"duration_stretch={manner.stretch:.3f}", "--setf", f"int_f0_target_mean={pitch:.1f}"]
        command = ["flite", "-voice", manner.voice, *how, "-psdur", "-o", str(path), "-t", text]
        printed = subprocess.run(command, capture_output=True, check=True, text=True).stdout  # noqa: S603
        samples, rate = soundfile.read(path, dtype="float32")
    # several sentences are printed as several relations, each with times of its own
    phones: list[tuple[str, float]] = []
    start = last = 0.0
    for name, end in re.findall(r"(\S+):([\d.]+)", printed):
        if float(end) < last:
            start += last
        last = float(end)
        phone = _FLITE_PHONES[name] if name in _FLITE_PHONES else name.upper()
        phones.append((phone, start + last))
    return Utterance(Audio.of(samples, rate=rate).samples, tuple(phones))


_ESPEAK_PHONES = {
    "ɑ": "AA", "ɒ": "AA", "a": "AE", "æ": "AE", "ʌ": "AH", "ə": "AH", "ɐ": "AH", "ɔ": "AO", "aʊ": "AW", "aɪ": "AY",
    "ɛ": "EH", "e": "EH", "eɪ": "EY", "ɜ": "ER", "ɚ": "ER", "ɝ": "ER", "ɪ": "IH", "i": "IY", "oʊ": "OW", "əʊ": "OW",
    "o": "OW", "ɔɪ": "OY", "ʊ": "UH", "u": "UW", "ʉ": "UW", "p": "P", "b": "B", "m": "M", "f": "F", "v": "V",
    "w": "W", "ʍ": "W", "θ": "TH", "ð": "DH", "t": "T", "ɾ": "T", "ʔ": "T", "d": "D", "n": "N", "l": "L", "ɫ": "L",
    "s": "S", "z": "Z", "ʃ": "SH", "ʒ": "ZH", "tʃ": "CH", "dʒ": "JH", "ɹ": "R", "r": "R", "k": "K", "x": "K",
    "ɡ": "G", "g": "G", "ŋ": "NG", "h": "HH", "j": "Y", "iə": "IY", "ɪɹ": "IH", "ɛɹ": "EH", "ʊɹ": "UH", "oɹ": "AO",
    "ɔɹ": "AO", "ɑɹ": "AA", "aɪə": "AY", "aɪɚ": "AY", "eə": "EH", "iːə": "IY", "ʊə": "UH", "əl": "L", "n̩": "N",
    "ɪə": "IH", "aʊə": "AW", "ᵻ": "IH", "ɛə": "EH", "": SILENCE, "_": SILENCE, "_:": SILENCE, "_|": SILENCE,
}  # fmt: skip
_EVENT_PHONEME, _EVENT_END = 7, 0
_SYNCHRONOUS, _PHONEME_EVENTS_IPA = 2, 3
_CHARS_UTF8, _PARAMETER_RATE, _PARAMETER_PITCH = 1, 1, 3
_USUAL_RATE, _USUAL_PITCH = 165, 50


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("string", ctypes.c_char * 8),
    ]


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@lru_cache(maxsize=1)
def _espeak_library() -> tuple[Any, int]:
    """The library and its sample rate."""
    name = find_library("espeak-ng") or "libespeak-ng.so.1"
    try:
        library = ctypes.CDLL(name)
    except OSError as error:
        raise StudioError("The corpus needs eSpeak NG but it is not installed: apt install flite espeak-ng") from error
    rate = library.espeak_Initialize(_SYNCHRONOUS, 0, None, _PHONEME_EVENTS_IPA)
    return library, rate


def _espeak(text: str, manner: Manner) -> Utterance:
    library, rate = _espeak_library()
    pieces: list[NDArray[np.int16]] = []
    starts: list[tuple[str, float]] = []

    def take(wave: Any, count: int, events: Any) -> int:
        if wave and count:
            pieces.append(np.ctypeslib.as_array(wave, (count,)).copy())
        index = 0
        while events[index].type != _EVENT_END:
            if events[index].type == _EVENT_PHONEME:
                starts.append((events[index].string.decode("utf-8", "ignore"), events[index].audio_position / 1000))
            index += 1
        return 0

    callback = _Callback(take)
    library.espeak_SetSynthCallback(callback)
    library.espeak_SetVoiceByName(manner.voice.encode())
    library.espeak_SetParameter(_PARAMETER_RATE, round(_USUAL_RATE / manner.stretch), 0)
    library.espeak_SetParameter(_PARAMETER_PITCH, round(np.clip(_USUAL_PITCH * manner.pitch, 0, 99)), 0)
    data = text.encode()
    library.espeak_Synth(data, len(data) + 1, 0, 1, 0, _CHARS_UTF8, None, None)
    samples = np.concatenate(pieces)
    phones = [(SILENCE, starts[0][1])] if starts and starts[0][1] > 0 else []
    ends = [time for _, time in starts[1:]] + [len(samples) / rate]
    phones += [(_espeak_phone(name), end) for (name, _), end in zip(starts, ends, strict=True)]
    return Utterance(Audio.of(samples, rate=rate).samples, tuple(phones))


def _espeak_phone(name: str) -> str:
    bare = name.strip("ˈˌ").replace("ː", "").replace("ˈ", "").replace("ˌ", "")
    return _ESPEAK_PHONES.get(bare, _ESPEAK_PHONES.get(bare[:1], SILENCE))
