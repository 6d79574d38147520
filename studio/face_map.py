"""Where the 21 keypoints and the outlines of the face lie: in the photo, and in every picture that is drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.motion.space import Motion
from pipelines.portrait import topology
from pipelines.portrait.register import keypoints_in_crop
from pipelines.portrait.types import CROP_SIZE, Portrait

RINGS: dict[str, NDArray[np.int32]] = {
    "oval": topology.OVAL,
    "lips": topology.LIPS_OUTER,
    "lips_inner": topology.LIPS_INNER,
    "eye_right": topology.EYE_RIGHT,
    "eye_left": topology.EYE_LEFT,
    "brow_right": topology.BROW_RIGHT,
    "brow_left": topology.BROW_LEFT,
}
_RING_VERTICES = np.concatenate(list(RINGS.values()))
PARTS = 10_000
"""Steps of a coordinate across the crop: a tenth of a pixel on the largest stage."""


def map_at_rest(portrait: Portrait) -> dict[str, Any]:
    """`keypoints_in_crop` and `rings` of the photo, [x, y] as fractions of the crop."""
    points = {"keypoints_in_crop": keypoints_in_crop(portrait)}
    rings = {name: portrait.landmarks_in_crop[ids, :2] for name, ids in RINGS.items()}
    return {
        **{name: _fractions(each).tolist() for name, each in points.items()},
        "rings": {name: _fractions(each).tolist() for name, each in rings.items()},
    }


def map_of_frame(portrait: Portrait, motion: Motion, landmarks_in_crop: NDArray[np.float32] | None) -> dict[str, Any]:
    """The map of one drawn frame, short enough to go with it.

    Returns:
        `points`: x, y of the 21 keypoints; `outlines`: x, y of all rings in the order of `RINGS`, [] where the
        renderer does not know its landmarks; both in `PARTS` of the crop. `reach`: crops that a keypoint moves per
        unit of expression deformation.
    """
    outlines = [] if landmarks_in_crop is None else _parts(landmarks_in_crop[_RING_VERTICES, :2])
    return {
        "points": _parts(keypoints_in_crop(portrait, motion)),
        "outlines": outlines,
        "reach": round(0.5 * float(motion.scale[0]), 4),
    }


def _fractions(points: NDArray[np.float32]) -> NDArray[np.float64]:
    """(N, 2) crop pixels as fractions of the crop; integer coordinates are pixel centres."""
    return np.round((points.astype(np.float64) + 0.5) / CROP_SIZE, 4)


def _parts(points: NDArray[np.float32]) -> list[int]:
    return np.rint((points + 0.5) * (PARTS / CROP_SIZE)).astype(int).ravel().tolist()
