"""The pose-normalised frame of the motion atlas, fitted to a picture.

Unit 1.0 is the distance of the outer eye corners of the atlas' canonical mesh.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipelines.motion.atlas import load_atlas
from pipelines.render.mesh.anatomy import canonical_in_head

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class HeadFrame:
    """Similarity between head and picture: px = scale_px * (head @ rotation.T) + origin_px."""

    scale_px: float
    rotation: Doubles
    """(3, 3)"""
    origin_px: Doubles
    """(3,)"""

    def to_head(self, points_px: Doubles) -> Doubles:
        """(..., 3) picture points in the head frame."""
        return (points_px - self.origin_px) @ self.rotation / self.scale_px

    def to_px(self, points_in_head: Doubles) -> Doubles:
        """(..., 3) head points in the picture."""
        return self.scale_px * (points_in_head @ self.rotation.T) + self.origin_px

    @property
    def yaw_deg(self) -> float:
        """Turn of the face away from the camera, sign as in `Motion`."""
        return yaw_of(self.rotation)


def yaw_of(rotation: Doubles) -> float:
    """Degrees by which a head of (3, 3) rotation in the picture turns away from the camera, sign as in `Motion`."""
    return float(np.degrees(np.arcsin(-np.clip(rotation[2, 0], -1.0, 1.0))))


def smoothstep(value: ArrayLike) -> Doubles:
    """0..1 clamp with zero slope at both ends, of any shape."""
    t = np.clip(np.asarray(value, np.float64), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def fit_head_frame(landmarks_px: Doubles) -> HeadFrame:
    """Weighted similarity Procrustes of the stable ones of (478, 3) landmarks to the atlas' canonical mesh."""
    weights = load_atlas().stable_weights.astype(np.float64)
    weights = weights / weights.sum()
    canonical, points = canonical_in_head(), np.asarray(landmarks_px, np.float64)
    mean_head, mean_px = weights @ canonical, weights @ points
    centred = canonical - mean_head
    u, singular, vt = np.linalg.svd((points - mean_px).T @ (weights[:, None] * centred))
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * signs) @ vt
    scale = float((singular * signs).sum() / (weights @ (centred**2).sum(1)))
    return HeadFrame(scale_px=scale, rotation=rotation, origin_px=mean_px - scale * rotation @ mean_head)


@lru_cache(maxsize=1)
def turn_pivot_in_head() -> Doubles:
    """(3,) the point about which the head turns: the one that the translation of the motion space places.

    A neck further back keeps the outline of the hair still, but puts a filmed head 2 to 4 % of the pupil distance
    beside its own translation.
    """
    return -load_atlas().pose_t_offset.astype(np.float64)
