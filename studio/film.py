"""The visitor's clip with the edit as a video file, drawn on the job thread by the same renderer as the stage."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.errors import StudioError
from pipelines.project_render import Look, render_document
from pipelines.render.still import Area
from studio.document import file_name
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
    portrait, document = session.portrait, session.document
    if portrait is None:
        raise StudioError(NO_PORTRAIT)
    if len(document.track) < 2 and not document.layers:
        raise StudioError("Nothing plays yet; generate a clip in the Speech panel or add a layer with keys first.")
    name = file_name(document, "face" if order.area == "crop" else "photo", suffix=".mp4")

    def work(job: Job) -> None:
        path = session.folder / name
        session.film = render_document(
            document,
            portrait,
            path,
            renderer=services.renderer,
            look=Look(area=order.area),
            progress=job.progress,
        )

    session.job = services.jobs.start("film", work, current=session.job)
    return session.job
