"""Which pixels of a face are bare skin: not hair, hat, glasses or beard."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.render.mesh.geometry import MeshGeometry
from pipelines.render.mesh.head_frame import smoothstep

Floats = NDArray[np.float32]
SAMPLED = np.array([50, 280, 205, 425, 101, 330, 118, 347, 36, 266, 4, 5, 195, 9, 151])
"""Landmarks on cheeks, nose and forehead."""
SIDE = 256
"""Judged at this size: hair shows there as well as in large."""
LIGHTNESS_WEIGHT = 0.25
"""Lightness counts less than colour: half of a face may lie in shadow."""
TOLERANCE = 10.0
"""Distance in Lab that still is skin; twice as far is none."""
ROUGH = (0.10, 0.22)
"""Share of the local brightness by which strands of hair differ from their neighbourhood."""


def skin_share(image: NDArray[np.uint8], geometry: MeshGeometry, *, side: int) -> Floats:
    """(side, side) 0..1 from colour near that of cheeks and nose, and from how rough the surface is."""
    small = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(small, (0, 0), 1.5).astype(np.float32)
    lab = cv2.cvtColor(soft / 255.0, cv2.COLOR_RGB2LAB)
    lab[..., 0] *= LIGHTNESS_WEIGHT
    at = np.clip(np.round(geometry.landmarks[SAMPLED, :2] * SIDE / geometry.size).astype(int), 0, SIDE - 1)
    samples = lab[at[:, 1], at[:, 0]]
    middle = np.median(samples, axis=0)
    spread = float(np.median(np.linalg.norm(samples - middle, axis=1)))
    tolerance = max(TOLERANCE, 2.0 * spread)
    colour = 1.0 - smoothstep((np.linalg.norm(lab - middle, axis=2) - tolerance) / tolerance)
    grey = small.astype(np.float32).mean(2)
    fine = np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 2.0))
    rough = cv2.GaussianBlur(fine, (0, 0), 3.0) / (cv2.GaussianBlur(grey, (0, 0), 3.0) + 8.0)
    smooth = 1.0 - smoothstep((rough - ROUGH[0]) / (ROUGH[1] - ROUGH[0]))
    share = cv2.GaussianBlur((colour * smooth).astype(np.float32), (0, 0), 1.5)
    return np.asarray(cv2.resize(share, (side, side), interpolation=cv2.INTER_LINEAR), np.float32)
