"""A film, a template, a capture or the camera moves the face: read once, kept raw, laid under the edit as the clip."""

from __future__ import annotations

import base64
import io
import itertools
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.errors import StudioError
from pipelines.files import encode_picture
from pipelines.motion.exchange import FORMATS
from pipelines.motion.space import FPS
from pipelines.motion.track import Track
from pipelines.portrait.types import Portrait
from pipelines.project import Media
from pipelines.retarget import VIDEO_SUFFIXES, read_driver, retarget
from pipelines.video import Progress, extract_sound, read_video, video_info
from studio.clip import MAX_FRAMES
from studio.drive_order import DriveOrder
from studio.jobs import Job, JobDesk
from studio.wording import NO_PORTRAIT

if TYPE_CHECKING:
    from studio.session import Session

THUMB_PX = 96
READ = 0.95
"""Share of the work that is reading."""


@dataclass(frozen=True)
class Driver:
    """What was read, before any option acts on it."""

    track: Track
    sound: Media | None = None
    film: Path | None = None
    """The film, kept where another of its faces can be chosen."""
    faces: tuple[bytes, ...] = ()
    """JPEG thumbs of the faces at the film's start, largest first."""
    face_index: int = 0

    def record(self) -> dict[str, Any]:
        """What the panel shows of it."""
        return {
            "label": self.track.label,
            "frames": len(self.track),
            "fps": self.track.fps,
            "duration_s": self.track.duration_s,
            "sound": self.sound is not None,
            "faces": ["data:image/jpeg;base64," + base64.b64encode(face).decode() for face in self.faces],
            "face_index": self.face_index,
        }


def check_driver_name(name: str) -> str:
    """The ending of an uploaded file, in lower case.

    Raises:
        StudioError: not a kind of file that drives.
    """
    suffix = Path(name).suffix.lower()
    if suffix not in (*VIDEO_SUFFIXES, *FORMATS):
        known = ", ".join((*VIDEO_SUFFIXES, *FORMATS))
        raise StudioError(f"`driver` should be a video or a motion file ({known}) but is '{name[:60]}'.")
    return suffix


def start_drive(jobs: JobDesk, session: Session, path: Path, *, label: str, order: DriveOrder, face_index: int) -> Job:
    """Begin to read a driver; its motion is the session's clip when the job is done.

    Raises:
        StudioError: no portrait is open, or other long work still runs.
    """
    if session.portrait is None:
        raise StudioError(NO_PORTRAIT)

    def discard() -> None:
        if session.driver is None or session.driver.film != path:
            path.unlink(missing_ok=True)

    def work(job: Job) -> None:
        try:
            driver = read_kept(path, label=label, face_index=face_index, progress=job.progress)
            job.check()
            lay_under(session, driver, order)
        except BaseException:
            discard()
            raise

    session.job = jobs.start("drive", work, current=session.job, never_begun=discard)
    return session.job


def read_kept(path: Path, *, label: str, face_index: int, progress: Progress) -> Driver:
    """The raw motion of a driver with its sound; the file is gone unless another face of it can be chosen.

    Raises:
        StudioError: as `read_driver`, or too long for the page.
    """
    is_film = path.suffix in VIDEO_SUFFIXES
    if is_film and (long_s := video_info(path).duration_s) > MAX_FRAMES / FPS:
        raise StudioError(
            f"`driver` should last at most {MAX_FRAMES / FPS / 60:.0f} minutes but lasts {long_s:.0f} s."
        )
    faces = _thumbs(path) if is_film else ()
    track = read_driver(path, face_index=face_index, progress=lambda done, text: progress(READ * done, text))
    track = replace(track, label=label)
    if not 2 <= len(track) <= MAX_FRAMES:
        raise StudioError(f"`driver` should have 2 to {MAX_FRAMES} frames but has {len(track)}; choose another file.")
    sound = _sound_of(path, track) if is_film else None
    progress(READ, "laying it on the face")
    if len(faces) > 1:
        return Driver(track, sound, path, faces, face_index)
    path.unlink(missing_ok=True)
    return Driver(track, sound)


def _thumbs(path: Path) -> tuple[bytes, ...]:
    import cv2

    from pipelines.portrait.follow import SEARCH_EVERY, faces_at_start

    frames = itertools.islice(read_video(path), SEARCH_EVERY)
    crops = faces_at_start(frames)
    size = (THUMB_PX, THUMB_PX)
    thumbs = (np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_AREA), np.uint8) for crop in crops)
    return tuple(encode_picture(thumb, ".jpg") for thumb in thumbs)


def _sound_of(path: Path, track: Track) -> Media | None:
    from pipelines.retarget_commands import has_sound

    if not has_sound(path):
        return None
    import soundfile

    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        wav = extract_sound(path, Path(folder) / "sound.wav", longest_s=track.duration_s)
        samples, rate = soundfile.read(wav, dtype="int16")
    return _packed(samples, rate)


def _packed(samples: Any, rate: int) -> Media:
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format="FLAC")
    return Media(".flac", buffer.getvalue())


def derived(driver: Driver, portrait: Portrait, order: DriveOrder) -> tuple[Track, Media | None]:
    """The clip of a driver on one face: cut, smoothed and weighted anew from what was read.

    Raises:
        StudioError: the range leaves fewer than two frames.
    """
    fps, count = driver.track.fps, len(driver.track)
    start = round(order.start_s * fps)
    stop = count if order.stop_s is None else min(count, round(order.stop_s * fps))
    if stop - start < 2:
        raise StudioError(
            f"The range should hold at least 2 frames of {driver.track.duration_s:.1f} s; move `start` or `stop`."
        )
    track = retarget(driver.track, portrait, order.retarget)
    if (start, stop) == (0, count):
        return track, driver.sound
    return track[start:stop], _cut(driver.sound, start / fps, stop / fps)


def _cut(sound: Media | None, start_s: float, stop_s: float) -> Media | None:
    if sound is None:
        return None
    import soundfile

    samples, rate = soundfile.read(io.BytesIO(sound.data), dtype="int16")
    part = samples[round(start_s * rate) : round(stop_s * rate)]
    return _packed(part, rate) if len(part) else None


def lay_under(session: Session, driver: Driver, order: DriveOrder) -> None:
    """A new driver becomes the clip.

    Raises:
        StudioError: no portrait is open, or as `derived`.
    """
    if session.portrait is None:
        raise StudioError(NO_PORTRAIT)
    track, sound = derived(driver, session.portrait, order)
    old, session.driver = session.driver, driver
    if old is not None and old.film is not None and old.film != driver.film:
        old.film.unlink(missing_ok=True)
    session.push(session.document.with_track(track, sound=sound), label=f"Drive with {track.label}")


def derive_again(session: Session, order: DriveOrder, *, joins: str | None = None) -> None:
    """Other options for the driver at hand, without reading it again.

    Raises:
        StudioError: there is no driver or no portrait, or as `derived`.
    """
    driver, portrait = session.driver, session.portrait
    if driver is None or portrait is None:
        raise StudioError("There is no driver yet; choose a file in the Drive panel.")
    track, sound = derived(driver, portrait, order)
    document = replace(session.document, track=track, sound=sound)
    session.push(document, label=f"Options of {track.label}", joins=joins)
