"""A voice becomes the base track under the edit: examples, spoken texts, and the work on the job thread."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.assets import ASSETS
from pipelines.errors import StudioError
from pipelines.motion.space import FPS
from pipelines.motion.track import Track
from pipelines.portrait.types import Portrait
from pipelines.project import Media
from pipelines.speech.choice import Delivery, SpeechModel, choose_model
from pipelines.video import Progress, extract_sound
from studio.clip import MAX_FRAMES
from studio.jobs import Job, JobDesk
from studio.session import Session
from studio.speech_order import speech_choices
from studio.wording import NO_PORTRAIT

VOICES_FOLDER = ASSETS / "speech"
MAX_LABEL = 40
READ, GENERATED = 0.1, 0.95
"""Shares of the work: sound read, motion made."""


@dataclass(frozen=True)
class Recording:
    """A voice that ships; credits in full: assets/CREDITS.md."""

    key: str
    """Name of the file in assets/speech."""
    label: str
    credit: str


class SpeechDesk:
    """What the Speech panel offers, and how it is made."""

    def __init__(self, *, recordings: tuple[Recording, ...] = (), model: SpeechModel | None = None) -> None:
        """
        Args:
            recordings: the examples.
            model: None where speech cannot be turned into motion.
        """
        self._recordings = {recording.key: recording for recording in recordings}
        self._model = model

    @property
    def is_ready(self) -> bool:
        """Whether speech can be turned into motion here."""
        return self._model is not None

    def offer(self) -> dict[str, Any] | None:
        """What the panel shows; None where there is no panel."""
        from pipelines.speech.tts import LONGEST_TEXT, available

        if self._model is None:
            return None
        return {
            **speech_choices(samples=self._model.samples),
            "model": self._model.name,
            "voices": [{"key": r.key, "label": r.label, "credit": r.credit} for r in self._recordings.values()],
            "speakers": [{"key": voice.key, "label": voice.label} for voice in available()],
            "letters": LONGEST_TEXT,
        }

    def example_for(self, session: Session, key: object) -> Path:
        """A copy of an example in the visitor's folder.

        Raises:
            StudioError: no example has this key.
        """
        recording = self._recordings.get(str(key))
        if recording is None:
            names = ", ".join(self._recordings)
            raise StudioError(f"`voice` should be one of {names} but is '{str(key)[:40]}'; pick one.")
        return Path(shutil.copy(VOICES_FOLDER / recording.key, session.folder / recording.key))

    def say(self, session: Session, text: object, *, speaker: object) -> Path:
        """A text as sound, in the visitor's folder.

        Raises:
            StudioError: no engine, an unknown voice, no text or too much of it.
        """
        from pipelines.speech.tts import speak

        path = session.folder / f"{label_of(str(text))}.wav"
        speak(str(text), path, voice=str(speaker))
        return path

    def start(self, jobs: JobDesk, session: Session, voice: Path, delivery: Delivery) -> Job:
        """Begin to turn a voice into motion; it is the base track of the work when the job is done.

        Raises:
            StudioError: no portrait or model, or other long work still runs.
        """
        portrait, model = session.portrait, self._model
        if portrait is None:
            raise StudioError(NO_PORTRAIT)
        if model is None:
            raise StudioError("Speech needs its model, which is missing; restore assets from the repository.")
        recording = self._recordings.get(voice.name)
        label = recording.label if recording else label_of(voice.stem)

        def work(job: Job) -> None:
            track, sound = make_track(
                voice,
                portrait=portrait,
                delivery=delivery,
                label=label,
                model=model,
                progress=job.progress,
            )
            job.check()
            session.push(session.document.with_track(track, sound=sound), label=f"Speech: {label}")

        session.job = jobs.start("speech", work, current=session.job)
        return session.job


def make_track(
    voice: Path,
    *,
    portrait: Portrait,
    delivery: Delivery,
    label: str,
    model: SpeechModel,
    progress: Progress,
) -> tuple[Track, Media]:
    """The motion of a voice, and the sound that plays along as a mono 16-bit WAV.

    Args:
        voice: the visitor's file.

    Raises:
        StudioError: the voice cannot be read, is too long, or the model's own reasons.
    """
    from pipelines.speech.audio import load_audio

    progress(0.0, "reading the voice")
    audio = load_audio(voice, longest_s=MAX_FRAMES / FPS)

    def report(done: float, text: str) -> None:
        progress(READ + (GENERATED - READ) * done, text)

    track = model.make(audio, portrait=portrait, delivery=delivery, label=label, progress=report)
    with tempfile.TemporaryDirectory() as folder:
        sound = extract_sound(voice, Path(folder) / "voice.wav", longest_s=track.duration_s).read_bytes()
    progress(1.0, "")
    return track, Media(".wav", sound)


def label_of(text: str) -> str:
    """A name for the visitor, and safe as a file name: letters, digits, spaces, a few marks."""
    kept = "".join(c if c.isalnum() or c in " -_'" else " " for c in text)
    return " ".join(kept.split())[:MAX_LABEL].strip() or "Voice"


RECORDINGS: tuple[Recording, ...] = (
    Recording("welcome.flac", "Welcome", "spoken by flite's voice slt, 11 s · Apache-2.0"),
    Recording("harbour.flac", "Harbour", "spoken by flite's voice rms, 11 s · Apache-2.0"),
)


def speech_desk() -> SpeechDesk:
    """The desk with the best model that is here."""
    return SpeechDesk(recordings=RECORDINGS, model=choose_model())
