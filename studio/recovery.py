"""Work that outlives a reload, a closed tab and a restart: the newest document of a visitor as a file, for a week."""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from pipelines.errors import StudioError
from pipelines.files import write_atomic
from pipelines.project import SUFFIX, Document, PortraitRef
from studio.session import Session

log = logging.getLogger(__name__)

FOLDER_VARIABLE = "DITTO_RECOVERY"
MAX_FILES = 256
MAX_TOTAL_BYTES = 2 << 30
MAX_FILE_BYTES = 160 << 20
MAX_AGE_SECS = 7 * 86_400.0
PAUSE_SECS = 0.4
"""A run of quick steps is written once."""
SHARE = 10
"""Writing takes at most one part in this many of the time."""
NOTHING = "There is no saved work of this name any more; go on with a new one."


def default_folder() -> Path:
    """Where the files lie: the variable's folder, else the user's cache."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "ditto-motion-studio" / "recovery"


class RecoveryShelf:
    """Writes documents behind the visitors' backs. Files are named by a hash of the key, which only the visitor's
    browser holds. The oldest go first when there are too many."""

    def __init__(
        self,
        folder: Path | None = None,
        *,
        max_files: int = MAX_FILES,
        max_total_bytes: int = MAX_TOTAL_BYTES,
        max_file_bytes: int = MAX_FILE_BYTES,
        max_age_secs: float = MAX_AGE_SECS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """
        Args:
            folder: None is the default folder.
            max_file_bytes: larger work is not kept; the page says so by not saying "saved".
        """
        self._folder = folder
        self._max_files = max_files
        self._max_total_bytes = max_total_bytes
        self._max_file_bytes = max_file_bytes
        self._max_age_secs = max_age_secs
        self._clock = clock
        self._waiting: dict[str, Session] = {}
        self._news = threading.Condition()
        self._writing = threading.Lock()
        self._is_over = False
        self._thread: threading.Thread | None = None

    def watch(self, session: Session, *, key: str | None = None) -> None:
        """Keep what this visitor makes from now on, under a new key or one whose visitor came back."""
        session.recovery_key = key or secrets.token_urlsafe(24)
        session.on_change = self.note

    def note(self, session: Session) -> None:
        """The work has changed; it is written soon."""
        with self._news:
            if self._is_over:
                return
            self._waiting[session.recovery_key] = session
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="recovery", daemon=True)
                self._thread.start()
            self._news.notify_all()

    def load(self, key: str) -> Document:
        """The newest work under a key.

        Raises:
            StudioError: there is none (any more), or its file is damaged.
        """
        self.flush(key)
        path = self._path(key)
        try:
            if self._clock() - path.stat().st_mtime > self._max_age_secs:
                path.unlink(missing_ok=True)
            data = path.read_bytes()
        except OSError as error:
            raise StudioError(NOTHING) from error
        return Document.from_bytes(data)

    def drop(self, session: Session) -> None:
        """Forget the work of a visitor who starts over."""
        with self._news:
            self._waiting.pop(session.recovery_key, None)
        with self._writing:
            self._path(session.recovery_key).unlink(missing_ok=True)
            session.saved_at = None

    def flush(self, key: str | None = None) -> None:
        """Write what waits, of one key or of all."""
        with self._news:
            keys = list(self._waiting) if key is None else [key]
            sessions = [self._waiting.pop(k) for k in keys if k in self._waiting]
        for session in sessions:
            self._write(session)

    def shut(self) -> None:
        """Write what waits and stop."""
        with self._news:
            self._is_over = True
            self._news.notify_all()
        self.flush()

    def sweep(self) -> None:
        """Remove what is too old, and the oldest of what is too much."""
        files = sorted(self.folder.glob(f"*{SUFFIX}"), key=lambda path: path.stat().st_mtime, reverse=True)
        total = 0
        for count, path in enumerate(files):
            total += path.stat().st_size
            is_old = self._clock() - path.stat().st_mtime > self._max_age_secs
            if is_old or count >= self._max_files or total > self._max_total_bytes:
                path.unlink(missing_ok=True)

    @property
    def folder(self) -> Path:
        folder = self._folder or default_folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def _path(self, key: str) -> Path:
        return self.folder / f"{hashlib.sha256(key.encode()).hexdigest()}{SUFFIX}"

    def _run(self) -> None:
        while True:
            with self._news:
                self._news.wait_for(lambda: self._waiting or self._is_over)
                if self._is_over:
                    return
            time.sleep(PAUSE_SECS)
            start = time.monotonic()
            self.flush()
            time.sleep((SHARE - 1) * (time.monotonic() - start))

    def _write(self, session: Session) -> None:
        with self._writing:
            document = session.document
            if session.is_closed:
                return
            try:
                path = self._path(session.recovery_key)
                data = b"" if is_blank(document) else document.to_bytes()
                if not 0 < len(data) <= self._max_file_bytes:
                    path.unlink(missing_ok=True)
                    session.saved_at = None
                    return
                write_atomic(path, data)
                session.saved_at = datetime.now(UTC).isoformat(timespec="seconds")
                self.sweep()
            except Exception:
                # the thread goes on for the other visitors; the page stops saying "saved"
                session.saved_at = None
                log.exception("the work of a visitor could not be kept")


def is_blank(document: Document) -> bool:
    """Whether there is nothing to bring back: an example as it opens."""
    portrait = document.portrait
    bare = Document(portrait=PortraitRef(portrait.name, portrait.example), track=document.track)
    return bare == document and len(document.track) == 1
