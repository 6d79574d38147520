"""A voice that is still speaking: a base track that grows, and the ways to make it grow."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

from pipelines.motion.edit import HasSource
from pipelines.motion.pack import mix_relative
from pipelines.motion.space import FPS, Motion
from pipelines.motion.track import Track
from pipelines.speech.choice import MotionStream, SpeechModel, stream_by_rule
from pipelines.speech.reach import FULL, Reach

_REST = Motion.identity()


@dataclass(frozen=True)
class Pace:
    """A way to turn a live voice into motion."""

    key: str
    label: str
    note: str
    """What makes the motion, in a word."""
    tip: str
    look_ahead_s: float
    """Sound it hears beyond a frame before it gives the frame."""
    stream: Callable[..., MotionStream]
    """(portrait=, delivery=) -> motion while the sound arrives."""


def live_paces(model: SpeechModel) -> tuple[Pace, ...]:
    """The ways that are possible here, the quickest first."""
    from pipelines.speech.features.phonetic import LIVE
    from pipelines.speech.segments import STREAMED

    heard_s = LIVE.look_ahead_s
    quick = Pace("quick", "Low delay", "rule", "Lips by rule; brows and cheeks rest", heard_s, stream_by_rule)
    if not model.samples:
        return (quick,)
    natural = "The whole face, by the diffusion transformer"
    ahead_s = heard_s + STREAMED.look_ahead / FPS if model.look_ahead_s is None else model.look_ahead_s
    return (quick, Pace("natural", "Natural", "diffusion", natural, ahead_s, model.stream))


class GrowingTrack:
    """Base frames of which more come; the oldest go beyond `longest`. Safe to read while another thread adds."""

    def __init__(self, *, longest: int, reach: Reach = FULL) -> None:
        self.reach = reach
        """Laid on every frame when it is asked for, so that a change acts at once."""
        self._longest = longest
        self._lock = threading.Lock()
        self._parts: list[Motion] = []
        self._starts: list[int] = []
        self._end = 0

    def __len__(self) -> int:
        """Frames that were ever there."""
        return self._end

    @property
    def start(self) -> int:
        """The first frame that is still kept."""
        with self._lock:
            return self._first

    @property
    def _first(self) -> int:
        return max(self._end - self._longest, 0)

    def add(self, departures: Motion) -> None:
        """(T) frames of departure from the photo, T may be 0."""
        if not len(departures):
            return
        with self._lock:
            self._parts.append(departures)
            self._starts.append(self._end)
            self._end += len(departures)
            while self._starts[0] + len(self._parts[0]) <= self._first:
                del self._parts[0], self._starts[0]

    def at(self, source: HasSource, frame: float) -> Motion:
        """One base frame for `apply_edit`, without mixing; held at both ends. There must be one."""
        with self._lock:
            index = int(min(max(frame, self._first), self._end - 1))
            part = bisect_right(self._starts, index) - 1
            departure = self._parts[part][index - self._starts[part]]
        return mix_relative(source.motion, self.reach.on(departure), reference=_REST)

    def finished(self, *, label: str) -> Track:
        """What is kept, as a track with its reach laid on. There must be a frame."""
        with self._lock:
            parts, skipped = list(self._parts), self._first - self._starts[0]
        return Track(self.reach.on(Motion.joined(parts)[skipped:]), float(FPS), label=label, reference=_REST)
