"""Moving pictures other than films: GIF, WebP, APNG, WebM with alpha, single frames in a zip.

One frame at a time, under a temporary name until complete; whoever gives the frames or takes the progress ends the
work by raising, and no file is left.
"""

from __future__ import annotations

import io
import subprocess
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol

import numpy as np
from PIL import Image

from pipelines.errors import StudioError
from pipelines.video import AUDIO_BIT_RATE, VIDEO_FORMATS, Frame, Progress, check_video_path, sound_input, write_video

_PALETTES = "split[a][b];[a]palettegen=stats_mode=single[p];[b][p]paletteuse=new=1:dither=bayer:bayer_scale=4"
_CODING: dict[str, tuple[str, ...]] = {
    # a palette for every frame: one for all would need all frames at once
    ".gif": ("-filter_complex", _PALETTES, "-loop", "0", "-f", "gif"),
    ".webp": ("-c:v", "libwebp", "-quality", "85", "-compression_level", "3", "-loop", "0", "-f", "webp"),
    ".apng": ("-c:v", "apng", "-pred", "mixed", "-plays", "0", "-f", "apng"),
    ".webm": (
        *("-c:v", "libvpx-vp9", "-crf", "24", "-b:v", "0", "-deadline", "realtime", "-cpu-used", "6", "-row-mt", "1"),
        *("-auto-alt-ref", "0", "-f", "webm"),
    ),
}
_HALVED_COLOUR = {3: "yuv420p", 4: "yuva420p"}
"""Pixels by the number of channels."""
ANIMATION_FORMATS: dict[str, str] = {
    ".gif": "GIF",
    ".webp": "animated WebP",
    ".apng": "animated PNG",
    ".webm": "WebM, with alpha where the frames have it",
    ".zip": "single frames as PNG",
}
SOUND_FORMATS = (*VIDEO_FORMATS, ".webm")
ALPHA_FORMATS = (".webp", ".apng", ".webm", ".zip")
_LOG_BYTES = 400


class _Sink(Protocol):
    def write(self, picture: Frame) -> None: ...


def check_moving_path(path: Path) -> None:
    """Refuse an output that cannot be written before any work is done.

    Raises:
        StudioError: not a format we write, or the folder does not exist.
    """
    if path.suffix.lower() in VIDEO_FORMATS:
        check_video_path(path)
        return
    if path.suffix.lower() not in ANIMATION_FORMATS:
        known = ", ".join((*VIDEO_FORMATS, *ANIMATION_FORMATS))
        raise StudioError(f"`output` should end in {known} but is '{path.name}'.")
    if not path.resolve().parent.is_dir():
        raise StudioError(f"`output` should lie in a folder that exists: {path}")


def write_moving(
    frames: Iterable[Frame],
    path: Path,
    *,
    fps: float = 25.0,
    audio: Path | None = None,
    total: int | None = None,
    progress: Progress | None = None,
) -> Path:
    """A film or an animation, by the file's ending.

    Args:
        frames: (H, W, 3) uint8 RGB, or (H, W, 4) with alpha where the format holds it; all of one size.
        audio: a file whose first sound track plays along in one of `SOUND_FORMATS`; left out in the others.
        total: how many frames there will be, for `progress`; the sound is cut there.

    Raises:
        StudioError: as `check_moving_path`; no frames; or ffmpeg's reason in its own words.
    """
    check_moving_path(path)
    if path.suffix.lower() in VIDEO_FORMATS:
        return write_video(frames, path, fps=fps, audio=audio, total=total, progress=progress)
    pictures = iter(frames)
    first = next(pictures, None)
    if first is None:
        raise StudioError("An animation should have at least one frame but has none; give a longer motion.")
    if first.shape[-1] == 4 and path.suffix.lower() not in ALPHA_FORMATS:
        raise StudioError(f"`output` should end in {', '.join(ALPHA_FORMATS)} to hold alpha but is '{path.name}'.")
    with tempfile.TemporaryDirectory(dir=path.resolve().parent, prefix=f".{path.stem}.") as folder:
        unfinished = Path(folder) / f"unfinished{path.suffix.lower()}"
        sound = []
        if audio is not None and path.suffix.lower() in SOUND_FORMATS:
            sound = sound_input(audio, longest_s=total / fps if total else None)
        with _sink(unfinished, first.shape, fps, sound) as sink:
            for count, picture in enumerate(_checked(first, pictures), 1):
                sink.write(picture)
                if progress is not None and total:
                    progress(min(count / total, 1.0), f"{count} of {total} frames")
        unfinished.replace(path)
    return path


def _checked(first: Frame, pictures: Iterator[Frame]) -> Iterator[Frame]:
    shape = first.shape
    yield first
    for picture in pictures:
        if picture.shape != shape or picture.dtype != np.uint8:
            raise ValueError(f"A frame should be uint8 {shape} but is {picture.dtype} {picture.shape}.")
        yield picture


def _sink(path: Path, shape: tuple[int, ...], fps: float, sound: list[str]) -> AbstractContextManager[_Sink]:
    if path.suffix == ".zip":
        return _Frames(path)
    return _Pipe(path, shape, fps=fps, sound=sound)


class _Frames:
    """PNG files in a zip."""

    def __init__(self, path: Path) -> None:
        self._archive = zipfile.ZipFile(path, "w", zipfile.ZIP_STORED)
        self._count = 0

    def __enter__(self) -> _Frames:
        return self

    def write(self, picture: Frame) -> None:
        self._count += 1
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "PNG", compress_level=3)
        self._archive.writestr(zipfile.ZipInfo(f"frame_{self._count:06d}.png"), buffer.getvalue())

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._archive.close()


class _Pipe:
    """One ffmpeg process; ended at once when the work is given up."""

    def __init__(self, path: Path, shape: tuple[int, ...], *, fps: float, sound: list[str]) -> None:
        import imageio_ffmpeg

        height, width, channels = shape
        pixels = {3: "rgb24", 4: "rgba"}[channels]
        coding = list(_CODING[path.suffix])
        if path.suffix in (".webm", ".webp"):
            coding = ["-pix_fmt", _HALVED_COLOUR[channels], *coding]
        if path.suffix == ".webm":
            coding = ["-vf", "crop=trunc(iw/2)*2:trunc(ih/2)*2", *coding]
        source = ["-f", "rawvideo", "-pix_fmt", pixels, "-s", f"{width}x{height}", "-r", f"{fps:g}", "-i", "-"]
        tracks = ["-an"]
        if sound:
            tracks = ["-map", "0:v:0", "-map", "1:a:0", "-c:a", "libopus", "-b:a", AUDIO_BIT_RATE]
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", *source, *sound, *tracks, *coding, "-v", "error", str(path)]
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=self._log
        )

    def __enter__(self) -> _Pipe:
        return self

    def write(self, picture: Frame) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(np.ascontiguousarray(picture).data)
        except OSError:
            self._finish()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._log:
            if kind is not None:
                self._process.kill()
                self._process.communicate()
                return
            self._finish()

    def _finish(self) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except OSError:
            self._process.kill()
        if self._process.wait():
            self._log.seek(0)
            reason = " ".join(self._log.read()[-_LOG_BYTES:].decode(errors="replace").split())
            raise StudioError(f"The animation could not be written: {reason or 'ffmpeg ended early'}.")
