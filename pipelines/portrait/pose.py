"""Head pose of a face from its landmarks, in the convention of the motion space.

Source: formulas and constants fitted on real motion extractor outputs paired with landmarks (motion atlas).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.motion.atlas import load_atlas
from pipelines.motion.space import Motion

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class HeadPose:
    """Weighted similarity from the pose-normalised head frame (eye distance 1) to crop pixels: x = s A m + c."""

    scale_px: float
    """Crop pixels per unit of the head frame."""
    rotation: Doubles
    """(3, 3) A, for column vectors."""
    centre_in_crop: Doubles
    """(3,) pixels of the crop."""

    def to_mesh(self, points_in_crop: NDArray[np.floating]) -> Doubles:
        """(..., 3) crop pixels to the head frame."""
        return (np.asarray(points_in_crop, np.float64) - self.centre_in_crop) @ self.rotation / self.scale_px


def head_pose(landmarks_in_crop: NDArray[np.floating]) -> HeadPose:
    """Pose of (478, 3) landmarks in pixels: weighted Procrustes to the canonical mesh on the stable vertices."""
    atlas = load_atlas()
    stable = np.flatnonzero(atlas.stable_weights)
    weights = np.asarray(atlas.stable_weights[stable], np.float64)
    weights /= weights.sum()
    model = np.asarray(atlas.mesh_canonical[stable], np.float64)
    seen = np.asarray(landmarks_in_crop, np.float64)[stable]
    model_mean, seen_mean = weights @ model, weights @ seen
    model, seen = model - model_mean, seen - seen_mean
    u, s, vt = np.linalg.svd((seen * weights[:, None]).T @ model)
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * signs) @ vt
    scale = float((s * signs).sum() / (weights @ (model**2).sum(1)))
    return HeadPose(scale, rotation, seen_mean - scale * rotation @ model_mean)


def euler_deg(rotation: Doubles) -> tuple[float, float, float]:
    """(pitch, yaw, roll) in degrees of (3, 3) A = Rz(roll) Ry(yaw) Rx(pitch)."""
    pitch = np.arctan2(rotation[2, 1], rotation[2, 2])
    yaw = np.arcsin(np.clip(-rotation[2, 0], -1.0, 1.0))
    roll = np.arctan2(rotation[1, 0], rotation[0, 0])
    return float(np.degrees(pitch)), float(np.degrees(yaw)), float(np.degrees(roll))


def source_motion(pose: HeadPose, *, crop_size: int) -> Motion:
    """One-frame motion of a still face in a square crop of `crop_size` pixels.

    The expression is the population mean: landmarks predict its absolute value badly (R2 0.38) because identity
    leaks in, and every edit is relative to it.
    """
    atlas = load_atlas()
    pitch, yaw, roll = np.array(euler_deg(pose.rotation)) - atlas.pose_euler_offset_deg
    unit = pose.scale_px * 2.0 / crop_size  # head frame to [-1, 1]
    centre = (pose.centre_in_crop + 0.5) * 2.0 / crop_size - 1.0
    t = centre - unit * pose.rotation @ np.asarray(atlas.pose_t_offset, np.float64)
    return Motion.of(
        exp=atlas.exp_mean_population.reshape(-1, 3),
        pitch_deg=pitch,
        yaw_deg=yaw,
        roll_deg=roll,
        scale=float(atlas.pose_scale_ratio) * unit,
        t=[t[0], t[1], 0.0],
    )
