"""The Drive panel's options: what the page offers, and what it sends as a checked order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pipelines.errors import StudioError
from pipelines.motion.controls import REGIONS
from pipelines.motion.exchange import FORMATS
from pipelines.motion.smoothing import Smoothing
from pipelines.retarget import MAX_STRENGTH, VIDEO_SUFFIXES, RetargetOptions

MAX_SMOOTHING = 4.0
"""Most of a filter that the page offers."""
FILTERS: tuple[tuple[str, str, str], ...] = (
    ("none", "None", "Every frame as it was read"),
    ("savgol", "Even", "Savitzky-Golay: looks both ways, keeps the depth of blinks"),
    ("one-euro", "Calm", "One-euro: calms a still face, follows a fast one"),
    ("kalman", "LivePortrait", "Kalman smoother with LivePortrait's variances; raise the amount to feel it"),
)
"""(key of `Smoothing`, label, tip)."""


@dataclass(frozen=True)
class DriveOrder:
    """How the driver acts, and which part of it."""

    retarget: RetargetOptions = field(default_factory=RetargetOptions)
    start_s: float = 0.0
    stop_s: float | None = None
    """None goes on to the end."""

    @property
    def unsmoothed(self) -> RetargetOptions:
        """The same for motion that is smooth already."""
        return replace(self.retarget, smoothing=Smoothing())

    @classmethod
    def of(cls, values: object) -> DriveOrder:
        """An order from the page's JSON; what is left out keeps its default.

        Raises:
            StudioError: not an object, a value of the wrong kind or out of its range.
        """
        if not isinstance(values, Mapping):
            raise StudioError("`options` of the driver should be an object; reload the page.")
        relative, kind, regions = values.get("relative", True), values.get("smooth", "none"), values.get("regions", {})
        if not isinstance(relative, bool):
            raise StudioError(f"`relative` should be true or false but is {str(relative)[:40]!r}; reload the page.")
        if not isinstance(regions, Mapping):
            raise StudioError("`regions` of the driver should be an object of factors; reload the page.")
        start_s = _number(values, "start_s", 0.0)
        stop_s = None if values.get("stop_s") is None else _number(values, "stop_s", 0.0)
        if start_s < 0 or (stop_s is not None and stop_s <= start_s):
            raise StudioError(
                f"`stop` should be after `start` but is {stop_s} s with {start_s:g} s; move one of them."
            )
        options = RetargetOptions(
            relative=relative,
            strength=_number(values, "strength", 1.0),
            regions={str(name): _number(regions, name, 1.0) for name in regions},
            smoothing=Smoothing(kind, _number(values, "amount", 1.0)),
        )
        return cls(options, start_s, stop_s)


def _number(values: Mapping[Any, Any], name: Any, default: float) -> float:
    value = values.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e9:
        raise StudioError(f"`{str(name)[:40]}` of the driver should be a number but is {str(value)[:40]!r}.")
    return float(value)


def drive_choices() -> dict[str, Any]:
    """What the panel shows: file endings, sliders, filters, defaults."""
    share = {"lo": 0.0, "hi": MAX_STRENGTH, "step": 0.01, "unit": "%"}
    return {
        "accept": [*VIDEO_SUFFIXES, *FORMATS],
        "filters": [{"key": key, "label": label, "tip": tip} for key, label, tip in FILTERS],
        "strength": {"key": "strength", "label": "Strength", "tip": "How far the whole face follows", **share},
        "amount": {
            "key": "amount",
            "label": "Smoothing",
            "tip": "How much of the filter: 1 is its usual strength",
            "lo": 0.0,
            "hi": MAX_SMOOTHING,
            "step": 0.05,
            "unit": "×",
        },
        "regions": [
            {"key": f"region_{key}", "label": label, "tip": f"How far the driver moves: {label.lower()}", **share}
            for key, label, _ in REGIONS
        ],
    }
