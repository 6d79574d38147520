"""Moving pictures other than films: GIF, WebP, APNG, WebM with alpha, single frames in a zip.

One frame at a time, under a temporary name until complete; whoever gives the frames or takes the progress ends the
work by raising, and no file is left.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path

from PIL import Image

from pipelines.errors import StudioError
from pipelines.picture_pipe import Frame, PicturePipe, Progress, Sink, write_whole
from pipelines.video import AUDIO_BIT_RATE, VIDEO_FORMATS, check_output, sound_input, write_video

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


def check_moving_path(path: Path) -> None:
    """Refuse an output that cannot be written before any work is done.

    Raises:
        StudioError: not a format we write, or the folder does not exist.
    """
    check_output(path, (*VIDEO_FORMATS, *ANIMATION_FORMATS))


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

    def sink(unfinished: Path, shape: tuple[int, ...]) -> AbstractContextManager[Sink]:
        if shape[-1] == 4 and unfinished.suffix not in ALPHA_FORMATS:
            raise StudioError(f"`output` should end in {', '.join(ALPHA_FORMATS)} to hold alpha but is '{path.name}'.")
        if unfinished.suffix == ".zip":
            return _Frames(unfinished)
        sound = []
        if audio is not None and unfinished.suffix in SOUND_FORMATS:
            sound = sound_input(audio, longest_s=total / fps if total else None)
        return PicturePipe(
            unfinished, shape, fps=fps, coding=_coding(unfinished.suffix, channels=shape[-1], sound=sound)
        )

    return write_whole(frames, path, open_sink=sink, total=total, progress=progress)


def _coding(suffix: str, *, channels: int, sound: list[str]) -> list[str]:
    coding = list(_CODING[suffix])
    if suffix in (".webm", ".webp"):
        coding = ["-pix_fmt", _HALVED_COLOUR[channels], *coding]
    if suffix == ".webm":
        coding = ["-vf", "crop=trunc(iw/2)*2:trunc(ih/2)*2", *coding]
    tracks = ["-map", "0:v:0", "-map", "1:a:0", "-c:a", "libopus", "-b:a", AUDIO_BIT_RATE] if sound else ["-an"]
    return [*sound, *tracks, *coding]


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
