"""`python -m pipelines evaluate renderer`: every acceptance figure of the mesh renderer, met or not.

Film: frames of clips against the renderer's drawings of them. Stills: promises on the pictures of the portraits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pipelines.assets import PORTRAITS
from pipelines.errors import StudioError
from pipelines.evaluation.atlas_fit import Pairs
from pipelines.evaluation.atlas_sheet import Progress
from pipelines.evaluation.leakage import Leakage, measure_leakage, measure_sides
from pipelines.evaluation.renderer_clips import COPY, DIMS, LANDMARKS, ClipResult, Row, evaluate_clip
from pipelines.evaluation.renderer_measures import Picture
from pipelines.evaluation.renderer_stills import (
    STEP_LEVELS,
    Still,
    background_std,
    blink_remains_pct,
    border_difference,
    robustness,
    smallest_steps,
    zero_difference,
)
from pipelines.evaluation.renderer_sweeps import control_sweeps
from pipelines.portrait.load import load_photo
from pipelines.portrait.register import register
from pipelines.render.mesh.renderer import MeshRenderer

Table = list[dict[str, Any]]

LANDMARK_CLIPS = ("d5", "d7", "d3")
DIM_CLIPS = ("d5", "d7", "d8")
LEAK_PCT = 10.0
ZERO_SIZES = (256, 512)


@dataclass(frozen=True)
class Check:
    """One acceptance figure."""

    figure: str
    where: str
    """Clip or portrait."""
    value: float
    bar: str
    met: bool


@dataclass(frozen=True)
class RendererReport:
    """Everything measured."""

    tables: dict[str, Table]
    """Title -> rows."""
    checks: tuple[Check, ...]
    sheet: Picture | None
    """Real frames over the drawings of them, one block a clip."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; what could not be measured is null."""
        checks = [
            {"figure": c.figure, "where": c.where, "value": c.value, "bar": c.bar, "met": c.met} for c in self.checks
        ]
        return {title: [_plain(row) for row in rows] for title, rows in (*self.tables.items(), ("Acceptance", checks))}


def evaluate_renderer(
    clips: Sequence[Path],
    portraits: Sequence[Path],
    *,
    pairs: Pairs | None = None,
    frames: int = 12,
    random_edits: int = 100,
    progress: Progress | None = None,
) -> RendererReport:
    """Measure the mesh renderer.

    Args:
        clips: films of one face; the first frame of each is animated to `frames` later ones.
        portraits: photos for the still-image figures.
        pairs: motions of the clips, to drive the 63 dims with an atlas fitted without the clip that is tested.
        random_edits: how many random edits a portrait must survive.
    """
    tables: dict[str, Table] = {"Film": [], "Stills": [], "Steps": [], "Sweeps": [], "Leakage": [], "Sides": []}
    checks: list[Check] = []
    strips = []
    total = len(clips) + len(portraits)
    for index, path in enumerate(clips):
        result = evaluate_clip(path, pairs=pairs, frames=frames)
        tables["Film"] += [_film_row(result, row) for row in result.rows]
        checks += clip_checks(result)
        strips.append(result.strip)
        if progress:
            progress((index + 1) / total, f"Measured clip {path.stem}")
    for index, path in enumerate(portraits):
        checks += _measure_portrait(path, tables, random_edits=random_edits)
        if progress:
            progress((len(clips) + index + 1) / total, f"Measured portrait {path.stem}")
    return RendererReport({t: rows for t, rows in tables.items() if rows}, tuple(checks), _stacked(strips))


def clip_checks(result: ClipResult) -> list[Check]:
    """The acceptance figures that hold for one clip."""
    rows = {row.drawn_by: row.measured for row in result.rows}
    copy, drawn = rows[COPY], rows[LANDMARKS]
    checks = []
    if result.clip in LANDMARK_CLIPS:
        checks += [
            _at_most("true landmarks: landmark error %", result.clip, drawn.landmarks_pct, 1.5),
            _at_least("true landmarks: PSNR dB over copy", result.clip, drawn.psnr_db - copy.psnr_db, 2.0),
        ]
    if result.clip in DIM_CLIPS and DIMS in rows:
        driven = rows[DIMS]
        checks += [
            _at_most("63 dims: landmark error %", result.clip, driven.landmarks_pct, 2.0),
            _at_most("63 dims: mouth error %", result.clip, driven.mouth_pct, 4.0),
            _at_least("63 dims: SSIM over copy", result.clip, driven.ssim - copy.ssim, 0.05),
        ]
    if not result.calibrates_mouth and not math.isnan(drawn.interior_mae):
        checks += [
            _at_most("mouth interior MAE, held out", result.clip, drawn.interior_mae, 40.0),
            _at_most("mouth interior |bias|, held out", result.clip, abs(drawn.interior_bias), 20.0),
        ]
    return checks


