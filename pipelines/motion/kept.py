"""What the limits left of each value of an edit, from the records that `compose` gives."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.motion.compose import GAZE_SLOTS, HEAD_SLOTS, RATIO_SLOTS, SLOT_ROWS, Expression, Rigid, right_and_left
from pipelines.motion.controls import N_SLOTS
from pipelines.motion.eyes import (
    LOWER_LID,
    MIN_REST_RATIO,
    UPPER_LID,
    closure_of_drive,
    drive_of_closure,
    lid_closure,
)
from pipelines.motion.space import N_EXP, Motion

Array = NDArray[Any]

_ROW_ENERGY = SLOT_ROWS**2


def kept_expression_shares(expression: Expression) -> Array:
    """(N_SLOTS,) share of each expression slot that the limits kept, the smallest over the frames.

    The dims of a slot are weighted by the square of its coefficients, so a clipped side effect counts little.
    """
    if all(kept is asked for kept, asked in zip(expression.kept, expression.asked, strict=True)):
        return np.ones(N_SLOTS, np.float32)
    kept = np.concatenate(expression.kept, -1)
    asked = np.broadcast_to(np.concatenate(expression.asked, -1), kept.shape)
    share = np.divide(kept, asked, out=np.ones_like(kept), where=asked != 0).min(0)
    energy = _ROW_ENERGY.sum(-1)
    return np.divide(_ROW_ENERGY @ share, energy, out=np.ones_like(energy), where=energy > 0)


def kept_rigid_shares(rigid: Rigid | None) -> Array:
    """(N_SLOTS,) share of each pose, move and gaze slot that the limits kept, the smallest over the frames."""
    shares = np.ones(N_SLOTS, np.float32)
    if rigid is None:
        return shares
    for slots, asked, kept in zip((HEAD_SLOTS, GAZE_SLOTS), rigid.asked, rigid.kept, strict=True):
        if kept is asked:
            continue
        asked = np.broadcast_to(asked, kept.shape)
        shares[slots] = np.divide(kept, asked, out=np.ones_like(kept), where=asked != 0).min(0)
    return shares


def given_ratio(source: Motion, result: Motion, expression: Expression, vector: Array, ratio: Array) -> Array:
    """(2,) eye aspect ratios that act where `vector` (N_SLOTS,) asks for one: the widest the lid law allows, or,
    where a limit cut the lids, the farthest from it over the frames of `result`."""
    asked, rest = vector[RATIO_SLOTS], np.maximum(ratio, MIN_REST_RATIO)
    if (asked < 0).all():
        return asked
    reach = rest * (1 - closure_of_drive(drive_of_closure(1 - asked / rest)))
    lids = [[UPPER_LID[0], LOWER_LID[0]], [UPPER_LID[1], LOWER_LID[1]]]
    cut = [
        bool((kept[:, d] != a[:, d]).any()) for d, a, kept in zip(lids, expression.asked, expression.kept, strict=True)
    ]
    shape = (-1, N_EXP)
    departure = (result.exp - source.exp).reshape(shape), (result.side - source.side).reshape(shape)
    reached = rest * (1 - lid_closure(*right_and_left(*departure)))
    worst = reached[np.abs(reached - asked).argmax(0), [0, 1]]
    return np.where(asked < 0, asked, np.where(cut, worst, reach))
