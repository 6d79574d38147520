"""The algebra between an edit vector and a motion: one pure pass over arrays, for a frame or a clip.

Order (spec section 11.4): the base (already mixed relative to the source) -> named controls, emotions and raw dims
as offsets on it -> eye ratio solved on top of them -> region weights over the whole departure from the source, base
and edit alike -> limits -> gaze compensation. Region weights come last because they say where anything may happen;
the limits come after them because they bound what is reached, not what was asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.motion.controls import CONTROL_BY_KEY, CONTROLS, N_SLOTS, SLOT_DEFAULT, slots_of
from pipelines.motion.dims import DIMS
from pipelines.motion.emotion import EMOTION_PRESETS, EMOTION_SLOTS, INTENSITY_SLOT, emotion_shares
from pipelines.motion.eyes import (
    BLINK_LOWER,
    BLINK_UPPER,
    LOWER_LID,
    MIN_REST_RATIO,
    UPPER_LID,
    drive_of_closure,
    lid_drive,
)
from pipelines.motion.limits import bounds, clamp_edit, dim_bounds, yaw_ends
from pipelines.motion.regions import GAZE, HEAD, N_REGIONS, REGION_SLOTS, dim_weights, region_weights
from pipelines.motion.space import N_EXP, Motion

Array = NDArray[Any]
Index = NDArray[np.intp]

GAZE_PER_TURN = 1.0
"""Degrees of eyeball rotation per degree of head turn that keep the gaze on the camera. Upstream's 0.26 and 0.28 are
units of its gaze sliders, not degrees; a unit is about 2 degrees by the atlas, so it turns the eyes half-way back."""
POSE_KEYS = ("pitch_deg", "yaw_deg", "roll_deg")
HEAD_KEYS = (*POSE_KEYS, "move_x", "move_y", "move_z")
CROP_SPAN = 2
"""Width and height of the crop in keypoint units [-1, 1]: a move across the picture is a fraction of it."""
MOVES_ACROSS = np.array([1, 1, 0], np.float32)
"""Which of the three moves go across the picture; the third one scales."""
_HALF = np.float32(0.5)


def _coefficients() -> tuple[Index, Index, Array, Array, Array]:
    """Right and left slots of the expression controls; rows (n, 63): mean, eye-bound difference, half difference."""
    chosen = [c for c in CONTROLS if c.coefficients]
    both, native, halves = (np.zeros((len(chosen), N_EXP), np.float32) for _ in range(3))
    for row, control in enumerate(chosen):
        for dim, value in control.coefficients:
            both[row, dim] = value
            side = DIMS[dim].side if control.sided else None
            if side:
                native[row, dim] = value if side == "left" else -value
            elif control.sided:
                halves[row, dim] = value
    right = np.array([slots_of(c.key)[0] for c in chosen])
    left = np.array([slots_of(c.key)[-1] for c in chosen])
    return right, left, both, native, halves


_RIGHT, _LEFT, _BOTH, _NATIVE, _HALVES = _coefficients()
EXPRESSION_SLOTS = np.unique(np.concatenate([_RIGHT, _LEFT, EMOTION_SLOTS]))
HEAD_SLOTS = np.array([slots_of(key)[0] for key in HEAD_KEYS])
GAZE_SLOTS = np.array([slots_of("gaze_x_deg"), slots_of("gaze_y_deg")]).T
"""[eye, axis]."""
RATIO_SLOTS = np.array(slots_of("eye_ratio"))
_RIGID_REGIONS = [index for key in ("region_head", "region_gaze", "region_eyes") for index in slots_of(key)]
_RIGID_SLOTS = np.concatenate((HEAD_SLOTS, GAZE_SLOTS.ravel(), _RIGID_REGIONS))
_RIGID_DEFAULT = SLOT_DEFAULT[_RIGID_SLOTS]
_STRENGTH_SLOT = slots_of("limit_strength")[0]
_COMPENSATION_SLOT = slots_of("gaze_compensation")[0]


def _limit_of(keys: tuple[str, ...]) -> tuple[Array, Array]:
    ends = [CONTROL_BY_KEY[key].limit or (-np.inf, np.inf) for key in keys]
    return np.array([e[0] for e in ends], np.float32), np.array([e[1] for e in ends], np.float32)


_HEAD_LIMIT = _limit_of(HEAD_KEYS)
_GAZE_LIMIT = _limit_of(("gaze_x_deg", "gaze_y_deg"))
_YAW = HEAD_KEYS.index("yaw_deg")


def head_limits(source: Motion) -> dict[str, tuple[float, float]]:
    """Control -> lowest and highest edit of this portrait's head at strength 1: a turned face turns less far."""
    low, high = _head_limit(source)
    return {key: (float(low[k]), float(high[k])) for k, key in enumerate(HEAD_KEYS) if np.isfinite(high[k])}


def _head_limit(source: Motion) -> tuple[Array, Array]:
    low, high = (end.copy() for end in _HEAD_LIMIT)
    low[_YAW], high[_YAW] = yaw_ends(source.yaw_deg[0], low[_YAW], high[_YAW])
    return low, high


