"""Layers on a base track, through the one algebra: for a live frame or for all frames of an export.

stack = Stack(edit, layers)
motion = stack.apply(portrait, track.at(portrait, frame), seconds)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipelines.errors import StudioError
from pipelines.motion.compose import is_default
from pipelines.motion.edit import Edit, HasSource, Resolved, apply_vectors, resolve_edit
from pipelines.motion.keyframes import CurveTable
from pipelines.motion.layers import MAX_LAYERS, Layer
from pipelines.motion.merge import Fades, Merge, Merged, Plan
from pipelines.motion.space import Motion
from pipelines.motion.track import Track

_OF_LAYERS = ("active", "_table", "_fades", "_plans", "_touched")
"""Parts of a stack that its edit has no say in."""
_CHUNK = 1024
"""Frames composed at a time in an export."""


@dataclass(frozen=True)
class Stack:
    """An edit that always acts, and the layers over it, the first one lowest."""

    edit: Edit = field(default_factory=Edit)
    layers: tuple[Layer, ...] = ()

    def __post_init__(self) -> None:
        if len(self.layers) > MAX_LAYERS:
            raise StudioError(
                f"A stack should have at most {MAX_LAYERS} layers but has {len(self.layers)}; merge some."
            )

    def with_edit(self, edit: Edit) -> Stack:
        """The same layers over another edit; what was made ready for them is used again."""
        stack = Stack(edit, self.layers)
        vars(stack).update({name: part for name, part in vars(self).items() if name in _OF_LAYERS})
        return stack

    @cached_property
    def active(self) -> tuple[Layer, ...]:
        """The layers that act: not muted, not empty, solo where any is."""
        heard = [layer for layer in self.layers if not layer.muted]
        solo = [layer for layer in heard if layer.solo]
        return tuple(layer for layer in solo or heard if layer.channels and layer.opacity > 0)

    def apply(self, source: HasSource, base: Motion, seconds: ArrayLike) -> Motion:
        """What the face does.

        Args:
            source: the face.
            base: T frames of what drives it, relative to the source.
            seconds: (T,) times of these frames, or one time for one frame.
        """
        merged = self.merge(source, base, seconds)
        if merged.extra is None and is_default(merged.vectors):
            return base
        return apply_vectors(source, base, merged.vectors, extra=merged.extra)

    def resolve(self, source: HasSource, base: Motion, seconds: float) -> Resolved:
        """`apply` for one frame, with what the limits left of each value."""
        merged = self.merge(source, base, seconds)
        return resolve_edit(source, base, Edit(merged.vectors[0]), extra=merged.extra)

    def motion(self, source: HasSource, track: Track) -> Motion:
        """All frames of a track with the stack on them."""
        base = track.base(source)
        times = np.arange(len(track)) / track.fps
        parts = [self.apply(source, base[i : i + _CHUNK], times[i : i + _CHUNK]) for i in range(0, len(base), _CHUNK)]
        if len(parts) == 1:
            return parts[0]
        return Motion(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in vars(base)})

    def merge(self, source: HasSource, base: Motion, seconds: ArrayLike) -> Merged:
        """The edit and its layers as one vector a frame; arguments as `apply`."""
        time = np.atleast_1d(np.asarray(seconds, np.float64))
        vectors = np.repeat(self.edit.vector[None], len(time), 0)
        weights = self._fades.weights(time)
        if not weights.any():
            return Merged(vectors, None)
        values = self._table.values(time).astype(np.float32)
        merge = Merge(source, base, vectors)
        for index, plan in enumerate(self._plans):
            weight = weights[:, index, None]
            if weight.any():
                merge.lay(plan, values[:, plan.columns], weight)
        return merge.finished(self._touched)

    @cached_property
    def _table(self) -> CurveTable:
        return CurveTable([channel.curve for layer in self.active for channel in layer.channels])

    @cached_property
    def _fades(self) -> Fades:
        return Fades(self.active)

    @cached_property
    def _plans(self) -> tuple[Plan, ...]:
        columns = np.cumsum([0, *(len(layer.channels) for layer in self.active)])
        return tuple(Plan.of(layer, column=int(column)) for layer, column in zip(self.active, columns, strict=False))

    @cached_property
    def _touched(self) -> NDArray[np.intp]:
        return np.unique(np.concatenate([plan.slots for plan in self._plans]))
