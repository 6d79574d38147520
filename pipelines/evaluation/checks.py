"""Acceptance figures, each against its bar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Table = list[dict[str, Any]]


@dataclass(frozen=True)
class Check:
    """One acceptance figure."""

    figure: str
    where: str
    """Clip or portrait."""
    value: float
    bar: str
    met: bool


def at_most(figure: str, where: str, value: float, bar: float) -> Check:
    """Whether a value stays at or below its bar."""
    return Check(figure, where, float(value), f"<= {bar:g}", value <= bar)


def at_least(figure: str, where: str, value: float, bar: float) -> Check:
    """Whether a value reaches its bar."""
    return Check(figure, where, float(value), f">= {bar:g}", value >= bar)
