"""The 63 expression dims: name, region, side, mirror partner. Nothing else in the project holds an index.

dim = 3 * keypoint + axis. Regions follow the two published lists (lips 6 12 14 17 19 20, eyes 11 13 15 16 18)
and the measured atlas. A name is the effect of the positive direction; "right" is the subject's right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipelines.motion.atlas import load_atlas
from pipelines.motion.space import N_EXP, N_KEYPOINTS

Side = Literal["right", "left"]
Confidence = Literal["high", "medium", "low"]
SIDES: tuple[Side, Side] = ("right", "left")
AXES = ("x", "y", "z")

INERT_EXTREME = 2e-3
"""Stand-in for the measured extreme of a dim that real faces do not move: enough to show where it sits."""


@dataclass(frozen=True)
class Dim:
    """One expression dim."""

    index: int
    name: str
    region: str
    regions: tuple[str, ...]
    """All regions it has a share in."""
    confidence: Confidence
    live: bool
    side: Side | None
    """The eye this dim belongs to; such a dim acts on one side by nature."""
    mirror: int
    """The dim that takes its value when left and right are exchanged."""
    mirror_sign: int

    @property
    def keypoint(self) -> int:
        """0..20."""
        return self.index // 3

    @property
    def axis(self) -> str:
        """x, y or z."""
        return AXES[self.index % 3]


KEYPOINT_NAMES: tuple[str, ...] = (
    "Top of the head",
    "Right brow",
    "Left brow",
    "Right cheek",
    "Left outline",
    "Neck",
    "Mouth, inert",
    "Left cheek",
    "Right temple",
    "Left temple",
    "Jaw",
    "Right eye, upper lid",
    "Right eye, inert",
    "Right eye, lower lid",
    "Mouth corners",
    "Left eye, upper lid",
    "Left eye, lower lid",
    "Lips, middle",
    "Eyes, inert",
    "Lower lip",
    "Upper lip",
)

KEYPOINT_REGIONS: tuple[dict[str, float], ...] = (
    {"outline": 0.8, "nose": 0.2},
    {"brows": 0.9, "nose": 0.1},
    {"brows": 0.9, "nose": 0.1},
    {"cheeks": 0.7, "nose": 0.3},
    {"outline": 0.8, "cheeks": 0.2},
    {"neck": 1.0},
    {"mouth": 1.0},
    {"cheeks": 0.7, "jaw": 0.3},
    {"outline": 1.0},
    {"outline": 1.0},
    {"jaw": 0.8, "outline": 0.2},
    {"eyes": 1.0},
    {"mouth": 1.0},
    {"eyes": 1.0},
    {"mouth": 1.0},
    {"eyes": 1.0},
    {"eyes": 1.0},
    {"mouth": 1.0},
    {"eyes": 1.0},
    {"mouth": 1.0},
    {"mouth": 1.0},
)
"""Share of each keypoint in the regions; the largest names its region. Where the effect spreads, so do they."""

DIM_REGIONS: dict[int, dict[str, float]] = {
    33: {"gaze": 1.0},
    45: {"gaze": 1.0},
    39: {"eyes": 0.8, "gaze": 0.2},
    48: {"eyes": 0.6, "gaze": 0.4},
}
"""Dims whose share differs from their keypoint's: the ones that move the irises."""

_NAMES: dict[int, tuple[str, Confidence]] = {
    0: ("Head outline to image right", "low"),
    1: ("Head outline down", "low"),
    3: ("Right brow inward", "medium"),
    4: ("Brow pair up", "medium"),
    6: ("Brows apart", "medium"),
    7: ("Brows down", "high"),
    9: ("Right cheek to image right", "low"),
    10: ("Right cheek down", "low"),
    12: ("Left outline to image right", "low"),
    13: ("Left outline down", "low"),
    15: ("Neck to image right", "medium"),
    16: ("Neck down", "high"),
    21: ("Left cheek to image right", "low"),
    22: ("Left cheek and corner down", "low"),
    30: ("Jaw outline to image right", "low"),
    31: ("Chin down", "low"),
    32: ("Chin back", "low"),
    33: ("Right eye looks to image right", "high"),
    34: ("Right eye closes", "high"),
    39: ("Right lower lid to image right", "medium"),
    40: ("Right lower lid down", "medium"),
    42: ("Mouth corners to image right", "low"),
    43: ("Corners down, mouth narrower", "high"),
    45: ("Left eye looks to image right", "high"),
    46: ("Left eye closes", "high"),
    48: ("Left lower lid to image right", "low"),
    49: ("Left lower lid down", "medium"),
    51: ("Right corner up, left down", "low"),
    52: ("Lips part and thin", "medium"),
    53: ("Lips wide, chin up", "medium"),
    57: ("Lower lip to image right", "medium"),
    58: ("Jaw open", "high"),
    59: ("Lower lip forward", "medium"),
    60: ("Upper lip to image right", "medium"),
    61: ("Upper lip down", "high"),
    62: ("Lips round and forward", "high"),
}

_EYE_SIDE: dict[int, Side] = {11: "right", 13: "right", 15: "left", 16: "left"}

_MIRROR: dict[int, tuple[int, int]] = {
    0: (0, -1),
    15: (15, -1),
    30: (30, -1),
    33: (45, -1),
    34: (46, 1),
    39: (48, -1),
    40: (49, 1),
    42: (42, -1),
    45: (33, -1),
    46: (34, 1),
    48: (39, -1),
    49: (40, 1),
    51: (51, -1),
    57: (57, -1),
    60: (60, -1),
}
"""Eyes swap; sideways dims of the mouth, jaw, neck and outline change sign. Brows and cheeks (keypoints 1-3, 7) stay:
their y signs contradict a mirror pair, so evidence supports no exchange."""


def _dim(index: int, live: frozenset[int]) -> Dim:
    keypoint = index // 3
    shares = DIM_REGIONS.get(index, KEYPOINT_REGIONS[keypoint])
    name, confidence = _NAMES.get(index, (f"Point {keypoint}, {AXES[index % 3]}", "low"))
    mirror, sign = _MIRROR.get(index, (index, 1))
    return Dim(
        index=index,
        name=name,
        region=max(shares, key=lambda region: shares[region]),
        regions=tuple(shares),
        confidence=confidence,
        live=index in live,
        side=_EYE_SIDE.get(keypoint),
        mirror=mirror,
        mirror_sign=sign,
    )


def _table() -> tuple[Dim, ...]:
    live = frozenset(int(d) for d in load_atlas().dims_live)
    return tuple(_dim(index, live) for index in range(N_EXP))


DIMS: tuple[Dim, ...] = _table()

KEYPOINT_INERT: tuple[bool, ...] = tuple(not any(DIMS[3 * k + a].live for a in range(3)) for k in range(N_KEYPOINTS))


def extremes() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(63,) lowest and highest departure from the clip mean seen in real faces; inert dims get `INERT_EXTREME`."""
    ranges = load_atlas().range_rel_official.astype(np.float64)
    inert = np.array([not dim.live for dim in DIMS])
    return np.where(inert, -INERT_EXTREME, ranges[0]), np.where(inert, INERT_EXTREME, ranges[-1])
