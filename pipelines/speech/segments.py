"""From 80-frame segments to one motion of any length: one segmenter for files and for streams.

Overlap, linear fusion, the choice of the reference motion and the smoothing of the pose are Ditto's (parity oracle
`fuse`). Frames leave as soon as no later segment can change them, so a file is a stream that was pushed at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import StudioError
from pipelines.motion.pack import EXPRESSION
from pipelines.motion.space import N_PACKED

Floats = NDArray[np.float32]
Generate = Callable[[int, Floats, Floats], Floats]
"""(segment number, reference frame (265,), conditions (80, C)) -> motion (80, 265)."""

SEGMENT_FRAMES = 80
POSE_WIDTH = EXPRESSION.start
"""Scale, angles and translation: everything but the expression."""


@dataclass(frozen=True)
class SegmentOptions:
    """How segments are cut and joined; the defaults are Ditto's for whole files."""

    length: int = SEGMENT_FRAMES
    overlap: int = 10
    """Frames a segment shares with what is already there."""
    fuse: int | None = None
    """Frames blended by a linear ramp; None: as many as overlap and new frames allow."""
    reset_every: int = 0
    """Every n-th segment starts from the source motion again instead of the last output; 0 never does."""
    reset_keeps_pose: bool = True
    """On such a segment scale, angles and translation continue, only the expression starts again."""
    smooth_frames: int = 3
    """Centred mean over the pose around each joint; 1 is none. The expression is never smoothed."""
    smooth_again: bool = True
    """The same mean once more over the whole motion."""
    warm_up: bool = False
    """Start with `overlap` frames of silence and drop them, so that the first frame comes early."""

    def __post_init__(self) -> None:
        if not 0 < self.overlap < self.length:
            raise StudioError(
                f"`overlap` should be between 1 and {self.length - 1} frames but is {self.overlap}; Ditto uses 10 for"
                " files and 70 for streams."
            )
        if self.fuse is not None and not 0 < self.fuse <= self.overlap:
            raise StudioError(f"`fuse` should be between 1 and the overlap of {self.overlap} but is {self.fuse}.")
        if self.smooth_frames < 1 or self.smooth_frames % 2 == 0:
            raise StudioError(f"`smooth_frames` should be an odd number from 1 but is {self.smooth_frames}.")
        if self.reset_every < 0:
            raise StudioError(f"`reset_every` should be 0 or more but is {self.reset_every}.")

    @classmethod
    def online(cls, *, overlap: int = 70) -> SegmentOptions:
        """Ditto's for streams."""
        return cls(overlap=overlap, reset_every=1, smooth_again=False, warm_up=True)

    @property
    def valid(self) -> int:
        """New frames per segment."""
        return self.length - self.overlap

    @property
    def fused(self) -> int:
        """Frames that are blended."""
        return min(self.overlap, self.valid) if self.fuse is None else self.fuse

    @property
    def margin(self) -> int:
        """Frames at the end of the running motion that may still change."""
        return self.fused + (self.smooth_frames // 2 if self.smooth_again else 0)

    @property
    def look_ahead(self) -> int:
        """Condition frames that must be there before the first frame leaves."""
        if not self.warm_up:
            return self.length
        n_segments = -(-max(self.overlap + 1 + self.margin - self.length, 0) // self.valid)
        return self.length + n_segments * self.valid - self.overlap


STREAMED = SegmentOptions(overlap=61, smooth_again=False, warm_up=True)
"""Of the model that ships, live: a new segment every 0.76 s. The first frame needs 38 frames of features, which the
fourth window of the recogniser gives; with one frame less of overlap it would wait half a second for the fifth."""


class Segmenter:
    """Cuts conditions into segments, has each generated, joins them and hands out finished frames."""

    def __init__(
        self, options: SegmentOptions, generate: Generate, *, source_frame: Floats, silence: Floats | None = None
    ) -> None:
        """
        Args:
            source_frame: (265,) motion the first segment continues.
            silence: (C,) condition of silence, for the warm-up.

        Raises:
            StudioError: a warm-up without `silence`.
        """
        if options.warm_up and silence is None:
            raise StudioError("`silence` should be the condition of a silent frame because `warm_up` is on.")
        self.options = options
        self._generate = generate
        self._source = np.asarray(source_frame, np.float32)
        self._reference = self._source
        self._waiting = np.zeros((0, 0), np.float32)
        self._pushed = 0
        self._running = np.zeros((0, N_PACKED), np.float32)
        self._offset = 0
        """Global number of the first frame of `_running`."""
        self._emitted = 0
        self._total: int | None = None
        """Frames of the whole motion, once known: nothing beyond is handed out or looked at."""
        self._skip = options.overlap if options.warm_up else 0
        self._n_segments = 0
        self.first_frame: Floats | None = None
        """(265,) first generated frame, Ditto's rest of relative motion; None before the first segment."""
        if options.warm_up and silence is not None:
            self._append(np.repeat(np.asarray(silence, np.float32)[None], options.overlap, 0))

    def push(self, cond: Floats) -> Floats:
        """Frames (m, 265) that became final with these (n, C) conditions; m may be 0."""
        self._append(np.asarray(cond, np.float32))
        parts = [np.zeros((0, N_PACKED), np.float32)]
        while len(self._waiting) >= self.options.length:
            self._next_segment(self._waiting[: self.options.length])
            self._waiting = self._waiting[self.options.valid :]
            parts.append(self._emit(self._end - self.options.margin))
        return np.concatenate(parts)

    def finish(self) -> Floats:
        """The remaining frames (m, 265); the last segment is filled up by repeating the last condition."""
        self._total = max(self._pushed, self._skip)
        parts = [np.zeros((0, N_PACKED), np.float32)]
        while self._pushed > self._skip and self._end < self._total:
            missing = self.options.length - len(self._waiting)
            parts.append(self.push(np.repeat(self._waiting[-1:], missing, 0)))
        parts.append(self._emit(self._total))
        return np.concatenate(parts)

    @property
    def _end(self) -> int:
        return self._offset + len(self._running)

    def _append(self, cond: Floats) -> None:
        self._waiting = np.concatenate([self._waiting, cond]) if len(self._waiting) else cond
        self._pushed += len(cond)

    def _next_segment(self, cond: Floats) -> None:
        options = self.options
        new = self._generate(self._n_segments, self._reference, cond)
        if self._n_segments == 0:
            self._running = new.copy()
            self._smooth(0, len(new))
            self.first_frame = self._running[0].copy()
        else:
            start = options.overlap - options.fused
            ramp = (np.arange(options.fused, dtype=np.float32) / options.fused)[:, None]
            joint = self._running[-options.fused :]
            joint[:] = joint * (1 - ramp) + new[start : options.overlap] * ramp
            self._running = np.concatenate([self._running, new[options.overlap :]])
            first_new = len(self._running) - options.valid
            self._smooth(first_new - options.fused, first_new + 1)
        self._n_segments += 1
        self._reference = self._next_reference(self._running[-options.overlap - 1])

    def _next_reference(self, last: Floats) -> Floats:
        every = self.options.reset_every
        if not every or self._n_segments % every:
            return last.copy()
        reference = self._source.copy()
        if self.options.reset_keeps_pose:
            reference[:POSE_WIDTH] = last[:POSE_WIDTH]
        return reference

    def _smooth(self, start: int, stop: int) -> None:
        half = self.options.smooth_frames // 2
        if half:
            self._running[start:stop, :POSE_WIDTH] = _mean_around(self._running[:, :POSE_WIDTH], start, stop, half)

    def _emit(self, until: int) -> Floats:
        """Final frames [emitted, until); forgets what nothing needs any more."""
        running = self._running if self._total is None else self._running[: max(self._total - self._offset, 0)]
        start, stop = self._emitted - self._offset, max(until, self._emitted) - self._offset
        frames = running[start:stop].copy()
        half = self.options.smooth_frames // 2 if self.options.smooth_again else 0
        if half and len(frames):
            frames[:, :POSE_WIDTH] = _mean_around(running[:, :POSE_WIDTH], start, start + len(frames), half)
        skipped = min(max(self._skip - self._emitted, 0), len(frames))
        self._emitted += len(frames)
        needed = min(self._emitted - half - 1, self._end - self.options.overlap - 1)
        drop = max(needed - self._offset, 0)
        self._running, self._offset = self._running[drop:], self._offset + drop
        return frames[skipped:]


def _mean_around(frames: Floats, start: int, stop: int, half: int) -> Floats:
    """Mean of 2 half + 1 frames around each frame of [start, stop), shorter at the ends."""
    out = np.empty((stop - start, frames.shape[1]), np.float32)
    for row, i in enumerate(range(start, stop)):
        out[row] = frames[max(i - half, 0) : i + half + 1].mean(0)
    return out


def run_segments(
    options: SegmentOptions, generate: Generate, cond: Floats, *, source_frame: Floats, silence: Floats | None = None
) -> Floats:
    """(T, 265) motion of (T, C) conditions in one call."""
    segmenter = Segmenter(options, generate, source_frame=source_frame, silence=silence)
    return np.concatenate([segmenter.push(cond), segmenter.finish()])


def with_length(options: SegmentOptions, length: int) -> SegmentOptions:
    """The same options for a model of another segment length; the overlap keeps its share."""
    if length == options.length:
        return options
    overlap = min(max(round(options.overlap * length / options.length), 1), length - 1)
    return replace(options, length=length, overlap=overlap, fuse=None)
