"""Our own routes beside Gradio's: the live loop and the pictures of one visitor. Every one demands the token."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import json
import logging
import math
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from pipelines.errors import StudioError
from pipelines.motion.edit import Edit
from pipelines.motion.layers import Layer
from pipelines.project import Document
from studio.frames import MESSAGE_LENGTHS, LiveMessage, pack_frame, unpack_message
from studio.http import (
    CLOSE_NO_SESSION,
    NO_SESSION,
    NO_STORE,
    Refused,
    answering,
    own_session,
    read_body,
    read_entry,
)
from studio.layer_values import changed_values, with_values
from studio.newest import NewestWins
from studio.services import Services
from studio.session import VIEWS, Session
from studio.wording import GENERIC

log = logging.getLogger(__name__)

ROUTES = {
    "live": "/studio/live",
    "frame": "/studio/frame",
    "document": "/studio/document",
    "project": "/studio/project",
    "recovery": "/studio/recovery",
    "view": "/studio/view",
    "mask": "/studio/mask",
    "clip": "/studio/clip",
    "sound": "/studio/sound.wav",
    "speak": "/studio/speak",
    "voice": "/studio/voice.wav",
    "film": "/studio/film",
    "motion": "/studio/motion",
    "job": "/studio/job",
    "drive": "/studio/drive",
    "drive_file": "/studio/drive/file",
    "camera": "/studio/camera",
    "source": "/studio/source.jpg",
    "poses": "/studio/poses",
    "pose_thumbs": "/studio/poses/thumbs",
    "pose": "/studio/pose",
    "pose_preview": "/studio/pose/preview.jpg",
    "pose_file": "/studio/poses/file",
    "bench": "/studio/bench",
    "bench_sheet": "/studio/bench/sheet.png",
    "bench_csv": "/studio/bench/figures.csv",
    "thumb": "/studio/thumb/{example}.jpg",
}
MAX_REASON_BYTES = 123
"""A close frame holds no more."""


def live_routes(services: Services) -> list[BaseRoute]:
    """The routes to hand to `launch(app_kwargs={"routes": ...})`."""
    live = LiveRoutes(services)
    return [
        WebSocketRoute(ROUTES["live"], live.live),
        Route(ROUTES["frame"], answering(live.frame), methods=["POST"]),
        Route(ROUTES["view"], answering(live.view), methods=["POST"]),
        Route(ROUTES["thumb"], answering(live.thumb), methods=["GET"]),
    ]


class LiveRoutes:
    """Handlers over one set of services."""

    def __init__(self, services: Services) -> None:
        self._services = services

    # ---- the live loop ----
    async def live(self, socket: WebSocket) -> None:
        """WebSocket: messages in, frames out; the newest message wins, the last one is always answered."""
        await socket.accept()
        try:
            session = own_session(self._services, socket)
        except Refused as refused:
            await close_refused(socket, refused)
            return
        session.sockets += 1
        try:
            await self._converse(socket, session)
        except Refused as refused:
            await close_refused(socket, refused)
        finally:
            session.sockets -= 1
            self._services.store.find(session.token)

    async def _converse(self, socket: WebSocket, session: Session) -> None:
        mailbox = Mailbox()
        reader = asyncio.create_task(self._read(socket, mailbox))
        writer = asyncio.create_task(self._write(socket, session, mailbox))
        try:
            done, _ = await asyncio.wait((reader, writer), return_when=asyncio.FIRST_COMPLETED)
        finally:
            reader.cancel()
            writer.cancel()
        for task in done:
            with contextlib.suppress(WebSocketDisconnect):
                task.result()

    async def _read(self, socket: WebSocket, mailbox: Mailbox) -> None:
        while True:
            received = await socket.receive()
            if received["type"] == "websocket.disconnect":
                return
            message = received.get("bytes")
            if message is None:
                raise Refused("A live message should be binary but is text; reload the page.", status=400)
            _check_length(message)
            mailbox.put(message)

    async def _write(self, socket: WebSocket, session: Session, mailbox: Mailbox) -> None:
        while True:
            message = await mailbox.take()
            if self._services.store.find(session.token) is not session:
                raise Refused(NO_SESSION, status=401, code=CLOSE_NO_SESSION)
            try:
                await socket.send_bytes(await self._draw(session, message))
            except StudioError as error:
                await socket.send_text(json.dumps({"error": str(error)}))

    async def frame(self, request: Request) -> Response:
        """POST: the same message and the same answer, for networks that refuse WebSockets."""
        session = own_session(self._services, request)
        message = await read_body(request, limit=max(MESSAGE_LENGTHS))
        return Response(await self._draw(session, message), media_type="application/octet-stream", headers=NO_STORE)

    async def frame_text(self, token: str, message: str) -> str:
        """The same through Gradio's server function: base64 in, base64 out.

        Raises:
            StudioError: bad token or message.
        """
        session = self._services.store.find(token)
        if session is None:
            raise StudioError(NO_SESSION)
        try:
            raw = base64.b64decode(message, validate=True)
            _check_length(raw)
        except (binascii.Error, ValueError, Refused) as error:
            raise StudioError("A live message should be base64 of the right length; reload the page.") from error
        return base64.b64encode(await self._draw(session, raw)).decode()

    async def _draw(self, session: Session, message: bytes) -> bytes:
        """The frame of this message, or of a newer one of the same visitor.

        Raises:
            Refused: the vector holds a number that is not finite.
            StudioError: no portrait is open.
        """
        asked = read_message(message)
        if session.newest is None:
            session.newest = NewestWins(lambda request: self._render(session, request))
        try:
            return await session.newest.ask(asked)
        except (StudioError, asyncio.CancelledError):
            raise
        except Exception as error:
            # all three ways of the live loop answer with one sentence
            log.exception("a live frame failed")
            raise StudioError(GENERIC) from error

    async def _render(self, session: Session, asked: LiveMessage) -> bytes:
        loop = asyncio.get_running_loop()
        work = lambda: self._draw_asked(session, asked)  # noqa: E731
        header, jpeg = await loop.run_in_executor(self._services.pool, work)
        return pack_frame(asked.seq, header, jpeg)

    def _draw_asked(self, session: Session, asked: LiveMessage) -> tuple[dict[str, Any], bytes]:
        edit, layers = what_is_asked(session.document, asked)
        return self._services.draw(session, edit, frame=asked.frame, layers=layers)

    # ---- what the live loop shows ----
    async def view(self, request: Request) -> Response:
        """POST {"view": "crop" | "photo"}: what the next frames show."""
        session = own_session(self._services, request)
        view = await read_entry(request, "view")
        if view not in VIEWS:
            raise Refused(f"`view` should be one of {', '.join(VIEWS)} but is {str(view)[:40]!r}.", status=400)
        session.view = view
        return JSONResponse({"view": view})

    async def thumb(self, request: Request) -> Response:
        """GET: a shipped portrait; public data, so no token."""
        loop = asyncio.get_running_loop()
        try:
            jpeg = await loop.run_in_executor(
                self._services.pool, self._services.examples.thumb, request.path_params["example"]
            )
        except StudioError as error:
            raise Refused(str(error), status=404) from error
        return Response(jpeg, media_type="image/jpeg", headers={"cache-control": "max-age=86400"})


def read_message(raw: bytes) -> LiveMessage:
    """The parts of a live message.

    Raises:
        Refused: a wrong length, or a number that is not finite.
    """
    _check_length(raw)
    asked = unpack_message(raw)
    try:
        Edit.from_vector(asked.vector)
        for name, number in (("frame", asked.frame), ("layer", asked.layer)):
            if number is not None and math.isinf(number):
                raise StudioError(f"`{name}` should be a finite number but is {number}; reload the page.")
    except StudioError as error:
        raise Refused(str(error), status=400) from error
    return asked


def what_is_asked(document: Document, asked: LiveMessage) -> tuple[Edit, tuple[Layer, ...]]:
    """The edit and the layers of a message: those of the document with what the visitor's hands are moving."""
    if asked.layer is None:
        # the mask may have been painted while this request waited
        return Edit.from_vector(asked.vector, mask=document.edit.mask), document.layers
    return document.edit, dragged_layers(document, asked)


