"""Routes of the Bench panel: begin a sweep or a comparison, and what the newest one found."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from pipelines.errors import StudioError
from pipelines.motion.edit import Edit
from studio.bench import BenchResult, SweepOrder, start_comparison, start_sweep
from studio.http import NO_STORE, Refused, answering, own_session, read_object
from studio.live import ROUTES
from studio.services import Services

MAX_ORDER_BYTES = 64 << 10


def bench_routes(services: Services) -> list[BaseRoute]:
    """The routes to hand to `launch(app_kwargs={"routes": ...})`, beside those of the live loop."""
    bench = BenchRoutes(services)
    return [
        Route(ROUTES["bench"], answering(bench.begin), methods=["POST"]),
        Route(ROUTES["bench"], answering(bench.read), methods=["GET"]),
        Route(ROUTES["bench_sheet"], answering(bench.sheet), methods=["GET"]),
        Route(ROUTES["bench_csv"], answering(bench.csv), methods=["GET"]),
    ]


class BenchRoutes:
    """Handlers over one set of services."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def begin(self, request: Request) -> Response:
        """POST {"control", "steps"}, or {"first": values, "second": values}: the job that measures it."""
        session = own_session(self._services, request)
        body = await read_object(request, limit=MAX_ORDER_BYTES)
        if "control" in body:
            order = SweepOrder.of(control=body["control"], steps=body.get("steps", 9))
            return JSONResponse(start_sweep(self._services, session, order).record())
        edits = [_edit(name, body.get(name)) for name in ("first", "second")]
        return JSONResponse(start_comparison(self._services, session, *edits).record())

    async def read(self, request: Request) -> Response:
        """GET: figures and table of the newest result."""
        return JSONResponse(self._result(request).record, headers=NO_STORE)

    async def sheet(self, request: Request) -> Response:
        """GET: its contact sheet."""
        result = self._result(request)
        return Response(result.sheet, media_type="image/png", headers=_named(f"ditto-{result.name}.png"))

    async def csv(self, request: Request) -> Response:
        """GET: its figures of every step."""
        result = self._result(request)
        return Response(result.csv, media_type="text/csv", headers=_named(f"ditto-{result.name}.csv"))

    def _result(self, request: Request) -> BenchResult:
        result = own_session(self._services, request).bench
        if result is None:
            raise Refused("Nothing has been measured yet; sweep a control in the Bench panel.", status=404)
        return result


def _edit(name: str, values: object) -> Edit:
    if not isinstance(values, dict):
        raise StudioError(f"`{name}` should be an object of control values but is {type(values).__name__}.")
    return Edit.of(values)


def _named(name: str) -> dict[str, str]:
    return {**NO_STORE, "content-disposition": f'inline; filename="{name}"'}
