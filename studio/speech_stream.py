"""A voice that speaks now: sound comes through a WebSocket, the track under the live loop grows, then it is the clip.

Pictures do not come this way: the page asks the live loop for the frame that is due, with the newest edit, and the
live loop draws only the newest request. So late frames are dropped, and every edit and layer acts at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from pipelines.errors import StudioError
from pipelines.speech.audio import SAMPLE_RATE
from studio.document import document_state
from studio.http import CLOSE_NO_SESSION, NO_SESSION, NO_STORE, Refused, answering, own_session
from studio.live import ROUTES, close_refused
from studio.live_voice import LONGEST_S, LiveVoice
from studio.services import Services
from studio.session import Session
from studio.speech import MAX_STREAMS, playable
from studio.speech_order import read_delivery
from studio.wording import GENERIC

log = logging.getLogger(__name__)

START_SECS = 15.0
"""The first message has to be here by then."""
MAX_TEXT = 8192
MAX_SOUND_BYTES = 2 * SAMPLE_RATE * 2
"""Two seconds in one message."""
BACKLOG_S = 10.0
"""Sound that may wait to be heard."""
SAMPLES: dict[str, tuple[str, float]] = {"s16": ("<i2", 32768.0), "f32": ("<f4", 1.0)}
"""Kinds of sound: 16-bit or float samples, mono, 16 kHz, little endian -> (numpy type, full scale)."""
MICROPHONE, FILE = "microphone", "file"

TOO_SLOW = (
    f"More than {BACKLOG_S:.0f} s of sound wait: it came faster than this machine can move the face; choose Low delay."
)
LASTED = f"A live voice lasts at most {LONGEST_S / 60:.0f} minutes; its newest ten are the clip."

T = TypeVar("T")


def speech_routes(services: Services) -> list[BaseRoute]:
    """The routes to hand to `launch(app_kwargs={"routes": ...})`, beside the others."""
    speech = SpeechRoutes(services)
    return [
        WebSocketRoute(ROUTES["speak"], speech.speak),
        Route(ROUTES["voice"], answering(speech.voice), methods=["GET"]),
    ]


@dataclass
class Inbox:
    """Sound and words that came and were not dealt with yet; the sound is bounded by `BACKLOG_S`."""

    dtype: str
    full_scale: float
    blocks: list[NDArray[np.float32]] = field(default_factory=list)
    options: object = None
    is_over: bool = False
    has_left: bool = False
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def put_sound(self, data: bytes) -> None:
        """
        Raises:
            Refused: not whole samples, too many of them, not finite, or more than can be heard in time.
        """
        size = np.dtype(self.dtype).itemsize
        if not data or len(data) % size or len(data) > MAX_SOUND_BYTES:
            raise Refused(
                f"A piece of sound should have 1 to {MAX_SOUND_BYTES} bytes in whole samples but has {len(data)}.",
                status=400,
            )
        samples = np.frombuffer(data, self.dtype).astype(np.float32) / np.float32(self.full_scale)
        if not np.isfinite(samples).all():
            raise Refused(
                "A piece of sound should hold finite samples but does not; choose another sound.", status=400
            )
        self.blocks.append(samples)
        if sum(map(len, self.blocks)) > BACKLOG_S * SAMPLE_RATE:
            raise Refused(TOO_SLOW, status=400)

    def take(self) -> NDArray[np.float32]:
        """All sound that waits."""
        blocks, self.blocks = self.blocks, []
        return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)


class SpeechRoutes:
    """Handlers over one set of services."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._speaking: set[str] = set()
        """Tokens of the visitors whose voice is live."""

    async def voice(self, request: Request) -> Response:
        """GET: the voice that was made ready, as it plays; with `?for=sending` 16-bit mono at 16 kHz."""
        path = own_session(self._services, request).voice_file
        if path is None or not path.is_file():
            raise Refused("There is no voice to stream; choose one in the Speech panel.", status=404)
        wanted = path if request.query_params.get("for") == "sending" else playable(path)
        return FileResponse(wanted, media_type="audio/wav", headers=NO_STORE)

    async def speak(self, socket: WebSocket) -> None:
        """WebSocket. First {"pace", "options", "samples": "s16" | "f32", "from": "microphone" | "file"}, then sound.

        Answers {"key", "look_ahead_s"} when it listens, then `LiveVoice.record` as the track grows. {"options"}
        changes how far the motion reaches at once, {"stop": true} ends it. At the end comes {"clip", "document",
        "text"}: what was heard is the clip of the document then, however it ended; `clip` is None where nothing was
        heard, `text` one sentence if something is to be said.
        """
        await socket.accept()
        token = ""
        try:
            session = own_session(self._services, socket)
            self._admit(session)
            token = session.token
            self._speaking.add(token)
            session.sockets += 1
            try:
                await self._listen(socket, session)
            finally:
                session.sockets -= 1
                self._services.store.find(token)
        except Refused as refused:
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                await socket.send_json({"clip": None, "text": str(refused)})
            await close_refused(socket, refused)
        except WebSocketDisconnect:
            return
        finally:
            self._speaking.discard(token)

    def _admit(self, session: Session) -> None:
        """
        Raises:
            Refused: the visitor's voice is live already, or too many are.
        """
        if session.token in self._speaking:
            raise Refused("A live voice is already running in this visit; stop it first.", status=400)
        if len(self._speaking) >= MAX_STREAMS:
            raise Refused(
                f"At most {MAX_STREAMS} visitors can speak live at a time; try again in a minute.", status=503
            )

    async def _listen(self, socket: WebSocket, session: Session) -> None:
        order = await _first_words(socket)
        samples, source = str(order.get("samples", "s16")), str(order.get("from", MICROPHONE))
        if samples not in SAMPLES or source not in (MICROPHONE, FILE):
            raise Refused(
                f"`samples` should be one of {', '.join(SAMPLES)} and `from` one of {MICROPHONE}, {FILE}.", status=400
            )
        label = session.voice_label if source == FILE else "Live voice"
        try:
            delivery = read_delivery(order.get("options", {}))
            voice = await self._work(
                lambda: self._services.speech.listen(
                    session, pace=order.get("pace"), delivery=delivery, label=label or "Live voice"
                )
            )
        except StudioError as error:
            raise Refused(str(error), status=400) from error
        session.voice = voice
        text = ""
        inbox = Inbox(*SAMPLES[samples])
        try:
            await socket.send_json({"key": voice.key, "look_ahead_s": round(voice.look_ahead_s, 2)})
            text = await self._converse(socket, session, voice, inbox)
        except (Refused, StudioError) as error:
            text = str(error)
        except WebSocketDisconnect:
            inbox.has_left = True
        except Exception:
            # the visitor gets one sentence and the clip so far, whatever broke
            log.exception("a live voice failed")
            text = GENERIC
        finally:
            answer = await asyncio.shield(self._finish(session, voice, is_file=source == FILE))
        if not inbox.has_left:
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                await socket.send_json({**answer, "text": text})
                await socket.close()

    async def _converse(self, socket: WebSocket, session: Session, voice: LiveVoice, inbox: Inbox) -> str:
        """Until it is over; what is to be said about the end."""
        reader = asyncio.create_task(_read(socket, inbox))
        try:
            while True:
                await inbox.news.wait()
                inbox.news.clear()
                if inbox.options is not None:
                    voice.track.reach = read_delivery(inbox.options).reach
                    inbox.options = None
                samples = inbox.take()
                if len(samples):
                    known = len(voice.track)
                    await self._work(lambda: voice.hear(samples))  # noqa: B023
                    if len(voice.track) > known:
                        await socket.send_json(voice.record())
                if voice.is_full:
                    return LASTED
                if inbox.is_over and not inbox.blocks:
                    if reader.done():
                        reader.result()
                    return ""
                if self._services.store.find(session.token) is not session:
                    raise Refused(NO_SESSION, status=401, code=CLOSE_NO_SESSION)
        finally:
            reader.cancel()

    async def _finish(self, session: Session, voice: LiveVoice, *, is_file: bool) -> dict[str, Any]:
        """The clip takes the place of the voice in one step, so that what is drawn goes on."""
        better = playable(session.voice_file) if is_file and session.voice_file else None
        try:
            clip = await self._work(lambda: voice.finish(better_sound=better))
        except Exception:
            # the socket still has to be answered and closed
            log.exception("a live voice left no clip")
            voice.drop()
            clip = None
        answer: dict[str, Any] = {"clip": None}
        if clip is not None and self._services.store.find(session.token) is session:
            session.clips.add(clip)
            document = session.document.with_track(clip.track, sound=clip.media)
            session.push(document, label=f"Speech: {voice.label}")
            answer = {"clip": clip.record(), "document": document_state(session)}
        session.voice = None
        return answer

    async def _work(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._services.listen_pool, work)


