"""The expression a photo already shows: taken away, or given to another face, region by region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import StudioError
from pipelines.motion.arkit import SHAPES, shapes_to_motion
from pipelines.motion.atlas import load_atlas
from pipelines.motion.compose import expression_of
from pipelines.motion.controls import N_SLOTS, SLOT_BY_KEY, SLOT_DEFAULT, SLOT_HI, SLOT_LO, clip_to_slots
from pipelines.motion.dims import SIDES
from pipelines.motion.edit import Edit
from pipelines.motion.regions import GAZE, HEAD, dim_weights, region_weights
from pipelines.motion.space import N_EXP, Motion
from pipelines.portrait.types import Portrait

Array = NDArray[Any]

_AT_REST: dict[str, float] = {"eyeBlink": 0.08, "eyeSquint": 0.35}
"""Scores of shapes on faces at rest: median over 47 public clips of each clip's 20th percentile; the others are
below 0.1."""
_ONE_SIDED = ("smile", "corners_down", "upper_lip_raise", "brow_raise")
"""Controls that tell the two halves apart; the raw dims act on both."""
_DIM_SLOTS = np.array([SLOT_BY_KEY[f"dim_{dim:02d}"].index for dim in range(N_EXP)])


class HasExpression(Protocol):
    """What is needed of a photo; `Portrait` offers it."""

    @property
    def blendshapes(self) -> NDArray[np.float32]:
        """(52,) scores 0..1, in the order of the atlas' `blendshape_names`."""
        ...

    @property
    def motion(self) -> Motion:
        """One frame."""
        ...


@dataclass(frozen=True)
class Expression:
    """What is kept of another photo: its measured shapes and its pose; the photo itself can go."""

    blendshapes: NDArray[np.float32]
    """(52,) scores 0..1."""
    motion: Motion
    key: str
    """Content hash of the photo."""

    @classmethod
    def of(cls, photo: Portrait) -> Expression:
        """What a registered photo shows."""
        return cls(photo.blendshapes, photo.motion, photo.key)


def expression_of_photo(photo: HasExpression) -> Motion:
    """One frame: how far the face of a photo is from rest, expression and gaze, by its 52 measured shapes."""
    names = [str(name) for name in load_atlas().blendshape_names]
    scores = np.zeros((1, len(SHAPES)))
    for index, shape in enumerate(SHAPES):
        if shape in names:
            rest = next((value for stem, value in _AT_REST.items() if shape.startswith(stem)), 0.0)
            scores[0, index] = max(0.0, float(photo.blendshapes[names.index(shape)]) - rest) / (1 - rest)
    return shapes_to_motion(scores)


def neutralise(photo: HasExpression, *, strength: float = 1.0, regions: Mapping[str, float] | None = None) -> Edit:
    """The edit that brings the face of a photo to rest, looking straight ahead.

    Args:
        strength: 0..1.
        regions: `region_…` names -> weight, 1 where left out.

    Raises:
        StudioError: a strength outside 0..1, or an unknown region.
    """
    own = expression_of_photo(photo)
    straight = {name: -float(getattr(photo.motion, name)[0]) for name in ("pitch_deg", "yaw_deg", "roll_deg")}
    return _edit(_scaled(own, -1), straight, strength=strength, regions=regions)


def match_expression(
    photo: HasExpression,
    other: HasExpression,
    *,
    strength: float = 1.0,
    regions: Mapping[str, float] | None = None,
    head: bool = False,
) -> Edit:
    """The edit that gives the face of a photo the expression of another one; arguments as `neutralise`.

    Args:
        head: take over the head pose too.
    """
    own, wanted = expression_of_photo(photo), expression_of_photo(other)
    change = Motion.of(**{name: getattr(wanted, name) - getattr(own, name) for name in ("exp", "side", "gaze_deg")})
    turn = {}
    if head:
        names = ("pitch_deg", "yaw_deg", "roll_deg")
        turn = {name: float(getattr(other.motion, name)[0] - getattr(photo.motion, name)[0]) for name in names}
    return _edit(change, turn, strength=strength, regions=regions)


def _scaled(motion: Motion, factor: float) -> Motion:
    return Motion.of(**{name: factor * getattr(motion, name) for name in ("exp", "side", "gaze_deg")})


def _edit(change: Motion, turn: Mapping[str, float], *, strength: float, regions: Mapping[str, float] | None) -> Edit:
    """The edit of a departure, within the sliders' ranges."""
    if not 0 <= strength <= 1:
        raise StudioError(f"`strength` should be from 0 to 1 but is {strength:g}.")
    if wrong := [name for name in regions or {} if not name.startswith("region_")]:
        raise StudioError(f"`regions` should name regions such as region_mouth but has '{wrong[0][:40]}'.")
    weights = region_weights(Edit.of(regions or {}).vector)
    exp, side = change.exp.reshape(N_EXP), change.side.reshape(N_EXP)
    mask_right, mask_left = dim_weights(*weights)
    right, left = strength * mask_right * (exp - side), strength * mask_left * (exp + side)
    vector = _slots_of(0.5 * (right + left), 0.5 * (left - right))
    for eye, half in enumerate(weights):
        for axis, name in enumerate(("gaze_x_deg", "gaze_y_deg")):
            slot = SLOT_BY_KEY[f"{name}_{SIDES[eye]}"].index
            vector[slot] = strength * half[GAZE] * change.gaze_deg[0, eye, axis]
    share = strength * weights[0][HEAD]
    for name, degrees in turn.items():
        vector[SLOT_BY_KEY[name].index] = share * degrees
    if share * np.abs([0.0, *turn.values()]).max() > 0:
        # looks are measured in the head, so the eyes must not turn against it once more
        vector[SLOT_BY_KEY["gaze_compensation"].index] = 0
    return Edit.from_vector(clip_to_slots(vector))


def _slots_of(exp: Array, side: Array) -> Array:
    """(N_SLOTS,) vector whose expression is `exp` and whose sides differ like `side` as far as controls can."""
    vector = SLOT_DEFAULT.copy()
    if np.abs(side).max() > 1e-6:
        rows = _side_rows()
        effect = load_atlas().J.astype(np.float64).reshape(N_EXP, -1)
        shares = np.linalg.lstsq((rows @ effect).T, side @ effect, rcond=None)[0]
        for key, share in zip(_ONE_SIDED, shares, strict=True):
            slot = SLOT_BY_KEY[f"{key}_{'left' if share > 0 else 'right'}"].index
            vector[slot] = np.clip(2 * abs(share), SLOT_LO[slot], SLOT_HI[slot])
    mean = expression_of(vector[None])[0][0]
    vector[_DIM_SLOTS] = 1e3 * (exp - mean)
    return vector


def _side_rows() -> Array:
    """(4, 63) half difference of each one-sided control with 1 on the left and -1 on the right."""
    units = np.zeros((len(_ONE_SIDED), N_SLOTS), np.float32)
    for row, key in enumerate(_ONE_SIDED):
        units[row, SLOT_BY_KEY[f"{key}_left"].index] = 1
        units[row, SLOT_BY_KEY[f"{key}_right"].index] = -1
    return expression_of(units)[1].astype(np.float64)
