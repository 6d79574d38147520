"""How far generated motion reaches into the face: a gain on every dim, one on the head, and eyes that hold the camera.

It is linear and frame by frame, so it may be laid on a finished track or on the frames of a running stream alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.motion.compose import GAZE_PER_TURN
from pipelines.motion.regions import HEAD, MEMBERSHIP, REGIONS
from pipelines.motion.space import N_EXP, Motion

Floats = NDArray[np.float32]

AMOUNTS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "lips": ("Lips and jaw", "How wide the mouth moves", ("mouth", "jaw")),
    "brows": ("Brows", "How much the brows move", ("brows",)),
    "eyes": ("Lids", "How much lids and blinks move", ("eyes", "gaze")),
    "cheeks": ("Cheeks and rest", "How much cheeks, nose and outline move", ("cheeks", "nose", "outline", "neck")),
}
"""name -> (label, tip, regions whose generated motion it scales)."""


@dataclass(frozen=True, eq=False)
class Reach:
    """Gains on departures from the photo."""

    expression: Floats
    """(63,)."""
    head: float
    """On turn and place of the head."""
    gaze: float = 0.0
    """Share of a head turn that the eyes turn back: 1 keeps them on the camera."""

    @classmethod
    def of(cls, gains: Mapping[str, float], *, gaze: float = 0.0) -> Reach:
        """
        Args:
            gains: by region; one that is left out does not move.
        """
        weights = np.array([gains.get(region, 0.0) for region in REGIONS], np.float32)
        return cls(MEMBERSHIP @ weights, float(weights[HEAD]), gaze)

    def on(self, motion: Motion) -> Motion:
        """(T) departures as far as they reach."""
        pitch, yaw, roll = (self.head * angle for angle in (motion.pitch_deg, motion.yaw_deg, motion.roll_deg))
        # yaw and pitch carry the eyes to image left and down
        turned = (self.gaze * GAZE_PER_TURN) * np.stack([yaw, pitch], -1)
        return motion.with_(
            exp=motion.exp * self.expression.reshape(-1, 3),
            side=motion.side * self.expression.reshape(-1, 3),
            pitch_deg=pitch,
            yaw_deg=yaw,
            roll_deg=roll,
            t=self.head * motion.t,
            gaze_deg=motion.gaze_deg + turned[:, None].astype(np.float32),
        )


FULL = Reach(np.ones(N_EXP, np.float32), 1.0)
"""Everything as it was generated."""
