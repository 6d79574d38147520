"""Routes of the pictures that an edit is compared with: the source, and the work with one layer off."""

from __future__ import annotations

import asyncio
import math

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pipelines.errors import StudioError
from studio.frames import MESSAGE_LENGTHS, LiveMessage
from studio.http import NO_STORE, Refused, answering, own_session, read_body
from studio.live import ROUTES, read_message, what_is_asked
from studio.services import Services
from studio.session import VIEWS, Session, View


def source_routes(services: Services) -> list[BaseRoute]:
    """The routes to hand to `launch(app_kwargs={"routes": ...})`, beside those of the live loop."""
    source = SourceRoutes(services)
    handlers = ((source.source, "GET"), (source.without, "POST"))
    return [Route(ROUTES["source"], answering(handler), methods=[method]) for handler, method in handlers]


class SourceRoutes:
    """Handlers over one set of services."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def source(self, request: Request) -> Response:
        """GET: the picture without the edit, crop or photo.

        With `frame`, that frame of what plays; with `camera`, the moment of the webcam that a frame's header told.
        """
        session, view = own_session(self._services, request), _read_view(request)
        frame, moment = _read_frame(request.query_params.get("frame")), _read_index(request, "camera")
        loop = asyncio.get_running_loop()
        work = lambda: self._services.source_jpeg(session, view=view, frame=frame, moment=moment)  # noqa: E731
        return _jpeg(await loop.run_in_executor(self._services.pool, work))

    async def without(self, request: Request) -> Response:
        """POST, a live message: the frame it asks for with the layer `without` off; `camera` as above."""
        session, view = own_session(self._services, request), _read_view(request)
        off, moment = _read_index(request, "without"), _read_index(request, "camera")
        if off is None:
            raise Refused("`without` should be the index of a layer but is missing; reload the page.", status=400)
        asked = read_message(await read_body(request, limit=max(MESSAGE_LENGTHS)))
        loop = asyncio.get_running_loop()
        work = lambda: self._draw_without(session, asked, off, view=view, moment=moment)  # noqa: E731
        return _jpeg(await loop.run_in_executor(self._services.pool, work))

    def _draw_without(
        self, session: Session, asked: LiveMessage, off: int, *, view: View, moment: int | None
    ) -> bytes:
        edit, layers = what_is_asked(session.document, asked)
        if off >= len(layers):
            raise StudioError(
                f"`without` should be the index of one of {len(layers)} layers but is {off}; choose a layer again."
            )
        rest = (*layers[:off], *layers[off + 1 :])
        return self._services.draw(session, edit, frame=asked.frame, layers=rest, view=view, moment=moment)[1]


def _jpeg(picture: bytes) -> Response:
    return Response(picture, media_type="image/jpeg", headers=NO_STORE)


def _read_view(request: Request) -> View:
    view = request.query_params.get("view", "crop")
    if view not in VIEWS:
        raise Refused(f"`view` should be one of {', '.join(VIEWS)} but is {view[:40]!r}.", status=400)
    return view


def _read_frame(text: str | None) -> float | None:
    try:
        frame = None if text is None else float(text)
    except ValueError:
        frame = math.nan
    if frame is not None and not math.isfinite(frame):
        raise Refused(f"`frame` should be a finite number but is {str(text)[:20]!r}; reload the page.", status=400)
    return frame


def _read_index(request: Request, name: str) -> int | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit():
        what = {"without": "the index of a layer", "camera": "the number of a moment"}[name]
        raise Refused(f"`{name}` should be {what} but is {text[:20]!r}; reload the page.", status=400)
    return int(text[:9])
