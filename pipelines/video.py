"""Films through ffmpeg, one frame at a time: written whole or not at all, read turned the right way up."""

from __future__ import annotations

import subprocess
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.errors import StudioError
from pipelines.picture_pipe import Frame, PicturePipe, Progress, write_whole

VIDEO_FORMATS = (".mp4",)
CRF = 18
"""x264's constant quality: differences from the frames are not visible."""
AUDIO_BIT_RATE = "160k"
SOUND_RATE = 32_000
"""Samples a second of extracted sound: all that speech holds."""
_EVEN = "crop=trunc(iw/2)*2:trunc(ih/2)*2,scale=out_color_matrix=bt709:out_range=tv"
_COLOURS = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv"]
# playlists and scripts name other files: only containers that hold their own data are opened
_CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,ogg,wav,w64,mp3,flac,aac,aiff,gif,caf,asf"
ONLY_THIS_FILE = ["-protocol_whitelist", "file,pipe", "-format_whitelist", _CONTAINERS]


def check_video_path(path: Path) -> None:
    """Refuse an output that cannot be written before any work is done.

    Raises:
        StudioError: not a format we write, or the folder does not exist.
    """
    check_output(path, VIDEO_FORMATS)


def check_output(path: Path, formats: tuple[str, ...]) -> None:
    """`check_video_path` for other formats, given by their endings such as ".gif"."""
    if path.suffix.lower() not in formats:
        raise StudioError(f"`output` should end in {', '.join(formats)} but is '{path.name}'.")
    if not path.resolve().parent.is_dir():
        raise StudioError(f"`output` should lie in a folder that exists: {path}")


def write_video(
    frames: Iterable[Frame],
    path: Path,
    *,
    fps: float = 25.0,
    audio: Path | None = None,
    total: int | None = None,
    progress: Progress | None = None,
) -> Path:
    """An H.264 film with AAC sound, under a temporary name until it is complete; memory does not grow with its length.

    Args:
        frames: (H, W, 3) uint8 RGB, all of one size; an odd last row or column is left out, as H.264 needs.
        audio: a file whose first sound track plays along. Every picture stays if the sound ends first.
        total: how many frames there will be, for `progress`; the sound is cut there.

    Raises:
        StudioError: no frames, a folder that cannot be written, or ffmpeg's reason in its own words.
    """
    check_video_path(path)

    def encoder(unfinished: Path, shape: tuple[int, ...]) -> PicturePipe:
        sound = [] if audio is None else sound_input(audio, longest_s=total / fps if total else None)
        tracks = ["-an"] if not sound else ["-map", "0:v:0", "-map", "1:a:0", "-c:a", "aac", "-b:a", AUDIO_BIT_RATE]
        coding = ["-c:v", "libx264", "-preset", "veryfast", "-crf", str(CRF), "-pix_fmt", "yuv420p", "-vf", _EVEN]
        arguments = [*sound, *tracks, *coding, *_COLOURS, "-movflags", "+faststart"]
        return PicturePipe(unfinished, shape, fps=fps, coding=arguments)

    return write_whole(frames, path, open_sink=encoder, total=total, progress=progress)


def sound_input(audio: Path, *, longest_s: float | None) -> list[str]:
    """ffmpeg's input arguments for a sound that plays along, cut at `longest_s` seconds."""
    length = [] if longest_s is None else ["-t", f"{longest_s:.6f}"]
    return [*ONLY_THIS_FILE, *length, "-i", str(audio)]


def extract_sound(source: Path, path: Path, *, rate: int = SOUND_RATE, longest_s: float | None = None) -> Path:
    """The first sound track of a file as mono 16-bit WAV, which plays and seeks alike everywhere.

    Raises:
        StudioError: the file holds no sound we can read.
    """
    import imageio_ffmpeg

    part = [] if longest_s is None else ["-t", f"{longest_s:g}"]
    coding = ["-vn", "-map", "0:a:0", "-map_metadata", "-1", "-ac", "1", "-ar", str(rate), "-c:a", "pcm_s16le"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-v", "error", *ONLY_THIS_FILE, "-i", str(source)]
    command += [*part, *coding, "-f", "wav", str(path)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)  # noqa: S603
    if done.returncode:
        path.unlink(missing_ok=True)
        raise StudioError(
            f"`sound` should be a file with a sound track such as .wav or .mp3; choose another: {source.name}"
        )
    return path


@dataclass(frozen=True)
class VideoInfo:
    """What a film's header says."""

    size: tuple[int, int]
    """(width, height) as shown."""
    fps: float
    duration_s: float


def video_info(path: Path) -> VideoInfo:
    """
    Raises:
        StudioError: the file holds no pictures we can read.
    """
    reader = _reader(path, None)
    try:
        meta = next(reader)
    except (OSError, RuntimeError, StopIteration, KeyError) as error:
        raise _unreadable(path) from error
    finally:
        reader.close()
    width, height = meta["size"]
    return VideoInfo((int(width), int(height)), float(meta["fps"]), float(meta["duration"]))


def read_video(path: Path, *, fps: float | None = None) -> Iterator[Frame]:
    """(H, W, 3) uint8 RGB frames of a film as it is shown, its turn applied; one in memory at a time.

    Args:
        fps: frames a second to give, by leaving out or repeating; None gives the film's own.

    Raises:
        StudioError: the file holds no pictures we can read.
    """
    width, height = video_info(path).size
    reader = _reader(path, fps)
    try:
        next(reader)
        for data in reader:
            yield np.frombuffer(data, np.uint8).reshape(height, width, 3)
    except (OSError, RuntimeError) as error:
        raise _unreadable(path) from error
    finally:
        reader.close()


def _reader(path: Path, fps: float | None) -> Generator:
    import imageio_ffmpeg

    if not path.is_file():
        raise _unreadable(path)
    rate = [] if fps is None else ["-vf", f"fps={fps:g}"]
    return imageio_ffmpeg.read_frames(str(path), input_params=list(ONLY_THIS_FILE), output_params=rate)


def _unreadable(path: Path) -> StudioError:
    return StudioError(f"`video` should be a video file such as .mp4, .mov or .webm; choose another one: {path.name}")
