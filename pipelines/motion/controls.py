"""THE table of controls: sliders, the API, the command line, presets, docs and tests are generated from it.

A sided control has two slots, `<key>_right` and `<key>_left` (the subject's sides); every other control has one.
`SLOTS` fixes the layout of the float32 vector that travels from the page to the renderer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import StudioError
from pipelines.motion.atlas import load_atlas
from pipelines.motion.dims import DIMS, KEYPOINT_NAMES, SIDES, Dim, Side, extremes
from pipelines.motion.semantic import EMOTIONS, SEMANTICS, Semantic

Kind = Literal["semantic", "dim", "pose", "gaze", "eye", "emotion", "region", "setting"]
Panel = Literal["expression", "head", "eyes", "emotion", "regions"]

AS_PHOTOGRAPHED = -1.0
"""Value of an eye ratio that was not set."""
LIMIT_MARGIN = 1.5
"""At strength 1 a dim may leave the source by this many times the measured extreme."""


@dataclass(frozen=True, kw_only=True)
class Control:
    """One control. Values are in natural units: fractions, 10⁻³ of expression, degrees."""

    key: str
    label: str
    """The effect of the positive direction."""
    kind: Kind
    region: str
    """Region of the face, or the panel group where it has none."""
    panel: Panel
    sided: bool = False
    unit: Literal["%", "°", "10⁻³", ""] = ""
    lo: float
    hi: float
    """Slider ends."""
    step: float
    default: float = 0.0
    band: tuple[float, float] | None = None
    """5th..95th percentile of real faces."""
    limit: tuple[float, float] | None = None
    """Where the limit bites at strength 1, for controls that are limited as such."""
    coefficients: tuple[tuple[int, float], ...] = ()
    """(dim, expression per unit value). In a sided control the dims of the other eye are left out per side."""
    source: str = ""
    tip: str = ""
    live: bool = True
    """Moves in real faces."""
    confidence: Literal["high", "medium", "low"] = "high"
    dim: int | None = None
    percentiles: tuple[tuple[float, float], ...] = ()
    """(percentile, value) pairs of real faces, raw dims only."""
    effect_pct: float | None = None
    """Root mean square landmark motion at about one standard deviation, % of eye distance, raw dims only."""

    @property
    def keypoint(self) -> int | None:
        return None if self.dim is None else self.dim // 3

    @property
    def axis(self) -> str | None:
        return None if self.dim is None else DIMS[self.dim].axis

    def side_coefficients(self, side: Side | None) -> tuple[tuple[int, float], ...]:
        """Coefficients of one slot: without the dims of the other eye."""
        return tuple((d, c) for d, c in self.coefficients if side is None or DIMS[d].side in (None, side))


@dataclass(frozen=True)
class Slot:
    """One number of the edit vector."""

    key: str
    control: Control
    side: Side | None
    index: int


def _semantic(row: Semantic) -> Control:
    return Control(
        key=row.key,
        label=row.label,
        kind="semantic",
        region=row.region,
        panel="expression",
        sided=row.sided,
        unit="%",
        lo=row.lo,
        hi=1.3 if row.key == "smile" else 1.0,
        step=0.01,
        band=row.band,
        coefficients=tuple((d, 1e-3 * c) for d, c in sorted(row.row.items())),
        source=row.source,
        tip=f"{row.tip} · % of the measured range",
        confidence="medium" if row.region == "brows" else "high",
    )


def _dim(dim: Dim, lows: NDArray[np.float64], highs: NDArray[np.float64]) -> Control:
    atlas = load_atlas()
    lo, hi = (LIMIT_MARGIN * 1e3 * float(a[dim.index]) for a in (lows, highs))
    pair = (dim.index, dim.mirror)
    # mirror partners share their slider ends, so that a mirrored value is never cut
    reach = math.ceil(10 * LIMIT_MARGIN * 1e3 * max(float(max(-lows[d], highs[d])) for d in pair)) / 10
    values = 1e3 * atlas.range_rel_official[:, dim.index].astype(float)
    effect = float(atlas.J_effect_pct[dim.index])
    place = f"Dimension {dim.index} · point {dim.keypoint} ({KEYPOINT_NAMES[dim.keypoint]}), {dim.axis}"
    meaning = f"effect {effect:.2f} % of eye distance" if dim.live else "inert in real faces"
    return Control(
        key=f"dim_{dim.index:02d}",
        label=dim.name,
        kind="dim",
        region=dim.region,
        panel="expression",
        unit="10⁻³",
        lo=-reach,
        hi=reach,
        step=0.1,
        band=(round(float(values[2]), 2), round(float(values[6]), 2)) if dim.live else None,
        limit=(lo, hi),
        coefficients=((dim.index, 1e-3),),
        source="measured atlas",
        tip=f"{place} · {meaning}",
        live=dim.live,
        confidence=dim.confidence,
        dim=dim.index,
        percentiles=tuple((float(p), round(float(v), 2)) for p, v in zip(atlas.pct, values, strict=True)),
        effect_pct=effect,
    )


def _angle(
    key: str,
    label: str,
    reach: float,
    *,
    limit: float,
    band: float,
    tip: str,
    kind: Kind = "pose",
    sided: bool = False,
) -> Control:
    gaze = kind == "gaze"
    return Control(
        key=key,
        label=label,
        kind=kind,
        region="gaze" if gaze else "head",
        panel="eyes" if gaze else "head",
        sided=sided,
        unit="°",
        lo=-reach,
        hi=reach,
        step=0.1,
        band=(-band, band),
        limit=(-limit, limit),
        source="limits: LivePortrait's editor; band: within a clip of the measured faces",
        tip=tip,
    )


def _move(key: str, label: str, tip: str, *, band: float) -> Control:
    return Control(
        key=key,
        label=label,
        kind="pose",
        region="head",
        panel="head",
        unit="%",
        lo=-0.2,
        hi=0.2,
        step=0.002,
        band=(-band, band),
        limit=(-0.19, 0.19),
        source="LivePortrait's editor (0.19)",
        tip=tip,
    )


_HEAD: tuple[Control, ...] = (
    _angle("pitch_deg", "Nod down", 20, limit=15, band=3.1, tip="Pitch · + moves the nose down"),
    _angle("yaw_deg", "Turn right", 30, limit=25, band=1.2, tip="Yaw · + turns the nose to the subject's right"),
    _angle("roll_deg", "Tilt clockwise", 20, limit=15, band=1.5, tip="Roll · + turns clockwise as the viewer sees it"),
    _move("move_x", "Move right", "+ moves to image right · % of the crop width", band=0.01),
    _move("move_y", "Move down", "+ moves down · % of the crop height", band=0.01),
    _move("move_z", "Closer", "+ makes the head larger · % of its size", band=0.02),
)

_EYES: tuple[Control, ...] = (
    _angle(
        "gaze_x_deg",
        "Look right",
        30,
        limit=24,
        band=16,
        tip="Eyeball rotation away from the photo · + to image right",
        kind="gaze",
        sided=True,
    ),
    _angle(
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


def _setting(
    key: str, label: str, tip: str, *, panel: Panel, hi: float, default: float, step: float = 0.01
) -> Control:
    return Control(
        key=key,
        label=label,
        kind="setting",
        region="settings",
        panel=panel,
        unit="%" if step < 1 else "",
        lo=0.0,
        hi=hi,
        step=step,
        default=default,
        tip=tip,
    )


_SETTING: tuple[Control, ...] = (
    _setting("region_feather", "Feather", "Softens the borders between regions", panel="regions", hi=1, default=0),
    _setting(
        "limit_strength",
        "Limit strength",
        "100 % = 1.5 times the measured extreme · higher is tighter · 0 % = off",
        panel="regions",
        hi=2,
        default=1,
    ),
    _setting(
        "gaze_compensation",
        "Keep looking at the camera",
        "The eyes turn back by as much as the head is turned",
        panel="eyes",
        hi=1,
        default=1,
        step=1,
    ),
    _setting(
        "mask_enabled", "Painted mask", "Only the painted area changes", panel="regions", hi=1, default=0, step=1
    ),
    _setting(
        "mask_feather", "Mask feather", "Softens the edge of the painted mask", panel="regions", hi=1, default=0.1
    ),
)


def _dims() -> tuple[Control, ...]:
    lows, highs = extremes()
    return tuple(_dim(dim, lows, highs) for dim in DIMS)


CONTROLS: tuple[Control, ...] = (
    *(_semantic(row) for row in SEMANTICS),
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
    import difflib

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
