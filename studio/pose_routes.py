"""Routes of the Poses panel: the starter set with thumbnails, what a pose makes of an edit, files of poses.

None of them changes the visitor's work: the page takes a result over as one step of its history.
"""

from __future__ import annotations

import asyncio
import base64
import json
import math
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from pipelines.errors import StudioError
from pipelines.motion.presets import starter_poses
from studio.http import NO_STORE, answering, own_session, read_body, read_object
from studio.live import ROUTES
from studio.poses import (
    MAX_FILE_BYTES,
    MAX_POSES,
    PoseOrder,
    Thumbs,
    own_pose,
    own_record,
    read_poses,
    starter_data,
    write_poses,
)
from studio.services import Services
from studio.session import Session
from studio.wording import NO_PORTRAIT

MAX_ORDER_BYTES = 64 << 10


def pose_routes(services: Services) -> list[BaseRoute]:
    """The routes to hand to `launch(app_kwargs={"routes": ...})`, beside those of the live loop."""
    poses = PoseRoutes(services)
    return [
        Route(ROUTES["poses"], answering(poses.starter), methods=["GET"]),
        Route(ROUTES["pose_thumbs"], answering(poses.thumbs), methods=["GET"]),
        Route(ROUTES["pose"], answering(poses.apply), methods=["POST"]),
        Route(ROUTES["pose_preview"], answering(poses.preview), methods=["POST"]),
        Route(ROUTES["pose_file"], answering(poses.write), methods=["POST"]),
        Route(ROUTES["pose_file"], answering(poses.read), methods=["PUT"]),
    ]


class PoseRoutes:
    """Handlers over one set of services."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._thumbs = Thumbs()

    async def starter(self, request: Request) -> Response:
        """GET: key, label and group of every starter pose."""
        own_session(self._services, request)
        return JSONResponse({"poses": await self._work(starter_data)})

    async def thumbs(self, request: Request) -> Response:
        """GET: a line of JSON per starter pose, {"key", "jpeg"}, each as soon as it is drawn on the open portrait."""
        session = own_session(self._services, request)
        if session.portrait is None:
            raise StudioError(NO_PORTRAIT)
        return StreamingResponse(self._draw_thumbs(session), media_type="application/x-ndjson", headers=NO_STORE)

    async def _draw_thumbs(self, session: Session) -> AsyncIterator[str]:
        portrait = session.portrait
        if portrait is None:
            return
        pictures = self._thumbs.of(portrait.key)
        for pose in starter_poses():
            if pose.key not in pictures:
                # one at a time, so that live frames come between
                pictures[pose.key] = await self._work(self._services.thumb, session, pose.edit)
            if session.portrait is not portrait:
                pictures.pop(pose.key, None)
                return
            yield json.dumps({"key": pose.key, "jpeg": base64.b64encode(pictures[pose.key]).decode()}) + "\n"

    async def apply(self, request: Request) -> Response:
        """POST an order (see `PoseOrder.of`): {"values"} of the edit with the pose on it."""
        session = own_session(self._services, request)
        body = await read_object(request, limit=MAX_ORDER_BYTES)
        edit = await self._work(lambda: PoseOrder.of(session, body).result())
        return JSONResponse({"values": edit.values()}, headers=NO_STORE)

    async def preview(self, request: Request) -> Response:
        """POST the same order, with `frame` where a clip plays: the picture."""
        session = own_session(self._services, request)
        body = await read_object(request, limit=MAX_ORDER_BYTES)
        frame = body.get("frame")
        if frame is not None and (not isinstance(frame, int | float) or not math.isfinite(frame)):
            raise StudioError(f"`frame` should be a finite number but is {str(frame)[:20]}; reload the page.")

        def draw() -> bytes:
            edit = PoseOrder.of(session, body).result().with_mask(session.document.edit.mask)
            return self._services.draw(session, edit, frame=frame)[1]

        return Response(await self._work(draw), media_type="image/jpeg", headers=NO_STORE)

    async def write(self, request: Request) -> Response:
        """POST {"poses": [{"label", "values", "thumbnail"}]}: the file that holds them."""
        own_session(self._services, request)
        records = (await read_object(request, limit=MAX_FILE_BYTES)).get("poses")
        if not isinstance(records, list) or not 0 < len(records) <= MAX_POSES:
            raise StudioError(f"`poses` should be a list of 1 to {MAX_POSES} own poses; save one first.")
        return Response(write_poses([own_pose(record) for record in records]), media_type="application/json")

    async def read(self, request: Request) -> Response:
        """PUT a file: {"poses": [...]} as the browser keeps them."""
        own_session(self._services, request)
        poses = read_poses(await read_body(request, limit=MAX_FILE_BYTES))
        return JSONResponse({"poses": [own_record(pose) for pose in poses]})

    async def _work(self, work: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._services.pool, work, *arguments)