def dragged_layers(document: Document, asked: LiveMessage) -> tuple[Layer, ...]:
    """The layers with the values of the one being dragged; as they are if it has gone meanwhile."""
    index = int(asked.layer or 0)
    if not 0 <= index < len(document.layers):
        return document.layers
    layer, time_s = document.layers[index], max(asked.frame or 0.0, 0.0) / document.track.fps
    changed = with_values(layer, time_s, changed_values(layer, time_s, asked.vector))
    return document.replace_layer(index, changed).layers


class Mailbox:
    """Room for one message: a newer one replaces it."""

    def __init__(self) -> None:
        self._message: bytes = b""
        self._arrived = asyncio.Event()

    def put(self, message: bytes) -> None:
        self._message = message
        self._arrived.set()

    async def take(self) -> bytes:
        await self._arrived.wait()
        self._arrived.clear()
        return self._message


async def close_refused(socket: WebSocket, refused: Refused) -> None:
    """Close with the reason as far as a close frame holds it."""
    reason = str(refused).encode()[:MAX_REASON_BYTES].decode(errors="ignore")
    with contextlib.suppress(RuntimeError, WebSocketDisconnect):
        await socket.close(refused.code, reason)


def _check_length(message: bytes) -> None:
    if len(message) not in MESSAGE_LENGTHS:
        lengths = " or ".join(map(str, MESSAGE_LENGTHS))
        raise Refused(
            f"A live message should have {lengths} bytes but has {len(message)}; reload the page.", status=400
        )


def server_function(services: Services) -> Callable[[Any], Awaitable[str]]:
    """`frame([token, message])` for Gradio's server functions, the transport of last resort."""
    live = LiveRoutes(services)

    async def frame(data: Any) -> str:
        if not (isinstance(data, list) and len(data) == 2 and all(isinstance(part, str) for part in data)):
            raise StudioError("`frame` should get a token and a message in base64; reload the page.")
        return await live.frame_text(*data)

    return frame
