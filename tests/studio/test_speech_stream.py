"""Live voices through the real route: the track grows, the clip is left, and what is turned down in one sentence."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from starlette.applications import Starlette
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from pipelines.assets import ASSETS
from pipelines.motion.edit import Edit
from pipelines.speech.audio import load_audio
from pipelines.speech.choice import Delivery, stream_by_rule
from pipelines.speech.live import GrowingTrack
from pipelines.speech.visemes import lip_measures
from studio import live_voice, speech_stream
from studio.clip import Clip
from studio.services import Services
from studio.session import Session
from studio.speech_stream import speech_routes
from tests.studio.wire import wait_until

PIECE = 1600
QUICK = {"pace": "quick", "samples": "s16", "from": "microphone", "options": {}}


@pytest.fixture(scope="module")
def voice() -> np.ndarray:
    """Four seconds of the first example as 16-bit samples."""
    samples = load_audio(ASSETS / "speech" / "welcome.flac").samples[: 4 * 16_000]
    return (samples * 32767).astype("<i2")


@pytest.fixture
def client(services: Services) -> Iterator[TestClient]:
    if not services.speech.is_ready:
        pytest.skip("this machine has no phoneme recogniser")
    with TestClient(Starlette(routes=speech_routes(services))) as client:
        yield client


def url(session: Session) -> str:
    return f"/studio/speak?token={session.token}"


def pieces(samples: np.ndarray) -> Iterator[bytes]:
    for start in range(0, len(samples), PIECE):
        yield samples[start : start + PIECE].tobytes()


def say(socket: WebSocketTestSession, samples: np.ndarray) -> dict[str, Any]:
    """Send everything and stop; the last answer."""
    for piece in pieces(samples):
        socket.send_bytes(piece)
    socket.send_json({"stop": True})
    return last(socket)


def last(socket: WebSocketTestSession) -> dict[str, Any]:
    while "clip" not in (answer := socket.receive_json()):
        assert answer["frames"] > 0 and answer["rtf"] >= 0 and answer["heard_s"] > 0
    return answer


# ---- what it does ----
def test_a_voice_becomes_the_clip(client: TestClient, session: Session, voice: np.ndarray) -> None:
    with client.websocket_connect(url(session)) as socket:
        socket.send_json(QUICK)
        begun = socket.receive_json()
        assert begun["look_ahead_s"] == pytest.approx(0.97, abs=0.01)
        answer = say(socket, voice)
    clip = session.clip
    assert clip is not None and answer["text"] == "" and session.voice is None
    assert answer["clip"] == clip.record() and answer["clip"]["key"] == begun["key"] and len(clip.track) == 100
    sound = session.clips.sound(clip)
    assert sound is not None and answer["document"]["clip"] == answer["clip"]
    assert answer["document"]["history"]["labels"][-1] == "Speech: Live voice"
    said, rate = soundfile.read(io.BytesIO(clip.media.data if clip.media else b""), dtype="int16")
    assert rate == 16_000 and np.abs(said - voice.astype(int)).max() <= 1
    assert np.ptp(lip_measures(clip.track.motion.exp.reshape(-1, 63))[0]) > 0.03


def test_frames_are_drawn_while_it_goes_on(
    client: TestClient, services: Services, session: Session, voice: np.ndarray, clip: Clip
) -> None:
    with client.websocket_connect(url(session)) as socket:
        socket.send_json(QUICK)
        key = socket.receive_json()["key"]
        # until the first frame is there the clip of before plays
        assert services.draw(session, Edit(), frame=5)[0]["clip"] == clip.key
        for piece in pieces(voice[: 3 * 16_000]):
            socket.send_bytes(piece)
        wait_until(lambda: session.voice is not None and len(session.voice.track) > 45)
        drawn = {frame: services.draw(session, Edit(), frame=frame) for frame in (10, 40, 9000)}
        assert all(header["clip"] == key for header, _ in drawn.values())
        assert drawn[10][1] != drawn[40][1] and 45 < drawn[9000][0]["frame"] < 75
        # the edit acts at once, and so does the reach of the speech
        edited = services.draw(session, Edit.of({"brow_raise": 1.0}), frame=40)
        assert edited[1] != drawn[40][1]
        socket.send_json({"options": {"speech_expression": 0.0, "speech_head": 0.0}})
        socket.send_bytes(voice[:PIECE].tobytes())
        wait_until(lambda: session.voice is not None and not session.voice.track.reach.expression.any())
        still = services.draw(session, Edit(), frame=40), services.draw(session, Edit(), frame=10)
        assert still[0][1] == still[1][1]
        socket.send_json({"stop": True})
        assert last(socket)["clip"]["key"] == key
    assert session.clip is not None and not np.ptp(session.clip.track.motion.exp)


def test_leaving_keeps_what_was_said(client: TestClient, session: Session, voice: np.ndarray) -> None:
    with client.websocket_connect(url(session)) as socket:
        socket.send_json(QUICK)
        socket.receive_json()
        for piece in pieces(voice):
            socket.send_bytes(piece)
        wait_until(lambda: session.voice is not None and len(session.voice.track) > 50)
    wait_until(lambda: session.voice is None)
    assert session.clip is not None and len(session.clip.track) > 50
    assert not list(session.folder.glob("*.wav"))


def test_floats_and_integers_say_the_same(client: TestClient, session: Session, voice: np.ndarray) -> None:
    tracks = []
    for kind, samples in (("s16", voice), ("f32", (voice / np.float32(32768)).astype("<f4"))):
        with client.websocket_connect(url(session)) as socket:
            socket.send_json(QUICK | {"samples": kind})
            socket.receive_json()
            say(socket, samples)
        assert session.clip is not None
        tracks.append(session.clip.track)
    assert tracks[0] == tracks[1]


def test_a_file_keeps_its_own_sound(
    client: TestClient, services: Services, session: Session, voice: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "Me.wav"
    soundfile.write(path, voice, 16_000)
    services.speech.ready_voice(session, path)
    for query, rate in (("&for=sending", 16_000), ("", 32_000)):
        answer = client.get(f"/studio/voice.wav?token={session.token}{query}")
        (tmp_path / "got.wav").write_bytes(answer.content)
        got = soundfile.info(tmp_path / "got.wav")
        assert (got.samplerate, got.channels, got.subtype) == (rate, 1, "PCM_16")
        assert got.duration == pytest.approx(4, abs=0.01)
    with client.websocket_connect(url(session)) as socket:
        socket.send_json(QUICK | {"from": "file"})
        socket.receive_json()
        assert say(socket, voice[: 2 * 16_000])["clip"]["label"] == "Me"
    assert session.clip is not None and session.clip.media is not None
    info = soundfile.info(io.BytesIO(session.clip.media.data))
    assert info.samplerate == 32_000 and info.duration == pytest.approx(2, abs=0.03)


# ---- what ends it ----
def test_an_hour_is_the_most(
    client: TestClient, session: Session, voice: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_voice, "LONGEST_S", 2.0)
    with client.websocket_connect(url(session)) as socket:
        socket.send_json(QUICK)
        socket.receive_json()
        for piece in pieces(voice):
            socket.send_bytes(piece)
        answer = last(socket)
    assert "at most" in answer["text"] and answer["clip"]["frames"] >= 50


def test_silence_and_nothing(client: TestClient, session: Session) -> None:
    with client.websocket_connect(url(session)) as socket:
        socket.send_json(QUICK)
        socket.receive_json()
        answer = say(socket, np.zeros(3 * 16_000, "<i2"))
    assert answer["clip"]["frames"] == 75 and session.clip is not None
    kept = session.clip
    assert np.ptp(lip_measures(kept.track.motion.exp.reshape(-1, 63))[0]) < 0.02
    with client.websocket_connect(url(session)) as socket:
        socket.send_json(QUICK)
        socket.receive_json()
        socket.send_json({"stop": True})
        assert last(socket) == {"clip": None, "text": ""}
    assert session.clip is kept


@pytest.mark.parametrize(
    ("first", "data"),
    [
        ({"pace": "never"}, None),
        ({"samples": "u8"}, None),
        ({"from": "radio"}, None),
        ({"options": {"speech_head": 9}}, None),
        ([], None),
        ({}, b"odd"),
        ({}, b""),
        ({}, bytes(200_000)),
        ({"samples": "f32"}, np.full(10, np.nan, "<f4").tobytes()),
        ({"samples": "f32"}, np.full(10, np.inf, "<f4").tobytes()),
    ],
)
def test_bad_messages_get_one_sentence(client: TestClient, session: Session, first: Any, data: bytes | None) -> None:
    with client.websocket_connect(url(session)) as socket:
        socket.send_json(QUICK | first if isinstance(first, dict) else first)
        if data is not None:
            socket.receive_json()
            socket.send_bytes(data)
        answer = last(socket)
    assert answer["clip"] is None and 20 < len(answer["text"]) < 200 and "\n" not in answer["text"]
    wait_until(lambda: session.voice is None)
    assert session.clip is None and not list(session.folder.glob("*.wav"))


def test_too_much_at_once_ends_it(
    client: TestClient, session: Session, voice: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speech_stream, "BACKLOG_S", 0.5)
    with client.websocket_connect(url(session)) as socket:
        socket.send_json(QUICK)
        socket.receive_json()
        for start in range(0, len(voice), 16_000):
            socket.send_bytes(voice[start : start + 16_000].tobytes())
        assert "Low delay" in last(socket)["text"]


def test_strangers_second_voices_and_crowds_are_turned_down(
    client: TestClient, services: Services, session: Session
) -> None:
    with client.websocket_connect("/studio/speak?token=nobody") as socket:
        assert "`token`" in socket.receive_json()["text"]
        with pytest.raises(WebSocketDisconnect):
            socket.receive_json()
    assert client.get("/studio/voice.wav?token=nobody").status_code == 401
    assert client.get(f"/studio/voice.wav?token={session.token}").status_code == 404
    with client.websocket_connect(url(session)) as first:
        first.send_json(QUICK)
        first.receive_json()
        with client.websocket_connect(url(session)) as second:
            assert "already" in second.receive_json()["text"]
        empty = services.store.open()
        with client.websocket_connect(url(empty)) as other:
            other.send_json(QUICK)
            assert "No portrait" in other.receive_json()["text"]
        with (
            client.websocket_connect(url(empty)) as other,
            client.websocket_connect(url(services.store.open())) as late,
        ):
            assert "At most" in late.receive_json()["text"]
            other.send_json({"stop": True})


# ---- the growing track ----
def test_only_the_newest_frames_are_kept(session: Session, voice: np.ndarray) -> None:
    portrait = session.portrait
    assert portrait is not None
    whole, short = GrowingTrack(longest=10_000), GrowingTrack(longest=30)
    stream = stream_by_rule(portrait=portrait, delivery=Delivery())
    for start in range(0, len(voice), 8000):
        departures = stream.push((voice[start : start + 8000] / 32768).astype(np.float32))
        for track in (whole, short):
            track.add(departures)
    assert len(whole) == len(short) and short.start == len(short) - 30 and whole.start == 0
    assert len(short.finished(label="")) == 30
    np.testing.assert_array_equal(short.finished(label="").motion.exp, whole.finished(label="").motion.exp[-30:])
    last_frame = len(short) - 1
    np.testing.assert_array_equal(short.at(portrait, 1e9).exp, whole.at(portrait, last_frame).exp)
    np.testing.assert_array_equal(short.at(portrait, 0).exp, whole.at(portrait, short.start).exp)
    np.testing.assert_allclose(whole.at(portrait, 20).exp, whole.finished(label="").at(portrait, 20).exp, atol=1e-6)
