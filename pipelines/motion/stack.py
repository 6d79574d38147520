"""Layers on a base track, through the one algebra: for a live frame or for all frames of an export.

stack = Stack(edit, layers)
motion = stack.apply(portrait, track.at(portrait, frame), seconds)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipelines.errors import StudioError
from pipelines.motion.compose import (
    EXPRESSION_SLOTS,
    GAZE_SLOTS,
    HEAD_SLOTS,
    POSE_KEYS,
    RATIO_SLOTS,
    expression_of,
    is_default,
)
from pipelines.motion.controls import AS_PHOTOGRAPHED, N_SLOTS, SLOT_BY_KEY, SLOT_DEFAULT, SLOT_HI, SLOT_LO, SLOTS
from pipelines.motion.edit import Edit, Extra, HasSource, Resolved, apply_vectors, resolve_edit
from pipelines.motion.emotion import EMOTION_SLOTS, INTENSITY_SLOT, emotion_shares
from pipelines.motion.eyes import closure_of_drive, lid_drive
from pipelines.motion.keyframes import CurveTable
from pipelines.motion.layers import MAX_LAYERS, Layer, is_state
from pipelines.motion.regions import REGIONS, dim_weights, region_weights
from pipelines.motion.space import N_EXP, Motion
from pipelines.motion.track import Track

Array = NDArray[Any]

_MIN_RATIO = 0.02
_HALF = np.float32(0.5)
_STATE = np.array([is_state(slot) for slot in SLOTS])
_UNSET = SLOT_DEFAULT == AS_PHOTOGRAPHED
_IS_EXPRESSION = np.isin(np.arange(N_SLOTS), EXPRESSION_SLOTS)
_N_HALVES = 2 * N_EXP
_OF_LAYERS = ("active", "_table", "_fades", "_plans", "_touched")
"""Parts of a stack that its edit has no say in."""
_CHUNK = 1024
"""Frames composed at a time in an export."""


def _rows() -> Array:
    """(N_SLOTS, 126) what a unit of each slot puts into the right and the left half."""
    unit = np.zeros((N_SLOTS, N_SLOTS), np.float32)
    unit[EXPRESSION_SLOTS, EXPRESSION_SLOTS] = 1
    unit[:, INTENSITY_SLOT] = 1
    exp, side = expression_of(unit)
    return np.concatenate((exp - side, exp + side), -1)


def _readout() -> Array:
    """(126 + 6 + 4, N_SLOTS) how far a departure from the source goes in the direction of each slot.

    An expression control reads the part along its own row; an emotion reads nothing, being a mix of controls.
    """
    table = np.zeros((_N_HALVES + 10, N_SLOTS), np.float32)
    energy = (_ROWS**2).sum(-1, keepdims=True)
    along = np.divide(_ROWS, energy, out=np.zeros_like(_ROWS), where=energy > 0)
    along[EMOTION_SLOTS] = 0
    table[:_N_HALVES] = along.T
    for row, slot in enumerate((*HEAD_SLOTS, *GAZE_SLOTS.ravel())):
        table[_N_HALVES + row, slot] = 1
    return table


_ROWS = _rows()
_READOUT = _readout()
_EACH_HALF = np.split(np.eye(_N_HALVES, dtype=np.float32), 2, -1)
_LIDS = lid_drive(_EACH_HALF[0], _EACH_HALF[1]).astype(np.float32)
"""(126, 2) what each dim of both halves adds to the lid drive."""
_LIDS_OF_SLOTS = _ROWS @ _LIDS


@dataclass(frozen=True)
class Merged:
    """What an edit and its layers ask for at T moments, for `apply_vectors` and `resolve_edit`."""

    vectors: NDArray[np.float32]
    """(T, N_SLOTS)."""
    extra: Extra | None
    """Expression of layers that act in some regions only."""


@dataclass(frozen=True)
class _Plan:
    """One active layer of k slots, ready to be laid on."""

    slots: NDArray[np.intp]
    columns: slice
    """Its values among those of all layers."""
    multiplies: bool
    replaces: Array
    """(k,) 1 where a value takes the place of what is below, 0 where it comes on top."""
    eyes: tuple[NDArray[np.intp], NDArray[np.intp]] | None
    """Positions of eye ratios among the slots, and which eye each is."""
    by_slot: Array
    """(k,) share of a change that goes into the slot itself."""
    rows: Array | None
    """(k, 126) what a unit of change puts into the halves, None where it all goes into the slots."""
    readout: Array | None
    """(k, N_SLOTS) what the slots then read of it."""

    @classmethod
    def of(cls, layer: Layer, *, column: int) -> _Plan:
        slots = np.array([SLOT_BY_KEY[channel.slot].index for channel in layer.channels])
        replaces = _STATE[slots] if layer.mode == "add" else np.ones(len(slots), bool)
        mask, by_slot = _masks(layer)
        rows = None if mask is None else mask * _ROWS[slots]
        inside = _IS_EXPRESSION[slots] if layer.regions else np.zeros(len(slots), bool)
        at = np.flatnonzero(np.isin(slots, RATIO_SLOTS))
        return cls(
            slots=slots,
            columns=slice(column, column + len(slots)),
            multiplies=layer.mode == "multiply",
            replaces=replaces.astype(np.float32),
            eyes=(at, np.searchsorted(RATIO_SLOTS, slots[at])) if len(at) else None,
            by_slot=np.where(inside, 0, by_slot[slots]).astype(np.float32),
            rows=rows,
            readout=None if rows is None else rows @ _READOUT[:_N_HALVES],
        )


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

    def edit_at(self, source: HasSource, base: Motion, seconds: float) -> Edit:
        """The whole stack as one edit at one moment, what the sliders read; without the parts of layers that act in
        some regions only."""
        return Edit(self.merge(source, base, seconds).vectors[0], self.edit.mask)

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
        merge = _Merge(source, base, vectors)
        for index, plan in enumerate(self._plans):
            weight = weights[:, index, None]
            if weight.any():
                merge.lay(plan, values[:, plan.columns], weight)
        return merge.finished(self._touched)

    @cached_property
    def _table(self) -> CurveTable:
        return CurveTable([channel.curve for layer in self.active for channel in layer.channels])

    @cached_property
    def _fades(self) -> _Fades:
        return _Fades(self.active)

    @cached_property
    def _plans(self) -> tuple[_Plan, ...]:
        columns = np.cumsum([0, *(len(layer.channels) for layer in self.active)])
        return tuple(_Plan.of(layer, column=int(column)) for layer, column in zip(self.active, columns, strict=False))

    @cached_property
    def _touched(self) -> NDArray[np.intp]:
        return np.unique(np.concatenate([plan.slots for plan in self._plans]))


class _Fades:
    """Opacity times fade of every layer over time."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self._opacity = np.array([layer.opacity for layer in layers], np.float32)
        self._start = np.array([layer.start_s for layer in layers], np.float64)
        self._stop = np.array([np.inf if layer.stop_s is None else layer.stop_s for layer in layers], np.float64)
        self._ease_in = np.array([layer.ease_in_s for layer in layers], np.float64)
        self._ease_out = np.array([layer.ease_out_s for layer in layers], np.float64)

    def weights(self, time: Array) -> Array:
        """(T, layers) float32."""
        rise = _ramp(time[:, None] - self._start, self._ease_in)
        fall = _ramp(self._stop - time[:, None], self._ease_out)
        ramp = np.minimum(rise, fall)
        return self._opacity * (ramp * ramp * (3 - 2 * ramp)).astype(np.float32)


