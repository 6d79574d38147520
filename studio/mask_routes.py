"""Routes of the mask that a visitor paints on the face."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from pipelines.history import History
from pipelines.motion.edit import MAX_MASK_BYTES, Edit
from studio.document import document_state
from studio.document_ops import MAX_LABEL
from studio.http import NO_STORE, answering, own_session, read_body
from studio.live import ROUTES
from studio.services import Services
from studio.session import Session


def mask_routes(services: Services) -> list[BaseRoute]:
    """The routes to hand to `launch(app_kwargs={"routes": ...})`, beside those of the live loop."""
    mask = MaskRoutes(services)
    handlers = ((mask.read, "GET"), (mask.write, "POST"), (mask.drop, "DELETE"))
    return [Route(ROUTES["mask"], answering(handler), methods=[method]) for handler, method in handlers]


class MaskRoutes:
    """Handlers over one set of services."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def read(self, request: Request) -> Response:
        """GET: the mask's PNG; 204 when there is none."""
        mask = own_session(self._services, request).document.edit.mask
        return Response(mask, media_type="image/png", headers=NO_STORE) if mask else Response(status_code=204)

    async def write(self, request: Request) -> Response:
        """POST: PNG of an 8-bit grey picture of the crop; white changes, black keeps. A step of the history."""
        from pipelines.portrait.mask import decode_mask

        session = own_session(self._services, request)
        mask = await read_body(request, limit=MAX_MASK_BYTES)
        decode_mask(mask)
        return _keep(session, mask, request)

    async def drop(self, request: Request) -> Response:
        """DELETE: no mask any more."""
        return _keep(own_session(self._services, request), None, request)


def _keep(session: Session, mask: bytes | None, request: Request) -> Response:
    """The mask is used as soon as there is one; `label` and `joins` as those of an operation."""
    label, joins = (request.query_params.get(name, "")[:MAX_LABEL] for name in ("label", "joins"))

    def work(history: History) -> History:
        values = {**history.document.edit.values(), "mask_enabled": float(mask is not None)}
        document = history.document.with_edit(Edit.of(values, mask=mask))
        return history.push(document, label=label or "Paint the mask", joins=joins or None)

    session.change(work)
    return JSONResponse(document_state(session), headers=NO_STORE)
