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
from pipelines.evaluation.checks import Check, Table, at_least, at_most
from pipelines.evaluation.renderer_clips import COPY, DIMS, LANDMARKS, ClipResult, Row, evaluate_clip
from pipelines.evaluation.renderer_measures import Picture
from pipelines.evaluation.renderer_portrait import measure_portrait

LANDMARK_CLIPS = ("d5", "d7", "d3")
DIM_CLIPS = ("d5", "d7", "d8")


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
        checks += measure_portrait(path, tables, random_edits=random_edits)
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
            at_most("true landmarks: landmark error %", result.clip, drawn.landmarks_pct, 1.5),
            at_least("true landmarks: PSNR dB over copy", result.clip, drawn.psnr_db - copy.psnr_db, 2.0),
        ]
    if result.clip in DIM_CLIPS and DIMS in rows:
        driven = rows[DIMS]
        checks += [
            at_most("63 dims: landmark error %", result.clip, driven.landmarks_pct, 2.0),
            at_most("63 dims: mouth error %", result.clip, driven.mouth_pct, 4.0),
            at_least("63 dims: SSIM over copy", result.clip, driven.ssim - copy.ssim, 0.05),
        ]
    if not result.calibrates_mouth and not math.isnan(drawn.interior_mae):
        checks += [
            at_most("mouth interior MAE, held out", result.clip, drawn.interior_mae, 40.0),
            at_most("mouth interior |bias|, held out", result.clip, abs(drawn.interior_bias), 20.0),
        ]
    return checks


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
