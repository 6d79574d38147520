"""Routes of the visitor's work: its state, the operations on it, and the project file."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from pipelines.history import History
from pipelines.project import SUFFIX, Document
from studio.clip import Clip
from studio.document import document_state, file_name
from studio.document_ops import Args, apply_op
from studio.http import MAX_JSON_BYTES, NO_STORE, Refused, answering, own_session, read_body, read_object
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
        ("recovery", work.read_kept, "GET"),
        ("recovery", work.recover, "POST"),
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
        if args.get("op") == "start_over":
            self._services.recovery.drop(session)
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
        return self._show(session, document, lambda history, now: history.push(now, label="Open a project"))

    async def read_kept(self, request: Request) -> Response:
        """GET: the key under which the work is kept for a reload, and whether its newest step is."""
        session = own_session(self._services, request)
        saved_at = session.saved_at
        kept = {"key": session.recovery_key, "saved_at": saved_at, "is_saved": saved_at is not None}
        return JSONResponse(kept, headers=NO_STORE)

    async def recover(self, request: Request) -> Response:
        """POST {"key": text}: the work of an earlier session of this browser; it is where the history begins."""
        session = own_session(self._services, request)
        key = (await read_object(request, limit=MAX_JSON_BYTES)).get("key")
        if not isinstance(key, str):
            raise Refused("`key` should be text; reload the page.", status=400)
        return JSONResponse(await asyncio.to_thread(self._recover, session, key), headers=NO_STORE)

    def _recover(self, session: Session, key: str) -> dict[str, Any]:
        shelf = self._services.recovery
        document = playable(shelf.load(key))
        if not self._services.store.holds(key):
            shelf.watch(session, key=key)
        return self._show(session, document, lambda _, now: History.of(now, label="Recover"))

    def _show(
        self, session: Session, document: Document, step: Callable[[History, Document], History]
    ) -> dict[str, Any]:
        """Take a document over, on the portrait it names or on the open one."""
        portrait = self._services.portrait_of(document.portrait)

        def work(history: History) -> History:
            own = document if portrait is not None else document.with_portrait(history.document.portrait)
            return step(history, own)

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
