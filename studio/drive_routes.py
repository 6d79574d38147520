"""Routes of the Drive panel: a driver's file, its options, and the pictures of the webcam."""

from __future__ import annotations

import asyncio
import json
import secrets
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from pipelines.errors import StudioError
from pipelines.retarget import VIDEO_SUFFIXES
from studio.camera import MAX_PICTURE_BYTES, CameraDesk
from studio.document import document_state
from studio.drive import Driver, check_driver_name, derive_again, lay_under, start_drive
from studio.drive_order import DriveOrder
from studio.http import NO_STORE, Refused, answering, own_session, read_body, read_object
from studio.live import ROUTES
from studio.services import Services
from studio.session import Session
from studio.speech import label_of
from studio.wording import NO_PORTRAIT

MAX_DRIVER_BYTES = 256 << 20
MAX_MOTION_BYTES = 64 << 20
"""Of a motion file, which is read in one go; ten minutes as text are 30 MB."""
MAX_OPTIONS_BYTES = 4 << 10
MAX_FACES = 8


def drive_routes(services: Services) -> list[BaseRoute]:
    """The routes to hand to `launch(app_kwargs={"routes": ...})`, beside those of the live loop."""
    drive = DriveRoutes(services)
    handlers = (
        ("drive", drive.read, "GET"),
        ("drive", drive.change, "POST"),
        ("drive_file", drive.upload, "POST"),
        ("camera", drive.command, "PUT"),
        ("camera", drive.picture, "POST"),
        ("camera", drive.close, "DELETE"),
    )
    return [Route(ROUTES[name], answering(handler), methods=[method]) for name, handler, method in handlers]


class DriveRoutes:
    """Handlers over one set of services."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._cameras = CameraDesk()

    async def read(self, request: Request) -> Response:
        """GET: what is known of the driver; 204 where there is none."""
        driver = own_session(self._services, request).driver
        return Response(status_code=204) if driver is None else JSONResponse(driver.record(), headers=NO_STORE)

    async def upload(self, request: Request) -> Response:
        """POST the file, with `name` and `options` in the query: begin to read it; answers with the job."""
        session = own_session(self._services, request)
        name = request.query_params.get("name", "")
        suffix = check_driver_name(name)
        try:
            order = DriveOrder.of(json.loads(request.query_params.get("options", "{}")[:MAX_OPTIONS_BYTES]))
        except ValueError as error:
            raise Refused("`options` of the driver should be JSON but is not; reload the page.", status=400) from error
        if session.portrait is None:
            raise StudioError(NO_PORTRAIT)
        path = session.folder / f"driver-{secrets.token_hex(6)}{suffix}"
        try:
            await _save_body(request, path, limit=MAX_DRIVER_BYTES if suffix in VIDEO_SUFFIXES else MAX_MOTION_BYTES)
            job = start_drive(
                self._services.jobs, session, path, label=label_of(Path(name).stem), order=order, face_index=0
            )
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return JSONResponse(job.record(), headers=NO_STORE)

    async def change(self, request: Request) -> Response:
        """POST {"options", "joins"?, "face"?}: the clip anew from what was read; another face is read as a job."""
        session = own_session(self._services, request)
        values = await read_object(request, limit=MAX_OPTIONS_BYTES)
        order, face, joins = DriveOrder.of(values.get("options", {})), values.get("face"), values.get("joins")
        if session.camera is not None:
            session.camera.order = order
        if session.driver is None and session.camera is not None:
            return JSONResponse(document_state(session), headers=NO_STORE)
        if face is None:
            await asyncio.to_thread(derive_again, session, order, joins=None if joins is None else str(joins)[:60])
            return JSONResponse(document_state(session), headers=NO_STORE)
        return JSONResponse(self._read_face(session, order, face), headers=NO_STORE)

    def _read_face(self, session: Session, order: DriveOrder, face: Any) -> dict[str, Any]:
        driver = session.driver
        if driver is None or driver.film is None or type(face) is not int or not 0 <= face < len(driver.faces):
            count = 0 if driver is None else len(driver.faces)
            raise StudioError(f"`face` should be one of the {count} faces of the film but is {str(face)[:20]!r}.")
        label = driver.track.label
        return start_drive(
            self._services.jobs, session, driver.film, label=label, order=order, face_index=face
        ).record()

    # ---- the webcam ----
    async def picture(self, request: Request) -> Response:
        """POST a JPEG: the face follows it from the next live frame on."""
        session = own_session(self._services, request)
        if session.portrait is None:
            raise StudioError(NO_PORTRAIT)
        jpeg = await read_body(request, limit=MAX_PICTURE_BYTES)
        answer = await asyncio.get_running_loop().run_in_executor(self._services.pool, self._take, session, jpeg)
        return JSONResponse(answer, headers=NO_STORE)

    def _take(self, session: Session, jpeg: bytes) -> dict[str, Any]:
        camera = self._cameras.open(session)
        found = camera.take(jpeg)
        return {"face": found, "pictures": camera.pictures, "recorded_s": camera.reader.recorded_s}

    async def command(self, request: Request) -> Response:
        """PUT {"do": "neutral" | "record" | "stop", "options"?}; "stop" makes the recording the clip."""
        session = own_session(self._services, request)
        values = await read_object(request, limit=MAX_OPTIONS_BYTES)
        order = DriveOrder.of(values.get("options", {}))
        camera = session.camera
        if camera is None:
            raise StudioError("The webcam should be on but is not; press Drive from the webcam first.")
        match values.get("do"):
            case "neutral":
                camera.reader.set_neutral()
            case "record":
                camera.reader.start_recording()
            case "stop":
                driver = Driver(camera.reader.stop_recording(label="Webcam"))
                await asyncio.to_thread(lay_under, session, driver, order)
                self._cameras.close(session)
            case other:
                raise StudioError(f"`do` should be neutral, record or stop but is {str(other)[:20]!r}.")
        return JSONResponse(document_state(session), headers=NO_STORE)

    async def close(self, request: Request) -> Response:
        """DELETE: the camera no longer drives."""
        self._cameras.close(own_session(self._services, request))
        return Response(status_code=204)


async def _save_body(request: Request, path: Path, *, limit: int) -> None:
    """The body as a file, read no further than allowed."""
    size = 0
    with path.open("wb") as file:
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit:
                raise Refused(f"`driver` should have at most {limit >> 20} MB but has more; cut it.", status=413)
            file.write(chunk)
