"""What plays under the edit: a base track, its sound, and both as the timeline shows them."""

from __future__ import annotations

import secrets
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import StudioError
from pipelines.motion.eyes import lid_closure
from pipelines.motion.space import N_EXP, Motion
from pipelines.motion.track import Track
from pipelines.project import Document, Media
from pipelines.speech.visemes import lip_measures
from pipelines.video import extract_sound

MAX_FRAMES = 15_000
"""Ten minutes at 25 fps, 9 MB; the command line has no such limit."""
KEPT = 4
"""Most clips of one visitor with a sound file of their own."""
PEAKS = 1200
"""Columns of the waveform."""
MAX_POINTS = 4000
"""Most points of a curve on the page; longer tracks are thinned."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Clip:
    """A base track and its sound as the page plays them. Never changed: a new one takes its place."""

    track: Track
    media: Media | None = None
    """The sound as the document holds it."""
    key: str = field(default_factory=lambda: secrets.token_hex(6))

    def __post_init__(self) -> None:
        if len(self.track) > MAX_FRAMES:
            minutes = MAX_FRAMES / self.track.fps / 60
            raise StudioError(
                f"The page plays at most {minutes:.0f} minutes but this track has {self.track.duration_s / 60:.1f}; "
                "use `python -m pipelines speak --stream` for longer sound."
            )

    def record(self) -> dict[str, Any]:
        """What the page always knows of it."""
        return {
            "key": self.key,
            "frames": len(self.track),
            "fps": self.track.fps,
            "label": self.track.label,
            "sound": self.media is not None,
        }

    def drawing(self, sound: Path | None = None) -> dict[str, Any]:
        """Waveform and curves for the timeline: values of each curve, every `step` frames.

        Args:
            sound: the WAV of `ClipShelf.sound`.
        """
        step = -(-len(self.track) // MAX_POINTS)
        curves = track_curves(self.track.motion[::step] if step > 1 else self.track.motion, self.track.reference)
        return {
            "key": self.key,
            "peaks": () if sound is None else sound_peaks(read_samples(sound)),
            "step": step,
            "curves": {name: np.round(values, 3).tolist() for name, values in curves.items()},
        }


class ClipShelf:
    """The clips of the newest few tracks of a visitor, so that undo finds the one it had. For any thread."""

    def __init__(self, folder: Callable[[], Path]) -> None:
        """
        Args:
            folder: gives the place for sounds, made when it is first needed.
        """
        self._folder = folder
        self._lock = threading.Lock()
        self._clips: list[Clip] = []

    def of(self, document: Document) -> Clip | None:
        """The clip of a document; None where the photo stands still.

        Raises:
            StudioError: the track is too long for the page.
        """
        if len(document.track) < 2:
            return None
        for clip in self._clips:
            if clip.track is document.track and clip.media is document.sound:
                return clip
        clip = Clip(document.track, document.sound)
        self.add(clip)
        return clip

    def add(self, clip: Clip) -> None:
        """A clip that is there before the document that holds its track and sound."""
        with self._lock:
            kept, gone = [clip, *self._clips][:KEPT], self._clips[KEPT - 1 :]
            self._clips = kept
            for old in gone:
                self._path(old).unlink(missing_ok=True)

    def sound(self, clip: Clip) -> Path | None:
        """16-bit WAV that plays along; None for a silent clip.

        Raises:
            StudioError: the document's sound cannot be read.
        """
        if clip.media is None:
            return None
        path = self._path(clip)
        with self._lock:
            if not path.is_file():
                with tempfile.TemporaryDirectory(dir=path.parent) as folder:
                    given = Path(folder) / f"given{clip.media.suffix}"
                    given.write_bytes(clip.media.data)
                    extract_sound(given, Path(folder) / path.name, longest_s=clip.track.duration_s).replace(path)
        return path

    def clear(self) -> None:
        """Forget all of them; the files go with their folder."""
        self._clips = []

    def _path(self, clip: Clip) -> Path:
        return self._folder() / f"voice-{clip.key}.wav"


def read_samples(sound: Path) -> Floats:
    """(N,) samples of a mono WAV, -1..1."""
    import soundfile

    return np.asarray(soundfile.read(sound, dtype="float32")[0], np.float32)


def track_curves(motion: Motion, reference: Motion) -> dict[str, Floats]:
    """What a motion does, as (T,) curves.

    `lips` is the change of the gap between the lips in inter-ocular distances, `yaw` the turn of the head in degrees,
    `blink` the closure of the more open eye: 0 as photographed, 1 shut.
    """
    exp = (motion.exp - reference.exp).reshape(-1, N_EXP)
    side = (motion.side - reference.side).reshape(-1, N_EXP)
    lips, _ = lip_measures(exp)
    blink = lid_closure(exp - side, exp + side).min(-1)
    yaw = motion.yaw_deg - reference.yaw_deg
    return {"lips": lips, "yaw": yaw, "blink": blink.astype(np.float32)}


def sound_peaks(samples: Floats) -> tuple[float, ...]:
    """Loudest absolute sample of `PEAKS` equal stretches, scaled so that the loudest of all is 1."""
    if not len(samples):
        return ()
    edges = np.linspace(0, len(samples), PEAKS + 1).astype(int)[:-1]
    peaks = np.maximum.reduceat(np.abs(samples), np.minimum(edges, len(samples) - 1))
    return tuple(np.round(peaks / max(float(peaks.max()), 1e-6), 3).tolist())
