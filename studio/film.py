"""The visitor's work as a moving picture, drawn on the job thread by the same renderer as the stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pipelines.animation import ALPHA_FORMATS, SOUND_FORMATS
from pipelines.errors import StudioError
from pipelines.motion.track import MAX_FPS
from pipelines.project_render import Look, render_document
from studio.document import file_name
from studio.export import AREAS
from studio.jobs import Job
from studio.services import Services
from studio.session import Session
from studio.wording import NO_PORTRAIT, NOTHING_PLAYS

MEDIA_TYPES = {
    ".mp4": "video/mp4",
    ".webm": "video/webm",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".apng": "image/apng",
    ".zip": "application/zip",
}
"""Formats the page offers, by file ending."""
_LABELS = {
    ".mp4": ("MP4", "H.264 with the sound; plays everywhere"),
    ".webm": ("WebM", "VP9 with the sound, can be transparent"),
    ".gif": ("GIF", "Plays in every message; 256 colours a frame"),
    ".webp": ("WebP", "Animated, small, can be transparent"),
    ".apng": ("APNG", "Exact colours, can be transparent, large"),
    ".zip": ("Frames", "Every frame as PNG in one zip, can be transparent"),
}


@dataclass(frozen=True)
class FilmOrder:
    """What to write."""

    suffix: str = ".mp4"
    look: Look = field(default_factory=Look)
    with_sound: bool = True

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> FilmOrder:
        """Checked order from the page's JSON.

        Args:
            values: `area`, and where not the default `format`, `size`, `fps`, `alpha`, `sound`.

        Raises:
            StudioError: an entry of the wrong kind, or not one of the choices.
        """
        area, format = values.get("area"), values.get("format", "mp4")
        if area not in AREAS:
            raise StudioError(f"`area` should be one of {', '.join(AREAS)} but is {str(area)[:40]!r}.")
        suffix = f".{format}"
        if suffix not in MEDIA_TYPES:
            known = ", ".join(name[1:] for name in MEDIA_TYPES)
            raise StudioError(f"`format` should be one of {known} but is {str(format)[:40]!r}.")
        size, fps = values.get("size", Look.size), values.get("fps")
        if type(size) is not int:
            raise StudioError(f"`size` should be a whole number of pixels but is {str(size)[:40]!r}.")
        if fps is not None and (type(fps) not in (int, float) or not 1 <= fps <= MAX_FPS):
            raise StudioError(f"`fps` should be from 1 to {MAX_FPS:g} but is {str(fps)[:40]!r}.")
        alpha = values.get("alpha", False) is True
        if alpha and suffix not in ALPHA_FORMATS:
            known = ", ".join(name[1:] for name in ALPHA_FORMATS)
            raise StudioError(f"`format` should be one of {known} to be transparent but is {format!r}.")
        return cls(suffix, Look(area, size, fps, alpha), values.get("sound", True) is not False)


def film_choices() -> list[dict[str, Any]]:
    """Formats as the page offers them."""
    return [
        {
            "key": suffix[1:],
            "label": _LABELS[suffix][0],
            "tip": _LABELS[suffix][1],
            "alpha": suffix in ALPHA_FORMATS,
            "sound": suffix in SOUND_FORMATS,
        }
        for suffix in MEDIA_TYPES
    ]


def start_film(services: Services, session: Session, order: FilmOrder) -> Job:
    """Begin to write the film; it lies in `session.film` when the job is done.

    Raises:
        StudioError: no portrait is open or nothing plays, or other long work still runs.
    """
    portrait, document = session.portrait, session.document
    if portrait is None:
        raise StudioError(NO_PORTRAIT)
    if len(document.track) < 2 and not document.layers:
        raise StudioError(NOTHING_PLAYS)
    if not order.with_sound:
        document = replace(document, sound=None)
    name = file_name(document, "face" if order.look.area == "crop" else "photo", suffix=order.suffix)

    def work(job: Job) -> None:
        path = render_document(
            document,
            portrait,
            session.folder / name,
            renderer=services.renderer,
            look=order.look,
            progress=job.progress,
        )
        old, session.film = session.film, path
        # one film of a visitor at a time: they are large
        if old is not None and old != path:
            old.unlink(missing_ok=True)

    session.job = services.jobs.start("film", work, current=session.job)
    return session.job