async def _first_words(socket: WebSocket) -> dict[str, Any]:
    try:
        received = await asyncio.wait_for(socket.receive(), START_SECS)
    except TimeoutError:
        received = {"type": "websocket.receive"}
    if received["type"] == "websocket.disconnect":
        raise WebSocketDisconnect
    return _words(received.get("text"))


def _words(text: str | None) -> dict[str, Any]:
    """
    Raises:
        Refused: no small JSON object.
    """
    try:
        words = json.loads(text) if text and len(text) <= MAX_TEXT else None
    except (ValueError, RecursionError):
        words = None
    if not isinstance(words, dict):
        raise Refused(
            "A message of a live voice should be a small JSON object but is not; reload the page.", status=400
        )
    return words


async def _read(socket: WebSocket, inbox: Inbox) -> None:
    """Fill the inbox until the visitor stops or leaves; an error is raised when the sound before it is heard."""
    try:
        while not inbox.is_over:
            received = await socket.receive()
            if received["type"] == "websocket.disconnect":
                inbox.is_over = inbox.has_left = True
            elif (data := received.get("bytes")) is not None:
                inbox.put_sound(data)
            else:
                words = _words(received.get("text"))
                inbox.options = words.get("options", inbox.options)
                inbox.is_over = bool(words.get("stop", False))
            inbox.news.set()
    finally:
        inbox.is_over = True
        inbox.news.set()
