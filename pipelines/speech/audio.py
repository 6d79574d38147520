"""Sound as the speech models hear it: 16 kHz, mono, in step with 25 frames a second.

ffmpeg decodes, mixes the channels and resamples, so any container with a sound track will do, films too.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipelines.errors import StudioError
from pipelines.motion.space import FPS
from pipelines.video import ONLY_THIS_FILE

Floats = NDArray[np.float32]

SAMPLE_RATE = 16_000
SAMPLES_PER_FRAME = SAMPLE_RATE // FPS
SHORTEST_S = 0.04
"""One frame."""
LONGEST_S = 7200.0
"""Two hours, as long as a track can be."""
BLOCK_S = 10.0
_BYTES = 4
# channels are averaged; by default ffmpeg adds them up to 1.41 times where samples are floats
_TO_SPEECH = ("-rematrix_maxval", "1", "-ac", "1", "-ar", str(SAMPLE_RATE))
_LOUDEST = 4.0
"""Peaks of float files above full scale are cut here; more is damage."""


@dataclass(frozen=True, eq=False)
class Audio:
    """A whole recording."""

    samples: Floats
    """(N,) at 16 kHz, full scale 1."""

    @classmethod
    def of(cls, samples: ArrayLike, *, rate: int) -> Audio:
        """Sound that is already in memory, as (N,) or (N, channels); integers are taken as full scale.

        Raises:
            StudioError: empty, too short or long, not finite.
        """
        from scipy.signal import resample_poly

        raw = np.asarray(samples)
        full_scale = float(np.iinfo(raw.dtype).max) if raw.dtype.kind in "iu" else 1.0
        mono = raw.astype(np.float32) / full_scale
        mono = mono.mean(1) if mono.ndim == 2 else mono
        if not 1000 <= rate <= 400_000:
            raise StudioError(f"`rate` of a sound should be from 1000 to 400000 Hz but is {rate}.")
        if rate != SAMPLE_RATE and len(mono):
            mono = resample_poly(mono, SAMPLE_RATE, rate).astype(np.float32)
        return cls(_checked(mono, "the recording"))

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / SAMPLE_RATE

    @property
    def n_frames(self) -> int:
        """Video frames it fills."""
        return n_frames(len(self.samples))


def n_frames(n_samples: int) -> int:
    """Video frames that `n_samples` fill; a begun frame counts."""
    return -(-n_samples // SAMPLES_PER_FRAME)


def load_audio(path: Path, *, longest_s: float = LONGEST_S) -> Audio:
    """The first sound track of a file.

    Raises:
        StudioError: no sound that can be read, shorter than 40 ms, longer than `longest_s`, or not finite.
    """
    samples = np.zeros(0, np.float32)
    for block in stream_audio(path, longest_s=longest_s):
        # grows in its place: joining blocks at the end would hold the sound twice
        samples.resize(len(samples) + len(block), refcheck=False)
        samples[-len(block) :] = block
    return Audio(samples)


def sound_length(path: Path) -> int:
    """Samples of a file at 16 kHz, read through once in flat memory.

    Raises:
        StudioError: as `load_audio`.
    """
    return sum(map(len, stream_audio(path)))


def stream_audio(path: Path, *, block_s: float = BLOCK_S, longest_s: float = LONGEST_S) -> Iterator[Floats]:
    """The first sound track of a file, 16 kHz mono, in (n,) blocks of `block_s` seconds, the last one shorter; memory
    stays flat.

    Raises:
        StudioError: as `load_audio`; a file that is too long is refused where it gets too long.
    """
    if not path.is_file():
        raise StudioError(f"`sound` should be a file but there is none: {path}")
    block = max(SAMPLES_PER_FRAME, round(block_s * SAMPLE_RATE))
    count = 0
    with _Decoder(path) as decoder:
        while len(samples := decoder.read(block)):
            count += len(samples)
            if count > longest_s * SAMPLE_RATE:
                raise StudioError(
                    f"`sound` should last at most {longest_s / 60:g} minutes but lasts longer; cut it: {path.name}"
                )
            if count >= block or len(samples) >= SHORTEST_S * SAMPLE_RATE:
                yield _checked(samples, path.name, shortest_s=0)
    if count < SHORTEST_S * SAMPLE_RATE:
        raise _too_short(count, path.name)


def _checked(samples: Floats, name: str, *, shortest_s: float = SHORTEST_S) -> Floats:
    if len(samples) < shortest_s * SAMPLE_RATE:
        raise _too_short(len(samples), name)
    if len(samples) > LONGEST_S * SAMPLE_RATE:
        raise StudioError(f"`sound` should last at most {LONGEST_S / 60:g} minutes but lasts longer; cut it: {name}")
    if not np.isfinite(samples).all() or np.abs(samples).max() > 1e6:
        raise StudioError(f"`sound` should hold finite samples but does not; save it again: {name}")
    return np.clip(samples, -_LOUDEST, _LOUDEST)


def _too_short(count: int, name: str) -> StudioError:
    ms = 1000 * count / SAMPLE_RATE
    return StudioError(f"`sound` should last at least {1000 * SHORTEST_S:g} ms but lasts {ms:.0f} ms: {name}")


class _Decoder:
    """One ffmpeg process that writes float samples to a pipe."""

    def __init__(self, path: Path) -> None:
        import imageio_ffmpeg

        wanted = ["-map", "0:a:0", "-vn", "-sn", "-dn", *_TO_SPEECH, "-f", "f32le", "-"]
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", *ONLY_THIS_FILE, "-i", str(path)]
        self._name = path.name
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(  # noqa: S603
            [*command, *wanted], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._log
        )

    def __enter__(self) -> _Decoder:
        return self

    def read(self, count: int) -> Floats:
        """Up to `count` samples; fewer only at the end.

        Raises:
            StudioError: ffmpeg could not read the file and gave nothing.
        """
        assert self._process.stdout is not None
        data = self._process.stdout.read(count * _BYTES)
        if len(data) < count * _BYTES and self._process.wait() and not data:
            self._log.seek(0)
            reason = self._log.read(4000).decode(errors="replace")
            lacking = "no sound track" if "matches no streams" in reason else "nothing that can be read as sound"
            raise StudioError(
                f"`sound` should be a recording or a film with sound but holds {lacking}; choose another: {self._name}"
            )
        return np.frombuffer(data[: len(data) // _BYTES * _BYTES], np.float32)

    def __exit__(self, *_: object) -> None:
        with self._log:
            self._process.kill()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process.wait()