def _ramp(distance: Array, length: Array) -> Array:
    """0 to 1 over a length; a step where it has none, with the border inside."""
    share = np.divide(distance, length, out=np.full_like(distance, np.inf), where=length > 0)
    return np.where(distance < 0, 0, np.minimum(share, 1))


def _masks(layer: Layer) -> tuple[Array | None, Array]:
    """(126,) weights of the dims, None where all are 1, and (N_SLOTS,) weights of the slots that are no expression."""
    by_slot = np.ones(N_SLOTS, np.float32)
    if not layer.regions:
        return None, by_slot
    vector = SLOT_DEFAULT.copy()
    for key, weight in layer.regions:
        vector[SLOT_BY_KEY[key].index] = weight
    right, left = region_weights(vector)
    head, eyes, gaze = (REGIONS.index(key) for key in ("head", "eyes", "gaze"))
    by_slot[HEAD_SLOTS] = right[head]
    by_slot[GAZE_SLOTS[0]], by_slot[GAZE_SLOTS[1]] = right[gaze], left[gaze]
    by_slot[RATIO_SLOTS] = right[eyes], left[eyes]
    return np.concatenate(dim_weights(right, left)).astype(np.float32), by_slot


class _Merge:
    """Layers being laid on one another."""

    def __init__(self, source: HasSource, base: Motion, vectors: NDArray[np.float32]) -> None:
        self._source = source
        self._vectors = vectors
        self._halves, rigid = _departure(source.motion, base)
        self._driven = np.concatenate((self._halves, rigid), -1) @ _READOUT
        self._extra: Array | None = None

    def lay(self, plan: _Plan, values: Array, weight: Array) -> None:
        """Add what one layer changes; values (T, k), weight (T, 1)."""
        slots = plan.slots
        below = self._vectors[:, slots]
        current = below + self._driven[:, slots]
        if plan.eyes is not None:
            at, eye = plan.eyes
            # where the layer acts, the eye ratio is from here on a number instead of "as photographed"
            below[:, at] = current[:, at] = np.where(weight > 0, self._opening()[:, eye], below[:, at])
        change = weight * ((values - 1) * current if plan.multiplies else values - plan.replaces * current)
        self._vectors[:, slots] = below + plan.by_slot * change
        if plan.rows is not None and plan.readout is not None:
            more = change @ plan.rows
            self._extra = more if self._extra is None else self._extra + more
            self._driven = self._driven + change @ plan.readout

    def _opening(self) -> Array:
        """(T, 2) eye aspect ratio [right, left] below this layer."""
        vectors = self._vectors.copy()
        vectors[:, EMOTION_SLOTS] = emotion_shares(vectors)
        halves = self._halves if self._extra is None else self._halves + self._extra
        drive = halves @ _LIDS + vectors @ _LIDS_OF_SLOTS
        moved = np.maximum(self._source.eye_ratio, _MIN_RATIO) * (1 - closure_of_drive(drive))
        asked = self._vectors[:, RATIO_SLOTS]
        return np.where(asked >= 0, asked, moved).astype(np.float32)

    def finished(self, touched: NDArray[np.intp]) -> Merged:
        """The merged vectors inside the sliders' ranges, widened by what the base itself does there."""
        values, reach = self._vectors[:, touched], np.abs(self._driven[:, touched])
        held = np.clip(values, SLOT_LO[touched] - reach, SLOT_HI[touched] + reach)
        self._vectors[:, touched] = np.where(_UNSET[touched] & (values < 0), AS_PHOTOGRAPHED, held)
        if self._extra is None:
            return Merged(self._vectors, None)
        right, left = self._extra[:, :N_EXP], self._extra[:, N_EXP:]
        return Merged(self._vectors, (_HALF * (right + left), _HALF * (left - right)))


def _departure(source: Motion, base: Motion) -> tuple[Array, Array]:
    """(T, 126) departure of the right and the left half, (T, 10) of head [6] and gaze [4], in slot units."""
    exp = (base.exp - source.exp).reshape(-1, N_EXP)
    side = (base.side - source.side).reshape(-1, N_EXP)
    pose = np.stack([getattr(base, key) - getattr(source, key) for key in POSE_KEYS], -1)
    # a move is a fraction of the crop, which is 2 wide; the third one scales, and the scale is the source's
    move = (base.t - source.t) * np.array([0.5, 0.5, 0], np.float32)
    gaze = (base.gaze_deg - source.gaze_deg).reshape(-1, 4)
    return np.concatenate((exp - side, exp + side), -1), np.concatenate((pose, move, gaze), -1)
