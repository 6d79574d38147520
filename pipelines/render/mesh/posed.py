"""One frame of the mesh as the eye and mouth layers receive it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class PosedMesh:
    """The mesh in motion; arrays may be buffers of the handle, valid until its next frame."""

    vertices: Floats
    """(V, 3) px of the picture, z away from the camera."""
    rigid: Floats
    """(478, 2) px: landmarks moved by the head alone, without expression; teeth and eyeballs follow these."""
    gaze_deg: Floats
    """(2, 2) eyeball rotation from rest, [right, left] x [+ image right, + up]; keypoint motion included."""
    lid_closure: Floats
    """(2,) [right, left] share of the rest opening that is closed: 1 shut, 0 rest, negative wider."""
    jaw_drop: float
    """Displacement of the chin along the face's vertical, head units, + down."""
    rotation: NDArray[np.float64]
    """(3, 3) turn of the head from rest, column-vector form in picture axes."""
    turned_back: float
    """0..1: how far a face that was photographed turned has come back to the camera."""
    moved: bool
    """False only if every vertex is at rest and the gaze is straight."""
