"""The 52 face shapes of ARKit and our motion, both ways, through what was measured about them.

A shape moves the dims of its own region only, by the atlas' regression of shapes on expression; shapes that its data
never show take the row of the named control they correspond to, and the lids follow the lid law, so that a full blink
is shut. Left shapes drive the left half of the face, right shapes the right half.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.motion.atlas import load_atlas
from pipelines.motion.controls import CONTROL_BY_KEY
from pipelines.motion.dims import DIMS
from pipelines.motion.eyes import GAZE_DIMS, LOWER_LID, UPPER_LID
from pipelines.motion.fold import UNITS_PER_DEG_X, gaze_to_exp
from pipelines.motion.regions import MEMBERSHIP, REGIONS
from pipelines.motion.space import N_EXP, N_KEYPOINTS, Motion

Array = NDArray[Any]

# fmt: off
SHAPES: tuple[str, ...] = (
    "eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft", "eyeSquintLeft",
    "eyeWideLeft", "eyeBlinkRight", "eyeLookDownRight", "eyeLookInRight", "eyeLookOutRight", "eyeLookUpRight",
    "eyeSquintRight", "eyeWideRight", "jawForward", "jawRight", "jawLeft", "jawOpen", "mouthClose", "mouthFunnel",
    "mouthPucker", "mouthRight", "mouthLeft", "mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft",
    "mouthFrownRight", "mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft", "mouthStretchRight",
    "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthPressLeft", "mouthPressRight",
    "mouthLowerDownLeft", "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight", "browDownLeft",
    "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff", "cheekSquintLeft",
    "cheekSquintRight", "noseSneerLeft", "noseSneerRight", "tongueOut",
)
# fmt: on
"""Apple's order."""
N_SHAPES = len(SHAPES)
LOOK_REACH_DEG = (30.0, 25.0)
"""Sideways and vertical turn of an eye at a look shape of 1."""

_REGIONS_OF: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("brow", ("brows",)),
    ("eyeLook", ("eyes",)),
    ("eye", ("eyes",)),
    ("cheek", ("cheeks",)),
    ("nose", ("nose",)),
    ("mouth", ("mouth", "jaw", "cheeks")),
    ("jaw", ("mouth", "jaw", "cheeks")),
)
_LID_CONTROLS = {"eyeBlink": "blink", "eyeSquint": "squint", "eyeWide": "eye_wide"}
_UNMEASURED: dict[str, dict[str, float]] = {
    "mouthFrown": {"corners_down": 1.0},
    "mouthClose": {"lip_opening": -0.6, "lip_press": 0.5},
    "jawLeft": {"mouth_sideways": 0.4},
    "jawRight": {"mouth_sideways": -0.4},
    "noseSneer": {"upper_lip_raise": 0.5},
    "cheekSquint": {"squint": 0.4},
}
"""Shapes whose score never passes 0.15 in the atlas' clips."""
_NO_ROW = ("tongueOut", "eyeLookIn", "eyeLookOut")
"""Shapes that move no dim: there is none for the tongue, and eyes that turn sideways leave the lids alone."""
_CENTRAL_WORDS = ("mouthLeft", "mouthRight", "jawLeft", "jawRight")
_LIDS = (*UPPER_LID, *LOWER_LID)
_RIDGE = 1e-3
_STEPS = 300


def _stem_and_side(shape: str) -> tuple[str, str | None]:
    """Shape without its side; the sideways shapes have none."""
    for word, side in (("Left", "left"), ("Right", "right")):
        if shape.endswith(word) and shape not in _CENTRAL_WORDS:
            return shape.removesuffix(word), side
    return shape, None


_SIDES = tuple(_stem_and_side(shape)[1] for shape in SHAPES)
_IS_LOOK = np.array([shape.startswith("eyeLook") for shape in SHAPES])


def _control_row(values: dict[str, float]) -> Array:
    row = np.zeros(N_EXP)
    for key, value in values.items():
        for dim, coefficient in CONTROL_BY_KEY[key].coefficients:
            row[dim] += value * coefficient
    return row


def _measured_row(stem: str, side: str | None) -> Array:
    """Regression row of a shape, both sides of a pair together, within its regions."""
    atlas = load_atlas()
    names = [str(name) for name in atlas.blendshape_names]
    pair = [f"{stem}Left", f"{stem}Right"] if side else [stem]
    known = [names.index(name) for name in pair if name in names]
    regions = next(regions for prefix, regions in _REGIONS_OF if stem.startswith(prefix))
    inside = MEMBERSHIP[:, [REGIONS.index(region) for region in regions]].sum(-1)
    return atlas.blendshapes_to_exp[known].sum(0) * inside


def _shape_row(shape: str) -> Array:
    """(63,) what a shape, or both of a pair, put into the half of the face they drive."""
    stem, side = _stem_and_side(shape)
    if stem in _LID_CONTROLS:
        return _control_row({_LID_CONTROLS[stem]: 1.0})
    if stem in _UNMEASURED:
        return _control_row(_UNMEASURED[stem])
    if stem in _NO_ROW:
        return np.zeros(N_EXP)
    row = _measured_row(stem, side)
    row[list(GAZE_DIMS)] = 0  # the gaze is told in degrees
    if not stem.startswith("eyeLook"):
        row[list(_LIDS)] = 0
    return row


