"""A project as pictures: its portrait found, every frame drawn with layers, mask and cut-out, sound laid under."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.animation import ALPHA_FORMATS, SOUND_FORMATS, write_moving
from pipelines.assets import ASSETS
from pipelines.errors import StudioError
from pipelines.motion.edit import Edit
from pipelines.motion.space import Motion
from pipelines.motion.track import MAX_FRAMES, Track, frame_count
from pipelines.portrait.types import CROP_SIZE, Portrait
from pipelines.project import Document
from pipelines.render.base import Renderer
from pipelines.render.sequence import MAX_SIDE
from pipelines.render.still import Area
from pipelines.video import Frame, Progress

_LAST_S = 0.04
"""A still is shown at least this long."""


@dataclass(frozen=True)
class Look:
    """What the pictures of a project look like."""

    area: Area = "crop"
    size: int = CROP_SIZE
    """Side of the drawn face in pixels."""
    fps: float | None = None
    """None keeps the track's rate."""
    alpha: bool = False
    """The person without the scene; for the crop."""

    def __post_init__(self) -> None:
        if self.alpha and self.area != "crop":
            raise StudioError("`alpha` should be asked for with `area` crop but is asked for with the photo.")
        if not 64 <= self.size <= 2048:
            raise StudioError(f"`size` should be from 64 to 2048 pixels but is {self.size}.")


def open_portrait(document: Document, *, photo: Path | None = None) -> Portrait:
    """The registered face of a project.

    Args:
        photo: a file that takes the place of the project's own photo.

    Raises:
        StudioError: the project holds no photo and names no example that is here.
    """
    from pipelines.portrait.load import load_photo
    from pipelines.portrait.register import register

    own = document.portrait
    if photo is not None:
        return register(load_photo(photo), face_index=own.face_index)
    if own.photo is not None:
        return register(load_photo(own.photo.data), face_index=own.face_index)
    example = ASSETS / "portraits" / f"{own.example}.jpg"
    if own.example is None or not example.is_file():
        raise StudioError("The project should hold a photo but holds none; give one with `--photo`.")
    return register(load_photo(example), face_index=own.face_index)


def duration_s(document: Document) -> float:
    """How long a project plays: its track, or for a still until its last key and fade."""
    if len(document.track) > 1:
        return document.track.duration_s
    keys = [channel.curve.stop_s for layer in document.layers for channel in layer.channels]
    stops = [layer.stop_s for layer in document.layers if layer.stop_s is not None]
    return max([_LAST_S, *keys, *stops])


def document_frames(
    document: Document, portrait: Portrait, renderer: Renderer, look: Look | None = None
) -> Iterator[Frame]:
    """(H, W, 3) RGB or (H, W, 4) RGBA pictures one by one; their arrays may be used again later.

    Raises:
        StudioError: too long, or the painted mask is no picture.
    """
    look = look or Look()
    rate = document.track.fps if look.fps is None else look.fps
    count = frame_total(document, look)
    painter = _Painter(document, portrait, renderer, look)
    for index in range(count):
        yield painter.draw(index * document.track.fps / rate)


def frame_total(document: Document, look: Look) -> int:
    """Number of pictures.

    Raises:
        StudioError: more than a track may have.
    """
    rate = document.track.fps if look.fps is None else look.fps
    if len(document.track) > 1:
        count = frame_count(len(document.track), document.track.fps, rate)
    else:
        count = max(1, round(duration_s(document) * rate))
    if count > MAX_FRAMES:
        raise StudioError(f"The project should have at most {MAX_FRAMES} pictures but has {count}; lower `fps`.")
    return count


def document_track(document: Document, portrait: Portrait) -> Track:
    """What one face does in a project, edit and layers included, as departures from that face.

    Raises:
        StudioError: as `frame_total`.
    """
    count = frame_total(document, Look())
    frames = [document.at(portrait, frame) for frame in range(count)]
    motion = Motion(**{name: np.concatenate([getattr(one, name) for one in frames]) for name in vars(frames[0])})
    return Track(motion, document.track.fps, label=document.track.label, reference=portrait.motion)


class _Painter:
    """Buffers for one picture at a time."""

    def __init__(self, document: Document, portrait: Portrait, renderer: Renderer, look: Look) -> None:
        from pipelines.portrait.mask import decode_mask, soften_mask
        from pipelines.portrait.paste import Paster

        self._document, self._portrait, self._renderer, self._look = document, portrait, renderer, look
        self._handle = renderer.prepare(portrait, size=look.size)
        self._face = np.zeros((look.size, look.size, 3), np.uint8)
        self._below = np.zeros_like(self._face)
        self._paster = None
        if look.area == "photo":
            self._paster = Paster.prepare(portrait, size=look.size, max_side=MAX_SIDE)
        self._photo: Frame | None = None
        edit: Edit = document.edit
        self._mask = None
        if edit.mask is not None and edit.value("mask_enabled"):
            self._mask = soften_mask(decode_mask(edit.mask), feather=edit.value("mask_feather"), size=look.size)

    def draw(self, frame: float) -> Frame:
        from pipelines.portrait.mask import keep_outside
        from pipelines.render.cutout import cut_out, face_alpha

        below = None
        if self._mask is not None:
            # outside the mask the base goes on moving; edit and layers stop there
            base = self._document.track.at(self._portrait, frame)
            below = self._renderer.render(self._handle, base, out=self._below)
        motion = self._document.at(self._portrait, frame)
        face = self._renderer.render(self._handle, motion, out=self._face)
        if self._mask is not None and below is not None:
            keep_outside(face, below, self._mask)
        if self._look.alpha:
            return cut_out(face, face_alpha(self._renderer, self._handle, face))
        if self._paster is None:
            return face
        self._photo = self._paster.paste(face, out=self._photo)
        return self._photo


def render_document(
    document: Document,
    portrait: Portrait,
    output: Path,
    *,
    renderer: Renderer,
    look: Look | None = None,
    progress: Progress | None = None,
) -> Path:
    """A project as a film or an animation, with its sound where the format has one.

    Raises:
        StudioError: an output that cannot be written or cannot hold alpha, or as `document_frames`.
    """
    look = look or Look()
    suffix = output.suffix.lower()
    if look.alpha and suffix not in ALPHA_FORMATS:
        raise StudioError(f"`output` should end in {', '.join(ALPHA_FORMATS)} to hold alpha but is '{output.name}'.")
    frames = document_frames(document, portrait, renderer, look)
    rate = document.track.fps if look.fps is None else look.fps
    total = frame_total(document, look)
    if document.sound is None or suffix not in SOUND_FORMATS:
        return write_moving(frames, output, fps=rate, total=total, progress=progress)
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / f"sound{document.sound.suffix}"
        sound.write_bytes(document.sound.data)
        return write_moving(frames, output, fps=rate, audio=sound, total=total, progress=progress)
