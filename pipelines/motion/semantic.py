"""What the named expression controls and the eight emotions do: the coefficient tables.

Rows start from LivePortrait's editing sliders (its frown, smile, lip variations, brow and wink rows). Where the atlas
has data the row was refitted by regularised least squares (prior = the published row, target = the landmark
displacement of a strong real expression with no sideways or neighbouring motion) and rounded; `source` says which.
Unit: 10⁻³ of expression at value 1.0, which is about the strongest of that expression in the measured faces.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.motion.eyes import BLINK_LOWER, BLINK_UPPER, LOWER_LID, UPPER_LID

Row = dict[int, float]


@dataclass(frozen=True)
class Semantic:
    """One named expression control."""

    key: str
    label: str
    region: str
    sided: bool
    lo: float
    band: tuple[float, float]
    """5th..95th percentile of real faces, from the measure the control names."""
    row: Row
    source: str
    tip: str


_FITTED = "published row refitted to the measured atlas"
_PUBLISHED = "LivePortrait editing row"
_LIDS = "lid law (pipelines/motion/eyes.py) and the published blink row"

SEMANTICS: tuple[Semantic, ...] = (
    Semantic(
        key="jaw_open",
        label="Jaw open",
        region="mouth",
        sided=False,
        lo=0.0,
        band=(0.0, 0.58),
        row={58: 62, 59: 5, 52: -6.5, 53: -2.5, 43: -1.3, 62: 2},
        source=_FITTED,
        tip="The jaw drops and the lips part",
    ),
    Semantic(
        key="lip_opening",
        label="Lip opening",
        region="mouth",
        sided=False,
        lo=0.0,
        band=(0.0, 0.7),
        row={61: -18, 59: 7, 43: 4.5, 58: 2, 52: -1.5, 62: -1.5},
        source=_FITTED,
        tip="The lips part while the jaw stays",
    ),
    Semantic(
        key="smile",
        label="Smile",
        region="mouth",
        sided=True,
        lo=-0.3,
        band=(-0.1, 0.85),
        row={43: -20, 61: -5, 22: -6, 10: -3.5, 60: -3, 52: 4.5, 53: 3, 40: -2.5, 49: -2.5},
        source=_FITTED,
        tip="Corners up and out, cheeks lift the lower lids",
    ),
    Semantic(
        key="corners_down",
        label="Corners down",
        region="mouth",
        sided=True,
        lo=0.0,
        band=(0.0, 0.6),
        row={43: 13, 58: 5, 59: -9, 60: 3, 61: 4, 62: -7},
        source=_FITTED,
        tip="Corners down without narrowing the mouth",
    ),
    Semantic(
        key="pucker",
        label="Pucker",
        region="mouth",
        sided=False,
        lo=0.0,
        band=(0.0, 0.7),
        row={62: 13, 43: 9, 59: 10, 58: -6, 52: -3, 61: -3},
        source=_FITTED,
        tip="Lips round, narrow and forward",
    ),
    Semantic(
        key="lip_press",
        label="Lip press",
        region="mouth",
        sided=False,
        lo=0.0,
        band=(0.0, 0.6),
        row={61: 3, 58: -8, 59: -9, 62: -3, 43: 1.5, 52: 1},
        source=_FITTED,
        tip="Lips together and thin",
    ),
    Semantic(
        key="mouth_sideways",
        label="Mouth sideways",
        region="mouth",
        sided=False,
        lo=-1.0,
        band=(-0.6, 0.6),
        row={57: 28, 60: 10, 58: 3.5, 22: -1.5, 53: 1.5},
        source=_FITTED,
        tip="The mouth moves to image right",
    ),
    Semantic(
        key="upper_lip_raise",
        label="Upper lip raise",
        region="mouth",
        sided=True,
        lo=0.0,
        band=(0.0, 0.7),
        row={61: -18, 58: -9, 43: 3, 59: 4, 52: -1.5},
        source=_FITTED,
        tip="The upper lip lifts and shows the teeth",
    ),
    Semantic(
        key="brow_raise",
        label="Brow raise",
        region="brows",
        sided=True,
        lo=-1.0,
        band=(-0.5, 0.6),
        row={7: -15.5, 4: 8},
        source=_PUBLISHED,
        tip="Brows up; below zero they come down",
    ),
    Semantic(
        key="brow_knit",
        label="Brow knit",
        region="brows",
        sided=False,
        lo=0.0,
        band=(0.0, 0.6),
        row={3: 6.5, 6: -7.5, 4: -2, 7: 6.5},
        source=_FITTED,
        tip="Brows together and slightly down",
    ),
    Semantic(
        key="squint",
        label="Squint",
        region="eyes",
        sided=True,
        lo=0.0,
        band=(0.0, 0.6),
        row={LOWER_LID[0]: -5.5, LOWER_LID[1]: -5.5, UPPER_LID[0]: 3.5, UPPER_LID[1]: 3.5},
        source=_LIDS,
        tip="Lower lids up, eyes narrow",
    ),
    Semantic(
        key="blink",
        label="Blink",
        region="eyes",
        sided=True,
        lo=0.0,
        band=(0.0, 1.0),
        row={
            UPPER_LID[0]: 1e3 * BLINK_UPPER,
            UPPER_LID[1]: 1e3 * BLINK_UPPER,
            LOWER_LID[0]: 1e3 * BLINK_LOWER,
            LOWER_LID[1]: 1e3 * BLINK_LOWER,
        },
        source=_LIDS,
        tip="The eye closes; 100 % is shut",
    ),
    Semantic(
        key="eye_wide",
        label="Eye wide",
        region="eyes",
        sided=True,
        lo=0.0,
        band=(0.0, 0.7),
        row={UPPER_LID[0]: -9, UPPER_LID[1]: -9, LOWER_LID[0]: 3, LOWER_LID[1]: 3},
        source=_LIDS,
        tip="Lids apart, wider than photographed",
    ),
)

EMOTIONS: dict[str, dict[str, float]] = {
    "angry": {"brow_knit": 1.0, "brow_raise": -0.7, "squint": 0.4, "lip_press": 0.8, "corners_down": 0.3},
    "disgust": {
        "upper_lip_raise": 0.8,
        "brow_raise": -0.45,
        "brow_knit": 0.4,
        "squint": 0.65,
        "corners_down": 0.5,
    },
    "fear": {"brow_raise": 0.75, "brow_knit": 0.6, "eye_wide": 0.9, "lip_opening": 0.4, "corners_down": 0.3},
    "happy": {"smile": 1.0, "squint": 0.3, "lip_opening": 0.35, "brow_raise": 0.1},
    "neutral": {},
    "sad": {"corners_down": 0.9, "brow_knit": 0.6, "brow_raise": 0.5, "blink": 0.2},
    "surprise": {"brow_raise": 1.0, "eye_wide": 1.0, "jaw_open": 0.55},
    "contempt": {"smile_left": 0.65, "lip_press": 0.35, "squint": 0.2, "brow_raise_left": 0.35},
}
"""Emotion -> control or slot -> value at weight 1; the order is Ditto's (spec index 0..7)."""