@lru_cache(maxsize=1)
def _table() -> Array:
    """(52, 126) what each shape puts into the right and the left half."""
    rows = np.stack([_shape_row(shape) for shape in SHAPES])
    right, left = (np.array([side in (None, which) for side in _SIDES])[:, None] for which in ("right", "left"))
    both = np.concatenate((rows * right, rows * left), -1)
    # a dim of one eye has no meaning in the other half
    return both * np.concatenate((_native("right"), _native("left")))


def _native(half: str) -> Array:
    return np.array([dim.side in (None, half) for dim in DIMS], np.float64)


@lru_cache(maxsize=1)
def _solver() -> tuple[Array, Array]:
    """(52, 52) and (126, 52) of the normal equations; errors count by how far they move the landmarks."""
    table = np.where(_IS_LOOK[:, None], 0, _table())
    effect = load_atlas().J.astype(np.float64).reshape(N_EXP, -1)
    metric = effect @ effect.T
    metric = 0.5 * np.block([[metric, np.zeros_like(metric)], [np.zeros_like(metric), metric]])
    pull = metric @ table.T
    hessian = table @ pull
    return hessian + _RIDGE * np.trace(hessian) / N_SHAPES * np.eye(N_SHAPES), pull


def shapes_to_motion(shapes: Array) -> Motion:
    """Motion of (T, 52) shape scores: expression and gaze, as departures from the face at rest."""
    scores = np.clip(np.asarray(shapes, np.float64), 0, 1)
    halves = scores @ _table()
    right, left = halves[:, :N_EXP], halves[:, N_EXP:]
    own = {side: np.array([dim.side == side for dim in DIMS]) for side in ("right", "left")}
    exp = np.where(own["right"], right, np.where(own["left"], left, 0.5 * (right + left)))
    side = np.where(own["right"] | own["left"], 0, 0.5 * (left - right))
    shape = (-1, N_KEYPOINTS, 3)
    return Motion.of(exp=exp.reshape(shape), side=side.reshape(shape), gaze_deg=gaze_of_shapes(scores))


def motion_to_shapes(motion: Motion) -> Array:
    """(T, 52) scores whose motion moves the landmarks most like `motion`, departures from the face at rest."""
    exp, side = motion.exp.reshape(-1, N_EXP).astype(float), motion.side.reshape(-1, N_EXP).astype(float)
    halves = np.concatenate(((exp - side) * _native("right"), (exp + side) * _native("left")), -1)
    looks = shapes_of_gaze(gaze_of(motion))
    hessian, pull = _solver()
    # looking up and down moves the lids, which the other shapes need not explain
    target = (halves - looks @ _table()) @ pull
    scores = np.zeros_like(looks)
    ahead, step, momentum = scores, 1 / np.linalg.eigvalsh(hessian)[-1], 1.0
    for _ in range(_STEPS):  # accelerated projected gradient onto 0..1
        nearer = np.clip(ahead - step * (ahead @ hessian - target), 0, 1)
        faster = 0.5 * (1 + np.sqrt(1 + 4 * momentum**2))
        ahead = nearer + (momentum - 1) / faster * (nearer - scores)
        scores, momentum = nearer, faster
    return np.where(_IS_LOOK, looks, scores)


def gaze_of(motion: Motion) -> Array:
    """(T, 2, 2) gaze in degrees of departures from rest, dims of the expression that turn the eyes included."""
    exp = motion.exp.reshape(-1, N_EXP)
    gaze = motion.gaze_deg.astype(np.float64).copy()
    for eye, dim in enumerate(GAZE_DIMS):
        for sign in (1, -1):
            unit = gaze_to_exp([[sign, sign]], [[0, 0]])[0, dim]
            gaze[:, eye, 0] += sign / UNITS_PER_DEG_X * np.maximum(exp[:, dim] / unit, 0)
    return gaze


def gaze_of_shapes(scores: Array) -> Array:
    """(T, 2, 2) degrees [right, left] x [+ image right, + up] of the look shapes among (T, 52) scores."""
    side, up = LOOK_REACH_DEG
    score = {shape: scores[:, index] for index, shape in enumerate(SHAPES)}
    # inwards is towards the nose: image right for the subject's right eye, image left for the left one
    right = side * (score["eyeLookInRight"] - score["eyeLookOutRight"])
    left = side * (score["eyeLookOutLeft"] - score["eyeLookInLeft"])
    rows = [
        np.stack((x, up * (score[f"eyeLookUp{eye}"] - score[f"eyeLookDown{eye}"])), -1)
        for x, eye in ((right, "Right"), (left, "Left"))
    ]
    return np.stack(rows, 1)


def shapes_of_gaze(gaze_deg: Array) -> Array:
    """(T, 52) scores with the look shapes of (T, 2, 2) degrees; all others 0."""
    scores = np.zeros((len(gaze_deg), N_SHAPES))
    share = gaze_deg / np.array(LOOK_REACH_DEG)
    for eye, (name, sign) in enumerate((("Right", 1), ("Left", -1))):
        inwards, up = sign * share[:, eye, 0], share[:, eye, 1]
        for shape, value in (("In", inwards), ("Out", -inwards), ("Up", up), ("Down", -up)):
            scores[:, SHAPES.index(f"eyeLook{shape}{name}")] = np.clip(value, 0, 1)
    return scores
