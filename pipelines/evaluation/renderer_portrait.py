"""One portrait of `evaluate renderer`: what is promised of its pictures, as rows of tables and as checks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.evaluation.checks import Check, Table, at_most
from pipelines.evaluation.leakage import Leakage, measure_leakage, measure_sides
from pipelines.evaluation.renderer_stills import (
    STEP_LEVELS,
    BlinkRemains,
    Robustness,
    Step,
    Still,
    background_std,
    blink_remains_pct,
    border_difference,
    robustness,
    smallest_steps,
    zero_difference,
)
from pipelines.evaluation.renderer_sweeps import Sweep, control_sweeps
from pipelines.portrait.load import load_photo
from pipelines.portrait.register import register
from pipelines.render.mesh.renderer import MeshRenderer

LEAK_PCT = 10.0
ZERO_SIZES = (256, 512)


@dataclass(frozen=True)
class _Stills:
    """What was measured on one portrait."""

    name: str
    zero: float
    steps: list[Step]
    spread: tuple[float, float]
    """Temporal deviation of the far background, mean and largest."""
    random: Robustness
    border: float
    blink: BlinkRemains
    """Opening left, % of rest, in the picture and with the landmarker's depth."""
    sweeps: list[Sweep]
    leaks: list[Leakage]
    sides: list[Leakage]

    @classmethod
    def of(cls, path: Path, *, random_edits: int) -> _Stills:
        """Draw and measure; about a minute."""
        portrait, renderer = register(load_photo(path)), MeshRenderer()
        still = Still(portrait, renderer)
        return cls(
            name=path.stem,
            zero=max(zero_difference(Still(portrait, renderer, size=size)) for size in ZERO_SIZES),
            steps=smallest_steps(still),
            spread=background_std(still),
            random=robustness(still, edits=random_edits),
            border=border_difference(still, edits=random_edits),
            blink=blink_remains_pct(still),
            sweeps=control_sweeps(still),
            leaks=measure_leakage(portrait, renderer),
            sides=measure_sides(portrait, renderer),
        )

    @property
    def worst_step(self) -> Step:
        """The one that changes a pixel most."""
        return max(self.steps, key=lambda step: step.largest)

    @property
    def jump(self) -> float:
        """Largest change beyond the picture's own contrast."""
        return max(step.jump for step in self.steps)


def measure_portrait(path: Path, tables: dict[str, Table], *, random_edits: int) -> list[Check]:
    """Add the rows of one portrait to the tables and return its checks."""
    stills = _Stills.of(path, random_edits=random_edits)
    tables["Stills"].append(_still_row(stills))
    tables["Steps"] += _step_rows(stills)
    tables["Sweeps"] += _sweep_rows(stills)
    tables["Leakage"] += _leak_rows(stills.name, stills.leaks)
    tables["Sides"] += _leak_rows(stills.name, stills.sides)
    return _still_checks(stills)


def _still_row(stills: _Stills) -> dict[str, Any]:
    random = stills.random
    return {
        "portrait": stills.name,
        "zero": stills.zero,
        "largest step": stills.worst_step.largest,
        "largest jump": stills.jump,
        "border": stills.border,
        "background std": stills.spread[0],
        "its maximum": stills.spread[1],
        "blink %": stills.blink.with_depth,
        "filmed shut %": stills.blink.filmed_with_depth,
        "in the picture %": stills.blink.in_picture,
        "random edits": random.edits,
        "not finite": random.not_finite,
        "folded": random.folded,
        "lashes folded": random.lashes_folded,
        "lips crossed": random.lips_crossed,
        "lids crossed": random.lids_crossed,
        "overlap px": random.deepest_overlap_px,
    }


def _step_rows(stills: _Stills) -> Table:
    """Those over the bar."""
    return [
        {
            "portrait": stills.name,
            "control": step.key,
            "largest": step.largest,
            "pixels over": step.pixels_over,
            "beyond contrast": step.jump,
        }
        for step in stills.steps
        if step.largest > STEP_LEVELS
    ]


def _sweep_rows(stills: _Stills) -> Table:
    """Those that go back anywhere, or are not seen."""
    return [
        {
            "portrait": stills.name,
            "control": sweep.key,
            "span": sweep.span,
            "back %": sweep.backward_pct,
            "allowed by repeatability %": sweep.allowed_pct,
            "back as drawn %": sweep.drawn_backward_pct,
        }
        for sweep in stills.sweeps
        if sweep.backward > 0 or not (sweep.monotone and sweep.monotone_as_drawn and sweep.seen)
    ]


def _still_checks(stills: _Stills) -> list[Check]:
    random, sweeps = stills.random, stills.sweeps
    bars = [
        ("zero edit, largest difference", stills.zero, 0),
        ("smallest step, largest difference", stills.worst_step.largest, STEP_LEVELS),
        ("smallest step, beyond the picture's own contrast", stills.jump, STEP_LEVELS),
        ("border, largest difference", stills.border, 0),
        ("background farther than 35 px, temporal std", stills.spread[0], 0.1),
        ("blink 100 %, opening left in the picture %", stills.blink.in_picture, 15),
        ("blink 100 %, opening left with the landmarker's depth %", stills.blink.with_depth, 15),
        (
            "controls that go back by more than the landmarker's repeatability",
            sum(not sweep.monotone for sweep in sweeps),
            0,
        ),
        ("controls that are not monotone as drawn", sum(not sweep.monotone_as_drawn for sweep in sweeps), 0),
        ("controls that the landmarker does not see", sum(not sweep.seen for sweep in sweeps), 0),
        (f"controls that leak over {LEAK_PCT:.0f} %", _over(stills.leaks), 0),
        (f"sides that leak over {LEAK_PCT:.0f} %", _over(stills.sides), 0),
        ("random edits, not finite", random.not_finite, 0),
        ("random edits, folded skin", random.folded, 0),
        ("random edits, folded at the lashes", random.lashes_folded, 0),
        ("random edits, lips crossed", random.lips_crossed, 0),
        ("random edits, lids crossed", random.lids_crossed, 0),
    ]
    return [at_most(figure, stills.name, value, most) for figure, value, most in bars]


def _over(leaks: list[Leakage]) -> int:
    return sum(100 * leak.outside > LEAK_PCT for leak in leaks)


def _leak_rows(portrait: str, leaks: list[Leakage]) -> Table:
    """Those over the bar, worst first."""
    worst = sorted((leak for leak in leaks if 100 * leak.outside > LEAK_PCT), key=lambda leak: -leak.outside)
    return [
        {
            "portrait": portrait,
            "control": leak.key,
            "may act in": ", ".join(leak.regions),
            "outside %": 100 * leak.outside,
            "strength": math.sqrt(leak.energy),
        }
        for leak in worst
    ]
