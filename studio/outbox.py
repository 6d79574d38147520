"""Where files for callers of the API lie."""

from __future__ import annotations

import shutil
import tempfile
import threading
from pathlib import Path


class Outbox:
    """Files for callers of the API, who have no session: the newest few, each in a folder of its own."""

    def __init__(self, *, keep: int = 16) -> None:
        self._keep = keep
        self._root = Path(tempfile.mkdtemp(prefix="ditto-studio-api-"))
        self._lock = threading.Lock()
        self._folders: list[Path] = []

    def folder(self) -> Path:
        """A new empty folder; the oldest one goes when there are too many."""
        folder = Path(tempfile.mkdtemp(dir=self._root))
        with self._lock:
            self._folders.append(folder)
            while len(self._folders) > self._keep:
                shutil.rmtree(self._folders.pop(0), ignore_errors=True)
        return folder

    def shut(self) -> None:
        """Remove everything."""
        shutil.rmtree(self._root, ignore_errors=True)
