"""Newest wins: one piece of work at a time, and while it runs only the newest request waits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from pipelines.errors import StudioError

Request = TypeVar("Request")
Answer = TypeVar("Answer")

MAX_WAITING = 16


class NewestWins(Generic[Request, Answer]):
    """Runs `work` for one visitor. A request that is overtaken gets the answer of the one that overtook it.

    Belongs to one event loop.
    """

    def __init__(self, work: Callable[[Request], Awaitable[Answer]]) -> None:
        self._work = work
        self._wanted: Request | None = None
        self._waiting: list[asyncio.Future[Answer]] = []
        self._runner: asyncio.Task[None] | None = None

    async def ask(self, request: Request) -> Answer:
        """The answer to this request, or to a newer one.

        Raises:
            StudioError: more than `MAX_WAITING` callers wait already, or what `work` raised.
        """
        if len(self._waiting) >= MAX_WAITING:
            raise StudioError(f"At most {MAX_WAITING} frames may be asked for at once; wait for an answer.")
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._wanted = request
        self._waiting.append(future)
        if self._runner is None:
            self._runner = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        try:
            while self._waiting:
                waiting, self._waiting = self._waiting, []
                await self._settle(waiting)
        finally:
            self._runner = None

    async def _settle(self, waiting: list[asyncio.Future[Answer]]) -> None:
        try:
            assert self._wanted is not None
            answer = await self._work(self._wanted)
        except Exception as error:
            # it belongs to whoever asked, whatever it is
            for future in waiting:
                if not future.done():
                    future.set_exception(error)
            return
        for future in waiting:
            if not future.done():
                future.set_result(answer)
