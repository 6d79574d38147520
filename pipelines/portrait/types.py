"""What is known about a photo once its face is registered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.motion.space import Motion

CROP_SIZE = 512


@dataclass(frozen=True)
class FaceBox:
    """One face found in a photo, in photo pixels."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class Portrait:
    """One registered face: everything a renderer and the motion algebra need. Arrays are read-only."""

    photo: NDArray[np.uint8]
    """(H, W, 3) RGB, upright (EXIF applied), at the photo's own resolution."""
    crop_from_photo: NDArray[np.float64]
    """(2, 3) similarity from photo pixels to pixels of the 512 crop; integer coordinates are pixel centres."""
    image: NDArray[np.uint8]
    """(512, 512, 3) RGB face crop."""
    landmarks_in_crop: NDArray[np.float32]
    """(478, 3) MediaPipe landmarks in pixels of the 512 crop; z in the same unit, + away from the camera."""
    blendshapes: NDArray[np.float32]
    """(52,) MediaPipe blendshape scores in the order of the atlas' `blendshape_names`."""
    matte: NDArray[np.float32]
    """(512, 512) foreground probability 0..1 of the crop."""
    kp_canonical: NDArray[np.float32]
    """(21, 3) canonical keypoints in [-1, 1] crop units."""
    motion: Motion
    """Source motion, one frame."""
    eye_ratio: NDArray[np.float32]
    """(2,) eye aspect ratio [right, left]: mean lid distance over eye width."""
    lip_ratio: float
    """Inner lip height over inner mouth width."""
    faces: tuple[FaceBox, ...]
    """All faces found, largest first."""
    face_index: int
    """Which of `faces` this portrait is."""
    key: str
    """Content hash of the photo and the face choice; cache key."""
