"""Layers: edits over time that lie on one another and on whatever drives the face. Pure values and their JSON.

What a layer does to a control, where w is its opacity times its fade at that moment:

    set       the control reads w of the way to the layer's value, whatever the base track does there
    add       w times the value comes on top
    multiply  everything below, base track included, is scaled by 1 + w (value - 1)

Controls that are states and not offsets (eye ratio, region weights, settings, emotion intensity) are set by an add
layer too. A layer with region weights acts on each dim by that dim's share in those regions.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, get_args

from pipelines.errors import StudioError
from pipelines.motion.control import Slot
from pipelines.motion.controls import SLOT_BY_KEY, resolve
from pipelines.motion.edit import Edit
from pipelines.motion.keyframes import (
    MAX_SECONDS,
    Curve,
    Key,
    copy_keys,
    paste_keys,
    retimed,
    with_key,
    without_keys,
)

Mode = Literal["set", "add", "multiply"]
MODES: tuple[Mode, ...] = get_args(Mode)
MAX_LAYERS = 64
MAX_NAME = 80
FACTORS = (-1.0, 3.0)
"""Range of the values of a multiply layer."""
_TOLERANCE = 1e-6


class Channel(NamedTuple):
    """The values of one slot over time."""

    slot: str
    curve: Curve


@dataclass(frozen=True)
class Layer:
    """One layer. Build channels with `with_curve`, `with_key` or `of_edit`, which check names and ranges."""

    name: str = "Layer"
    mode: Mode = "add"
    channels: tuple[Channel, ...] = ()
    """In the order of `SLOTS`."""
    opacity: float = 1.0
    muted: bool = False
    solo: bool = False
    """Only solo layers act where there is one."""
    start_s: float = 0.0
    stop_s: float | None = None
    """None acts to the end."""
    ease_in_s: float = 0.0
    """Smooth fade from the start on; likewise before the end."""
    ease_out_s: float = 0.0
    regions: tuple[tuple[str, float], ...] = ()
    """(slot, weight) of region weights and of `region_feather` that are not at their defaults."""

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise StudioError(f"`mode` of a layer should be {', '.join(MODES)} but is '{str(self.mode)[:40]}'.")
        if not isinstance(self.name, str) or len(self.name) > MAX_NAME:
            raise StudioError(f"`name` of a layer should be text of at most {MAX_NAME} letters; shorten it.")
        for key, low, high in (
            ("opacity", 0.0, 1.0),
            ("start_s", 0.0, MAX_SECONDS),
            ("ease_in_s", 0.0, MAX_SECONDS),
            ("ease_out_s", 0.0, MAX_SECONDS),
        ):
            _check_number(key, getattr(self, key), low, high)
        if self.stop_s is not None:
            _check_number("stop_s", self.stop_s, self.start_s, MAX_SECONDS)
        if not (isinstance(self.muted, bool) and isinstance(self.solo, bool)):
            raise StudioError("`muted` and `solo` of a layer should be true or false.")

    @classmethod
    def of_edit(cls, edit: Edit, *, name: str = "Layer", mode: Mode = "add") -> Layer:
        """What an edit holds away from its defaults as a layer without keys; region weights become the layer's
        region weights, and the painted mask stays with the picture."""
        values = edit.values()
        regions = {key: value for key, value in values.items() if _is_region(SLOT_BY_KEY[key])}
        held = {k: v for k, v in values.items() if k not in regions and allowed(SLOT_BY_KEY[k])}
        layer = cls(name=name, mode=mode).with_regions(regions)
        return layer.with_curves({key: Curve.constant(value) for key, value in held.items()})

    def curve(self, slot: str) -> Curve | None:
        """Curve of a slot, None if the layer leaves it alone."""
        return next((channel.curve for channel in self.channels if channel.slot == slot), None)

    def with_curves(self, curves: Mapping[str, Curve | None]) -> Layer:
        """The layer with curves replaced, or removed where None is given.

        Args:
            curves: by slot, or by control for all its sides.

        Raises:
            StudioError: an unknown control, one that layers cannot hold, or a value out of range.
        """
        if not curves:
            return self
        held: dict[str, Curve] = dict(self.channels)
        for name, curve in curves.items():
            for slot in resolve(name):
                if curve is None:
                    held.pop(slot.key, None)
                else:
                    held[slot.key] = _checked(slot, curve, self.mode)
        ordered = sorted(held, key=lambda key: SLOT_BY_KEY[key].index)
        return replace(self, channels=tuple(Channel(key, held[key]) for key in ordered))

    def with_key(self, name: str, key: Key) -> Layer:
        """The layer with one more key, on both sides of a sided control."""
        return self.with_curves({slot.key: with_key(self.curve(slot.key), key) for slot in resolve(name)})

    def without_keys(self, names: Iterable[str], *, start_s: float, stop_s: float) -> Layer:
        """The layer without the keys of some controls in a stretch of time; an emptied control is left alone."""
        slots = _slots(names)
        curves = {slot: self.curve(slot) for slot in slots}
        return self.with_curves(
            {slot: without_keys(c, start_s=start_s, stop_s=stop_s) for slot, c in curves.items() if c is not None}
        )

    def with_mode(self, mode: Mode) -> Layer:
        """The layer in another mode.

        Raises:
            StudioError: a value does not fit that mode.
        """
        return replace(self, mode=mode, channels=()).with_curves(dict(self.channels))

    def with_regions(self, weights: Mapping[str, float]) -> Layer:
        """The layer acting by other region weights: `region_…` names and `region_feather`; what is left out is 1.

        Raises:
            StudioError: not the name of a region, or a weight out of range.
        """
        for name in weights:
            if not all(_is_region(slot) for slot in resolve(name)):
                raise StudioError(f"`regions` of a layer should name regions but has `{name[:60]}`; leave it out.")
        return replace(self, regions=tuple(Edit.of(weights).values().items()))

    def retimed(self, *, factor: float = 1.0, about_s: float = 0.0, shift_s: float = 0.0) -> Layer:
        """The layer with keys, range and fades stretched about a time and shifted; see `keyframes.retimed`.

        Raises:
            StudioError: the factor is not above 0.
        """
        if factor <= 0:
            raise StudioError(f"`factor` of a layer should be above 0 but is {factor}; reverse single curves instead.")
        moved = {c.slot: retimed(c.curve, factor=factor, about_s=about_s, shift_s=shift_s) for c in self.channels}

        def time_of(seconds: float) -> float:
            return min(max(about_s + factor * (seconds - about_s) + shift_s, 0.0), MAX_SECONDS)

        return replace(
            self,
            start_s=time_of(self.start_s) if self.start_s > 0 else 0.0,
            stop_s=None if self.stop_s is None else time_of(self.stop_s),
            ease_in_s=min(factor * self.ease_in_s, MAX_SECONDS),
            ease_out_s=min(factor * self.ease_out_s, MAX_SECONDS),
        ).with_curves(moved)

    def copy(self, names: Iterable[str], *, start_s: float, stop_s: float) -> Clip:
        """Keys of some controls in a stretch of time, to be pasted anywhere."""
        curves = {slot: self.curve(slot) for slot in _slots(names)}
        copied = {s: copy_keys(c, start_s=start_s, stop_s=stop_s) for s, c in curves.items() if c is not None}
        return Clip(tuple((slot, keys) for slot, keys in copied.items() if keys))

    def paste(self, clip: Clip, *, at_s: float) -> Layer:
        """The layer with copied keys laid in from a time on, in place of its own keys of those controls there."""
        return self.with_curves({s: paste_keys(self.curve(s), keys, at_s=at_s) for s, keys in clip.keys})

    def to_dict(self) -> dict[str, Any]:
        """The layer as JSON values."""
        return {
            "name": self.name,
            "mode": self.mode,
            "opacity": self.opacity,
            "muted": self.muted,
            "solo": self.solo,
            "start_s": self.start_s,
            "stop_s": self.stop_s,
            "ease_in_s": self.ease_in_s,
            "ease_out_s": self.ease_out_s,
            "regions": dict(self.regions),
            "channels": {channel.slot: [list(key) for key in channel.curve.keys] for channel in self.channels},
        }

    @classmethod
    def from_dict(cls, record: Any) -> Layer:
        """The layer of JSON values.

        Raises:
            StudioError: not of that form, an unknown name, or a value out of range.
        """
        if not isinstance(record, dict):
            raise StudioError(f"A layer should be an object but is {type(record).__name__}.")
        plain = {key: value for key, value in record.items() if key not in ("channels", "regions")}
        if unknown := plain.keys() - cls.__dataclass_fields__.keys():
            raise StudioError(f"A layer should have no `{str(min(unknown))[:60]}`; remove it.")
        channels, regions = record.get("channels", {}), record.get("regions", {})
        if not isinstance(channels, dict) or not isinstance(regions, dict):
            raise StudioError("`channels` and `regions` of a layer should be objects; save it again.")
        curves = {str(name): _read_curve(keys) for name, keys in channels.items()}
        return cls(**plain).with_regions(regions).with_curves(curves)


class Clip(NamedTuple):
    """Copied keys with times from 0 on."""

    keys: tuple[tuple[str, tuple[Key, ...]], ...]
    """(slot, keys)."""


def allowed(slot: Slot) -> bool:
    """Whether layers can hold a slot: not the painted mask's switches, which are the picture's."""
    return not slot.key.startswith("mask_")


def is_state(slot: Slot) -> bool:
    """Whether a slot is a state and not an offset."""
    return slot.control.kind in ("eye", "region", "setting") or slot.control.default != 0


def value_range(slot: Slot, mode: Mode) -> tuple[float, float]:
    """Least and greatest value of a slot in a layer of some mode."""
    if mode == "multiply":
        return FACTORS
    span = slot.control.hi - slot.control.lo
    return (-span, span) if mode == "add" and not is_state(slot) else (slot.control.lo, slot.control.hi)


def _is_region(slot: Slot) -> bool:
    return slot.control.kind == "region" or slot.key == "region_feather"


def _slots(names: Iterable[str]) -> list[str]:
    return [slot.key for name in names for slot in resolve(name)]


def _checked(slot: Slot, curve: Curve, mode: Mode) -> Curve:
    if not allowed(slot):
        raise StudioError(f"`{slot.key}` belongs to the painted mask and not into a layer; set it in the edit.")
    low, high = value_range(slot, mode)
    for key in curve.keys:
        if not low - _TOLERANCE <= key.value <= high + _TOLERANCE:
            raise StudioError(
                f"`{slot.key}` should be between {low:g} and {high:g} in a layer of mode '{mode}' but is "
                f"{key.value:g} at {key.time_s:g} s; choose a value inside the range."
            )
    return curve


def _check_number(name: str, value: Any, low: float, high: float) -> None:
    real = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not real or not low <= value <= high:
        raise StudioError(f"`{name}` of a layer should be from {low:g} to {high:g} but is {str(value)[:40]}.")


def _read_curve(keys: Any) -> Curve:
    if not isinstance(keys, list) or not all(isinstance(key, list) for key in keys):
        raise StudioError("A channel of a layer should be a list of [seconds, value, interpolation] lists.")
    return Curve.of(keys)
