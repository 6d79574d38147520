"""Routes of what plays over time: the clip under the edit, its sound, long work and the film it makes."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from studio.document import document_state
from studio.document_ops import apply_op
from studio.export import motion_file
from studio.film import MEDIA_TYPES, FilmOrder, start_film
from studio.http import MAX_JSON_BYTES, NO_STORE, Refused, answering, own_session, read_object
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
        ("motion", clip.motion, "GET"),
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
        """POST {"area", "format"?, "size"?, "fps"?, "alpha"?, "sound"?}: begin to write the work as a film."""
        session = own_session(self._services, request)
        order = FilmOrder.of(await read_object(request, limit=MAX_JSON_BYTES))
        return JSONResponse(start_film(self._services, session, order).record())

    async def film(self, request: Request) -> Response:
        """GET: the finished film."""
        film = own_session(self._services, request).film
        if film is None or not film.is_file():
            raise Refused("There is no video yet; export one first.", status=404)
        kind = MEDIA_TYPES.get(film.suffix, "application/octet-stream")
        return FileResponse(film, media_type=kind, filename=film.name, headers=NO_STORE)

    async def motion(self, request: Request) -> Response:
        """GET `format` and perhaps `fps`: what the face does over time as a file."""
        session = own_session(self._services, request)
        query = request.query_params
        try:
            fps = float(query["fps"]) if "fps" in query else None
        except ValueError as error:
            raise Refused(f"`fps` should be a number but is {query['fps'][:20]!r}.", status=400) from error
        name, data = await asyncio.to_thread(motion_file, session, format=query.get("format", ""), fps=fps)
        named = {"content-disposition": f'attachment; filename="{name}"', **NO_STORE}
        return Response(data, media_type="application/octet-stream", headers=named)
