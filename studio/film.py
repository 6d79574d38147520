"""The visitor's clip with the edit as a video file, drawn on the job thread by the same renderer as the stage."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import StudioError
from pipelines.motion.edit import Edit
from pipelines.portrait.types import Portrait
from pipelines.render.base import Renderer
from pipelines.render.sequence import render_sequence
from pipelines.render.still import Area
from pipelines.video import Progress, write_video
from studio.clip import Clip
from studio.export import AREAS
from studio.jobs import Job
from studio.services import Services
from studio.session import Session
from studio.wording import NO_PORTRAIT


@dataclass(frozen=True)
class FilmOrder:
    """What to write."""

    area: Area = "crop"

    @classmethod
    def of(cls, *, area: object) -> FilmOrder:
        """Checked order.

        Raises:
            StudioError: not one of the areas.
        """
        if area not in AREAS:
            raise StudioError(f"`area` should be one of {', '.join(AREAS)} but is {str(area)[:40]!r}.")
        return cls(area)


def start_film(services: Services, session: Session, order: FilmOrder) -> Job:
    """Begin to write the video; it lies in `session.film` when the job is done.

    Raises:
        StudioError: no portrait or no clip is open, or other long work still runs.
    """
    portrait, clip, document = session.portrait, session.clip, session.document
    if portrait is None:
        raise StudioError(NO_PORTRAIT)
    if clip is None:
        raise StudioError("Nothing plays yet; generate a clip in the Speech panel first.")
    name = document.file_name("face" if order.area == "crop" else "photo", suffix=".mp4")

    def work(job: Job) -> None:
        path = session.folder / name
        session.film = write_clip(
            portrait,
            clip,
            document.edit,
            path=path,
            area=order.area,
            renderer=services.renderer,
            progress=job.progress,
        )

    session.job = services.jobs.start("film", work, current=session.job)
    return session.job


def write_clip(
    portrait: Portrait,
    clip: Clip,
    edit: Edit,
    *,
    path: Path,
    area: Area,
    renderer: Renderer,
    progress: Progress,
) -> Path:
    """The clip with the edit on every frame, and its sound."""
    bases = (clip.track.at(portrait, index) for index in range(len(clip.track)))
    frames = render_sequence(portrait, bases, edit, area=area, renderer=renderer)
    return write_video(frames, path, fps=clip.track.fps, audio=clip.sound, total=len(clip.track), progress=progress)
