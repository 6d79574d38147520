"""`python -m pipelines evaluate degraded`: difficult input renders or is refused with a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pipelines.errors import StudioError
from pipelines.evaluation.atlas_sheet import Progress
from pipelines.evaluation.degraded_inputs import INPUTS
from pipelines.evaluation.renderer_clips import find_landmarks
from pipelines.evaluation.renderer_measures import Picture
from pipelines.motion.edit import Edit, apply_edit
from pipelines.portrait.load import load_photo
from pipelines.portrait.register import register
from pipelines.portrait.types import Portrait
from pipelines.render.mesh.renderer import MeshRenderer

EDITS: tuple[dict[str, float], ...] = (
    {"yaw_deg": 18},
    {"yaw_deg": -15, "pitch_deg": 10},
    {"blink": 1},
    {"jaw_open": 1},
    {"smile": 1, "brow_raise": 0.8},
    {"gaze_x_deg": 18, "pucker": 1},
)
AS_IT_IS = "as it is"
REFUSES = "refuses"
TILE_PX = 176
LABEL_PX = 18


@dataclass(frozen=True)
class DegradedRow:
    """One difficult photo."""

    photo: str
    input: str
    verdict: str
    """"renders"; "face lost in N of 6" where the landmarker finds no face in what was drawn; "refuses"; "breaks"."""
    sentence: str
    """Why it was refused or broke."""


@dataclass(frozen=True)
class DegradedReport:
    """Verdicts and what was drawn: a line for each input, the crop at rest and then the six edits."""

    rows: tuple[DegradedRow, ...]
    sheet: Picture


def evaluate_degraded(
    photos: Sequence[Path], *, inputs: Sequence[str] = tuple(INPUTS), progress: Progress | None = None
) -> DegradedReport:
    """Draw `EDITS` of every photo as it is and made difficult in every way.

    A photo that is refused as it is has no further lines: there is no face to make difficult.
    """
    rows, lines = [], []
    for index, path in enumerate(photos):
        try:
            portrait = register(load_photo(path))
        except StudioError as error:
            tried = [(DegradedRow(path.stem, AS_IT_IS, REFUSES, str(error)), [])]
        else:
            tried = [_try(path.stem, name, portrait) for name in (AS_IT_IS, *inputs)]
        rows += [row for row, _ in tried]
        lines += [_line(*each) for each in tried]
        if progress:
            progress((index + 1) / len(photos), f"Drew {path.stem} in {len(tried)} ways")
    return DegradedReport(tuple(rows), np.asarray(np.vstack(lines), np.uint8))


def _try(photo: str, name: str, portrait: Portrait) -> tuple[DegradedRow, list[Picture]]:
    try:
        frames = _draw(portrait if name == AS_IT_IS else register(INPUTS[name](portrait)))
    except StudioError as error:
        return DegradedRow(photo, name, REFUSES, str(error)), []
    except Exception as error:  # a broken drawing is a result of this measurement
        return DegradedRow(photo, name, "breaks", f"{type(error).__name__}: {error}"), []
    lost = sum(find_landmarks(frame) is None for frame in frames[1:])
    return DegradedRow(photo, name, f"face lost in {lost} of {len(EDITS)}" if lost else "renders", ""), frames


def _draw(portrait: Portrait) -> list[Picture]:
    renderer = MeshRenderer()
    handle = renderer.prepare(portrait)
    edits = (Edit.of(values) for values in ({}, *EDITS))
    return [renderer.render(handle, apply_edit(portrait, portrait.motion, edit)) for edit in edits]


def _line(row: DegradedRow, tiles: list[Picture]) -> Picture:
    """One labelled line of the sheet."""
    line = Image.new("RGB", (TILE_PX * (1 + len(EDITS)), LABEL_PX + (TILE_PX if tiles else 0)), (15, 17, 19))
    draw = ImageDraw.Draw(line)
    label = f"{row.photo} · {row.input} · {row.verdict} {row.sentence}"
    draw.text((5, 2), label, (230, 233, 236), ImageFont.load_default(12))
    for column, tile in enumerate(tiles):
        small = cv2.resize(tile, (TILE_PX, TILE_PX), interpolation=cv2.INTER_AREA)
        line.paste(Image.fromarray(np.asarray(small, np.uint8)), (column * TILE_PX, LABEL_PX))
    return np.asarray(line)
