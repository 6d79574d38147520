"""Text to speech through an engine that is installed: flite (with exact phone timing) or espeak-ng.

Neither ships with the studio; `apt-get install flite espeak-ng` brings both.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipelines.errors import StudioError

MAX_LETTERS = 3000
"""About three minutes of speech."""
TIMEOUT_SECS = 120
SILENCE = "pau"
"""What flite calls a pause."""


@dataclass(frozen=True)
class Voice:
    """A voice of an installed engine."""

    key: str
    label: str
    engine: Literal["flite", "espeak-ng"]


@dataclass(frozen=True)
class Phone:
    """One phone of a spoken text, in flite's lower-case ARPAbet; `SILENCE` is a pause."""

    name: str
    start_s: float
    end_s: float


VOICES = (
    Voice("slt", "American, female", "flite"),
    Voice("rms", "American, male", "flite"),
    Voice("awb", "Scottish, male", "flite"),
    Voice("kal16", "American, male, plain", "flite"),
    Voice("en-us", "American, synthetic", "espeak-ng"),
    Voice("en-gb", "British, synthetic", "espeak-ng"),
)


def voices() -> tuple[Voice, ...]:
    """The voices whose engine is installed, best first; none where text cannot be spoken."""
    return tuple(voice for voice in VOICES if shutil.which(voice.engine))


def speak(
    text: str, path: Path, *, voice: str | None = None, stretch: float = 1.0, f0_hz: float | None = None
) -> None:
    """Write a text as a mono WAV file.

    Args:
        voice: key of one of `voices()`, the first if left out.
        stretch: length of every phone as a factor, 0.5 to 2.
        f0_hz: mean pitch; flite's voices only.

    Raises:
        StudioError: no engine, an unknown voice, no text or too much of it, or the engine's failure.
    """
    _run(text, path, _voice(voice), stretch=stretch, f0_hz=f0_hz)


def speak_with_phones(
    text: str, path: Path, *, voice: str, stretch: float = 1.0, f0_hz: float | None = None
) -> tuple[Phone, ...]:
    """As `speak` with a voice of flite; returns what is said when, without gaps.

    Raises:
        StudioError: as `speak`; a voice without phone timing.
    """
    chosen = _voice(voice)
    if chosen.engine != "flite":
        keys = ", ".join(v.key for v in VOICES if v.engine == "flite")
        raise StudioError(f"`voice` should have phone timing ({keys}) but is '{voice}'.")
    ends = _run(text, path, chosen, stretch=stretch, f0_hz=f0_hz).split()
    phones, start = [], 0.0
    for item in ends:
        name, _, end = item.rpartition(":")
        phones.append(Phone(name, start, float(end)))
        start = float(end)
    return tuple(phones)


def _voice(key: str | None) -> Voice:
    found = voices()
    if not found:
        raise StudioError("Speaking a text needs flite or espeak-ng; run: sudo apt-get install -y flite")
    if key is None:
        return found[0]
    voice = next((v for v in found if v.key == key), None)
    if voice is None:
        raise StudioError(f"`voice` should be one of {', '.join(v.key for v in found)} but is '{key[:40]}'.")
    return voice


def _run(text: str, path: Path, voice: Voice, *, stretch: float, f0_hz: float | None) -> str:
    words = " ".join(text.split())
    if not 1 <= len(words) <= MAX_LETTERS:
        raise StudioError(f"`text` should have 1 to {MAX_LETTERS} letters but has {len(words)}.")
    if not 0.5 <= stretch <= 2:
        raise StudioError(f"`stretch` should be from 0.5 to 2 but is {stretch}.")
    with tempfile.TemporaryDirectory() as folder:
        script, sound = Path(folder) / "text.txt", Path(folder) / "speech.wav"
        # a file, because a text may begin with a dash
        script.write_text(words, encoding="utf-8")
        if voice.engine == "flite":
            pitch = [] if f0_hz is None else ["--setf", f"int_f0_target_mean={f0_hz:g}"]
            shape = ["--setf", f"duration_stretch={stretch:g}", *pitch]
            command = ["flite", "-voice", voice.key, *shape, "-psdur", "-f", str(script), "-o", str(sound)]
        else:
            pace = str(round(_ESPEAK_WORDS_A_MINUTE / stretch))
            command = ["espeak-ng", "-v", voice.key, "-s", pace, "-f", str(script), "-w", str(sound)]
        try:
            done = subprocess.run(  # noqa: S603
                command, capture_output=True, text=True, timeout=TIMEOUT_SECS, check=True
            )
            shutil.move(sound, path)
        except (OSError, subprocess.SubprocessError) as error:
            raise StudioError(f"The text could not be spoken by {voice.engine}: {error}") from error
    return done.stdout


_ESPEAK_WORDS_A_MINUTE = 165
