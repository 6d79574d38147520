"""The store of all visitors: bounded in number and bytes, expiring, thread-safe."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from pipelines.errors import StudioError
from studio.session import Session


class SessionStore:
    """All sessions. The least recently seen one goes first when there are too many or they hold too much."""

    def __init__(
        self,
        *,
        capacity: int = 64,
        time_to_live_secs: float = 1800.0,
        busy_secs: float = 60.0,
        photo_bytes: int = 512 << 20,
        drawings: int = 12,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            capacity: most sessions at a time.
            time_to_live_secs: a session without an open connection ends this long after it was last seen.
            busy_secs: a session seen within this time is never pushed out by a new one.
            photo_bytes: most bytes of decoded photos, steps and media over all sessions.
            drawings: most sessions that keep their frame buffers; the others make them again when they move.
        """
        self._capacity = capacity
        self._time_to_live_secs = time_to_live_secs
        self._busy_secs = busy_secs
        self._photo_bytes = photo_bytes
        self._drawings = drawings
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}
        self._root = Path(tempfile.mkdtemp(prefix="ditto-studio-"))

    def __len__(self) -> int:
        return len(self._sessions)

    def open(self) -> Session:
        """A new session.

        Raises:
            StudioError: every place is taken by a visitor who is at work.
        """
        session = Session(root=self._root)
        with self._lock:
            self._sweep()
            while len(self._sessions) >= self._capacity:
                self._push_out()
            session.last_seen = self._clock()
            self._sessions[session.token] = session
        return session

    def find(self, token: str | None) -> Session | None:
        """The session of a token, marked as seen; None if there is none (any more)."""
        with self._lock:
            session = self._sessions.get(token or "")
            if session is None or self._is_over(session):
                return None
            session.last_seen = self._clock()
            return session

    def holds(self, recovery_key: str) -> bool:
        """Whether a connected visitor works under this key."""
        with self._lock:
            return any(s.sockets > 0 and s.recovery_key == recovery_key for s in self._sessions.values())

    def close(self, token: str) -> None:
        """End one session."""
        with self._lock:
            self._end(token)

    def trim(self) -> None:
        """End what is over, then free photos and frame buffers beyond the limits, the least recently seen first."""
        with self._lock:
            self._sweep()
            while len(self._sessions) > 1 and self._held_bytes() > self._photo_bytes:
                self._end(self._by_age()[0].token)
            holders = [session for session in self._by_age() if session.drawing is not None]
            for session in holders[: max(0, len(holders) - self._drawings)]:
                session.drawing = None

    def shut(self) -> None:
        """End every session and remove the folder of exported files."""
        with self._lock:
            for token in list(self._sessions):
                self._end(token)
        shutil.rmtree(self._root, ignore_errors=True)

    def _is_over(self, session: Session) -> bool:
        return not session.sockets and self._clock() - session.last_seen > self._time_to_live_secs

    def _by_age(self) -> list[Session]:
        return sorted(self._sessions.values(), key=lambda session: (session.sockets > 0, session.last_seen))

    def _held_bytes(self) -> int:
        # example portraits are shared between sessions: count each photo once
        sessions = self._sessions.values()
        open_ones = [s.portrait for s in sessions if s.portrait] + [p for s in sessions for _, p in s.portraits]
        photos = {id(portrait.photo): portrait.photo.nbytes for portrait in open_ones}
        return sum(photos.values()) + sum(session.held_bytes for session in sessions)

    def _sweep(self) -> None:
        for token in [token for token, session in self._sessions.items() if self._is_over(session)]:
            self._end(token)

    def _push_out(self) -> None:
        oldest = self._by_age()[0]
        if self._clock() - oldest.last_seen < self._busy_secs:
            raise StudioError(f"All {self._capacity} places of this studio are taken; try again in a minute.")
        self._end(oldest.token)

    def _end(self, token: str) -> None:
        session = self._sessions.pop(token, None)
        if session is not None:
            session.close()
