"""What the lips do for a sequence of phones: the viseme table and the rule that blends it into curves.

Shapes: aperture 0..1 is the height between the inner lips, width -1..1 is spread against rounded, protrusion 0..1.
Dominance says how much a phone insists on its shape while its neighbours pull. The table comes from articulatory
phonetics; its constants were set on public recordings as a whole, never on one of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, gaussian_filter1d

from pipelines.motion.atlas import load_atlas
from pipelines.motion.space import N_EXP

Floats = NDArray[np.float32]

SILENCE = "SIL"

#                                aperture width protrusion dominance
_SHAPES: dict[str, tuple[float, float, float, float]] = {
    SILENCE: (0.05, 0.0, 0.0, 0.0),
    "AA": (0.92, 0.0, 0.0, 1.0),
    "AE": (0.95, 0.40, 0.0, 1.0),
    "AH": (0.48, 0.0, 0.0, 0.7),
    "AO": (0.62, -0.45, 0.5, 1.0),
    "AW": (0.72, -0.15, 0.3, 1.0),
    "AY": (0.85, 0.25, 0.0, 1.0),
    "EH": (0.75, 0.40, 0.0, 1.0),
    "EY": (0.66, 0.50, 0.0, 1.0),
    "ER": (0.32, -0.35, 0.4, 1.0),
    "IH": (0.48, 0.25, 0.0, 0.7),
    "IY": (0.46, 0.55, 0.0, 0.9),
    "OW": (0.40, -0.60, 0.8, 1.1),
    "OY": (0.50, -0.50, 0.7, 1.1),
    "UH": (0.28, -0.50, 0.5, 0.9),
    "UW": (0.16, -0.85, 1.0, 1.2),
    "P": (0.0, -0.1, 0.1, 4.0),
    "B": (0.0, -0.1, 0.1, 4.0),
    "M": (0.0, -0.1, 0.1, 4.0),
    "F": (0.10, 0.05, 0.0, 2.5),
    "V": (0.10, 0.05, 0.0, 2.5),
    "W": (0.08, -0.90, 1.0, 2.2),
    "TH": (0.36, 0.15, 0.0, 0.7),
    "DH": (0.36, 0.15, 0.0, 0.5),
    "T": (0.40, 0.15, 0.0, 0.5),
    "D": (0.40, 0.15, 0.0, 0.5),
    "N": (0.40, 0.15, 0.0, 0.4),
    "L": (0.44, 0.10, 0.0, 0.5),
    "S": (0.36, 0.30, 0.0, 1.0),
    "Z": (0.36, 0.30, 0.0, 1.0),
    "SH": (0.42, -0.30, 0.8, 1.2),
    "ZH": (0.42, -0.30, 0.8, 1.2),
    "CH": (0.40, -0.30, 0.7, 1.2),
    "JH": (0.40, -0.30, 0.7, 1.2),
    "R": (0.27, -0.45, 0.5, 1.1),
    "K": (0.50, 0.10, 0.0, 0.4),
    "G": (0.50, 0.10, 0.0, 0.4),
    "NG": (0.46, 0.10, 0.0, 0.3),
    "HH": (0.50, 0.0, 0.0, 0.15),
    "Y": (0.40, 0.45, 0.0, 0.7),
}

PHONES: tuple[str, ...] = tuple(_SHAPES)
"""Silence and the 39 English phones."""
N_PHONES = len(PHONES)
PHONE_INDEX = {phone: index for index, phone in enumerate(PHONES)}
LIPS_SHUT = [PHONE_INDEX[phone] for phone in ("P", "B", "M")]
LIP_ON_TEETH = [PHONE_INDEX[phone] for phone in ("F", "V")]

_TABLE = np.array(list(_SHAPES.values()), np.float32)
TARGETS = _TABLE[:, :3]
"""(40, 3) aperture, width, protrusion."""
WEIGHTS = _TABLE[:, 3] ** 0.8
"""(40,) dominance as it is used."""

CURVES = ("aperture", "width", "protrusion", "closure", "labiodental", "speech")
N_CURVES = len(CURVES)

_HEIGHT_SPREAD_S = 0.08
_WIDTH_SPREAD_S = 0.13
"""Lips are rounded and spread over more neighbours than they open and close for."""
_REST_LEVEL = 0.05
_PAUSE_LEVEL = 0.30
_REST_WEIGHT = 0.01
_MASK_MARGIN_S = 0.3
_MASK_SPREAD_S = 0.12
_TEETH_SHARE = 0.7


@dataclass(frozen=True)
class Evidence:
    """How activations of one kind are read: hama gives short spikes with blanks, exact timing gives full shares."""

    gate_gain: float
    gate_spread_s: float
    teeth_gain: float
    spread_s: float = _HEIGHT_SPREAD_S
    width_spread_s: float = _WIDTH_SPREAD_S
    spikes: bool = True
    """Speech is where any phone is heard; otherwise where silence is not."""


HAMA = Evidence(gate_gain=3.0, gate_spread_s=0.03, teeth_gain=0.7)
EXACT = Evidence(gate_gain=1.4, gate_spread_s=0.025, teeth_gain=1.0, spread_s=0.08, width_spread_s=0.08, spikes=False)
"""Phone timing that is known, as from a synthesiser."""


def lip_curves(activations: Floats, *, rate: float, evidence: Evidence = HAMA) -> Floats:
    """(N, 6) curves `CURVES` of (N, 40) phone activations at `rate` frames a second, same rate.

    Aperture already contains the closures; closure and labiodental 0..1 say how much of it they took.
    """
    speech = speech_mask(activations, rate=rate, evidence=evidence)
    weights = activations * WEIGHTS
    shapes, total = weights @ TARGETS, weights.sum(-1, keepdims=True)
    rest = np.zeros_like(shapes)
    rest[:, 0] = _REST_LEVEL + _PAUSE_LEVEL * speech

    def blended(columns: slice, spread_s: float) -> Floats:
        over, under = (_gauss(values, spread_s * rate) for values in (shapes[:, columns], total))
        return np.asarray((over + _REST_WEIGHT * rest[:, columns]) / (under + _REST_WEIGHT), np.float32)

    curves = np.hstack([blended(slice(0, 1), evidence.spread_s), blended(slice(1, 3), evidence.width_spread_s)])
    closure, teeth = closure_gates(activations, rate=rate, evidence=evidence)
    curves[:, 0] *= (1 - closure) * (1 - teeth)
    return np.column_stack([curves, closure, teeth, speech]).astype(np.float32)


def closure_gates(activations: Floats, *, rate: float, evidence: Evidence = HAMA) -> tuple[Floats, Floats]:
    """(N,) closure by P, B, M and (N,) by F, V: 0 open .. 1 shut, .7 lip on teeth."""
    sigma = evidence.gate_spread_s * rate
    shut = _gauss(activations[:, LIPS_SHUT].sum(-1), sigma) * evidence.gate_gain
    teeth = _gauss(activations[:, LIP_ON_TEETH].sum(-1), sigma) * evidence.gate_gain * evidence.teeth_gain
    return _share(shut), _TEETH_SHARE * _share(teeth)


def speech_mask(activations: Floats, *, rate: float, evidence: Evidence = HAMA) -> Floats:
    """(N,) 0..1: somebody speaks within 0.3 s."""
    spoken = activations[:, 1:].sum(-1) > 0.3 if evidence.spikes else activations[:, 0] < 0.5
    margin = round(_MASK_MARGIN_S * rate)
    near = binary_dilation(spoken, np.ones(2 * margin + 1, bool))
    return _gauss(near.astype(np.float32), _MASK_SPREAD_S * rate)


def _share(values: Floats) -> Floats:
    return np.clip(values, 0, 1).astype(np.float32)


def _gauss(values: NDArray, sigma: float) -> Floats:
    smooth = gaussian_filter1d(values.astype(np.float32), sigma, axis=0, mode="nearest", truncate=3.0)
    return np.asarray(smooth, np.float32)


OPENING = {58: 119.2, 61: -67.0, 59: 16.6, 43: 10.8, 62: 10.9}
SPREADING = {43: -79.3, 62: -36.7, 58: 10.3, 61: -5.7}
ROUNDING = {62: -67.0, 43: -46.4, 59: -51.5, 58: 30.9, 52: 15.5, 61: 15.5}
"""Expression in 10⁻³ per inter-ocular distance of inner-lip height, of mouth width spread, of width rounded.

