"""Moving pictures on their way into a file: one frame at a time, under a temporary name until the file is complete."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from itertools import chain
from pathlib import Path
from typing import IO, Protocol

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import StudioError

Frame = NDArray[np.uint8]
Progress = Callable[[float, str], None]
"""Gets a fraction and a text; whatever it raises ends the work and leaves no file."""
_LOG_BYTES = 400
_PIXELS = {3: "rgb24", 4: "rgba"}
"""ffmpeg's name by the number of channels."""


class Sink(Protocol):
    """Takes frames until it is closed."""

    def write(self, picture: Frame) -> None: ...


def write_whole(
    frames: Iterable[Frame],
    path: Path,
    *,
    open_sink: Callable[[Path, tuple[int, ...]], AbstractContextManager[Sink]],
    total: int | None = None,
    progress: Progress | None = None,
) -> Path:
    """All frames into one file, which takes its name once it is complete; memory does not grow with its length.

    Args:
        frames: (H, W, C) uint8, all of one shape. Whatever they raise ends the work and leaves no file.
        open_sink: gets a temporary path with the ending of `path`, and the shape of the frames.
        total: how many frames there will be, for `progress`.

    Raises:
        StudioError: there are no frames.
        ValueError: a frame of another shape or type.
    """
    pictures = iter(frames)
    first = next(pictures, None)
    if first is None:
        raise StudioError("A film should have at least one frame but has none; give a longer motion or sound.")
    with tempfile.TemporaryDirectory(dir=path.resolve().parent, prefix=f".{path.stem}.") as folder:
        unfinished = Path(folder) / f"unfinished{path.suffix.lower()}"
        with open_sink(unfinished, first.shape) as sink:
            for count, picture in enumerate(chain((first,), pictures), 1):
                if picture.shape != first.shape or picture.dtype != np.uint8:
                    raise ValueError(f"A frame should be uint8 {first.shape} but is {picture.dtype} {picture.shape}.")
                sink.write(picture)
                if progress is not None and total:
                    progress(min(count / total, 1.0), f"{count} of {total} frames")
        unfinished.replace(path)
    return path


class PicturePipe:
    """One ffmpeg process that takes raw pictures; ended at once when the work is given up."""

    def __init__(self, path: Path, shape: tuple[int, ...], *, fps: float, coding: Sequence[str]) -> None:
        """
        Args:
            shape: (H, W, 3) or, with alpha, (H, W, 4).
            coding: ffmpeg's arguments after the pictures, which are its first input, and before the output.
        """
        import imageio_ffmpeg

        height, width, channels = shape
        source = ["-f", "rawvideo", "-pix_fmt", _PIXELS[channels], "-s", f"{width}x{height}", "-r", f"{fps:g}"]
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", *source, "-i", "-", *coding, "-v", "error", str(path)]
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=self._log
        )

    def __enter__(self) -> PicturePipe:
        return self

    def write(self, picture: Frame) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(np.ascontiguousarray(picture).data)
        except OSError:
            self._finish()
            raise

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
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
            raise StudioError(f"The film could not be written: {reason or 'ffmpeg ended early'}.")
