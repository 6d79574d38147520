"""Routes of what plays over time: the clip under the edit, its sound, long work and the film it makes."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from studio.document import document_state
from studio.document_ops import apply_op
from studio.film import FilmOrder, start_film
from studio.http import NO_STORE, Refused, answering, own_session, read_entry
from studio.live import ROUTES
from studio.services import Services

NOTHING = 204


def clip_routes(services: Services) -> list[BaseRoute]:
    """The routes to hand to `launch(app_kwargs={"routes": ...})`, beside those of the live loop."""
    clip = ClipRoutes(services)
    handlers = (
        ("clip", clip.read_clip, "GET"),
        ("clip", clip.drop_clip, "DELETE"),
        ("sound", clip.sound, "GET"),
        ("job", clip.read_job, "GET"),
        ("job", clip.stop_job, "DELETE"),
        ("film", clip.make_film, "POST"),
        ("film", clip.film, "GET"),
    )
    return [Route(ROUTES[name], answering(handler), methods=[method]) for name, handler, method in handlers]


class ClipRoutes:
    """Handlers over one set of services."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def read_clip(self, request: Request) -> Response:
        """GET: waveform and curves of the clip; 204 when there is none."""
        session = own_session(self._services, request)
        clip = session.clip
        if clip is None:
            return Response(status_code=NOTHING)
        work = lambda: clip.drawing(session.clips.sound(clip))  # noqa: E731
        drawing = await asyncio.get_running_loop().run_in_executor(self._services.pool, work)
        return JSONResponse(drawing, headers=NO_STORE)

    async def drop_clip(self, request: Request) -> Response:
        """DELETE: the photo stands still again."""
        session = own_session(self._services, request)
        session.change(lambda history: apply_op(history, "drop_clip", {}))
        return JSONResponse(document_state(session), headers=NO_STORE)

    async def sound(self, request: Request) -> Response:
        """GET: the sound of the clip, in parts as a player asks for them."""
        session = own_session(self._services, request)
        clip = session.clip
        if clip is None or clip.media is None:
            raise Refused("There is no sound to play; choose a voice in the Speech panel.", status=404)
        sound = await asyncio.to_thread(session.clips.sound, clip)
        return FileResponse(str(sound), media_type="audio/wav", headers=NO_STORE)

    async def read_job(self, request: Request) -> Response:
        """GET: how far the newest long work is, and what it made; 204 when there was none."""
        session = own_session(self._services, request)
        if session.job is None:
            return Response(status_code=NOTHING)
        record = session.job.record()
        if record["state"] == "done":
            record["document"] = document_state(session)
        return JSONResponse(record, headers=NO_STORE)

    async def stop_job(self, request: Request) -> Response:
        """DELETE: the newest long work ends at its next step."""
        session = own_session(self._services, request)
        if session.job is not None:
            session.job.stop()
        return Response(status_code=NOTHING)

    async def make_film(self, request: Request) -> Response:
        """POST {"area": "crop" | "photo"}: begin to write the clip with the edit as a video."""
        session = own_session(self._services, request)
        order = FilmOrder.of(area=await read_entry(request, "area"))
        return JSONResponse(start_film(self._services, session, order).record())

    async def film(self, request: Request) -> Response:
        """GET: the finished video."""
        film = own_session(self._services, request).film
        if film is None or not film.is_file():
            raise Refused("There is no video yet; export one first.", status=404)
        return FileResponse(film, media_type="video/mp4", filename=film.name, headers=NO_STORE)
