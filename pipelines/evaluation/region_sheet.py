"""Pictures of a sweep and of a comparison: tiles, heat of displacement and change, the curve of the movement."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from pipelines.evaluation.region_bench import Comparison, Picture, Sweep
from pipelines.portrait.crop import face_window

Array = NDArray[Any]

TILE_PX = 240
LABEL_PX = 24
COLUMNS = 5
_PAPER = (15, 17, 19)
_INK = (230, 233, 236)
_LINE = (92, 200, 255)
_SPREAD_PX = 14.0
_FULL_LEVELS = 48.0


def sweep_sheet(sweep: Sweep) -> Picture:
    """(H, W, 3) every step, five in a row, and below them heat of displacement, heat of change, curve and figures."""
    face = face_window(sweep.landmarks_in_crop, sweep.rest.shape)
    tiles = [(f"{step.value:.3g}", step.picture[face]) for step in sweep.steps]
    last = max(sweep.steps, key=lambda step: step.energy)
    below = [
        ("Displacement", displacement_heat(sweep.rest, sweep.landmarks_in_crop, last.displacement)[face]),
        ("Change in the picture", change_heat(sweep.rest, last.picture)[face]),
        ("Movement along the sweep, % of eye distance", _chart(sweep)),
        ("Figures", _figures(sweep)),
    ]
    rows = [tiles[start : start + COLUMNS] for start in range(0, len(tiles), COLUMNS)]
    return np.vstack([_row(row, COLUMNS) for row in [*rows, below]])


def comparison_sheet(comparison: Comparison, landmarks_in_crop: Array) -> Picture:
    """(H, W, 3) first, second, heat of displacement, heat of change."""
    first, second = comparison.pictures
    face = face_window(landmarks_in_crop, first.shape)
    tiles = [
        ("First", first[face]),
        ("Second", second[face]),
        ("Displacement", displacement_heat(first, landmarks_in_crop, comparison.displacement)[face]),
        ("Change in the picture", change_heat(first, second)[face]),
    ]
    return _row(tiles, len(tiles))


def displacement_heat(picture: Picture, landmarks_in_crop: Array, displacement: Array) -> Picture:
    """How far each place of the face moves, as heat over the dimmed face; the hottest is the largest movement."""
    height, width = picture.shape[:2]
    size = np.linalg.norm(displacement[:, :2], axis=-1)
    amount, weight = np.zeros((height, width), np.float32), np.zeros((height, width), np.float32)
    places = np.clip(np.rint(landmarks_in_crop[:, :2]).astype(int), 0, [width - 1, height - 1])
    np.add.at(amount, (places[:, 1], places[:, 0]), size.astype(np.float32))
    np.add.at(weight, (places[:, 1], places[:, 0]), 1.0)
    amount, weight = (cv2.GaussianBlur(each, (0, 0), _SPREAD_PX) for each in (amount, weight))
    mean = amount / np.maximum(weight, 1e-6)
    near = np.clip(weight / (0.2 * weight.max() + 1e-9), 0, 1)
    return _heat(picture, near * mean / max(float(size.max()), 1e-6))


def change_heat(first: Picture, second: Picture) -> Picture:
    """Where two pictures differ, as heat over the dimmed first one; full heat is a difference of 48 grey levels."""
    change = cv2.absdiff(first, second).max(-1).astype(np.float32)
    return _heat(first, np.clip(np.asarray(cv2.GaussianBlur(change, (0, 0), 2.0)) / _FULL_LEVELS, 0, 1))


def _heat(picture: Picture, strength: Array) -> Picture:
    grey = 0.45 * cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None].repeat(3, -1)
    levels = np.rint(255 * np.clip(strength, 0, 1)).astype(np.uint8)
    colour = cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    share = np.clip(1.5 * strength, 0, 0.85)[..., None]
    return ((1 - share) * grey + share * colour).astype(np.uint8)


def _row(tiles: list[tuple[str, Picture]], columns: int) -> Picture:
    sheet = Image.new("RGB", (columns * TILE_PX, TILE_PX + LABEL_PX), _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    left = 0
    for label, picture in tiles:
        width = round(TILE_PX * picture.shape[1] / picture.shape[0])
        small = cv2.resize(picture, (width, TILE_PX), interpolation=cv2.INTER_AREA)
        sheet.paste(Image.fromarray(np.asarray(small, np.uint8)), (left, LABEL_PX))
        draw.text((left + 6, 4), label, _INK, font)
        left += width
    return np.asarray(sheet)


def _chart(sweep: Sweep) -> Picture:
    """The curve of the movement, drawn at the height of a tile and twice as wide."""
    width, height, edge = 2 * TILE_PX, TILE_PX, 34
    chart = Image.new("RGB", (width, height), _PAPER)
    draw, font = ImageDraw.Draw(chart), ImageFont.load_default(11)
    values = np.array([step.value for step in sweep.steps])
    along = np.array([step.along for step in sweep.steps])
    low, high = float(along.min()), float(max(along.max(), along.min() + 1e-3))
    x = edge + (width - 2 * edge) * (values - values[0]) / (values[-1] - values[0])
    y = height - edge - (height - 2 * edge) * (along - low) / (high - low)
    draw.rectangle((edge, edge, width - edge, height - edge), outline=(60, 64, 70))
    draw.line([(float(a), float(b)) for a, b in zip(x, y, strict=True)], fill=_LINE, width=2)
    for a, b in zip(x, y, strict=True):
        draw.ellipse((a - 3, b - 3, a + 3, b + 3), fill=_LINE)
    draw.text((edge, height - edge + 6), f"{values[0]:.3g}", _INK, font)
    draw.text((width - edge - 20, height - edge + 6), f"{values[-1]:.3g}", _INK, font)
    draw.text((4, edge - 14), f"{high:.1f} %", _INK, font)
    draw.text((4, height - edge - 6), f"{low:.1f}", _INK, font)
    return np.asarray(chart)


def _figures(sweep: Sweep) -> Picture:
    panel = Image.new("RGB", (TILE_PX, TILE_PX), _PAPER)
    draw, font = ImageDraw.Draw(panel), ImageFont.load_default(13)
    leakage = "none by nature" if sweep.leakage is None else f"{100 * sweep.leakage:.1f} %"
    largest = max(sweep.steps, key=lambda step: max(step.by_region.values()))
    lines = [
        sweep.key,
        f"Outside its regions: {leakage}",
        f"Monotone: {100 * sweep.monotonicity:.0f} % of the steps",
        f"Symmetry: {sweep.symmetry:.3f}",
        f"Largest by region, at {largest.value:.3g}:",
        *(f"    {region}  {figure:.2f} %" for region, figure in largest.by_region.items()),
    ]
    for index, line in enumerate(lines):
        draw.text((12, 12 + 19 * index), line, _INK, font)
    return np.asarray(panel)
