"""The figure of all 63 dims on one's own portrait."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.assets import PORTRAITS
from pipelines.evaluation.atlas_sheet import SheetLayout, dim_controls, render_atlas
from pipelines.portrait.load import load_photo
from pipelines.portrait.register import register
from pipelines.render import choose_renderer

LAYOUT = SheetLayout(tile_px=96)


@pytest.fixture(scope="module")
def drawn() -> tuple[np.ndarray, list[float]]:
    """The sheet and the fractions its progress went through."""
    fractions: list[float] = []
    portrait = register(load_photo(PORTRAITS / "astronaut.jpg"))
    sheet = render_atlas(portrait, choose_renderer(), layout=LAYOUT, progress=lambda done, _: fractions.append(done))
    return sheet, fractions


def tiles(sheet: np.ndarray, index: int) -> list[np.ndarray]:
    """The three pictures of a cell: minus, plus, heat."""
    left, top = LAYOUT.origin_px(index)
    row = sheet[top + LAYOUT.label_px : top + LAYOUT.label_px + LAYOUT.tile_px]
    return [row[:, left + k * LAYOUT.tile_px : left + (k + 1) * LAYOUT.tile_px].astype(int) for k in range(3)]


def test_every_dim_has_a_cell_and_live_ones_come_first() -> None:
    controls = dim_controls()
    assert sorted(c.key for c in controls) == [f"dim_{d:02d}" for d in range(63)]
    assert [c.live for c in controls] == [True] * 36 + [False] * 27


def test_every_dim_changes_its_pictures(drawn: tuple[np.ndarray, list[float]]) -> None:
    sheet, _ = drawn
    assert sheet.shape[:2] == LAYOUT.size_px(63)[::-1]
    for index, control in enumerate(dim_controls()):
        minus, plus, _ = tiles(sheet, index)
        assert np.abs(minus - plus).max() >= 4, control.key


def test_the_heat_lies_where_the_pictures_differ(drawn: tuple[np.ndarray, list[float]]) -> None:
    sheet, _ = drawn
    keys = [c.key for c in dim_controls()]
    for key in ("dim_58", "dim_07", "dim_34"):
        minus, plus, heat = tiles(sheet, keys.index(key))
        change = np.abs(minus - plus).max(-1)
        redness = heat[..., 0] - heat[..., 2]
        hot = change >= np.quantile(change, 0.98)
        assert redness[hot].mean() > redness[~hot].mean() + 20, key


def test_progress_ends_at_one(drawn: tuple[np.ndarray, list[float]]) -> None:
    _, fractions = drawn
    assert len(fractions) == 63 and fractions[-1] == 1.0 and fractions == sorted(fractions)
