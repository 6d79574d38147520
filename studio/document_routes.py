"""Routes of the visitor's work: its state, the operations on it, and the project file."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from pipelines.history import History
from pipelines.project import SUFFIX, Document
from studio.clip import Clip
from studio.document import document_state, file_name
from studio.document_ops import Args, apply_op
from studio.http import NO_STORE, answering, own_session, read_body, read_object
from studio.live import ROUTES
from studio.page import portrait_data
from studio.services import Services
from studio.session import Session

MAX_OP_BYTES = 8 << 20
MAX_PROJECT_BYTES = 160 << 20
"""A photo, ten minutes of sound and their track are under half of it."""


def document_routes(services: Services) -> list[BaseRoute]:
    """The routes to hand to `launch(app_kwargs={"routes": ...})`, beside those of the live loop."""
    work = DocumentRoutes(services)
    handlers = (
        ("document", work.read, "GET"),
        ("document", work.change, "POST"),
        ("project", work.save, "GET"),
        ("project", work.open, "POST"),
    )
    return [Route(ROUTES[name], answering(handler), methods=[method]) for name, handler, method in handlers]


class DocumentRoutes:
    """Handlers over one set of services."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def read(self, request: Request) -> Response:
        """GET: the state of the work."""
        session = own_session(self._services, request)
        return JSONResponse(document_state(session), headers=NO_STORE)

    async def change(self, request: Request) -> Response:
        """POST {"op": name, ...}: one operation (see `studio.document_ops`); answers with the new state."""
        session = own_session(self._services, request)
        args = await read_object(request, limit=MAX_OP_BYTES)
        return JSONResponse(await asyncio.to_thread(self._apply, session, args), headers=NO_STORE)

    def _apply(self, session: Session, args: Args) -> dict[str, Any]:
        session.change(lambda history: apply_op(history, args.get("op"), args))
        return self._state(session)

    def _state(self, session: Session) -> dict[str, Any]:
        """The state, with what was measured on the portrait where it is another one now."""
        is_new = self._services.follow_portrait(session)
        state = document_state(session)
        if is_new and session.portrait is not None:
            state["portrait"] = portrait_data(session.portrait, session=session)
        return state

    async def save(self, request: Request) -> Response:
        """GET: the project file."""
        document = own_session(self._services, request).document
        data = await asyncio.to_thread(document.to_bytes)
        disposition = f'attachment; filename="{file_name(document, "project", suffix=SUFFIX)}"'
        headers = {**NO_STORE, "content-disposition": disposition}
        return Response(data, media_type="application/octet-stream", headers=headers)

    async def open(self, request: Request) -> Response:
        """POST: a project file or an edit file takes the place of the work, as a step that can be undone."""
        session = own_session(self._services, request)
        data = await read_body(request, limit=MAX_PROJECT_BYTES)
        return JSONResponse(await asyncio.to_thread(self._open, session, data), headers=NO_STORE)

    def _open(self, session: Session, data: bytes) -> dict[str, Any]:
        document = playable(Document.from_bytes(data))
        portrait = self._services.portrait_of(document.portrait)

        def work(history: History) -> History:
            if portrait is None:
                return history.push(document.with_portrait(history.document.portrait), label="Open a project")
            return history.push(document, label="Open a project")

        with session.lock:
            session.change(work)
            if portrait is not None:
                session.show_portrait(portrait, session.document.portrait)
        self._services.draw_ahead(session)
        state = document_state(session)
        if session.portrait is not None:
            state["portrait"] = portrait_data(session.portrait, session=session)
        return state


def playable(document: Document) -> Document:
    """The document, if the page can play it and its painted mask is a picture.

    Raises:
        StudioError: it cannot, or it is not.
    """
    from pipelines.portrait.mask import decode_mask

    Clip(document.track, document.sound)
    if document.edit.mask is not None:
        decode_mask(document.edit.mask)
    return document
