"""Where the shipped data lies."""

from __future__ import annotations

from pathlib import Path

ASSETS = Path(__file__).resolve().parent.parent / "assets"
PORTRAITS = ASSETS / "portraits"
FACE_LANDMARKER = ASSETS / "models" / "face_landmarker.task"
SELFIE_SEGMENTATION = ASSETS / "models" / "selfie_segmentation.tflite"
MOTION_ATLAS = ASSETS / "motion_atlas.npz"
