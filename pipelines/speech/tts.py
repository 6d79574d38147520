"""Text to speech through a synthesiser that is installed on this machine: flite or espeak-ng.

Debian and Ubuntu: apt install flite espeak-ng; macOS: brew install espeak-ng.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import StudioError

LONGEST_TEXT = 2000
"""Letters, about two minutes of speech."""
_LONGEST_S = 120


@dataclass(frozen=True)
class Voice:
    """One voice of an installed synthesiser."""

    key: str
    """`engine:voice`."""
    label: str

    @property
    def engine(self) -> str:
        """The synthesiser."""
        return self.key.partition(":")[0]

    @property
    def name(self) -> str:
        """The voice, as its synthesiser calls it."""
        return self.key.partition(":")[2]


VOICES = (
    Voice("flite:slt", "Slt, woman, US (flite)"),
    Voice("flite:rms", "Rms, man, US (flite)"),
    Voice("flite:awb", "Awb, man, Scotland (flite)"),
    Voice("espeak-ng:en-us", "English, US (eSpeak NG)"),
    Voice("espeak-ng:en-gb", "English, UK (eSpeak NG)"),
)


def available() -> tuple[Voice, ...]:
    """Voices that can speak here, best first; empty where no synthesiser is installed."""
    return tuple(voice for voice in VOICES if shutil.which(voice.engine))


def speak(text: str, path: Path, *, voice: str | None = None) -> Path:
    """Speak English text into a WAV file.

    Args:
        voice: key of one of `available()`, the first if left out.

    Raises:
        StudioError: no synthesiser, an unknown voice, an empty or too long text, or the synthesiser fails.
    """
    words = " ".join(text.split())
    if not 1 <= len(words) <= LONGEST_TEXT:
        raise StudioError(f"`text` should have 1 to {LONGEST_TEXT} letters but has {len(words)}; say it in parts.")
    chosen = _chosen(voice)
    with tempfile.TemporaryDirectory() as folder:
        # a file, because a text may begin with a dash
        script = Path(folder) / "text.txt"
        script.write_text(words, encoding="utf-8")
        try:
            subprocess.run(  # noqa: S603
                _command(chosen, script, path),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_LONGEST_S,
                check=True,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise StudioError(
                f"`text` could not be spoken by {chosen.engine}; choose another voice or text."
            ) from error
    return path


def _chosen(key: str | None) -> Voice:
    here = available()
    if not here:
        raise StudioError("`text` needs flite or espeak-ng but neither is installed: apt install flite espeak-ng")
    found = [voice for voice in here if key in (None, voice.key)]
    if not found:
        raise StudioError(f"`voice` should be one of {', '.join(voice.key for voice in here)} but is '{key}'.")
    return found[0]


def _command(voice: Voice, script: Path, path: Path) -> list[str]:
    if voice.engine == "flite":
        return ["flite", "-voice", voice.name, "-f", str(script), "-o", str(path)]
    return ["espeak-ng", "-v", voice.name, "-s", "160", "-f", str(script), "-w", str(path)]
