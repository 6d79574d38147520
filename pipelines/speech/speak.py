"""A talking film from a portrait, a voice and an edit: motion, pictures and encoding in one pass of flat memory."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import StudioError
from pipelines.motion.edit import Edit
from pipelines.motion.pack import mix_relative
from pipelines.motion.space import FPS, Motion
from pipelines.portrait.types import Portrait
from pipelines.render.base import Renderer
from pipelines.render.sequence import render_sequence
from pipelines.render.still import MAX_SIZE, MIN_SIZE, Area
from pipelines.speech.choice import MotionStream
from pipelines.stopwatch import Stopwatch
from pipelines.video import Frame, Progress, write_video

MOTION, RENDER, ENCODE = "speech to motion", "render", "encode"
STAGES = (MOTION, RENDER, ENCODE)


@dataclass(frozen=True)
class FilmOptions:
    """What the film looks like."""

    edit: Edit
    area: Area = "crop"
    size: int | None = None
    """Side of the rendered face in pixels; see `render_sequence`."""
    threads: int = 2
    """Pictures drawn at a time."""

    def __post_init__(self) -> None:
        if self.size is not None and not MIN_SIZE <= self.size <= MAX_SIZE:
            raise StudioError(f"`size` should be from {MIN_SIZE} to {MAX_SIZE} pixels but is {self.size}.")


@dataclass(frozen=True)
class SpeakReport:
    """What a film cost, by stage; wall seconds."""

    frames: int
    seconds: dict[str, float]
    first_frame_s: float
    """Of a whole file: from the start until frame 0 is with the encoder. Of a stream: from the moment the last sample
    that frame 0 needs is there until frame 0 is with the encoder; what was done before that sample is not in it,
    because a voice that is spoken leaves time for it."""
    look_ahead_s: float | None = None
    """Sound a stream hears before it gives a frame; None for a film made from the whole voice."""

    @property
    def duration_s(self) -> float:
        """Seconds of film."""
        return self.frames / FPS

    def real_time_factor(self, stage: str) -> float:
        """Seconds of work for one second of film."""
        return self.seconds.get(stage, 0.0) / max(self.duration_s, 1 / FPS)

    @property
    def total_factor(self) -> float:
        """Seconds of work of all stages for one second of film."""
        return sum(map(self.real_time_factor, self.seconds))


def speak_film(
    portrait: Portrait,
    bases: Iterable[Motion],
    output: Path,
    *,
    sound: Path,
    film: FilmOptions,
    renderer: Renderer,
    clock: FirstFrame | None = None,
    look_ahead_s: float | None = None,
    total: int | None = None,
    progress: Progress | None = None,
) -> SpeakReport:
    """Write the film while the motion is still being made; memory does not grow with the length of the voice.

    Args:
        bases: one base frame at a time, made from the voice as it is read (`stream_bases`).
        sound: the file whose sound goes into the film.
        clock: the one `stream_bases` had; without it the delay counts from the start.
        look_ahead_s: for the report.
        total: how many frames there will be, where that is known, for `progress`.

    Raises:
        StudioError: the voice, the output or the edit cannot be used.
    """
    watch, clock = Stopwatch(), clock or FirstFrame()
    pictures = _pictures(portrait, watch.each(MOTION, bases), film, renderer, watch)
    clock.heard()
    counted = _Counted(clock.encoding(pictures))
    with watch.stage(ENCODE):
        write_video(counted, output, fps=FPS, audio=sound, total=total, progress=progress or _silent)
    return SpeakReport(counted.count, watch.seconds, clock.delay_s, look_ahead_s)


class FirstFrame:
    """From the last sample that frame 0 needs to frame 0 with the encoder: the delay a listener feels beyond the sound
    that is heard ahead. Wall seconds, and CPU seconds of this process, which a busy machine does not stretch."""

    def __init__(self) -> None:
        self.delay_s = self.cpu_s = 0.0
        self._since = (time.perf_counter(), time.process_time())
        self._settled = False

    def heard(self) -> None:
        """Sound has arrived; the last call before the first frame is the one that counts."""
        if not self._settled:
            self._since = (time.perf_counter(), time.process_time())

    def settled(self) -> None:
        """The motion of frame 0 is there."""
        self._settled = True

    def encoding(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """The same (H, W, 3) pictures; the clock stops when the encoder has taken the first one."""
        for index, frame in enumerate(frames):
            yield frame
            if index == 0:
                self.delay_s = time.perf_counter() - self._since[0]
                self.cpu_s = time.process_time() - self._since[1]


def stream_bases(
    portrait: Portrait,
    stream: MotionStream,
    blocks: Iterable[NDArray[np.float32]],
    *,
    clock: FirstFrame | None = None,
) -> Iterator[Motion]:
    """Base frames one by one for `speak_film`, from (n,) blocks of sound at 16 kHz.

    Args:
        clock: told when sound arrives and when frame 0 is settled.
    """
    clock = clock or FirstFrame()
    for block in blocks:
        clock.heard()
        bases = _on(portrait, stream.push(block))
        for base in bases:
            clock.settled()
            yield base
    clock.heard()
    yield from _on(portrait, stream.finish())


def _on(portrait: Portrait, departures: Motion) -> Iterator[Motion]:
    moved = mix_relative(portrait.motion, departures, reference=Motion.identity())
    return (moved[index] for index in range(len(moved)))


def _pictures(
    portrait: Portrait, bases: Iterator[Motion], film: FilmOptions, renderer: Renderer, watch: Stopwatch
) -> Iterator[Frame]:
    frames = render_sequence(
        portrait, bases, film.edit, area=film.area, size=film.size, renderer=renderer, threads=film.threads
    )
    return watch.each(RENDER, frames)


class _Counted:
    """The same pictures; keeps how many there were."""

    def __init__(self, frames: Iterator[Frame]) -> None:
        self._frames = frames
        self.count = 0

    def __iter__(self) -> Iterator[Frame]:
        for frame in self._frames:
            self.count += 1
            yield frame


def _silent(done: float, text: str) -> None:
    """Tells nobody."""
