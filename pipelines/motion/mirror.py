"""Exchange of left and right over the edit vector, the 63 dims and a painted mask (spec section 7.3)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import StudioError
from pipelines.motion.control import Slot
from pipelines.motion.controls import N_SLOTS, SLOT_BY_KEY, SLOTS
from pipelines.motion.dims import DIMS

_NEGATED = frozenset({"mouth_sideways", "yaw_deg", "roll_deg", "move_x", "gaze_x_deg"})
"""Controls whose positive direction is a side; raw dims carry their own sign."""

DIM_MIRROR = np.array([dim.mirror for dim in DIMS])
DIM_MIRROR_SIGN = np.array([dim.mirror_sign for dim in DIMS], np.float32)


def _partner(slot: Slot) -> tuple[int, float]:
    control = slot.control
    if control.dim is not None:
        dim = DIMS[control.dim]
        return SLOT_BY_KEY[f"dim_{dim.mirror:02d}"].index, float(dim.mirror_sign)
    sign = -1.0 if control.key in _NEGATED else 1.0
    if slot.side is None:
        return slot.index, sign
    other = "left" if slot.side == "right" else "right"
    return SLOT_BY_KEY[f"{control.key}_{other}"].index, sign


def _tables() -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    partners = [_partner(slot) for slot in SLOTS]
    return np.array([index for index, _ in partners]), np.array([sign for _, sign in partners], np.float32)


_INDEX, _SIGN = _tables()


def mirror_vector(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """(..., N_SLOTS) with sides exchanged; twice is the identity."""
    if vector.shape[-1] != N_SLOTS:
        raise ValueError(f"`vector` should end in {N_SLOTS} slots but has shape {vector.shape}.")
    return vector[..., _INDEX] * _SIGN


def mirror_exp(exp63: NDArray) -> NDArray:
    """(..., 63) expression difference with sides exchanged: certain for eyes, jaw and lips, the rest stays."""
    return exp63[..., DIM_MIRROR] * DIM_MIRROR_SIGN


def mirror_mask(mask: bytes) -> bytes:
    """PNG of the mask flipped left to right.

    Raises:
        StudioError: the bytes are not a picture.
    """
    import cv2

    grey = cv2.imdecode(np.frombuffer(mask, np.uint8), cv2.IMREAD_GRAYSCALE)
    if grey is None:
        raise StudioError("`mask` should be a PNG picture but cannot be decoded; paint it again.")
    return cv2.imencode(".png", grey[:, ::-1])[1].tobytes()
