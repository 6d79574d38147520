"""What all visitors share: the renderer, the example portraits, the sessions, the render threads."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from pipelines.errors import StudioError
from pipelines.motion.edit import Edit
from pipelines.motion.keyframes import MAX_SECONDS
from pipelines.motion.layers import Layer
from pipelines.portrait.types import Portrait
from pipelines.project import Document, PortraitRef
from pipelines.project_render import open_portrait
from pipelines.render.base import Renderer
from pipelines.render.choice import Choice, choose, fall_back
from studio.examples import FIRST, ExampleShelf
from studio.frames import Drawing
from studio.jobs import JobDesk
from studio.neural import NeuralDesk
from studio.outbox import Outbox
from studio.recovery import RecoveryShelf
from studio.session import Session, View
from studio.session_store import SessionStore
from studio.speech import MAX_STREAMS, SpeechDesk, speech_desk
from studio.wording import NO_PORTRAIT

log = logging.getLogger(__name__)

RENDER_THREADS = 2
START_SECS = 120.0
SWEEP_SECS = 60.0
WARM_EDIT = {"yaw_deg": 6.0, "smile": 0.5, "jaw_open": 0.4, "blink": 0.5, "gaze_x_deg": 6.0}
"""Touches every layer of the renderer, so that its compiled kernels are loaded before the first visitor drags."""


@dataclass(frozen=True)
class Services:
    """One per server. `start()` gets the renderer ready in the background and keeps the store tidy."""

    store: SessionStore = field(default_factory=SessionStore)
    outbox: Outbox = field(default_factory=Outbox)
    examples: ExampleShelf = field(default_factory=ExampleShelf)
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(RENDER_THREADS, "render"))
    _chosen: threading.Event = field(default_factory=threading.Event)
    _ready: threading.Event = field(default_factory=threading.Event)
    _stopped: threading.Event = field(default_factory=threading.Event)
    neural: NeuralDesk = field(default_factory=NeuralDesk)
    jobs: JobDesk = field(default_factory=JobDesk)
    speech: SpeechDesk = field(default_factory=speech_desk)
    recovery: RecoveryShelf = field(default_factory=RecoveryShelf)
    listen_pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(MAX_STREAMS, "listen"))
    """Live voices become motion here, beside the render threads."""
    _prepared: dict[str, Choice] = field(default_factory=dict)

    def start(self) -> None:
        """Choose the renderer, load its kernels and register the first example, in a thread of its own."""
        threading.Thread(target=self._prepare, name="prepare", daemon=True).start()
        threading.Thread(target=self._sweep, name="sweep", daemon=True).start()

    def _sweep(self) -> None:
        """Photos of visitors who left go even when nobody else comes."""
        while not self._stopped.wait(SWEEP_SECS):
            self.store.trim()

    def _prepare(self) -> None:
        try:
            choice = choose()
            try:
                self._take(choice)
            except Exception as error:
                # drivers fail in ways of their own; the mesh renderer draws everywhere
                if not choice.neural.live:
                    raise
                log.exception("the neural renderer could not draw")
                self._take(fall_back(error))
        except Exception:
            # those who wait must be let go; asking for the renderer then tells them
            log.exception("the renderer could not be prepared")
            self._prepared.clear()
        finally:
            self._chosen.set()
            self._ready.set()

    def _take(self, choice: Choice) -> None:
        """Draw with this renderer from now on, and warm it up."""
        self.neural.know(choice.neural)
        self._prepared["choice"] = choice
        self._chosen.set()
        Drawing.of(self.examples.portrait(FIRST.key), choice.renderer).draw(Edit.of(WARM_EDIT), view="crop")

    def choose_again(self) -> Choice:
        """Take a better renderer that has become possible."""
        choice = choose()
        self._take(choice)
        return choice

    def shut(self) -> None:
        """End all sessions and remove every file written for visitors."""
        self._stopped.set()
        self.jobs.shut()
        self.recovery.shut()
        self.listen_pool.shutdown(wait=False, cancel_futures=True)
        self.store.shut()
        self.outbox.shut()

    @property
    def is_ready(self) -> bool:
        return self._ready.is_set()

    @property
    def renderer(self) -> Renderer:
        """The renderer; waits while it is being prepared.

        Raises:
            StudioError: it could not be prepared, or not in time.
        """
        self._ready.wait(START_SECS)
        return self._taken().renderer

    @property
    def choice(self) -> Choice:
        """The renderer, perhaps before its kernels are loaded, and what the neural one can do by now.

        Raises:
            StudioError: it could not be prepared.
        """
        return replace(self._taken(), neural=self.neural.offer())

    def _taken(self) -> Choice:
        self._chosen.wait(START_SECS)
        choice = self._prepared.get("choice")
        if choice is None:
            raise StudioError("The renderer could not be prepared; the server's log says why.")
        return choice

    def read_photo(self, path: str, *, face_index: int = 0) -> Portrait:
        """A photo file as a portrait.

        Raises:
            StudioError: not a photo we take, too large, or without that face.
        """
        from pipelines.portrait.load import load_photo
        from pipelines.portrait.register import register

        return register(load_photo(path), face_index=face_index)

    def register_face(self, portrait: Portrait, face_index: int) -> Portrait:
        """Another face of the same photo."""
        from pipelines.portrait.register import register

        return register(portrait.photo, face_index=face_index)

    def draw(
        self,
        session: Session,
        edit: Edit,
        *,
        frame: float | None = None,
        layers: tuple[Layer, ...] | None = None,
        view: View | None = None,
        moment: int | None = None,
    ) -> tuple[dict[str, Any], bytes]:
        """Header and JPEG of one live frame; see `Drawing.draw`.

        Args:
            frame: index on the visitor's time line; without a track and layers, or None, it is the photo at time 0
                that is edited. Otherwise the header tells `clip`, if there is a track, and `frame`, held inside it.
            layers: what acts over the edit; None takes the document's.
            view: None takes the one the visitor looks at.
            moment: of the webcam, see `Camera.moment`; the header tells it as `camera`.

        Raises:
            StudioError: no portrait is open.
        """
        document = session.document
        clip = session.driving(document)
        layers = document.layers if layers is None else layers
        view = view or session.view
        with session.drawing_lock:
            drawing = self._drawing(session)
            seen = session.camera and session.camera.moment(drawing.portrait, moment)
            if seen is not None:
                header, jpeg = drawing.draw(edit, view=view, base=seen.motion, layers=layers)
                return {**header, "clip": None, "camera": seen.number}, jpeg
            if frame is None or (clip is None and not layers):
                return drawing.draw(edit, view=view, layers=layers)
            last = MAX_SECONDS * document.track.fps if clip is None else len(clip.track) - 1.0
            index = min(max(frame, 0.0), last)
            base = None if clip is None else clip.track.at(drawing.portrait, index)
            seconds = index / document.track.fps
            header, jpeg = drawing.draw(edit, view=view, base=base, layers=layers, seconds=seconds)
            return {**header, "clip": None if clip is None else clip.key, "frame": index}, jpeg

    def follow_portrait(self, session: Session) -> bool:
        """Open the face that the document names, which undo may have changed; whether it is another one now.

        Raises:
            StudioError: the photo cannot be read any more.
        """
        with session.lock:
            ref = session.document.portrait
            if session.portraits and session.portraits[0][0] is ref:
                return False
            known = next((portrait for other, portrait in session.portraits if other is ref), None)
            portrait = known or self.portrait_of(ref)
            if portrait is None:
                return False
            session.show_portrait(portrait, ref)
        self.draw_ahead(session)
        return True

    def portrait_of(self, ref: PortraitRef) -> Portrait | None:
        """The registered face that a document names; None where it names none.

        Raises:
            StudioError: the photo cannot be read, has no such face, or the example is not here.
        """
        if ref.photo is None and ref.example is None:
            return None
        if ref.photo is None and ref.face_index == 0:
            return self.examples.portrait(str(ref.example))
        return open_portrait(Document(portrait=ref))

    def thumb(self, session: Session, edit: Edit) -> bytes:
        """Small JPEG of the face with an edit.

        Raises:
            StudioError: no portrait is open.
        """
        with session.drawing_lock:
            return self._drawing(session).thumb(edit)

    def source_jpeg(
        self, session: Session, *, view: View, frame: float | None = None, moment: int | None = None
    ) -> bytes:
        """JPEG of the picture without the edit and the layers.

        Args:
            frame: index on the visitor's time line, as in `draw`; None is the photo.
            moment: of the webcam while it drives, as in `draw`; None is the photo.

        Raises:
            StudioError: no portrait is open.
        """
        clip = session.driving(session.document)
        with session.drawing_lock:
            drawing = self._drawing(session)
            if moment is not None and session.camera is not None:
                seen = session.camera.moment(drawing.portrait, moment)
                return drawing.source(view=view, base=None if seen is None else seen.motion)
            if clip is None or frame is None:
                return drawing.source(view=view)
            index = min(max(frame, 0.0), len(clip.track) - 1.0)
            return drawing.source(view=view, base=clip.track.at(drawing.portrait, index))

    def draw_ahead(self, session: Session) -> None:
        """Make the buffers of a newly opened portrait while the page is still busy with the news."""
        self.pool.submit(self._make_drawing, session)

    def _make_drawing(self, session: Session) -> None:
        with session.drawing_lock:
            if session.portrait is not None:
                self._drawing(session)

    def _drawing(self, session: Session) -> Drawing:
        portrait, drawing = session.portrait, session.drawing
        if portrait is None:
            raise StudioError(NO_PORTRAIT)
        renderer = self.renderer
        if drawing is None or drawing.portrait is not portrait or drawing.renderer is not renderer:
            drawing = session.drawing = Drawing.of(portrait, renderer)
            self.store.trim()
        return drawing
