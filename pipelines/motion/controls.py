"""THE table of controls: sliders, the API, the command line, presets, docs and tests are generated from it.

A sided control has two slots, `<key>_right` and `<key>_left` (the subject's sides); every other control has one.
`SLOTS` fixes the layout of the float32 vector that travels from the page to the renderer.
"""

from __future__ import annotations

import difflib
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import StudioError
from pipelines.motion.control import (
    AS_PHOTOGRAPHED,
    Control,
    Slot,
    angle_row,
    dim_row,
    move_row,
    semantic_row,
    setting_row,
)
from pipelines.motion.dims import DIMS, SIDES, Side, extremes
from pipelines.motion.semantic import EMOTIONS, SEMANTICS

_HEAD: tuple[Control, ...] = (
    angle_row("pitch_deg", "Nod down", 20, limit=15, band=3.1, tip="Pitch · + moves the nose down"),
    angle_row("yaw_deg", "Turn right", 30, limit=25, band=1.2, tip="Yaw · + turns the nose to the subject's right"),
    angle_row(
        "roll_deg", "Tilt clockwise", 20, limit=15, band=1.5, tip="Roll · + turns clockwise as the viewer sees it"
    ),
    move_row("move_x", "Move right", "+ moves to image right · % of the crop width", band=0.01),
    move_row("move_y", "Move down", "+ moves down · % of the crop height", band=0.01),
    move_row("move_z", "Closer", "+ makes the head larger · % of its size", band=0.02),
)

_EYES: tuple[Control, ...] = (
    angle_row(
        "gaze_x_deg",
        "Look right",
        30,
        limit=24,
        band=16,
        tip="Eyeball rotation away from the photo · + to image right",
        kind="gaze",
        sided=True,
    ),
    angle_row(
        "gaze_y_deg",
        "Look up",
        25,
        limit=18,
        band=11,
        tip="Eyeball rotation away from the photo · + up",
        kind="gaze",
        sided=True,
    ),
    Control(
        key="eye_ratio",
        label="Eye aspect ratio",
        kind="eye",
        region="eyes",
        panel="eyes",
        sided=True,
        lo=0.0,
        hi=0.6,
        step=0.005,
        default=AS_PHOTOGRAPHED,
        band=(0.01, 0.47),
        source="lid law (pipelines/motion/eyes.py)",
        tip="Absolute opening: lid distance over eye width · -1 = as photographed",
    ),
)

_EMOTION: tuple[Control, ...] = (
    *(
        Control(
            key=f"emotion_{name}",
            label=name.capitalize(),
            kind="emotion",
            region="emotion",
            panel="emotion",
            unit="%",
            lo=0.0,
            hi=1.0,
            step=0.01,
            source="expression preset of the named controls",
            tip="Share of the mix; shares above 100 % in sum are scaled back",
            confidence="medium",
        )
        for name in EMOTIONS
    ),
    Control(
        key="emotion_intensity",
        label="Intensity",
        kind="emotion",
        region="emotion",
        panel="emotion",
        unit="%",
        lo=0.0,
        hi=1.5,
        step=0.01,
        default=1.0,
        tip="Strength of the whole mix",
    ),
)

REGIONS: tuple[tuple[str, str, bool], ...] = (
    ("brows", "Brows", True),
    ("eyes", "Eyes", True),
    ("gaze", "Gaze", True),
    ("nose", "Nose", False),
    ("cheeks", "Cheeks", True),
    ("mouth", "Mouth", True),
    ("jaw", "Jaw line", False),
    ("outline", "Outline", False),
    ("neck", "Neck", False),
    ("head", "Head pose", False),
)
"""(key, label, has sides)."""