Fitted through the atlas by regularised least squares (penalty: one standard deviation of each dim) so that the height
leaves the width alone and the other way round, with 27 % of the height from the chin and 70 % from the lower lip, as
measured on speaking faces. ROUNDING is the pucker row of the expression controls at their measured width.
"""
EYE_CORNERS_PER_UNIT = 1.446
"""Outer eye corner distance, the atlas's unit, over the inter-ocular unit of lip measures."""
HEIGHT_GAIN = 0.55
HEIGHT_LOSS = 0.07
WIDTH_GAIN = 0.28
"""Of the aperture and width curves, from the spread of measured heights (.07) and widths (.045)."""
INNER_LIPS = ((13, 14), (82, 87), (312, 317))
MOUTH_CORNERS = (61, 291)


def lips_to_expression(curves: Floats) -> Floats:
    """(T, 63) expression offsets from a face with shut lips, of (T, 3 or more) curves aperture, width, protrusion."""
    height = np.maximum(0, HEIGHT_GAIN * curves[:, :1] - HEIGHT_LOSS)
    width, forward = WIDTH_GAIN * curves[:, 1:2], np.clip(curves[:, 2:3], 0, 1)
    spread, rounded = np.maximum(width, 0), np.minimum(width, 0)
    opening, spreading, rounding = (_row(row) for row in (OPENING, SPREADING, ROUNDING))
    offsets = height * opening + spread * spreading + rounded * (forward * rounding + (1 - forward) * spreading)
    return offsets.astype(np.float32)


def lips_opened(height: Floats) -> Floats:
    """(T, 63) expression offsets that open the lips by (T,) inter-ocular distances and leave the width alone."""
    return np.multiply.outer(height, _row(OPENING))


def lip_measures(exp: Floats) -> tuple[Floats, Floats]:
    """(T,) inner-lip height and (T,) mouth width of (T, 63) expression offsets, as changes in inter-ocular distances.

    Measured on the landmarks the atlas displaces: mean distance of three inner-lip pairs, distance of the corners.
    """
    jacobian = load_atlas().J
    height = np.mean([jacobian[:, low, 1] - jacobian[:, high, 1] for high, low in INNER_LIPS], axis=0)
    width = jacobian[:, MOUTH_CORNERS[1], 0] - jacobian[:, MOUTH_CORNERS[0], 0]
    flat = np.asarray(exp, np.float32).reshape(-1, N_EXP)
    opening, spread = (EYE_CORNERS_PER_UNIT * (flat @ measure) for measure in (height, width))
    return opening.astype(np.float32), spread.astype(np.float32)


def _row(row: dict[int, float]) -> Floats:
    values = np.zeros(N_EXP, np.float32)
    values[list(row)] = np.array(list(row.values()), np.float32) * 1e-3
    return values
