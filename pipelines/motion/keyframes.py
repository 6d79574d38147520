"""Values over time: keys, what lies between them, and the cutting and pasting of keys. All of it pure.

Whatever the interpolation, the stretch from one key to the next is a cubic in the seconds since that key, so that
all curves of a stack are evaluated together by one search and one polynomial.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipelines.errors import StudioError

Interpolation = Literal["linear", "smooth", "hold", "spline"]
INTERPOLATIONS: tuple[Interpolation, ...] = get_args(Interpolation)
"""To the next key: straight; slow at both ends; no change until then; through the neighbours without overshoot."""

MAX_SECONDS = 7200.0
MAX_KEYS = 20_000
TIME_DECIMALS = 6
"""Keys closer than a microsecond are one key."""
_VALUE_DECIMALS = 9

Floats = NDArray[np.float64]


class Key(NamedTuple):
    """A value at a time, and how it goes on from there."""

    time_s: float
    value: float
    kind: Interpolation = "smooth"


@dataclass(frozen=True)
class Curve:
    """Keys in the order of time. Before the first and after the last one their values hold. Build it with `of`."""

    keys: tuple[Key, ...]

    @classmethod
    def of(cls, keys: Iterable[Sequence[Any]]) -> Curve:
        """Curve of keys in any order; of two keys at one time the later given one stays.

        Raises:
            StudioError: no keys or too many, a time out of range, a value that is no number, an unknown kind.
        """
        by_time = {key.time_s: key for key in map(_checked, keys)}
        if not 1 <= len(by_time) <= MAX_KEYS:
            raise StudioError(f"A curve should have 1 to {MAX_KEYS} keys but has {len(by_time)}; remove some.")
        return cls(tuple(by_time[time] for time in sorted(by_time)))

    @classmethod
    def constant(cls, value: float) -> Curve:
        """The same value at any time."""
        return cls.of([(0.0, value, "hold")])

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def start_s(self) -> float:
        """Time of the first key."""
        return self.keys[0].time_s

    @property
    def stop_s(self) -> float:
        """Time of the last key."""
        return self.keys[-1].time_s

    @cached_property
    def starts(self) -> Floats:
        """(n,) times of the keys."""
        return np.array([key.time_s for key in self.keys])

    @cached_property
    def cubics(self) -> Floats:
        """(n, 4) coefficients of 1, s, s², s³ from each key on, s in seconds since the key; the last is constant."""
        return _cubics(self.keys)

    def value_at(self, seconds: float) -> float:
        """Value at a time."""
        return float(CurveTable([self]).values([seconds])[0, 0])


def _checked(key: Sequence[Any]) -> Key:
    if not 2 <= len(key) <= 3:
        raise StudioError(f"A key should be time, value and interpolation but has {len(key)} parts.")
    time, value, kind = key[0], key[1], key[2] if len(key) == 3 else "smooth"
    if kind not in INTERPOLATIONS:
        raise StudioError(f"`kind` of a key should be {', '.join(INTERPOLATIONS)} but is '{str(kind)[:40]}'.")
    for name, number in (("time_s", time), ("value", value)):
        real = isinstance(number, int | float | np.integer | np.floating) and not isinstance(number, bool)
        if not real or not math.isfinite(number):
            raise StudioError(f"`{name}` of a key should be a finite number but is {str(number)[:40]!r}.")
    if not 0 <= time <= MAX_SECONDS:
        raise StudioError(f"`time_s` of a key should be from 0 to {MAX_SECONDS:g} but is {time:g}.")
    return Key(round(float(time), TIME_DECIMALS), round(float(value), _VALUE_DECIMALS), kind)


def _cubics(keys: Sequence[Key]) -> Floats:
    table = np.zeros((len(keys), 4))
    values = np.array([key.value for key in keys])
    table[:, 0] = values
    if len(keys) < 2:
        return table
    times = np.array([key.time_s for key in keys])
    span, rise = np.diff(times), np.diff(values)
    kinds = np.array([key.kind for key in keys[:-1]])
    linear, smooth, spline = (np.flatnonzero(kinds == kind) for kind in ("linear", "smooth", "spline"))
    table[linear, 1] = rise[linear] / span[linear]
    table[smooth, 2] = 3 * rise[smooth] / span[smooth] ** 2
    table[smooth, 3] = -2 * rise[smooth] / span[smooth] ** 3
    if len(spline):
        from scipy.interpolate import PchipInterpolator

        table[spline] = PchipInterpolator(times, values).c.T[spline, ::-1]
    return table


class CurveTable:
    """Many curves, ready to be read at any time."""

    _APART_S = 1e5
    """Curves lie this far apart on one time line, so that one search finds the stretch of each."""

    def __init__(self, curves: Sequence[Curve]) -> None:
        lengths = np.array([len(curve) for curve in curves], np.intp)
        self._first = np.concatenate(([0], np.cumsum(lengths)))[:-1].astype(np.intp)
        self._offset = self._APART_S * np.arange(len(curves))
        self._starts = np.concatenate([curve.starts for curve in curves]) if curves else np.zeros(0)
        self._cubics = np.concatenate([curve.cubics for curve in curves]) if curves else np.zeros((0, 4))
        self._line = self._starts + np.repeat(self._offset, lengths)

    def values(self, seconds: ArrayLike) -> Floats:
        """(T, curves) values at (T,) times."""
        time = np.clip(np.asarray(seconds, np.float64), 0, MAX_SECONDS)[:, None]
        found = np.searchsorted(self._line, time + self._offset, side="right") - 1
        index = np.maximum(found, self._first)
        s = np.maximum(time - self._starts[index], 0)
        c = self._cubics[index]
        return c[..., 0] + s * (c[..., 1] + s * (c[..., 2] + s * c[..., 3]))


def with_key(curve: Curve | None, key: Key) -> Curve:
    """The curve with one more key, or with the key at that time replaced."""
    return _laid_in(curve, (_checked(key),))


def _laid_in(curve: Curve | None, keys: tuple[Key, ...]) -> Curve:
    """The curve with checked keys in the order of time, in place of those between the first and the last. The other
    keys stay the same objects, so that many versions of a curve share them."""
    old = curve.keys if curve else ()
    start = bisect_left(old, keys[0].time_s, key=_time_of)
    stop = bisect_right(old, keys[-1].time_s, key=_time_of)
    whole = old[:start] + keys + old[stop:]
    if len(whole) > MAX_KEYS:
        raise StudioError(f"A curve should have at most {MAX_KEYS} keys but has {len(whole)}; remove some.")
    return Curve(whole)


def _time_of(key: Key) -> float:
    return key.time_s


def without_keys(curve: Curve, *, start_s: float, stop_s: float) -> Curve | None:
    """The curve without the keys from `start_s` to `stop_s`, ends included; None if none is left."""
    kept = tuple(key for key in curve.keys if not start_s <= key.time_s <= stop_s)
    return Curve(kept) if kept else None


def retimed(curve: Curve, *, factor: float = 1.0, about_s: float = 0.0, shift_s: float = 0.0) -> Curve:
    """Keys moved to about + factor (time - about) + shift; a negative factor plays them backwards.

    Played backwards, the interpolation of each stretch stays with its stretch.

    Raises:
        StudioError: `factor` is 0 or not finite, or a key would leave the time line.
    """
    if factor == 0 or not math.isfinite(factor):
        raise StudioError(f"`factor` should be a number other than 0 but is {factor}.")
    times = [about_s + factor * (key.time_s - about_s) + shift_s for key in curve.keys]
    if factor > 0:
        return Curve.of([key._replace(time_s=time) for key, time in zip(curve.keys, times, strict=True)])
    before = [curve.keys[0], *curve.keys[:-1]]
    return Curve.of([(t, key.value, b.kind) for t, key, b in zip(times, curve.keys, before, strict=True)])


def copy_keys(curve: Curve, *, start_s: float, stop_s: float) -> tuple[Key, ...]:
    """The keys from `start_s` to `stop_s`, ends included, with times counted from `start_s`."""
    return tuple(
        key._replace(time_s=round(key.time_s - start_s, TIME_DECIMALS))
        for key in curve.keys
        if start_s <= key.time_s <= stop_s
    )


def paste_keys(curve: Curve | None, keys: Sequence[Key], *, at_s: float) -> Curve | None:
    """The curve with copied keys laid in from `at_s` on, in place of those that lie between the first and the last."""
    if not keys:
        return curve
    moved = Curve.of([key._replace(time_s=key.time_s + at_s) for key in keys])
    return _laid_in(curve, moved.keys)
