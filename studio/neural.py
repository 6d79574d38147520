"""The neural renderer beside the live one: what can be offered, stills on request, engines built meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.errors import StudioError
from pipelines.files import write_atomic
from pipelines.motion.dims import SIDES
from pipelines.motion.edit import Edit
from pipelines.motion.space import Motion
from pipelines.portrait.types import CROP_SIZE, Portrait
from pipelines.render.base import Frame
from pipelines.render.choice import STILLS, look
from pipelines.render.neural import MAX_EYE_RATIO, Cancelled, NeuralRenderer, NeuralSettings, Progress
from pipelines.render.neural_choice import NeuralChoice, choose_neural
from pipelines.render.trt.apart import build_apart
from studio.document import file_name
from studio.export import PictureOrder, export_picture
from studio.session import Session
from studio.wording import NO_PORTRAIT

LOADED, READ = 0.2, 0.25
"""Shares of a first still: networks loaded, portrait read by them."""


class NeuralDesk:
    """Holds the networks once they are loaded; one for all visitors."""

    def __init__(self, *, folder: Path | None = None, load: Callable[..., NeuralChoice] = choose_neural) -> None:
        """
        Args:
            folder: where the weight files lie; None is the default folder.
            load: turns them into a renderer.
        """
        self._folder = folder
        self._load = load
        self._loaded: NeuralChoice | None = None
        self._lock = threading.Lock()

    def know(self, neural: NeuralChoice) -> None:
        """Take over networks that were loaded to choose the live renderer."""
        if neural.renderer is not None:
            self._loaded = neural

    def offer(self) -> NeuralChoice:
        """What can be done now; looks for the weight files again, so that fetched ones count at once."""
        loaded = self._loaded
        if loaded is None:
            return look(self._folder)
        return loaded if loaded.live else replace(loaded, reason=f"{STILLS} {loaded.reason}")

    def draw(
        self, session: Session, order: PictureOrder, *, progress: Progress, switches: Switches | None = None
    ) -> Path:
        """The visitor's picture by the neural renderer, in the session's folder.

        Raises:
            StudioError: no portrait is open, weights are missing or bad, or the picture is not finite.
            Cancelled: the visitor stopped it.
        """
        portrait, document = session.portrait, session.document
        if portrait is None:
            raise StudioError(NO_PORTRAIT)
        watch = _watch(session, progress)
        renderer = self._renderer(watch).with_settings((switches or Switches()).settings(portrait, document.edit))
        name = file_name(document, f"neural-{'face' if order.area == 'crop' else 'photo'}", suffix=f".{order.format}")
        picture = export_picture(
            portrait, document.edit, order, renderer=_Reporting(renderer, watch), document=document
        )
        return write_atomic(session.folder / name, picture)

    def build(self, session: Session, *, progress: Progress) -> None:
        """Build the engines of this machine's GPU while everything else goes on.

        Raises:
            StudioError: see `build_apart`.
            Cancelled: the visitor stopped it.
        """
        build_apart(self._folder, progress=_watch(session, progress))

    def _renderer(self, progress: Progress) -> NeuralRenderer:
        with self._lock:
            if self._loaded is None:
                found = self._load(self._folder, progress=lambda done, text: progress(LOADED * done, text))
                if found.renderer is None:
                    raise StudioError(f"{found.reason} Run `{found.command}` ({found.cost}).")
                self._loaded = found
            assert self._loaded.renderer is not None
            return self._loaded.renderer


@dataclass(frozen=True)
class Switches:
    """What the page offers of the neural renderer's settings."""

    stitching: bool = True
    retarget_eyes: bool = False
    """Reach the edit's eye aspect ratio with the network made for it."""
    close_lips: bool = False
    """Close the lips of the photo with the network made for it."""

    def settings(self, portrait: Portrait, edit: Edit) -> NeuralSettings:
        """The same for one portrait and its edit."""
        asked = [edit.value(f"eye_ratio_{side}") for side in SIDES]
        ratios = [a if a >= 0 else own for a, own in zip(asked, portrait.eye_ratio, strict=True)]
        eyes = min(float(np.mean(ratios)), MAX_EYE_RATIO) if self.retarget_eyes else None
        return NeuralSettings(self.stitching, eyes, 0.0 if self.close_lips else None)


class _Reporting:
    """A neural renderer that tells how far a still is."""

    def __init__(self, renderer: NeuralRenderer, progress: Progress) -> None:
        self.name, self.reason = renderer.name, renderer.reason
        self.renderer = renderer
        self.progress = progress

    def prepare(self, portrait: Portrait, *, size: int = CROP_SIZE) -> Any:
        self.progress(LOADED, "reading the face")
        return self.renderer.prepare(portrait, size=size)

    def render(self, handle: Any, motion: Motion, *, out: Frame | None = None) -> Frame:
        def report(done: float, text: str) -> None:
            self.progress(READ + (1 - READ) * done, text)

        report(0.0, "drawing the face")
        return self.renderer.render(handle, motion, out=out, progress=report)


def _watch(session: Session, progress: Progress) -> Progress:
    """`progress` that ends the work when the visitor stops it or leaves."""

    def report(done: float, text: str) -> None:
        if session.stopped.is_set():
            raise Cancelled
        progress(done, text)

    return report
