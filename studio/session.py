"""One visitor's work, and what of it is on its way."""

from __future__ import annotations

import secrets
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

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
