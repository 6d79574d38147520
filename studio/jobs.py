"""Long work of a visitor on a thread of its own: one piece at a time, watched by the page, stopped at a word."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

from pipelines.errors import StudioError
from pipelines.render.neural import Cancelled
from studio.wording import GENERIC

log = logging.getLogger(__name__)

Kind = Literal["speech", "drive", "film", "bench"]
State = Literal["waiting", "running", "done", "failed", "cancelled"]
WORK_THREADS = 1
"""Long work of all visitors takes turns, so that live frames keep the other core."""
MAX_WAITING = 16
ESTIMATE_AFTER_S = 1.0


class Job:
    """One piece of work. Fields are written by its thread and read by the page's questions."""

    def __init__(self, kind: Kind) -> None:
        self.key = secrets.token_hex(6)
        self.kind: Kind = kind
        self.state: State = "waiting"
        self.text = ""
        self.fraction = 0.0
        self.error = ""
        self._started = 0.0
        self._told: float | None = None
        """When the fraction last rose; until it does again the time left runs down by the clock."""
        self._stopped = threading.Event()

    @property
    def is_over(self) -> bool:
        return self.state in ("done", "failed", "cancelled")

    def stop(self) -> None:
        """End at the next step; what has not begun never begins."""
        self._stopped.set()

    def check(self) -> None:
        """
        Raises:
            Cancelled: the visitor stopped it, or left.
        """
        if self._stopped.is_set():
            raise Cancelled

    def progress(self, fraction: float, text: str) -> None:
        """How far the work is; errors as `check`."""
        self.check()
        if fraction != self.fraction:
            self._told = time.monotonic()
        self.fraction, self.text = fraction, text

    def run(self, work: Callable[[Job], None], never_begun: Callable[[], None] | None = None) -> None:
        """Do the work; whatever happens ends in `state` and one sentence."""
        if self._stopped.is_set():
            if never_begun is not None:
                never_begun()
            self.state = "cancelled"
            return
        try:
            self.state, self._started = "running", time.monotonic()
            work(self)
            self.check()
            self.state = "done"
        except Cancelled:
            self.state = "cancelled"
        except StudioError as error:
            self.error, self.state = str(error), "failed"
        except Exception:
            # on a thread of its own nobody else would hear of it
            log.exception("%s failed", self.kind)
            self.error = GENERIC
            self.state = "failed"

    def record(self) -> dict[str, Any]:
        """What the page shows: state, fraction 0..1, text, seconds left or None, one sentence on failure."""
        return {
            "key": self.key,
            "kind": self.kind,
            "state": self.state,
            "fraction": round(self.fraction, 4),
            "text": self.text,
            "left_s": self._left_s(),
            "error": self.error,
        }

    def _left_s(self) -> float | None:
        """Seconds left; None at the start, and when a step takes longer than the work so far foretold."""
        now, told = time.monotonic(), self._told
        if self.state != "running" or told is None or now - self._started < ESTIMATE_AFTER_S or self.fraction < 0.02:
            return None
        left = (told - self._started) * (1 / self.fraction - 1) - (now - told)
        return round(left, 1) if left > 0 or self.fraction >= 1 else None


class JobDesk:
    """Runs the jobs of all visitors in turn."""

    def __init__(self, *, threads: int = WORK_THREADS) -> None:
        self._pool = ThreadPoolExecutor(threads, "job")
        self._lock = threading.Lock()
        self._waiting: list[Job] = []

    def start(
        self,
        kind: Kind,
        work: Callable[[Job], None],
        *,
        current: Job | None,
        never_begun: Callable[[], None] | None = None,
    ) -> Job:
        """A new job.

        Args:
            current: the visitor's last one; two at a time are refused.
            never_begun: called instead of the work where the job is cancelled while it waits.

        Raises:
            StudioError: the visitor's last job still runs, or too many wait.
        """
        if current is not None and not current.is_over:
            raise StudioError("Something is already on its way; wait for it or cancel it.")
        job = Job(kind)
        with self._lock:
            self._waiting = [waiting for waiting in self._waiting if not waiting.is_over]
            if len(self._waiting) >= MAX_WAITING:
                raise StudioError("Too many visitors are waiting for long work; try again in a minute.")
            self._waiting.append(job)
        self._pool.submit(job.run, work, never_begun)
        return job

    def shut(self) -> None:
        """Stop everything that runs or waits."""
        with self._lock:
            for job in self._waiting:
                job.stop()
        self._pool.shutdown(wait=False, cancel_futures=True)
