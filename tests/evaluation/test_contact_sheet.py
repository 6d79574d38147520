"""The contact sheet: every tile shows what its label says it edits."""

from __future__ import annotations

import numpy as np

from pipelines.assets import PORTRAITS
from pipelines.evaluation.contact_sheet import COLUMNS, LABEL_PX, SHEET, TILE_PX, render_sheet
from pipelines.portrait.load import load_photo
from pipelines.portrait.register import register
from pipelines.render import choose_renderer


def test_every_tile_but_the_first_departs_from_the_photo() -> None:
    fractions: list[float] = []
    portrait = register(load_photo(PORTRAITS / "astronaut.jpg"))
    sheet = render_sheet(portrait, choose_renderer(), progress=lambda done, _: fractions.append(done)).astype(int)

    def tile(index: int) -> np.ndarray:
        row, column = divmod(index, COLUMNS)
        top, left = row * (TILE_PX + LABEL_PX) + LABEL_PX, column * TILE_PX
        return sheet[top : top + TILE_PX, left : left + TILE_PX]

    for index, (label, _) in list(enumerate(SHEET))[1:]:
        assert (np.abs(tile(index) - tile(0)).max(-1) > 12).sum() > 30, label
    assert len(fractions) == len(SHEET) and fractions[-1] == 1.0