def expression_of(vectors: Array) -> tuple[Array, Array]:
    """(t, 63) expression and half left-minus-right of (t, N_SLOTS) edit vectors: controls, emotions, raw dims.

    With equal sides the second is exactly 0. A dim that belongs to one eye stays whole in the first.
    """
    shares = emotion_shares(vectors)
    values = vectors + shares @ EMOTION_PRESETS if shares.any() else vectors
    right, left = values[..., _RIGHT], values[..., _LEFT]
    half = _HALF * (left - right)
    exp = (_HALF * (left + right)) @ _BOTH
    if not half.any():
        return exp, np.zeros_like(exp)
    return exp + half @ _NATIVE, half @ _HALVES


def right_and_left(exp: Array, side: Array) -> tuple[Array, Array]:
    """(T, 63) expression of the right and of the left half of the face, of (T, 63) mean and half left-minus-right."""
    return exp - side, exp + side


def _slot_rows() -> Array:
    unit = np.zeros((N_SLOTS, N_SLOTS), np.float32)
    unit[EXPRESSION_SLOTS, EXPRESSION_SLOTS] = 1
    unit[:, INTENSITY_SLOT] = 1
    return np.concatenate(right_and_left(*expression_of(unit)), -1)


SLOT_ROWS = _slot_rows()
"""(N_SLOTS, 126) what a unit of each slot puts into the right and the left half; emotions at intensity 1."""


def _solve_ratio(vectors: Array, ratio: Array, exp: Array, side: Array) -> Array:
    """(t, 63) eye dims to add so that the lids reach the asked aspect ratio on top of the departure `exp`, `side`."""
    asked = vectors[..., RATIO_SLOTS]
    rest = np.maximum(ratio, MIN_REST_RATIO)
    missing = drive_of_closure(1 - asked / rest) - lid_drive(*right_and_left(exp, side))
    missing = np.where(asked >= 0, missing, 0).astype(np.float32)
    extra = np.zeros(np.broadcast_shapes(exp.shape, (len(missing), N_EXP)), np.float32)
    extra[..., list(UPPER_LID)] = BLINK_UPPER * missing
    extra[..., list(LOWER_LID)] = BLINK_LOWER * missing
    return extra


@dataclass(frozen=True)
class Expression:
    """Departure from the source while it is being composed, all (T, 63) and weighted by region."""

    exp: Array
    """Result, absolute."""
    side: Array
    asked: tuple[Array, Array]
    """Edit of the right and of the left half before the limits."""
    kept: tuple[Array, Array]
    """The same after them."""


def compose_expression(
    source: Motion,
    base: Motion,
    vectors: Array,
    ratio: Array,
    *,
    weights: tuple[Array, Array] | None,
    extra: tuple[Array, Array] | None = None,
) -> Expression:
    """Expression part of `compose`, with what the limits kept.

    Args:
        vectors: (1, N_SLOTS) or (T, N_SLOTS); the other arrays as `compose` takes them.
        weights: (1 or T, N_REGIONS) of the right and the left half; None for all ones.
    """
    shape = (-1, N_EXP)
    source_exp, source_side = source.exp.reshape(shape), source.side.reshape(shape)
    base_exp, base_side = base.exp.reshape(shape), base.side.reshape(shape)
    driven_exp, driven_side = base_exp - source_exp, base_side - source_side
    edit_exp, edit_side = expression_of(vectors)
    if extra is not None:
        edit_exp, edit_side = edit_exp + extra[0], edit_side + extra[1]
    if (vectors[..., RATIO_SLOTS] >= 0).any():
        edit_exp = edit_exp + _solve_ratio(vectors, ratio, driven_exp + edit_exp, driven_side + edit_side)

    if weights is not None:
        right, left = dim_weights(*weights)
        mean, half = _HALF * (right + left), _HALF * (left - right)
        whole = (mean == 1) & (half == 0)
        driven_exp, driven_side = mean * driven_exp + half * driven_side, mean * driven_side + half * driven_exp
        edit_exp, edit_side = mean * edit_exp + half * edit_side, mean * edit_side + half * edit_exp
        base_exp = np.where(whole, base_exp, source_exp + driven_exp)
        base_side = np.where(whole, base_side, source_side + driven_side)

    asked = right_and_left(edit_exp, edit_side)
    driven = right_and_left(driven_exp, driven_side)
    low, high = dim_bounds(vectors[..., _STRENGTH_SLOT, None])
    kept_right = clamp_edit(asked[0], driven[0], low=low, high=high)
    symmetric = not edit_side.any() and not driven_side.any()
    if symmetric:
        kept_left = asked[1] if kept_right is asked[0] else kept_right
    else:
        kept_left = clamp_edit(asked[1], driven[1], low=low, high=high)
    if kept_right is not asked[0] or kept_left is not asked[1]:
        edit_exp, edit_side = _HALF * (kept_right + kept_left), _HALF * (kept_left - kept_right)
    return Expression(base_exp + edit_exp, base_side + edit_side, asked, (kept_right, kept_left))


