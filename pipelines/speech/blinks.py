"""Blinks from a table, the policy of Ditto's shipped configuration.

The table itself is not public; ours follows the blink row of the lid law (pipelines/motion/eyes.py): 4 frames to
close, 2 shut, 9 to open again.

People who talk blink where phrases end (Nakano and Kitazawa 2010, doi 10.1007/s00221-010-2387-z). `SpokenBlinks` waits
for such a place a while; Ditto's own schedule, `Blinks`, does not listen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import StudioError
from pipelines.motion.eyes import BLINK_LOWER, BLINK_UPPER, LOWER_LID, UPPER_LID
from pipelines.motion.space import N_EXP

Floats = NDArray[np.float32]

CLOSURE = (0.0, 0.15, 0.5, 0.88, 1.0, 1.0, 0.9, 0.72, 0.53, 0.37, 0.24, 0.14, 0.07, 0.03, 0.0)
"""Lid closure over the 15 frames of a blink."""
BLINK_FRAMES = len(CLOSURE)
PAUSE_FRAMES = 6
"""Frames without a phone after which a phrase has ended."""
_EARLY, _LATE = 0.75, 1.2
"""Shares of a gap: the least before a blink as a phrase ends, the most within a phrase."""


@dataclass(frozen=True)
class BlinkOptions:
    """When to blink."""

    gaps: tuple[int, ...] | None = None
    """Frames with open eyes between blinks, in turn; None draws each gap."""
    shortest: int = 60
    longest: int = 100
    """Drawn gaps lie in [shortest, longest]."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.gaps is not None and (not self.gaps or min(self.gaps) < 0):
            raise StudioError(f"`gaps` should be frame counts of at least 0 but is {self.gaps}.")
        if not 0 <= self.shortest <= self.longest:
            raise StudioError(f"`shortest` should be between 0 and `longest` but is {self.shortest}.")


def blink_table() -> Floats:
    """(15, 63) expression offsets of one blink."""
    table = np.zeros((BLINK_FRAMES, N_EXP), np.float32)
    closure = np.array(CLOSURE, np.float32)[:, None]
    table[:, UPPER_LID] = BLINK_UPPER * closure
    table[:, LOWER_LID] = BLINK_LOWER * closure
    return table


def blink_starts(options: BlinkOptions) -> Iterator[int]:
    """First frames of all blinks, without end."""
    frame = 0
    for gap in _gaps(options):
        frame += gap
        yield frame
        frame += BLINK_FRAMES


class Blinks:
    """Expression offsets of blinks, frame after frame."""

    def __init__(self, options: BlinkOptions) -> None:
        self._starts = blink_starts(options)
        self._start = next(self._starts)
        self._frame = 0

    def take(self, count: int) -> Floats:
        """(count, 63) of the next frames."""
        table = blink_table()
        rows = np.zeros(count, np.intp)
        for index in range(count):
            if self._frame >= self._start + BLINK_FRAMES:
                self._start = next(self._starts)
            rows[index] = max(0, self._frame - self._start)
            self._frame += 1
        return table[rows]


class SpokenBlinks:
    """Expression offsets of blinks that come with the pauses of a voice, frame after frame."""

    def __init__(self, options: BlinkOptions) -> None:
        self._gaps = _gaps(options)
        self._gap = next(self._gaps)
        self._row = self._open = self._quiet = 0
        self._left: int | None = None
        """Frames until the end, where it is known."""

    def end_after(self, count: int) -> None:
        """The voice ends `count` frames from here: no blink begins that would not be over by then."""
        self._left = count

    def take(self, phones: NDArray[np.bool_]) -> Floats:
        """(T, 63) of the next frames.

        Args:
            phones: (T,) whether a phone is heard.
        """
        rows = np.zeros(len(phones), np.intp)
        for index, heard in enumerate(phones):
            self._quiet = 0 if heard else self._quiet + 1
            if self._row:
                self._row = (self._row + 1) % BLINK_FRAMES
            elif self._open >= self._gap * self._wait() and (self._left is None or self._left >= BLINK_FRAMES):
                self._row, self._open, self._gap = 1, 0, next(self._gaps)
            else:
                self._open += 1
            rows[index] = self._row
            self._left = None if self._left is None else self._left - 1
        return blink_table()[rows]

    def _wait(self) -> float:
        """Share of the gap that has to pass at such a place."""
        if self._quiet == PAUSE_FRAMES:
            return _EARLY
        return 1.0 if self._quiet > PAUSE_FRAMES else _LATE


def _gaps(options: BlinkOptions, stream: int = 0) -> Iterator[int]:
    fixed: Sequence[int] | None = options.gaps
    rng = np.random.default_rng([options.seed, stream])
    turn = 0
    while True:
        yield fixed[turn % len(fixed)] if fixed else int(rng.integers(options.shortest, options.longest + 1))
        turn += 1
