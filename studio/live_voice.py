"""One live voice of a visitor: sound in, a growing track, at the end a clip."""

from __future__ import annotations

import secrets
import time
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from pipelines.motion.space import FPS
from pipelines.project import Media
from pipelines.speech.audio import SAMPLE_RATE, SAMPLES_PER_FRAME
from pipelines.speech.choice import MotionStream
from pipelines.speech.live import GrowingTrack
from pipelines.speech.reach import Reach
from pipelines.video import extract_sound
from studio.clip import MAX_FRAMES, Clip

LONGEST_S = 3600.0
_MEASURED_PIECES = 50
"""Newest pieces of sound that count for the real-time factor."""


class LiveVoice:
    """Hears sound on one thread; its track may be drawn from by others meanwhile.

    `key` and `track` are those of a `Clip`, so that the live loop draws either.
    """

    def __init__(self, stream: MotionStream, *, sound: Path, label: str, reach: Reach) -> None:
        """
        Args:
            sound: where the WAV of what was heard goes.
        """
        self.key = secrets.token_hex(6)
        self.track = GrowingTrack(longest=MAX_FRAMES, reach=reach)
        self.label = label
        self.look_ahead_s = stream.look_ahead_s
        self.heard_s = 0.0
        self._pieces: deque[tuple[float, float]] = deque(maxlen=_MEASURED_PIECES)
        self._stream = stream
        self._path = sound
        self._sound = soundfile.SoundFile(sound, "w", SAMPLE_RATE, 1, "PCM_16")

    @property
    def is_full(self) -> bool:
        """Whether it has lasted as long as it may."""
        return self.heard_s >= LONGEST_S

    def hear(self, samples: NDArray[np.float32]) -> None:
        """Take (n,) more samples at 16 kHz."""
        begun = time.perf_counter()
        samples = np.clip(samples, -1, 1)
        self._sound.write(samples)
        self.track.add(self._stream.push(samples))
        duration_s = len(samples) / SAMPLE_RATE
        self.heard_s += duration_s
        self._pieces.append((time.perf_counter() - begun, duration_s))

    @property
    def real_time_factor(self) -> float:
        """Seconds of work for one second of sound, lately."""
        work_s, sound_s = (sum(column) for column in zip(*self._pieces, strict=True)) if self._pieces else (0.0, 1.0)
        return work_s / max(sound_s, 1 / SAMPLE_RATE)

    def finish(self, *, better_sound: Path | None = None) -> Clip | None:
        """The clip of what was heard; None where it was shorter than a frame.

        Args:
            better_sound: the same sound from its beginning in a better quality.
        """
        self.track.add(self._stream.finish())
        self._sound.close()
        if not len(self.track):
            self.drop()
            return None
        track = self.track.finished(label=self.label)
        start = self.track.start * SAMPLES_PER_FRAME
        if better_sound is not None and not start:
            extract_sound(better_sound, self._path, longest_s=track.duration_s)
        elif start:
            samples, _ = soundfile.read(self._path, start=start, dtype="int16")
            soundfile.write(self._path, samples, SAMPLE_RATE, subtype="PCM_16")
        sound = Media(self._path.suffix, self._path.read_bytes())
        self.drop()
        return Clip(track, sound, key=self.key)

    def drop(self) -> None:
        """Forget the sound."""
        self._sound.close()
        self._path.unlink(missing_ok=True)

    def record(self) -> dict[str, Any]:
        """What the page is told while it runs."""
        return {
            "frames": len(self.track),
            "fps": FPS,
            "heard_s": round(self.heard_s, 3),
            "rtf": round(self.real_time_factor, 3),
        }
