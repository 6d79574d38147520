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

_SPREAD_S = 0.09
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
    spread_s: float = _SPREAD_S
    spikes: bool = True
    """Speech is where any phone is heard; otherwise where silence is not."""


HAMA = Evidence(gate_gain=3.0, gate_spread_s=0.03, teeth_gain=0.7)
EXACT = Evidence(gate_gain=1.4, gate_spread_s=0.025, teeth_gain=1.0, spread_s=0.08, spikes=False)
"""Phone timing that is known, as from a synthesiser."""


def lip_curves(activations: Floats, *, rate: float, evidence: Evidence = HAMA) -> Floats:
    """(N, 6) curves `CURVES` of (N, 40) phone activations at `rate` frames a second, same rate.

    Aperture already contains the closures; closure and labiodental 0..1 say how much of it they took.
    """
    speech = speech_mask(activations, rate=rate, evidence=evidence)
    sigma = evidence.spread_s * rate
    weights = activations * WEIGHTS
    shapes = _gauss(weights @ TARGETS, sigma)
    total = _gauss(weights.sum(-1, keepdims=True), sigma)
    rest = np.zeros_like(shapes)
    rest[:, 0] = _REST_LEVEL + _PAUSE_LEVEL * speech
    curves = (shapes + _REST_WEIGHT * rest) / (total + _REST_WEIGHT)
    closure, teeth = closure_gates(activations, rate=rate, evidence=evidence)
    curves[:, 0] *= (1 - closure) * (1 - teeth)
    return np.column_stack([curves, closure, teeth, speech]).astype(np.float32)


def closure_gates(activations: Floats, *, rate: float, evidence: Evidence = HAMA) -> tuple[Floats, Floats]:
    """(N,) closure by P, B, M and (N,) by F, V: 0 open .. 1 shut, .7 lip on teeth."""
    sigma = evidence.gate_spread_s * rate
    shut = _gauss(activations[:, LIPS_SHUT].sum(-1), sigma) * evidence.gate_gain
    teeth = _gauss(activations[:, LIP_ON_TEETH].sum(-1), sigma) * evidence.gate_gain * evidence.teeth_gain
    return np.clip(shut, 0, 1), _TEETH_SHARE * np.clip(teeth, 0, 1)


def speech_mask(activations: Floats, *, rate: float, evidence: Evidence = HAMA) -> Floats:
    """(N,) 0..1: somebody speaks within 0.3 s."""
    spoken = activations[:, 1:].sum(-1) > 0.3 if evidence.spikes else activations[:, 0] < 0.5
    margin = round(_MASK_MARGIN_S * rate)
    near = binary_dilation(spoken, np.ones(2 * margin + 1, bool))
    return _gauss(near.astype(np.float32), _MASK_SPREAD_S * rate)


def _gauss(values: NDArray, sigma: float) -> Floats:
    return gaussian_filter1d(values.astype(np.float32), sigma, axis=0, mode="nearest", truncate=3.0)
