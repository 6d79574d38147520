"""One visitor's work, and the store of all visitors: bounded in number and bytes, expiring, thread-safe."""

from __future__ import annotations

import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pipelines.errors import StudioError
from pipelines.history import History
from pipelines.portrait.types import Portrait
from pipelines.project import Document, PortraitRef
from studio.clip import Clip, ClipShelf
from studio.frames import Drawing
from studio.jobs import Job
from studio.live_voice import LiveVoice
from studio.newest import NewestWins

if TYPE_CHECKING:
    from pipelines.motion.match import Expression
    from studio.bench import BenchResult
    from studio.camera import Camera
    from studio.drive import Driver

View = Literal["crop", "photo"]
VIEWS: tuple[View, ...] = ("crop", "photo")
PORTRAITS = 3
"""Most decoded portraits of one visitor."""


class Session:
    """What belongs to one visitor. Fields are replaced whole, so a reader in another thread sees old or new."""

    def __init__(self, *, root: Path) -> None:
        self.token = secrets.token_urlsafe(24)
        self.history = History.of(Document())
        self.revision = 0
        """Counts the changes of `history`."""
        self.lock = threading.RLock()
        """Held while `history` changes."""
        self.on_change: Callable[[Session], None] = lambda session: None
        """Called after every change of `history`."""
        self.is_closed = False
        self.recovery_key = ""
        """What the visitor's browser asks for its work with, after this session."""
        self.saved_at: str | None = None
        """When the work was last put where a reload finds it, as ISO 8601."""
        self.portrait: Portrait | None = None
        self.portraits: list[tuple[PortraitRef, Portrait]] = []
        """The newest few that were open, so that undo brings them back at once."""
        self.view: View = "crop"
        self.drawing: Drawing | None = None
        """Buffers for the live frames of `portrait`; made when first needed, dropped when others need the room."""
        self.drawing_lock = threading.Lock()
        """Held for one frame: a drawing serves one thread at a time."""
        self.newest: NewestWins[Any, bytes] | None = None
        """The live loop of this visitor, whichever way its messages come."""
        self.last_seen = 0.0
        self.sockets = 0
        """Open live connections."""
        self.stopped = threading.Event()
        """Set when the visitor cancels a neural still or an engine build, or leaves."""
        self.voice: LiveVoice | None = None
        """What is being spoken; it drives the face instead of the clip."""
        self.voice_file: Path | None = None
        """The newest voice that was made ready to be streamed from the page."""
        self.voice_label = ""
        self.voice_key = ""
        """Tells one `voice_file` from the next."""
        self.job: Job | None = None
        """The newest long work of this visitor."""
        self.other: Expression | None = None
        """The face of another photo, whose expression the Poses panel can match."""
        self.bench: BenchResult | None = None
        """The newest measurement of the Bench panel."""
        self.driver: Driver | None = None
        """What moves the face as it was read, so that its options can change."""
        self.camera: Camera | None = None
        """The webcam that drives the face right now."""
        self.film: Path | None = None
        """The newest video of this visitor."""
        # the folder's name shows in download addresses, so it must not be the token
        self._folder = root / secrets.token_hex(12)
        self.clips = ClipShelf(lambda: self.folder)

    @property
    def folder(self) -> Path:
        """Where exported files of this visitor lie until the session ends."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder

    @property
    def document(self) -> Document:
        """The visitor's work as it is now."""
        return self.history.document

    @property
    def clip(self) -> Clip | None:
        """What plays under the edit; None where the photo stands still."""
        return self.clips.of(self.history.document)

    def driving(self, document: Document) -> Clip | LiveVoice | None:
        """What moves the face under a document: a voice that has given a frame, else its clip."""
        voice = self.voice
        return voice if voice is not None and len(voice.track) else self.clips.of(document)

    def change(self, work: Callable[[History], History]) -> None:
        """Change the work; whoever else wants to waits."""
        with self.lock:
            after = work(self.history)
            if after is not self.history:
                self.history = after
                self.revision += 1
                self.saved_at = None
                self.on_change(self)

    def push(self, document: Document, *, label: str, joins: str | None = None) -> None:
        """A new step; see `History.push`."""
        self.change(lambda history: history.push(document, label=label, joins=joins))

    def open_portrait(self, portrait: Portrait, ref: PortraitRef) -> None:
        """Put another face on the stage; the edit's values stay. The first one is where the history begins."""
        with self.lock:
            document = self.document.with_portrait(ref)
            if self.portrait is None:
                self.change(lambda _: History.of(document, label="Open"))
            else:
                self.push(document, label=f"Open {ref.name}")
            self.show_portrait(portrait, ref)

    def show_portrait(self, portrait: Portrait, ref: PortraitRef) -> None:
        """Draw this face from now on; the document names it already."""
        self.portrait = portrait
        self.drawing = None
        others = [pair for pair in self.portraits if pair[0] is not ref]
        self.portraits = [(ref, portrait), *others][:PORTRAITS]

    @property
    def held_bytes(self) -> int:
        """Memory of the work besides the photos: its steps and media."""
        document = self.document
        media = [part for part in (document.sound, document.portrait.photo) if part is not None]
        return self.history.held_bytes + sum(len(part.data) for part in media)

    def close(self) -> None:
        """Forget the photo, stop what is on its way and remove the exported files."""
        self.is_closed = True
        self.stopped.set()
        if self.job is not None:
            self.job.stop()
        camera, self.camera = self.camera, None
        if camera is not None:
            camera.reader.close()
        self.driver = None
        self.clips.clear()
        self.history = History.of(Document())
        self.portrait = self.other = self.bench = None
        self.portraits = []
        self.drawing = None
        shutil.rmtree(self._folder, ignore_errors=True)


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
