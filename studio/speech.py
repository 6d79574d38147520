"""A voice becomes the base track under the edit: examples, spoken texts, and the work on the job thread."""

from __future__ import annotations

import logging
import secrets
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from pipelines.assets import ASSETS
from pipelines.errors import StudioError
from pipelines.motion.space import FPS
from pipelines.motion.track import Track
from pipelines.portrait.types import Portrait
from pipelines.project import Media
from pipelines.speech.choice import Delivery, SpeechModel, choose_model_or_say
from pipelines.speech.live import live_paces
from pipelines.video import Progress, extract_sound
from studio.clip import MAX_FRAMES
from studio.jobs import Job, JobDesk
from studio.live_voice import LiveVoice
from studio.session import Session
from studio.speech_order import speech_choices
from studio.wording import NO_PORTRAIT

log = logging.getLogger(__name__)

VOICES_FOLDER = ASSETS / "speech"
MAX_LABEL = 40
MAX_STREAMS = 2
"""Live voices of all visitors at a time: each needs most of a core."""
STREAMED_NAME = "streamed"
WARM_SAMPLES = 5 * 16_000
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

    def __init__(
        self, *, recordings: tuple[Recording, ...] = (), model: SpeechModel | None = None, note: str = ""
    ) -> None:
        """
        Args:
            recordings: the examples.
            model: None where speech cannot be turned into motion.
            note: why it is not the model that was asked for; empty where it is.
        """
        self._note = note
        self._recordings = {recording.key: recording for recording in recordings}
        self._model = model
        self._paces = {pace.key: pace for pace in (live_paces(model) if model else ())}
        self._warm: set[str] = set()

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
            "note": self._note,
            "voices": [{"key": r.key, "label": r.label, "credit": r.credit} for r in self._recordings.values()],
            "speakers": [{"key": voice.key, "label": voice.label} for voice in available()],
            "letters": LONGEST_TEXT,
            "paces": [
                {
                    "key": pace.key,
                    "label": pace.label,
                    "note": pace.note,
                    "tip": pace.tip,
                    "look_ahead_s": round(pace.look_ahead_s, 2),
                }
                for pace in self._paces.values()
            ],
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

    def ready_voice(self, session: Session, voice: Path) -> Path:
        """A voice as the page can send and play it: `session.voice_file`, and beside it the same for playing.

        Raises:
            StudioError: the voice cannot be read or is too long.
        """
        from pipelines.speech.audio import SAMPLE_RATE, load_audio

        audio = load_audio(voice, longest_s=MAX_FRAMES / FPS)
        path = session.folder / f"{STREAMED_NAME}.wav"
        extract_sound(voice, playable(path))
        soundfile.write(path, np.clip(audio.samples, -1, 1), SAMPLE_RATE, subtype="PCM_16")
        session.voice_file = path
        session.voice_label, session.voice_key = self._label(voice), secrets.token_hex(6)
        return path

    def listen(self, session: Session, *, pace: object, delivery: Delivery, label: str) -> LiveVoice:
        """Get ready to hear a live voice; takes seconds the first time.

        Raises:
            StudioError: no portrait, or no such pace.
        """
        chosen = self._paces.get(str(pace))
        if chosen is None:
            raise StudioError(f"`pace` should be one of {', '.join(self._paces)} but is '{str(pace)[:40]}'; pick one.")
        if session.portrait is None:
            raise StudioError(NO_PORTRAIT)
        wanted: dict[str, Any] = {"portrait": session.portrait, "delivery": delivery.unscaled}
        if chosen.key not in self._warm:
            # models load when they first hear enough
            chosen.stream(**wanted).push(np.zeros(WARM_SAMPLES, np.float32))
            self._warm.add(chosen.key)
        sound = session.folder / f"voice-{secrets.token_hex(6)}.wav"
        return LiveVoice(chosen.stream(**wanted), sound=sound, label=label, reach=delivery.reach)

    def _label(self, voice: Path) -> str:
        recording = self._recordings.get(voice.name)
        return recording.label if recording else label_of(voice.stem)

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
        label = self._label(voice)

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


def playable(voice_file: Path) -> Path:
    """The file beside a `Session.voice_file` that plays along with it."""
    return voice_file.with_name(f"{voice_file.stem}-play.wav")


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
    """The desk with the model that was asked for, or the one that ships: missing weights do not stop the studio."""
    model, note = choose_model_or_say()
    if note:
        log.warning("%s", note)
    return SpeechDesk(recordings=RECORDINGS, model=model, note=note)
