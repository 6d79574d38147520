"""One record of the table of controls, the slots it fills, and what the rows of each family have in common."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipelines.motion.atlas import load_atlas
from pipelines.motion.dims import DIMS, KEYPOINT_NAMES, Dim, Side
from pipelines.motion.semantic import Semantic

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
        """0..20 of a raw dim, None of any other control."""
        return None if self.dim is None else self.dim // 3

    @property
    def axis(self) -> str | None:
        """x, y or z of a raw dim, None of any other control."""
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


def semantic_row(row: Semantic) -> Control:
    """A control by meaning: several dims at their measured shares."""
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


def dim_row(dim: Dim, lows: NDArray[np.float64], highs: NDArray[np.float64]) -> Control:
    """One dim by itself; `lows` and `highs` (63,) are the measured extremes in expression units."""
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


def angle_row(
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
    """Turn of the head or of the eyeballs, all in degrees."""
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


def move_row(key: str, label: str, tip: str, *, band: float) -> Control:
    """Shift or growth of the head, as a share of the crop."""
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


def setting_row(
    key: str, label: str, tip: str, *, panel: Panel, hi: float, default: float, step: float = 0.01
) -> Control:
    """A switch (step 1) or a strength that says how the edit acts."""
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
