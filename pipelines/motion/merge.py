"""Layers laid on one another and on an edit: what they ask for together, as one edit vector a moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.motion.compose import (
    CROP_SPAN,
    EXPRESSION_SLOTS,
    GAZE_SLOTS,
    HEAD_SLOTS,
    MOVES_ACROSS,
    POSE_KEYS,
    RATIO_SLOTS,
    SLOT_ROWS,
    right_and_left,
)
from pipelines.motion.controls import AS_PHOTOGRAPHED, N_SLOTS, SLOT_BY_KEY, SLOT_DEFAULT, SLOT_HI, SLOT_LO, SLOTS
from pipelines.motion.edit import Extra, HasSource
from pipelines.motion.emotion import EMOTION_SLOTS, emotion_shares
from pipelines.motion.eyes import MIN_REST_RATIO, closure_of_drive, lid_drive
from pipelines.motion.layers import Layer, is_state
from pipelines.motion.regions import REGIONS, dim_weights, region_weights
from pipelines.motion.space import N_EXP, Motion

Array = NDArray[Any]

_HALF = np.float32(0.5)
_STATE = np.array([is_state(slot) for slot in SLOTS])
_UNSET = SLOT_DEFAULT == AS_PHOTOGRAPHED
_IS_EXPRESSION = np.isin(np.arange(N_SLOTS), EXPRESSION_SLOTS)
_N_HALVES = 2 * N_EXP


def _readout() -> Array:
    """(126 + 6 + 4, N_SLOTS) how far a departure from the source goes in the direction of each slot.

    An expression control reads the part along its own row; an emotion reads nothing, being a mix of controls.
    """
    table = np.zeros((_N_HALVES + 10, N_SLOTS), np.float32)
    energy = (SLOT_ROWS**2).sum(-1, keepdims=True)
    along = np.divide(SLOT_ROWS, energy, out=np.zeros_like(SLOT_ROWS), where=energy > 0)
    along[EMOTION_SLOTS] = 0
    table[:_N_HALVES] = along.T
    for row, slot in enumerate((*HEAD_SLOTS, *GAZE_SLOTS.ravel())):
        table[_N_HALVES + row, slot] = 1
    return table


_READOUT = _readout()
_EACH_HALF = np.split(np.eye(_N_HALVES, dtype=np.float32), 2, -1)
_LIDS = lid_drive(_EACH_HALF[0], _EACH_HALF[1]).astype(np.float32)
"""(126, 2) what each dim of both halves adds to the lid drive."""
_LIDS_OF_SLOTS = SLOT_ROWS @ _LIDS


@dataclass(frozen=True)
class Merged:
    """What an edit and its layers ask for at T moments, for `apply_vectors` and `resolve_edit`."""

    vectors: NDArray[np.float32]
    """(T, N_SLOTS)."""
    extra: Extra | None
    """Expression of layers that act in some regions only."""


@dataclass(frozen=True)
class Plan:
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
    def of(cls, layer: Layer, *, column: int) -> Plan:
        """The plan of a layer whose first value stands at `column` among those of all layers."""
        slots = np.array([SLOT_BY_KEY[channel.slot].index for channel in layer.channels])
        replaces = _STATE[slots] if layer.mode == "add" else np.ones(len(slots), bool)
        mask, by_slot = _masks(layer)
        rows = None if mask is None else mask * SLOT_ROWS[slots]
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


class Fades:
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


class Merge:
    """Layers being laid on one another."""

    def __init__(self, source: HasSource, base: Motion, vectors: NDArray[np.float32]) -> None:
        self._source = source
        self._vectors = vectors
        self._halves, rigid = _departure(source.motion, base)
        self._driven = np.concatenate((self._halves, rigid), -1) @ _READOUT
        self._extra: Array | None = None

    def lay(self, plan: Plan, values: Array, weight: Array) -> None:
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
        moved = np.maximum(self._source.eye_ratio, MIN_REST_RATIO) * (1 - closure_of_drive(drive))
        asked = self._vectors[:, RATIO_SLOTS]
        return np.where(asked >= 0, asked, moved).astype(np.float32)

    def finished(self, touched: NDArray[np.intp]) -> Merged:
        """The merged (T, N_SLOTS) vectors inside the sliders' ranges, widened by what the base itself does there.

        Args:
            touched: (k,) slots that any layer acts on; the others stay as they were.
        """
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
    # the third move scales, and the scale is the source's
    move = (base.t - source.t) * (MOVES_ACROSS / CROP_SPAN)
    gaze = (base.gaze_deg - source.gaze_deg).reshape(-1, 4)
    return np.concatenate(right_and_left(exp, side), -1), np.concatenate((pose, move, gaze), -1)
