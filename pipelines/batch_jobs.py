"""Many photos, edits and voices at once: jobs as JSON lines, done in parallel, taken up again where they stopped.

{"photo": "a.jpg", "set": {"smile": 0.5}, "output": "a.png"}
{"photo": "a.jpg", "edit": "happy.json", "audio": "voice.wav", "output": "a.mp4"}
{"photo": "a.jpg", "project": "style.ditto", "output": "a.webp"}
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from pipelines.errors import StudioError
from pipelines.files import file_sha256
from pipelines.motion.edit import Edit

MAX_JOBS = 100_000
MAX_FILE_BYTES = 64 << 20
_PATHS = ("photo", "edit", "audio", "driver", "project", "output")


@dataclass(frozen=True, kw_only=True)
class Job:
    """One line. Paths are relative to the folder of the jobs file."""

    photo: Path
    output: Path
    """Its ending says what is made: a picture, or with a voice, driver or project a film or an animation."""
    values: Mapping[str, float] = field(default_factory=dict)
    """Controls, `set` in the file; laid over `edit` if both are given."""
    edit: Path | None = None
    audio: Path | None = None
    """A voice the face speaks with."""
    driver: Path | None = None
    """A video or motion file the face follows."""
    project: Path | None = None
    """A project whose edit, layers, track and sound are laid on the photo, in place of all of these."""
    face: int = 0
    area: str | None = None
    """"crop" or "photo"; None gives the photo for pictures and the crop for films."""
    size: int | None = None
    renderer: str | None = None

    @property
    def moves(self) -> bool:
        return any(path is not None for path in (self.audio, self.driver, self.project))

    def key(self) -> str:
        """Fingerprint of the job and of its input files: if it changes, the job is done again."""
        record = {each.name: str(getattr(self, each.name)) for each in fields(self) if each.name != "values"}
        record["values"] = json.dumps(dict(self.values), sort_keys=True)
        inputs = [path for path in (self.photo, self.edit, self.audio, self.driver, self.project) if path is not None]
        stamps = [(path.stat().st_size, path.stat().st_mtime_ns) if path.is_file() else None for path in inputs]
        return hashlib.sha256(json.dumps([record, stamps]).encode()).hexdigest()


@dataclass(frozen=True)
class Outcome:
    """What became of a job."""

    index: int
    output: Path
    error: str | None = None
    """One sentence; None if it was done."""
    sha256: str = ""
    seconds: float = 0.0
    skipped: bool = False


def read_jobs(path: Path) -> tuple[Job, ...]:
    """The jobs of a file.

    Raises:
        StudioError: the file cannot be read, or the number of the first line that is wrong and why.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise StudioError(f"`jobs` should have at most {MAX_FILE_BYTES >> 20} MB; cut it into parts: {path}")
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise StudioError(f"`jobs` should be a text file that can be read: {path}") from error
    jobs, outputs = [], {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        job = _parsed(line, number, path.resolve().parent)
        if job.output in outputs:
            raise StudioError(
                f"Line {number} of the jobs writes the same output as line {outputs[job.output]}: {job.output.name}"
            )
        outputs[job.output] = number
        jobs.append(job)
    if not 1 <= len(jobs) <= MAX_JOBS:
        raise StudioError(f"`jobs` should hold 1 to {MAX_JOBS} jobs but holds {len(jobs)}.")
    return tuple(jobs)


def _parsed(line: str, number: int, folder: Path) -> Job:
    where = f"Line {number} of the jobs"
    try:
        record: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise StudioError(f"{where} should be a JSON object but is not ({type(error).__name__}).") from error
    if not isinstance(record, dict):
        raise StudioError(f"{where} should be a JSON object but is {type(record).__name__}.")
    known = {"set", *(each.name for each in fields(Job) if each.name != "values")}
    if unknown := record.keys() - known:
        raise StudioError(f"{where} has an unknown `{str(min(unknown))[:40]}`; known are {', '.join(sorted(known))}.")
    try:
        return _checked(record, folder)
    except StudioError as error:
        raise StudioError(f"{where}: {error}") from error


def _checked(record: dict[str, Any], folder: Path) -> Job:
    for name in _PATHS:
        value = record.get(name)
        if value is not None and (not isinstance(value, str) or not value or "\0" in value):
            raise StudioError(f"`{name}` should be the path of a file but is {str(value)[:40]!r}.")
    if record.get("photo") is None or record.get("output") is None:
        raise StudioError("`photo` and `output` should be given but one is missing.")
    given = [name for name in ("audio", "driver", "project") if record.get(name) is not None]
    if len(given) > 1 or ("project" in given and record.keys() & {"set", "edit"}):
        raise StudioError("`audio`, `driver` and `project` should not be given together; choose one.")
    values = record.get("set", {})
    if not isinstance(values, dict):
        raise StudioError(f"`set` should be an object of controls but is {type(values).__name__}.")
    Edit.of(values)
    for name, least in (("face", 0), ("size", 64)):
        value = record.get(name)
        if value is not None and (type(value) is not int or value < least):
            raise StudioError(f"`{name}` should be a whole number from {least} on but is {str(value)[:20]}.")
    for name, choices in (("area", ("crop", "photo")), ("renderer", ("mesh", "neural"))):
        if record.get(name) not in (None, *choices):
            raise StudioError(f"`{name}` should be {' or '.join(choices)} but is {str(record[name])[:20]!r}.")
    paths = {name: folder / record[name] for name in _PATHS if record.get(name) is not None}
    plain = {name: record[name] for name in ("face", "size", "area", "renderer") if record.get(name) is not None}
    job = Job(values=values, **paths, **plain)
    _check_output(job)
    return job


def _check_output(job: Job) -> None:
    from pipelines.animation import check_moving_path
    from pipelines.files import PICTURE_FORMATS

    if job.moves:
        check_moving_path(job.output)
    elif job.output.suffix.lower() not in PICTURE_FORMATS:
        raise StudioError(f"`output` should end in {', '.join(PICTURE_FORMATS)} but is '{job.output.name}'.")
    elif not job.output.parent.is_dir():
        raise StudioError(f"`output` should lie in a folder that exists: {job.output}")


def do_job(job: Job, index: int = 0) -> Outcome:
    """Do one job, whatever may go wrong in it."""
    begun = time.perf_counter()
    try:
        _render(job)
        return Outcome(index, job.output, None, file_sha256(job.output), time.perf_counter() - begun)
    except StudioError as error:
        return Outcome(index, job.output, str(error), seconds=time.perf_counter() - begun)
    except Exception as error:
        # one broken job must not take the others down, wherever it broke
        text = f"The job failed inside ({type(error).__name__}: {' '.join(str(error).split())[:200]})."
        return Outcome(index, job.output, text, seconds=time.perf_counter() - begun)


def _render(job: Job) -> None:
    from pipelines.files import write_picture
    from pipelines.portrait.load import load_photo
    from pipelines.portrait.register import register
    from pipelines.render import choose_renderer
    from pipelines.render.still import render_still

    edit = _edit_of(job)
    renderer = choose_renderer(job.renderer)  # type: ignore[arg-type]
    portrait = register(load_photo(job.photo), face_index=job.face)
    if not job.moves:
        area: Any = job.area or "photo"
        write_picture(job.output, render_still(portrait, edit, area=area, size=job.size, renderer=renderer))
        return
    if job.project is not None:
        _play(job, job.project, portrait, renderer)
        return
    _film(job, portrait, edit, renderer)


def _play(job: Job, project: Path, portrait: Any, renderer: Any) -> None:
    from pipelines.portrait.types import CROP_SIZE
    from pipelines.project import Document, PortraitRef
    from pipelines.project_render import Look, render_document

    document = Document.load(project).with_portrait(PortraitRef())
    area: Any = job.area or "crop"
    render_document(document, portrait, job.output, renderer=renderer, look=Look(area, job.size or CROP_SIZE))


def _film(job: Job, portrait: Any, edit: Edit, renderer: Any) -> None:
    from pipelines.animation import write_moving
    from pipelines.render.sequence import render_sequence
    from pipelines.retarget import read_driver

    if job.audio is not None:
        track = _speech_track(job.audio, portrait)
    else:
        assert job.driver is not None
        track = read_driver(job.driver)
    area: Any = job.area or "crop"
    frames = render_sequence(portrait, track.frames(portrait), edit, area=area, size=job.size, renderer=renderer)
    write_moving(frames, job.output, fps=track.fps, audio=job.audio)


def _speech_track(voice: Path, portrait: Any) -> Any:
    from pipelines.speech.audio import load_audio
    from pipelines.speech.choice import Delivery, choose_model

    model = choose_model()
    if model is None:
        raise StudioError("Speech needs its model, which is missing; restore assets from the repository.")
    audio = load_audio(voice)
    return model.make(
        audio,
        portrait=portrait,
        delivery=Delivery(steps=model.file_steps),
        label=voice.stem[:40],
        progress=lambda done, text: None,
    )


def _edit_of(job: Job) -> Edit:
    if job.edit is None:
        return Edit.of(job.values)
    try:
        saved = Edit.from_json(job.edit.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise StudioError(f"`edit` should be a readable edit file: {job.edit}") from error
    over = Edit.of(job.values).values()
    return Edit.of(saved.values() | over, mask=saved.mask)
