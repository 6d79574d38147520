"""The sliders' view of a layer at one moment: its values as one vector, and a vector's changes put into it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import StudioError
from pipelines.motion.control import Slot
from pipelines.motion.controls import SLOT_BY_KEY, SLOT_DEFAULT, SLOTS
from pipelines.motion.keyframes import TIME_DECIMALS, Curve, CurveTable, Key, with_key
from pipelines.motion.layers import Layer, Mode, allowed, value_range

REGION_SLOTS = frozenset(slot.key for slot in SLOTS if slot.control.kind == "region" or slot.key == "region_feather")
"""In a layer these are no channels but say where it acts."""
_NO_FACTOR = 1.0
_CHANGED = 1e-6


def rest_value(slot: Slot, mode: Mode) -> float:
    """What a slot stands at in a layer that leaves it alone."""
    return _NO_FACTOR if mode == "multiply" and slot.key not in REGION_SLOTS else slot.control.default


def layer_vector(layer: Layer, time_s: float) -> NDArray[np.float64]:
    """(N_SLOTS,) values of a layer at a time, at rest where it has no channel; region slots hold where it acts."""
    vector = SLOT_DEFAULT.astype(np.float64)
    if layer.mode == "multiply":
        vector[[slot.index for slot in SLOTS if slot.key not in REGION_SLOTS]] = _NO_FACTOR
    if layer.channels:
        values = CurveTable([channel.curve for channel in layer.channels]).values([time_s])[0]
        vector[[SLOT_BY_KEY[channel.slot].index for channel in layer.channels]] = values
    for key, weight in layer.regions:
        vector[SLOT_BY_KEY[key].index] = weight
    return vector


def changed_values(layer: Layer, time_s: float, vector: NDArray[np.float32]) -> dict[str, float]:
    """Slots in which a slider vector differs from the layer at a time, held inside the layer's ranges.

    Raises:
        StudioError: a number that is not finite.
    """
    if not np.isfinite(vector).all():
        slot = SLOTS[int(np.flatnonzero(~np.isfinite(vector))[0])]
        raise StudioError(f"`{slot.key}` should be a finite number but is {vector[slot.index]}; reset it.")
    current = layer_vector(layer, time_s).astype(np.float32)
    tolerance = _CHANGED * np.maximum(1, np.abs(current))
    moved = [SLOTS[i] for i in np.flatnonzero(np.abs(vector - current) > tolerance)]
    return {slot.key: _held(slot, float(vector[slot.index]), layer.mode) for slot in moved if allowed(slot)}


def with_values(layer: Layer, time_s: float, values: Mapping[str, float], *, auto_key: bool = False) -> Layer:
    """The layer after sliders were moved at a time.

    A channel with keys gets a key there; a constant, which is one key that holds, changes, or with `auto_key` becomes
    a key there. A value at rest leaves a layer without that channel alone and takes a constant of an add or multiply
    layer away.

    Args:
        values: by slot; region weights say where the layer acts.

    Raises:
        StudioError: an unknown slot, one that layers cannot hold, or a value out of range.
    """
    curves: dict[str, Curve | None] = {}
    regions = dict(layer.regions)
    for name, value in values.items():
        slot = SLOT_BY_KEY.get(name)
        if slot is None:
            raise StudioError(f"`values` should name slots but has `{str(name)[:60]}`; reload the page.")
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise StudioError(f"`{name}` should be a number but is {str(value)[:40]!r}; reset it.")
        if name in REGION_SLOTS:
            regions[name] = float(value)
        else:
            curves.update(_moved(layer, slot, time_s, float(value), auto_key=auto_key))
    if regions != dict(layer.regions):
        layer = layer.with_regions(regions)
    return layer.with_curves(curves)


def _moved(layer: Layer, slot: Slot, time_s: float, value: float, *, auto_key: bool) -> dict[str, Curve | None]:
    curve = layer.curve(slot.key)
    is_constant = curve is not None and len(curve) == 1 and curve.keys[0].kind == "hold"
    rest = rest_value(slot, layer.mode)
    low, high = value_range(slot, layer.mode)
    if value == rest:
        if curve is None:
            return {}
        is_outside = not low <= rest <= high
        if is_outside or (is_constant and not auto_key and layer.mode != "set"):
            return {slot.key: None}
    if curve is None:
        return {slot.key: Curve.of([(time_s, value)]) if auto_key else Curve.constant(value)}
    if is_constant:
        return {slot.key: Curve.of([(time_s, value)]) if auto_key else Curve.of([curve.keys[0]._replace(value=value)])}
    there = next((key for key in curve.keys if key.time_s == round(time_s, TIME_DECIMALS)), Key(time_s, value))
    return {slot.key: with_key(curve, there._replace(value=value))}


def _held(slot: Slot, value: float, mode: Mode) -> float:
    if slot.key in REGION_SLOTS:
        return min(max(value, slot.control.lo), slot.control.hi)
    low, high = value_range(slot, mode)
    return value if value == rest_value(slot, mode) else min(max(value, low), high)