def _measure_portrait(path: Path, tables: dict[str, Table], *, random_edits: int) -> list[Check]:
    """Add the rows of one portrait to the tables and return its checks."""
    name, portrait, renderer = path.stem, register(load_photo(path)), MeshRenderer()
    still = Still(portrait, renderer)
    zero = max(zero_difference(Still(portrait, renderer, size=size)) for size in ZERO_SIZES)
    steps = smallest_steps(still)
    worst, jump = max(steps, key=lambda step: step.largest), max(step.jump for step in steps)
    spread_mean, spread_largest = background_std(still)
    random = robustness(still, edits=random_edits)
    border, (blink, blink_depth) = border_difference(still, edits=random_edits), blink_remains_pct(still)
    sweeps, leaks = control_sweeps(still), measure_leakage(portrait, renderer)
    sides = measure_sides(portrait, renderer)
    tables["Stills"].append(
        {
            "portrait": name,
            "zero": zero,
            "largest step": worst.largest,
            "largest jump": jump,
            "border": border,
            "background std": spread_mean,
            "its maximum": spread_largest,
            "blink %": blink_depth,
            "in the picture %": blink,
            "random edits": random.edits,
            "not finite": random.not_finite,
            "folded": random.folded,
            "lashes folded": random.lashes_folded,
            "lips crossed": random.lips_crossed,
            "lids crossed": random.lids_crossed,
            "overlap px": random.deepest_overlap_px,
        }
    )
    over = [step for step in steps if step.largest > STEP_LEVELS]
    tables["Steps"] += [
        {
            "portrait": name,
            "control": step.key,
            "largest": step.largest,
            "pixels over": step.pixels_over,
            "beyond contrast": step.jump,
        }
        for step in over
    ]
    failed = [sweep for sweep in sweeps if not sweep.monotone]
    failed_as_drawn = [sweep for sweep in sweeps if not sweep.monotone_as_drawn]
    unseen = [sweep for sweep in sweeps if not sweep.seen]
    tables["Sweeps"] += [
        {
            "portrait": name,
            "control": sweep.key,
            "span": sweep.span,
            "back %": sweep.backward_pct,
            "allowed by repeatability %": sweep.allowed_pct,
            "back as drawn %": sweep.drawn_backward_pct,
        }
        for sweep in sweeps
        if sweep.backward > 0 or sweep in failed or sweep in failed_as_drawn or sweep in unseen
    ]
    tables["Leakage"] += _leak_rows(name, leaks)
    tables["Sides"] += _leak_rows(name, sides)
    return [
        _at_most("zero edit, largest difference", name, zero, 0),
        _at_most("smallest step, largest difference", name, worst.largest, STEP_LEVELS),
        _at_most("smallest step, beyond the picture's own contrast", name, jump, STEP_LEVELS),
        _at_most("border, largest difference", name, border, 0),
        _at_most("background farther than 35 px, temporal std", name, spread_mean, 0.1),
        _at_most("blink 100 %, opening left in the picture %", name, blink, 15),
        _at_most("blink 100 %, opening left with the landmarker's depth %", name, blink_depth, 15),
        _at_most("controls that go back by more than the landmarker's repeatability", name, len(failed), 0),
        _at_most("controls that are not monotone as drawn", name, len(failed_as_drawn), 0),
        _at_most("controls that the landmarker does not see", name, len(unseen), 0),
        _at_most(f"controls that leak over {LEAK_PCT:.0f} %", name, _over(leaks), 0),
        _at_most(f"sides that leak over {LEAK_PCT:.0f} %", name, _over(sides), 0),
        _at_most("random edits, not finite", name, random.not_finite, 0),
        _at_most("random edits, folded skin", name, random.folded, 0),
        _at_most("random edits, folded at the lashes", name, random.lashes_folded, 0),
        _at_most("random edits, lips crossed", name, random.lips_crossed, 0),
        _at_most("random edits, lids crossed", name, random.lids_crossed, 0),
    ]


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


def _film_row(result: ClipResult, row: Row) -> dict[str, Any]:
    measured = row.measured
    return {
        "clip": row.clip,
        "mouth": "calibrates" if result.calibrates_mouth else "held out",
        "drawn by": row.drawn_by,
        "PSNR": measured.psnr_db,
        "SSIM": round(measured.ssim, 3),
        "landmarks %": measured.landmarks_pct,
        "lips %": measured.mouth_pct,
        "interior MAE": measured.interior_mae,
        "interior bias": measured.interior_bias,
        "frames": row.frames,
        "open mouths": row.mouths,
        "face lost": row.lost,
        "skipped": result.skipped,
    }


def _at_most(figure: str, where: str, value: float, bar: float) -> Check:
    return Check(figure, where, float(value), f"<= {bar:g}", value <= bar)


def _at_least(figure: str, where: str, value: float, bar: float) -> Check:
    return Check(figure, where, float(value), f">= {bar:g}", value >= bar)


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in row.items()}


def _stacked(strips: list[Picture]) -> Picture | None:
    if not strips:
        return None
    width = max(strip.shape[1] for strip in strips)
    padded = [cv2.copyMakeBorder(s, 0, 12, 0, width - s.shape[1], cv2.BORDER_CONSTANT, value=0) for s in strips]
    return np.asarray(np.vstack(padded), np.uint8)


def find_clips(folder: Path) -> list[Path]:
    """Films of a folder by name.

    Raises:
        StudioError: there are none.
    """
    return _files(folder, (".mp4", ".mov", ".webm"), "--clips", "films")


def find_portraits(folder: Path | None) -> list[Path]:
    """Photos of a folder by name; the shipped portraits for None.

    Raises:
        StudioError: there are none.
    """
    return _files(folder or PORTRAITS, (".jpg", ".jpeg", ".png", ".webp"), "--portraits", "photos")


def _files(folder: Path, endings: tuple[str, ...], option: str, what: str) -> list[Path]:
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in endings) if folder.is_dir() else []
    if not files:
        raise StudioError(f"`{option}` should be a folder with {what} but none were found: {folder}")
    return files