def _mix(weight: Array, base: Array, source: Array) -> Array:
    return np.where(weight == 1, base, source + weight * (base - source))


@dataclass(frozen=True)
class Rigid:
    """Pose and gaze of the result, with what the limits kept of the edits."""

    pose: Array
    """(T, 3) pitch, yaw, roll in degrees."""
    t: Array
    scale: Array
    gaze: Array
    """(T, 2, 2)."""
    asked: tuple[Array, Array]
    """Edits before the limits: pose and move (T, 6), gaze (T, 2, 2) without compensation."""
    kept: tuple[Array, Array]
    """The same after them."""


def compose_rigid(
    source: Motion, base: Motion, vectors: Array, *, weights: tuple[Array, Array] | None
) -> Rigid | None:
    """Pose, translation, scale and gaze part of `compose`; None where no slot asks for any of it.

    Args:
        vectors: (1, N_SLOTS) or (T, N_SLOTS).
        weights: (1 or T, N_REGIONS) of the right and the left half; None for all ones.
    """
    if (vectors[..., _RIGID_SLOTS] == _RIGID_DEFAULT).all():
        return None
    right, left = weights or (np.ones((1, N_REGIONS), np.float32),) * 2
    head = right[..., HEAD, None]
    eyes = np.concatenate((right[..., GAZE, None], left[..., GAZE, None]), -1)[..., None]  # (t, eye, 1)
    strength = vectors[..., _STRENGTH_SLOT, None]

    source_pose, base_pose = (np.stack([getattr(m, key) for key in POSE_KEYS], -1) for m in (source, base))
    driven = np.concatenate((head * (base_pose - source_pose), np.zeros_like(base.t)), -1)
    low, high = bounds(*_head_limit(source), strength)
    head_asked = head * vectors[..., HEAD_SLOTS]
    head_kept = clamp_edit(head_asked, driven, low=low, high=high)
    pose_edit, move = head_kept[..., :3], head_kept[..., 3:]

    t = _mix(head, base.t, source.t)
    t = t + move * (CROP_SPAN * MOVES_ACROSS)
    scale = _mix(head[..., 0], base.scale, source.scale) * (1 + move[..., 2])

    driven_gaze = eyes * (base.gaze_deg - source.gaze_deg)
    low, high = bounds(*_GAZE_LIMIT, strength[..., None])
    gaze_asked = eyes * vectors[..., GAZE_SLOTS]
    kept = clamp_edit(gaze_asked, driven_gaze, low=low, high=high)
    # yaw and pitch of the head carry the eyes to image left and down, the compensation turns them right and up
    turned = GAZE_PER_TURN * pose_edit[..., None, [1, 0]] * vectors[..., _COMPENSATION_SLOT, None, None]
    gaze_edit = clamp_edit(kept + eyes * turned, driven_gaze, low=low, high=high)
    return Rigid(
        pose=_mix(head, base_pose, source_pose) + pose_edit,
        t=t,
        scale=scale,
        gaze=_mix(eyes, base.gaze_deg, source.gaze_deg) + gaze_edit,
        asked=(head_asked, gaze_asked),
        kept=(head_kept, kept),
    )


def compose(
    source: Motion, base: Motion, vectors: Array, ratio: Array, *, extra: tuple[Array, Array] | None = None
) -> tuple[Motion, Expression, Rigid | None]:
    """Motion of an edit on a base.

    Args:
        source: one frame, the portrait's own motion.
        base: T frames, what drives the face, already relative to the source.
        vectors: (N_SLOTS,), (1, N_SLOTS) or (T, N_SLOTS) float32 edit values.
        ratio: (2,) eye aspect ratio [right, left] of the source.
        extra: (T, 63) mean and half left-minus-right expression that the edit adds besides its slots.

    Returns:
        Motion of T frames and the two records of what was asked and kept.
    """
    v = vectors.reshape(-1, N_SLOTS)
    weights = region_weights(v) if (v[..., REGION_SLOTS] != 1).any() else None
    expression = compose_expression(source, base, v, ratio, weights=weights, extra=extra)
    rigid = compose_rigid(source, base, v, weights=weights)
    length = len(expression.exp)
    motion = (base if len(base) == length else base[np.zeros(length, np.intp)]).with_(
        exp=expression.exp.reshape(length, -1, 3), side=expression.side.reshape(length, -1, 3)
    )
    if rigid is None:
        return motion, expression, None
    pitch, yaw, roll = rigid.pose.T
    moved = motion.with_(
        pitch_deg=pitch, yaw_deg=yaw, roll_deg=roll, t=rigid.t, scale=rigid.scale, gaze_deg=rigid.gaze
    )
    return moved, expression, rigid


def is_default(vectors: Array) -> bool:
    """Whether (..., N_SLOTS) vectors edit nothing at all."""
    return bool((vectors == SLOT_DEFAULT).all())