_REGION: tuple[Control, ...] = tuple(
    Control(
        key=f"region_{key}",
        label=label,
        kind="region",
        region=key,
        panel="regions",
        sided=sided,
        unit="%",
        lo=0.0,
        hi=1.0,
        step=0.01,
        default=1.0,
        source="region shares of the dims (pipelines/motion/dims.py)",
        tip="How much of the base motion and of the edits acts here · 0 % keeps the photo",
    )
    for key, label, sided in REGIONS
)


_SETTING: tuple[Control, ...] = (
    setting_row("region_feather", "Feather", "Softens the borders between regions", panel="regions", hi=1, default=0),
    setting_row(
        "limit_strength",
        "Limit strength",
        "100 % = 1.5 times the measured extreme · higher is tighter · 0 % = off",
        panel="regions",
        hi=2,
        default=1,
    ),
    setting_row(
        "gaze_compensation",
        "Keep looking at the camera",
        "The eyes turn back by as much as the head is turned",
        panel="eyes",
        hi=1,
        default=1,
        step=1,
    ),
    setting_row(
        "mask_enabled", "Painted mask", "Only the painted area changes", panel="regions", hi=1, default=0, step=1
    ),
    setting_row(
        "mask_feather", "Mask feather", "Softens the edge of the painted mask", panel="regions", hi=1, default=0.1
    ),
)


def _dims() -> tuple[Control, ...]:
    lows, highs = extremes()
    return tuple(dim_row(dim, lows, highs) for dim in DIMS)


CONTROLS: tuple[Control, ...] = (
    *(semantic_row(row) for row in SEMANTICS),
    *_HEAD,
    *_EYES,
    *_EMOTION,
    *_dims(),
    *_REGION,
    *_SETTING,
)


def _slots() -> tuple[Slot, ...]:
    pairs: list[tuple[Control, Side | None]] = [
        (c, side) for c in CONTROLS for side in (SIDES if c.sided else (None,))
    ]
    return tuple(
        Slot(key=f"{c.key}_{side}" if side else c.key, control=c, side=side, index=i)
        for i, (c, side) in enumerate(pairs)
    )


SLOTS: tuple[Slot, ...] = _slots()
N_SLOTS = len(SLOTS)
CONTROL_BY_KEY: dict[str, Control] = {control.key: control for control in CONTROLS}
SLOT_BY_KEY: dict[str, Slot] = {slot.key: slot for slot in SLOTS}


def _column(name: Literal["lo", "hi", "default"]) -> NDArray[np.float32]:
    column = np.array([getattr(slot.control, name) for slot in SLOTS], np.float32)
    column.flags.writeable = False
    return column


SLOT_LO = _column("lo")
SLOT_HI = _column("hi")
SLOT_DEFAULT = _column("default")


def resolve(name: str) -> tuple[Slot, ...]:
    """The slots a name sets: a slot key names one, the key of a sided control both (right, left).

    Raises:
        StudioError: no such control; the sentence offers the nearest names.
    """
    if name in SLOT_BY_KEY:
        return (SLOT_BY_KEY[name],)
    if name in CONTROL_BY_KEY:
        return tuple(SLOT_BY_KEY[f"{name}_{side}"] for side in SIDES)
    near = difflib.get_close_matches(name, [*CONTROL_BY_KEY, *SLOT_BY_KEY], n=3)
    remedy = f"did you mean {', '.join(near)}?" if near else "`python -m pipelines controls` lists them all."
    raise StudioError(f"`{name[:60]}` is not the name of a control; {remedy}")


def slots_of(key: str) -> list[int]:
    """Vector indices of a control: [right, left] or [one]."""
    return [slot.index for slot in resolve(key)]


def clip_to_slots(vector: NDArray) -> NDArray[np.float32]:
    """(..., N_SLOTS) with every value inside its slider; an eye ratio below 0 means as photographed."""
    values = np.asarray(vector, np.float32)
    unset = (SLOT_DEFAULT == AS_PHOTOGRAPHED) & (values < 0)
    return np.where(unset, SLOT_DEFAULT, np.clip(values, SLOT_LO, SLOT_HI))
