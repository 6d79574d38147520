"""Files for the visitor: pictures from the photo's own pixels, the edit, the atlas figure; whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from pipelines.errors import StudioError
from pipelines.evaluation.atlas_sheet import Progress, render_atlas
from pipelines.files import encode_picture, write_atomic
from pipelines.motion.edit import Edit
from pipelines.motion.exchange import check_suffix, encode_track
from pipelines.motion.track import MAX_FPS
from pipelines.portrait.types import Portrait
from pipelines.project import Document
from pipelines.project_render import document_track
from pipelines.render.base import Renderer
from pipelines.render.still import MAX_SIZE, MIN_SIZE, Area, Background, render_still
from studio.document import file_name
from studio.session import Session
from studio.wording import NOTHING_PLAYS

Format = Literal["png", "jpg", "webp"]
FORMATS: tuple[Format, ...] = get_args(Format)
AREAS: tuple[Area, ...] = get_args(Area)
BACKGROUNDS: tuple[Background, ...] = get_args(Background)
SIZES = (512, 1024, 2048)
MAX_EDIT_FILE_BYTES = 4 << 20


@dataclass(frozen=True)
class PictureOrder:
    """What to write."""

    area: Area = "photo"
    format: Format = "png"
    size: int | None = None
    """Side of the rendered face in pixels; None renders as many as the face has in the photo."""
    background: Background = "keep"

    @classmethod
    def of(cls, *, area: object, format: object, size: object, background: object = "keep") -> PictureOrder:
        """Checked order.

        Raises:
            StudioError: an entry is not one of the choices.
        """
        if area not in AREAS:
            raise StudioError(f"`area` should be one of {', '.join(AREAS)} but is {str(area)[:40]!r}.")
        if format not in FORMATS:
            raise StudioError(f"`format` should be one of {', '.join(FORMATS)} but is {str(format)[:40]!r}.")
        if background not in BACKGROUNDS:
            raise StudioError(
                f"`background` should be one of {', '.join(BACKGROUNDS)} but is {str(background)[:40]!r}."
            )
        if background == "none" and format == "jpg":
            raise StudioError("A transparent background should be saved as PNG or WebP: JPEG has no transparency.")
        if size is None:
            return cls(area, format, background=background)
        if isinstance(size, bool) or not isinstance(size, int | float) or not MIN_SIZE <= size <= MAX_SIZE:
            raise StudioError(f"`size` should be from {MIN_SIZE} to {MAX_SIZE} pixels but is {str(size)[:40]}.")
        return cls(area, format, int(size), background)


def export_picture(
    portrait: Portrait, edit: Edit, order: PictureOrder, *, renderer: Renderer, document: Document | None = None
) -> bytes:
    """The picture as file bytes: PNG exact, JPEG and WebP at quality 95.

    Args:
        document: with a clip or layers, the picture is its frame at the playhead.
    """
    motion = below = None
    if document is not None and (document.layers or len(document.track) > 1):
        frame = document.playhead.seconds * document.track.fps
        motion, below = document.at(portrait, frame), document.track.at(portrait, frame)
    picture = render_still(
        portrait,
        edit,
        area=order.area,
        size=order.size,
        background=order.background,
        renderer=renderer,
        motion=motion,
        below=below if document is not None and len(document.track) > 1 else None,
    )
    return encode_picture(picture, f".{order.format}")


def write_picture(session: Session, order: PictureOrder, *, renderer: Renderer) -> Path:
    """The visitor's picture in the session's folder: the moment at the playhead, with every layer.

    Raises:
        StudioError: no portrait is open.
    """
    portrait, document = _open_portrait(session), session.document
    name = file_name(document, "face" if order.area == "crop" else "photo", suffix=f".{order.format}")
    picture = export_picture(portrait, document.edit, order, renderer=renderer, document=document)
    return write_atomic(session.folder / name, picture)


def motion_file(session: Session, *, format: object, fps: float | None) -> tuple[str, bytes]:
    """Name and bytes of what the face does over time, edit and layers included.

    Args:
        format: "npz", "json", "pkl" (LivePortrait template) or "csv" (ARKit).
        fps: frames a second; None keeps those of the clip.

    Raises:
        StudioError: no portrait, nothing that plays, or an unknown format or rate.
    """
    portrait, document = _open_portrait(session), session.document
    suffix = check_suffix(f".{format}", "format")
    if fps is not None and not 1 <= fps <= MAX_FPS:
        raise StudioError(f"`fps` of the motion should be from 1 to {MAX_FPS:g} but is {fps:g}.")
    if len(document.track) < 2 and not document.layers:
        raise StudioError(NOTHING_PLAYS)
    data = encode_track(document_track(document, portrait), suffix, fps=fps)
    return file_name(document, "motion", suffix=suffix), data


def write_edit(session: Session) -> Path:
    """The visitor's edit file in the session's folder."""
    document = session.document
    return write_atomic(session.folder / file_name(document, "edit", suffix=".json"), document.edit.to_json().encode())


def read_edit_file(path: str) -> Edit:
    """An edit file that a visitor uploaded.

    Raises:
        StudioError: too large, or not an edit file of this version.
    """
    file = Path(path)
    if file.stat().st_size > MAX_EDIT_FILE_BYTES:
        raise StudioError(f"The edit file should have at most {MAX_EDIT_FILE_BYTES >> 20} MB; choose an edit file.")
    return Edit.from_json(file.read_bytes())


def write_atlas(session: Session, *, renderer: Renderer, progress: Progress) -> Path:
    """The paper's figure on the visitor's portrait, in the session's folder.

    Raises:
        StudioError: no portrait is open.
    """
    sheet = render_atlas(_open_portrait(session), renderer, progress=progress)
    return write_atomic(
        session.folder / file_name(session.document, "dimensions", suffix=".png"), encode_picture(sheet, ".png")
    )


def _open_portrait(session: Session) -> Portrait:
    if session.portrait is None:
        raise StudioError("No portrait is open; choose a photo or an example in the Portrait panel.")
    return session.portrait
