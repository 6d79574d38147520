"""One portrait through poses, blinks, gazes and expressions: the picture to judge a renderer by."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from pipelines.evaluation.atlas_sheet import Progress
from pipelines.motion.edit import Edit, apply_edit
from pipelines.portrait.types import Portrait
from pipelines.render.base import Renderer

COLUMNS = 8
TILE_PX = 288
LABEL_PX = 22

SHEET: tuple[tuple[str, dict[str, float]], ...] = (
    ("As photographed", {}),
    ("Turn right 20°", {"yaw_deg": 20}),
    ("Turn left 20°", {"yaw_deg": -20}),
    ("Nod down 15°", {"pitch_deg": 15}),
    ("Nod up 15°", {"pitch_deg": -15}),
    ("Tilt clockwise 15°", {"roll_deg": 15}),
    ("Tilt back 15°", {"roll_deg": -15}),
    ("Closer", {"move_z": 0.08}),
    ("Blink 50 %", {"blink": 0.5}),
    ("Blink 100 %", {"blink": 1}),
    ("Wink right, smile", {"blink_right": 1, "smile_right": 0.6}),
    ("Gaze to image right", {"gaze_x_deg": 20}),
    ("Gaze to image left", {"gaze_x_deg": -20}),
    ("Gaze up", {"gaze_y_deg": 14, "brow_raise": 0.2}),
    ("Gaze down", {"gaze_y_deg": -14, "blink": 0.3}),
    ("Eyes wide", {"eye_wide": 1}),
    ("Jaw 25 %", {"jaw_open": 0.25}),
    ("Jaw 50 %", {"jaw_open": 0.5}),
    ("Jaw 100 %", {"jaw_open": 1}),
    ("Smile", {"smile": 0.8}),
    ("Smile with teeth", {"smile": 0.8, "lip_opening": 0.6}),
    ("Pucker", {"pucker": 1}),
    ("Corners down", {"corners_down": 1}),
    ("Mouth sideways", {"mouth_sideways": 1}),
    ("Brows up", {"brow_raise": 1}),
    ("Brow knit", {"brow_knit": 1, "brow_raise": -0.5}),
    ("Angry", {"emotion_angry": 1}),
    ("Happy", {"emotion_happy": 1}),
    ("Sad", {"emotion_sad": 1}),
    ("Surprise", {"emotion_surprise": 1}),
    ("Speech: A", {"jaw_open": 0.55, "yaw_deg": 6, "pitch_deg": 3}),
    ("Speech: O", {"jaw_open": 0.35, "pucker": 0.6, "yaw_deg": -8}),
)
"""(label, control values) of every tile."""


def render_sheet(portrait: Portrait, renderer: Renderer, *, progress: Progress | None = None) -> NDArray[np.uint8]:
    """(H, W, 3) contact sheet of `SHEET`, eight tiles a row.

    Args:
        progress: called with the fraction done and a sentence after every tile.
    """
    handle = renderer.prepare(portrait, size=512)
    rows = -(-len(SHEET) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * TILE_PX, rows * (TILE_PX + LABEL_PX)), (15, 17, 19))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for index, (label, values) in enumerate(SHEET):
        frame = renderer.render(handle, apply_edit(portrait, portrait.motion, Edit.of(values)))
        row, column = divmod(index, COLUMNS)
        left, top = column * TILE_PX, row * (TILE_PX + LABEL_PX)
        tile = cv2.resize(frame, (TILE_PX, TILE_PX), interpolation=cv2.INTER_AREA)
        sheet.paste(Image.fromarray(tile), (left, top + LABEL_PX))
        draw.text((left + 5, top + 3), label, (230, 233, 236), font)
        if progress:
            progress((index + 1) / len(SHEET), f"Drawing {index + 1} of {len(SHEET)}")
    return np.asarray(sheet)
