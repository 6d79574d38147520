"""What our own routes have in common: the token, bodies of bounded size, and every failure as one sentence of JSON."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response

from pipelines.errors import StudioError
from studio.services import Services
from studio.session import Session
from studio.wording import GENERIC

log = logging.getLogger(__name__)

CLOSE_BAD_MESSAGE = 4400
CLOSE_NO_SESSION = 4401
CLOSE_FOREIGN_ORIGIN = 4403
MAX_JSON_BYTES = 256
NO_STORE = {"cache-control": "no-store"}
NO_SESSION = "The `token` should be the one of an open session but is not; reload the page."
FOREIGN = "The live routes answer the studio's own page only; open the studio in the browser."


class Refused(Exception):
    """A request that is turned down, with its HTTP status and WebSocket close code."""

    def __init__(self, text: str, *, status: int, code: int = CLOSE_BAD_MESSAGE) -> None:
        super().__init__(text)
        self.status = status
        self.code = code


def own_session(services: Services, connection: HTTPConnection) -> Session:
    """The session whose token the request carries.

    Raises:
        Refused: another site's page asks, or the token is of no open session.
    """
    if not _is_own_page(connection):
        raise Refused(FOREIGN, status=403, code=CLOSE_FOREIGN_ORIGIN)
    session = services.store.find(connection.query_params.get("token"))
    if session is None:
        raise Refused(NO_SESSION, status=401, code=CLOSE_NO_SESSION)
    return session


def _is_own_page(connection: HTTPConnection) -> bool:
    """Whether a browser's request comes from a page of this host; programs send no origin and need the token only."""
    origin = connection.headers.get("origin")
    if origin is None:
        return True
    hosts = (connection.headers.get("x-forwarded-host"), connection.headers.get("host"))
    return urlsplit(origin).netloc in [host for host in hosts if host]


def answering(handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """The handler with every failure as one sentence of JSON."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except Refused as refused:
            return _sentence(str(refused), status=refused.status)
        except StudioError as error:
            return _sentence(str(error), status=400)
        except Exception:
            # no traceback goes out, and the page can say what to do
            log.exception("%s failed", request.url.path)
            return _sentence(GENERIC, status=500)

    return answer


def _sentence(text: str, *, status: int) -> Response:
    return JSONResponse({"error": text}, status_code=status, headers=NO_STORE)


async def read_body(request: Request, *, limit: int) -> bytes:
    """The body, read no further than `limit` bytes."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise Refused(f"The body should have at most {limit} bytes but is larger; send less.", status=413)
    return bytes(body)


async def read_object(request: Request, *, limit: int) -> dict[str, Any]:
    """A JSON object of at most `limit` bytes.

    Raises:
        Refused: too large, or no object.
    """
    try:
        value = json.loads(await read_body(request, limit=limit))
    except (ValueError, RecursionError) as error:
        raise Refused("The body should be JSON but is not; reload the page.", status=400) from error
    if not isinstance(value, dict):
        raise Refused(f"The body should be an object but is {type(value).__name__}; reload the page.", status=400)
    return value


async def read_entry(request: Request, name: str) -> Any:
    """One entry of a small JSON object; None where there is none."""
    try:
        return json.loads(await read_body(request, limit=MAX_JSON_BYTES)).get(name)
    except (ValueError, AttributeError, RecursionError):
        return None
