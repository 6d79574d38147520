"""The paper's figure for one's own portrait: every dim at minus and plus, and where it acts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from pipelines.motion.control import Control
from pipelines.motion.controls import CONTROLS
from pipelines.motion.edit import Edit, apply_edit
from pipelines.portrait.types import Portrait
from pipelines.render.base import Renderer

Progress = Callable[[float, str], None]

BACKGROUND = (15, 17, 19)
INK = (230, 233, 236)
FAINT = (143, 152, 162)
HEAT_FULL_SCALE = 48.0
"""Grey levels of change drawn at full heat: one scale for all dims, so that strong and weak dims can be compared."""


@dataclass(frozen=True)
class SheetLayout:
    """Geometry of the sheet in pixels."""

    columns: int = 7
    tile_px: int = 128
    label_px: int = 24
    gap_px: int = 10
    title_px: int = 44

    @property
    def cell_px(self) -> tuple[int, int]:
        """(width, height) of one cell: minus, plus and heat map side by side under a label."""
        return 3 * self.tile_px, self.tile_px + self.label_px

    def size_px(self, cells: int) -> tuple[int, int]:
        """(width, height) of the sheet."""
        width, height = self.cell_px
        rows = -(-cells // self.columns)
        return self.columns * (width + self.gap_px) + self.gap_px, self.title_px + rows * (height + self.gap_px)

    def origin_px(self, index: int) -> tuple[int, int]:
        """Top left corner of a cell."""
        width, height = self.cell_px
        row, column = divmod(index, self.columns)
        return self.gap_px + column * (width + self.gap_px), self.title_px + row * (height + self.gap_px)


def dim_controls() -> list[Control]:
    """The 63 raw dims, live ones first, each group in the order of the dims."""
    return sorted((c for c in CONTROLS if c.kind == "dim"), key=lambda c: (not c.live, c.key))


def render_atlas(
    portrait: Portrait, renderer: Renderer, *, layout: SheetLayout | None = None, progress: Progress | None = None
) -> NDArray[np.uint8]:
    """(H, W, 3) sheet of all 63 dims on this portrait, each at both ends of its slider with a heat map.

    Args:
        progress: called with the fraction done and a sentence for the visitor after every dim.
    """
    layout = layout or SheetLayout()
    controls = dim_controls()
    handle = renderer.prepare(portrait, size=512)
    window = _face_window(portrait)
    sheet = Image.new("RGB", layout.size_px(len(controls)), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    draw.text((layout.gap_px, 12), "63 motion dimensions: minus, plus, where it acts", INK, ImageFont.load_default(18))
    font = ImageFont.load_default(13)
    for index, control in enumerate(controls):
        frames = [
            renderer.render(handle, apply_edit(portrait, portrait.motion, Edit.of({control.key: value}))).copy()
            for value in (control.lo, control.hi)
        ]
        left, top = layout.origin_px(index)
        draw.text((left, top + 4), _label(control), INK if control.live else FAINT, font)
        for column, tile in enumerate([*frames, _heat(*frames)]):
            small = cv2.resize(tile[window], (layout.tile_px, layout.tile_px), interpolation=cv2.INTER_AREA)
            sheet.paste(Image.fromarray(small), (left + column * layout.tile_px, top + layout.label_px))
        if progress:
            progress((index + 1) / len(controls), f"Drawing dimension {index + 1} of {len(controls)}")
    return np.asarray(sheet)


def _label(control: Control) -> str:
    return f"{control.key.removeprefix('dim_')}  {control.label}" + ("" if control.live else "  (inert)")


def _face_window(portrait: Portrait) -> tuple[slice, slice]:
    """The square of the crop that holds the face with a margin for what moves around it."""
    points = portrait.landmarks_in_crop[:, :2]
    size = portrait.image.shape[0]
    half = 0.62 * float(np.ptp(points, axis=0).max())
    x, y = points.min(0) + np.ptp(points, axis=0) / 2
    top, left = (max(0, round(float(c) - half)) for c in (y, x))
    side = min(round(2 * half), size - top, size - left)
    return slice(top, top + side), slice(left, left + side)


def _heat(minus: NDArray[np.uint8], plus: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The change between two frames as heat over the dimmed grey face."""
    red, green, blue = cv2.split(cv2.absdiff(minus, plus))
    # a reduction over the short last axis takes ten times as long
    largest = np.maximum(np.maximum(red, green), blue)
    change = cv2.GaussianBlur(largest.astype(np.float32), (0, 0), 4.0)
    strength = np.clip(change / HEAT_FULL_SCALE, 0, 1)
    heat = cv2.applyColorMap((255 * np.sqrt(strength)).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    grey = 0.35 * cv2.cvtColor(minus, cv2.COLOR_RGB2GRAY)[..., None].astype(np.float32)
    return np.clip(grey + heat * np.sqrt(strength)[..., None], 0, 255).astype(np.uint8)
