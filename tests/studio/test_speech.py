"""The Speech panel: options are checked, voices are read or refused in one sentence, the clip is whole or not."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from pipelines.assets import ASSETS
from pipelines.errors import StudioError
from pipelines.motion.space import Motion
from pipelines.motion.track import Track
from pipelines.speech.audio import Audio
from pipelines.speech.choice import Delivery, SpeechModel
from pipelines.speech.rule import RuleStream
from studio.jobs import JobDesk
from studio.page import page_data
from studio.services import Services
from studio.session import Session
from studio.speech import RECORDINGS, Recording, SpeechDesk, speech_desk
from studio.speech_order import read_delivery, speech_choices
from tests.studio.wire import wait_until

VALUES = {
    "speech_seed": 7,
    "speech_steps": 25,
    "speech_guidance": 1.5,
    "speech_scope": "lips_only",
    "speech_expression": 0.8,
    "speech_head": 0.0,
    "speech_blinks": False,
    "speech_idle": True,
    "speech_emotion_happy": 0.6,
    "speech_emotion_sad": 0.3,
}


def loudness_motion(audio: Audio, *, label: str, delivery: Delivery, progress: Callable, **_: Any) -> Track:
    """A stand-in for the model with the same signature: the jaw follows the loudness."""
    samples = np.pad(audio.samples, (0, audio.n_frames * 640 - len(audio.samples))).reshape(-1, 640)
    exp = np.zeros((audio.n_frames, 63), np.float32)
    for index, block in enumerate(samples):
        progress(index / len(samples), "moving")
        exp[index, 58] = 0.05 * delivery.expression * float(np.sqrt(np.mean(block**2)))
    return Track(Motion.of(exp=exp.reshape(-1, 21, 3)), label=label, reference=Motion.identity())


@pytest.fixture
def desk() -> SpeechDesk:
    return SpeechDesk(
        model=SpeechModel("Loudness", samples=True, make=loudness_motion, stream=RuleStream, whole=RuleStream)
    )


@pytest.fixture
def voice(tmp_path: Path) -> Path:
    path = tmp_path / "My <voice> & me.wav"
    time_s = np.arange(3 * 44_100) / 44_100
    soundfile.write(path, 0.4 * np.sin(300 * time_s) * (np.sin(4 * time_s) > 0), 44_100)
    return path


def made(desk: SpeechDesk, session: Session, voice: Path, order: Delivery | None = None) -> Session:
    """The session once the job on this voice is over."""
    jobs = JobDesk()
    job = desk.start(jobs, session, voice, order or Delivery())
    wait_until(lambda: job.is_over)
    jobs.shut()
    return session


# ---- options ----
def test_options_come_checked() -> None:
    order = read_delivery(VALUES)
    assert (order.seed, order.steps, order.guidance, order.scope) == (7, 25, 1.5, "lips_only")
    assert (order.expression, order.head, order.blinks, order.idle) == (0.8, 0.0, False, True)
    assert sum(order.mood) == pytest.approx(0.9) and order.mood[3] == 0.6
    assert read_delivery({}) == Delivery() == read_delivery(speech_choices()["defaults"])


@pytest.mark.parametrize(
    "values",
    [
        None,
        [],
        {"speech_seed": -1},
        {"speech_seed": float("nan")},
        {"speech_steps": 7},
        {"speech_steps": [10]},
        {"speech_guidance": "much"},
        {"speech_scope": "ears"},
        {"speech_expression": 9},
        {"speech_head": True},
        {"speech_blinks": "yes"},
        {"speech_emotion_happy": 0.7, "speech_emotion_sad": 0.7},
    ],
)
def test_options_out_of_range_get_one_sentence(values: object) -> None:
    with pytest.raises(StudioError) as raised:
        read_delivery(values)
    assert len(str(raised.value)) < 200 and "\n" not in str(raised.value)


def test_choices_name_every_option_once() -> None:
    choices = speech_choices()
    rows = [*choices["sliders"], choices["guidance"]]
    assert {row["key"] for row in rows} <= choices["defaults"].keys()
    for row in rows:
        assert row["lo"] <= choices["defaults"][row["key"]] <= row["hi"]
    assert choices["defaults"]["speech_steps"] in choices["steps"]
    assert choices["defaults"]["speech_scope"] in [scope["key"] for scope in choices["scopes"]]


# ---- the work ----
def test_a_voice_becomes_the_clip_with_its_sound(desk: SpeechDesk, session: Session, voice: Path) -> None:
    clip = made(desk, session, voice).clip
    assert session.job is not None and session.job.state == "done"
    assert clip is not None and len(clip.track) == 75 and clip.track.label == "My voice me"
    sound = session.clips.sound(clip)
    assert sound is not None and sound.parent == session.folder and max(clip.drawing(sound)["peaks"]) == 1
    samples, rate = soundfile.read(sound)
    assert len(samples) / rate == pytest.approx(3, abs=0.02)


def test_another_voice_takes_the_place_of_the_first(desk: SpeechDesk, session: Session, voice: Path) -> None:
    first = made(desk, session, voice).clip
    assert made(desk, session, voice).clip is first
    second = made(desk, session, voice, Delivery(expression=0.5)).clip
    assert first is not None and second is not None and first.key != second.key
    assert first.media is not None and first.media == second.media
    session.change(lambda history: history.undo())
    assert session.clip is first


@pytest.mark.parametrize("content", [b"", b"noise" * 100, b"RIFF\0\0\0\0WAVEfmt "])
def test_bad_sound_gets_one_sentence_and_keeps_the_old_clip(
    desk: SpeechDesk, session: Session, voice: Path, tmp_path: Path, content: bytes
) -> None:
    before = made(desk, session, voice).clip
    bad = tmp_path / "bad.wav"
    bad.write_bytes(content)
    made(desk, session, bad)
    assert session.job is not None and session.job.state == "failed" and "`sound`" in session.job.error
    assert session.clip is before


def test_cancelling_keeps_the_old_clip(session: Session, voice: Path, desk: SpeechDesk) -> None:
    before = made(desk, session, voice).clip

    def endless(audio: Audio, *, progress: Callable, **_: Any) -> Track:
        while True:
            progress(0.5, "on and on")
            time.sleep(0.01)

    jobs = JobDesk()
    model = SpeechModel("Endless", samples=False, make=endless, stream=RuleStream, whole=RuleStream)
    job = SpeechDesk(model=model).start(jobs, session, voice, Delivery())
    with pytest.raises(StudioError, match="already"):
        desk.start(jobs, session, voice, Delivery())
    job.stop()
    wait_until(lambda: job.is_over)
    assert job.state == "cancelled" and session.clip is before
    jobs.shut()


def test_too_long_for_the_page_is_refused(desk: SpeechDesk, session: Session, tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    soundfile.write(path, np.zeros(11 * 60 * 2000, np.float32), 2000)
    made(desk, session, path)
    assert session.job is not None and "10 minutes" in session.job.error


def test_without_a_portrait_nothing_begins(desk: SpeechDesk, services: Services, voice: Path) -> None:
    session = services.store.open()
    with pytest.raises(StudioError, match="No portrait"):
        desk.start(services.jobs, session, voice, Delivery())
    assert session.job is None


def test_unknown_examples_and_speakers_are_refused(desk: SpeechDesk, session: Session) -> None:
    for key in ("nobody", "../../etc/passwd", None):
        with pytest.raises(StudioError, match="`voice`"):
            desk.example_for(session, key)
    with pytest.raises(StudioError):
        desk.say(session, "Hello", speaker="nobody")


def test_a_text_is_spoken_where_an_engine_is(desk: SpeechDesk, session: Session) -> None:
    from pipelines.speech.tts import available

    if not available():
        pytest.skip("neither flite nor espeak-ng is on this machine")
    path = desk.say(session, "-x; Hello / world?", speaker=available()[0].key)
    assert path.parent == session.folder and path.name == "-x Hello world.wav"
    assert soundfile.info(path).duration > 0.4
    for text in ("", "   ", "a" * 4000):
        with pytest.raises(StudioError, match="`text`"):
            desk.say(session, text, speaker=available()[0].key)


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda recording: recording.key)
def test_every_example_is_there_credited_and_copied(session: Session, recording: Recording) -> None:
    path = speech_desk().example_for(session, recording.key)
    assert path.parent == session.folder and soundfile.info(path).duration > 10
    assert f"speech/{recording.key}" in (ASSETS / "CREDITS.md").read_text("utf-8")


# ---- the page ----
def test_the_panel_is_there_only_with_a_model(_warm: Services, desk: SpeechDesk) -> None:
    without = page_data(_warm.choice, speech=SpeechDesk().offer())
    assert without["speech"] is None and "speech" not in [panel["key"] for panel in without["panels"]]
    with_model = page_data(_warm.choice, speech=desk.offer())
    assert "speech" in [panel["key"] for panel in with_model["panels"]]


@pytest.mark.parametrize(("name", "words"), [("full", "checkpoints fetch speech"), ("best", "full, embedded, rule")])
def test_a_model_that_is_not_here_leaves_the_one_that_ships(
    name: str, words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DITTO_SPEECH_MODEL", name)
    monkeypatch.setenv("DITTO_CHECKPOINTS", str(tmp_path))
    monkeypatch.delenv("DITTO_HUBERT", raising=False)
    offer = speech_desk().offer()
    assert offer and offer["model"] == "Motion diffusion transformer"
    assert words in offer["note"]
    monkeypatch.delenv("DITTO_SPEECH_MODEL")
    assert speech_desk().offer()["note"] == ""  # type: ignore[index]
