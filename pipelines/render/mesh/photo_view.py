"""What the camera of the photo sees of a displacement."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipelines.render.mesh.head_frame import turn_pivot_in_head

Doubles = NDArray[np.float64]

CAMERA_DISTANCE_IN_HEAD = 6.75
"""60 cm."""


class PhotoView:
    """What the camera of the photo sees of displacements: a turned head shows depth, a near one is larger."""

    def __init__(self, head: Doubles, rotation: Doubles) -> None:
        self._rotation = rotation
        self.rest = (head - turn_pivot_in_head()) @ rotation.T
        """(478, 3) landmarks about the pivot along the axes of the picture, head units."""
        self.down = rotation[:2, 1]
        """(2,) how a head unit down the face lies in the picture."""
        self._distance = CAMERA_DISTANCE_IN_HEAD + self.rest[:, 2]

    def seen(self, displacement: Doubles) -> Doubles:
        """(478, 3) displacement in the picture, head units, and in depth; of (478, 3) in the head frame."""
        out = displacement @ self._rotation.T
        nearer = self._distance / (self._distance + out[:, 2])
        out[:, :2] = (self.rest[:, :2] + out[:, :2]) * nearer[:, None] - self.rest[:, :2]
        return out

    def unseen(self, seen: Doubles) -> Doubles:
        """Inverse of `seen`."""
        out = seen.copy()
        farther = (self._distance + seen[:, 2]) / self._distance
        out[:, :2] = (self.rest[:, :2] + seen[:, :2]) * farther[:, None] - self.rest[:, :2]
        return out @ self._rotation
