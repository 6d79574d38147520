"""Every kind of recording through the real job: it becomes the clip, or one sentence says why not."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile

from pipelines.errors import StudioError
from pipelines.speech.choice import Delivery, SpeechModel
from pipelines.speech.rule import RuleStream
from pipelines.video import write_video
from studio.jobs import Job, JobDesk
from studio.session import Session
from studio.speech import SpeechDesk
from tests.studio.test_speech import loudness_motion
from tests.studio.wire import wait_until

SECONDS = 1.5


@pytest.fixture
def desk() -> SpeechDesk:
    return SpeechDesk(
        model=SpeechModel("Loudness", samples=True, make=loudness_motion, stream=RuleStream, whole=RuleStream)
    )


def tone(rate: int, seconds: float = SECONDS) -> np.ndarray:
    time_s = np.arange(round(rate * seconds)) / rate
    return (0.3 * np.sin(2 * np.pi * 220 * time_s) * (np.sin(8 * time_s) > 0)).astype(np.float32)


def music(rate: int) -> np.ndarray:
    time_s = np.arange(round(rate * SECONDS)) / rate
    chord = sum(np.sin(2 * np.pi * pitch * time_s) for pitch in (262, 330, 392, 523))
    return np.column_stack([0.2 * chord, 0.1 * chord]).astype(np.float32)


def film(path: Path, sound: Path | None) -> Path:
    frames = (np.full((64, 64, 3), shade, np.uint8) for shade in range(0, 250, 7))
    return write_video(frames, path, fps=25, audio=sound)


def finished(desk: SpeechDesk, session: Session, voice: Path) -> Job:
    jobs = JobDesk()
    job = desk.start(jobs, session, voice, Delivery())
    wait_until(lambda: job.is_over)
    jobs.shut()
    return job


GOOD = {
    "silence": (np.zeros(24_000, np.float32), 16_000, "PCM_16"),
    "music": (music(44_100), 44_100, "PCM_16"),
    "8 kHz": (tone(8_000), 8_000, "PCM_U8"),
    "48 kHz": (tone(48_000), 48_000, "PCM_16"),
    "stereo": (np.column_stack([tone(44_100), 0 * tone(44_100)]), 44_100, "PCM_16"),
    "24-bit": (tone(44_100), 44_100, "PCM_24"),
    "float": (4 * tone(44_100), 44_100, "FLOAT"),
}


@pytest.mark.parametrize("kind", GOOD)
def test_it_becomes_the_clip(desk: SpeechDesk, session: Session, tmp_path: Path, kind: str) -> None:
    samples, rate, subtype = GOOD[kind]
    path = tmp_path / "voice.wav"
    soundfile.write(path, samples, rate, subtype=subtype)
    job = finished(desk, session, path)
    assert job.state == "done", job.error
    assert session.clip is not None and len(session.clip.track) == pytest.approx(25 * SECONDS, abs=1)
    assert bool(np.ptp(session.clip.track.motion.exp)) == (kind != "silence")
    # and it can be streamed from the page
    info = soundfile.info(desk.ready_voice(session, path))
    assert (info.samplerate, info.channels) == (16_000, 1) and info.duration == pytest.approx(SECONDS, abs=0.02)


def test_a_film_gives_its_sound(desk: SpeechDesk, session: Session, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "sound.wav", tone(44_100), 44_100)
    job = finished(desk, session, film(tmp_path / "film.mp4", tmp_path / "sound.wav"))
    assert job.state == "done", job.error
    assert session.clip is not None and np.ptp(session.clip.track.motion.exp) > 0


def _bad(kind: str, folder: Path) -> Path:
    path = folder / "voice.wav"
    if kind == "20 ms":
        soundfile.write(path, tone(16_000, 0.02), 16_000)
    elif kind == "too long":
        soundfile.write(path, np.zeros(11 * 60 * 1000, np.float32), 1000)
    elif kind == "not finite":
        soundfile.write(path, np.full(16_000, np.nan, np.float32), 16_000, subtype="FLOAT")
    elif kind == "silent film":
        return film(folder / "film.mp4", None)
    elif kind == "picture":
        cv2.imwrite(str(folder / "voice.png"), np.zeros((64, 64, 3), np.uint8))
        return folder / "voice.png"
    else:
        path.write_bytes({"corrupted": np.random.default_rng(1).bytes(9000), "empty": b""}[kind])
    return path


@pytest.mark.parametrize("kind", ["20 ms", "too long", "not finite", "silent film", "picture", "corrupted", "empty"])
def test_one_sentence_says_why_not(desk: SpeechDesk, session: Session, tmp_path: Path, kind: str) -> None:
    path = _bad(kind, tmp_path)
    job = finished(desk, session, path)
    assert job.state == "failed" and job.error.startswith("`sound` should") and len(job.error) < 220
    assert "\n" not in job.error and session.clip is None
    with pytest.raises(StudioError, match="`sound` should"):
        desk.ready_voice(session, path)
    assert session.voice_file is None
