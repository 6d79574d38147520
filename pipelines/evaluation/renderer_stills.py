"""What the mesh renderer promises for a still portrait, measured on its own pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.evaluation.renderer_clips import find_landmarks
from pipelines.evaluation.renderer_measures import Picture, Points
from pipelines.motion.controls import CONTROLS, N_SLOTS, SLOT_DEFAULT, SLOT_HI, SLOT_LO, SLOTS, Control
from pipelines.motion.edit import Edit, apply_edit, apply_vectors
from pipelines.portrait.crop import resample
from pipelines.portrait.eyes import eye_ratio
from pipelines.portrait.pose import euler_deg, head_pose
from pipelines.portrait.topology import (
    BROW_INNER,
    BROWS,
    EYE_INNER,
    EYE_OUTER,
    EYES,
    IRISES,
    LIPS_INNER,
    LIPS_OUTER,
    MOUTH_BOTTOM,
    MOUTH_LEFT,
    MOUTH_RIGHT,
    MOUTH_TOP,
    OVAL,
)
from pipelines.portrait.types import CROP_SIZE, Portrait
from pipelines.render.mesh.anatomy import LID_LOWER, LID_UPPER, LIPS_LOWER, LIPS_UPPER
from pipelines.render.mesh.renderer import MeshHandle, MeshRenderer

FRACTION_STEP, ANGLE_STEP_DEG, MOVE_STEP = 0.005, 0.01, 0.0001
"""Smallest steps: of named controls and dims, of angles, of moves (0.05 px of the 512 crop)."""
STEP_LEVELS = 8
STEP_STARTS = (0.0, 0.4)
"""Shares of the slider's upper half from which the smallest step is taken."""
FAR_FROM_MATTE_PX = 35
"""Of the 512 crop."""
FOREGROUND = 0.03
"""Foreground probability from which a pixel may belong to the person."""
SWEEP_FRAMES = 24
SWEEP: Mapping[str, float] = {"yaw_deg": 20, "pitch_deg": 10, "roll_deg": 6, "jaw_open": 0.6}
MONOTONE_STEPS = 9
STEP_KINDS = ("semantic", "dim", "pose", "gaze")
FACING = 0.12
"""Cosine of its angle to the camera from which a triangle of the photo counts as seen."""
SLIVER = 0.021
"""Height of a triangle in head units below which a fold cannot be seen: three pixels of the 512 crop."""
CONTACT_PX = 0.25
"""Lips and lids that touch may overlap by this much in the 512 crop: nothing of it is drawn."""

_EDGES = (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1])


@dataclass(frozen=True)
class Step:
    """The largest change that one smallest step of a control made anywhere in the picture."""

    key: str
    largest: int
    """Grey levels."""
    pixels_over: int
    """Pixels that changed by more than `STEP_LEVELS`."""


@dataclass(frozen=True)
class Sweep:
    """One control from rest to the end of its slider and the measure found again in the drawn faces."""

    key: str
    span: float
    """Change of the measure from rest to the end, > 0 where it goes the way its name says."""
    backward_pct: float
    """Longest way back, % of the span."""


@dataclass(frozen=True)
class Robustness:
    """Counts over random edits."""

    edits: int
    not_finite: int
    folded: int
    """Edits with a folded triangle of skin between landmarks."""
    lashes_folded: int
    """Edits with a folded triangle between a lash ring and the skin around it."""
    lips_crossed: int
    lids_crossed: int


class Still:
    """One portrait at one size, ready to be edited."""

    def __init__(self, portrait: Portrait, renderer: MeshRenderer, *, size: int = CROP_SIZE) -> None:
        self.portrait, self.renderer, self.size = portrait, renderer, size
        self.handle: MeshHandle = renderer.prepare(portrait, size=size)

    def draw(self, values: Mapping[str, float]) -> Picture:
        """(size, size, 3) picture of an edit."""
        return self.renderer.render(self.handle, apply_edit(self.portrait, self.portrait.motion, Edit.of(values)))

    def draw_vector(self, vector: NDArray[np.float32]) -> Picture:
        """(size, size, 3) picture of an edit vector."""
        return self.renderer.render(self.handle, apply_vectors(self.portrait, self.portrait.motion, vector[None]))


def zero_difference(still: Still) -> int:
    """Largest difference between a zero edit and the photo, after another frame was drawn."""
    still.draw({"yaw_deg": 15, "jaw_open": 0.8, "blink": 0.7})
    return _largest(still.draw({}), resample(still.portrait, still.size).image)


def smallest_steps(still: Still) -> list[Step]:
    """Every named control and raw dim one smallest step on, from rest and from within the slider."""
    return [_smallest_step(still, control) for control in CONTROLS if control.kind in STEP_KINDS]


def _smallest_step(still: Still, control: Control) -> Step:
    step = ANGLE_STEP_DEG if control.unit == "°" else MOVE_STEP if control.kind == "pose" else FRACTION_STEP
    changes = []
    for share in STEP_STARTS:
        start = share * control.hi
        a, b = still.draw({control.key: start}), still.draw({control.key: start + step})
        changes.append(np.abs(a.astype(np.int16) - b).max(-1))
    largest = max(int(change.max()) for change in changes)
    return Step(control.key, largest, max(int((change > STEP_LEVELS).sum()) for change in changes))


def border_difference(still: Still, *, edits: int, seed: int = 0) -> int:
    """Largest difference on the outermost row and column of pixels over random edits."""
    rest = still.handle.image
    worst = 0
    for vector in random_vectors(edits, seed=seed):
        frame = still.draw_vector(vector)
        worst = max(worst, *(_largest(frame[edge], rest[edge]) for edge in _EDGES))
    return worst


def background_std(still: Still) -> tuple[float, float]:
    """Temporal standard deviation of the far background over a sweep of the head in grey levels: mean and largest."""
    reach = FAR_FROM_MATTE_PX * still.size / CROP_SIZE
    person = resample(still.portrait, still.size).matte > FOREGROUND
    far = cv2.distanceTransform((~person).astype(np.uint8), cv2.DIST_L2, 5) > reach
    if not far.any():
        return 0.0, 0.0
    phase = 2 * np.pi * np.arange(SWEEP_FRAMES) / SWEEP_FRAMES
    swings = {
        key: (reach * (np.sin((k + 1) * phase) if key.endswith("_deg") else np.abs(np.sin(phase))))
        for k, (key, reach) in enumerate(SWEEP.items())
    }
    frames = [still.draw({key: float(swing[i]) for key, swing in swings.items()})[far] for i in range(SWEEP_FRAMES)]
    spread = np.array(frames, np.float64).std(0)
    return float(spread.mean()), float(spread.max())


def blink_remains_pct(still: Still) -> float:
    """Eye opening found at blink 100 %, % of the opening found at rest, the worse eye; NaN if no face is found."""
    shut, rest = (find_landmarks(still.draw(values)) for values in ({"blink": 1.0}, {}))
    if shut is None or rest is None:
        return float("nan")
    return 100 * float((eye_ratio(shut) / eye_ratio(rest)).max())


def control_sweeps(still: Still) -> list[Sweep]:
    """Every named control, angle and gaze: does what is found again grow with the slider?"""
    sweeps = []
    for key, measure in MEASURES.items():
        control = next(control for control in CONTROLS if control.key == key)
        values = [measure(landmarks) for landmarks in _swept(still, control)]
        span = values[-1] - values[0] if len(values) > 1 else float("nan")
        back = max((a - b for a, b in pairwise(values)), default=float("nan"))
        sweeps.append(Sweep(key, span, 100 * max(back, 0.0) / max(abs(span), 1e-9)))
    return sweeps


def _swept(still: Still, control: Control) -> Iterator[Points]:
    """Landmarks of the faces found again from rest to the upper end of the slider, or of the limit that cuts it."""
    end = control.limit[1] if control.limit else control.hi
    for value in np.linspace(0, min(end, control.hi), MONOTONE_STEPS):
        landmarks = find_landmarks(still.draw({control.key: float(value)}))
        if landmarks is not None:
            yield landmarks


def _in_head(landmarks: Points) -> NDArray[np.float64]:
    return head_pose(landmarks).to_mesh(landmarks)


def _width(landmarks: Points) -> float:
    head = _in_head(landmarks)
    return float(np.linalg.norm(head[LIPS_OUTER[MOUTH_LEFT]] - head[LIPS_OUTER[MOUTH_RIGHT]]))


def _height(ring: NDArray[np.integer]) -> Callable[[Points], float]:
    return lambda landmarks: float(
        _in_head(landmarks)[ring[MOUTH_BOTTOM], 1] - _in_head(landmarks)[ring[MOUTH_TOP], 1]
    )


def _mean_of(rows: Iterable[int], *, axis: int, sign: float = 1.0) -> Callable[[Points], float]:
    chosen = list(rows)
    return lambda landmarks: sign * float(_in_head(landmarks)[chosen, axis].mean())


def _corner_drop(landmarks: Points) -> float:
    head = _in_head(landmarks)[LIPS_OUTER]
    return float(head[[MOUTH_LEFT, MOUTH_RIGHT], 1].mean() - head[[MOUTH_TOP, MOUTH_BOTTOM], 1].mean())


def _brow_gap(landmarks: Points) -> float:
    right, left = (_in_head(landmarks)[ring[list(BROW_INNER)], 0].mean() for ring in BROWS)
    return float(right - left)


def _gaze(axis: int, sign: float) -> Callable[[Points], float]:
    def measure(landmarks: Points) -> float:
        head = _in_head(landmarks)
        corners = [ring[[EYE_OUTER, EYE_INNER]] for ring in EYES]
        offsets = [head[iris[0]] - head[pair].mean(0) for iris, pair in zip(IRISES, corners, strict=True)]
        return sign * float(np.mean(offsets, axis=0)[axis])

    return measure


def _angle(which: int) -> Callable[[Points], float]:
    return lambda landmarks: euler_deg(head_pose(landmarks).rotation)[which]


MEASURES: Mapping[str, Callable[[Points], float]] = {
    "jaw_open": _mean_of([OVAL[18]], axis=1),
    "lip_opening": _height(LIPS_INNER),
    "smile": _width,
    "corners_down": _corner_drop,
    "pucker": lambda landmarks: -_width(landmarks),
    "lip_press": lambda landmarks: -_height(LIPS_OUTER)(landmarks),
    "mouth_sideways": _mean_of(LIPS_OUTER.tolist(), axis=0),
    "upper_lip_raise": _mean_of([int(LIPS_OUTER[MOUTH_TOP])], axis=1, sign=-1.0),
    "brow_raise": _mean_of(np.concatenate(BROWS).tolist(), axis=1, sign=-1.0),
    "brow_knit": _brow_gap,
    "squint": lambda landmarks: -float(eye_ratio(landmarks).mean()),
    "blink": lambda landmarks: -float(eye_ratio(landmarks).mean()),
    "eye_wide": lambda landmarks: float(eye_ratio(landmarks).mean()),
    "pitch_deg": _angle(0),
    "yaw_deg": _angle(1),
    "roll_deg": _angle(2),
    "gaze_x_deg": _gaze(0, 1.0),
    "gaze_y_deg": _gaze(1, -1.0),
}
"""What is found again for each control, in the head frame; grows with the slider."""


def random_vectors(count: int, *, seed: int, kinds: tuple[str, ...] = STEP_KINDS) -> Iterator[NDArray[np.float32]]:
    """Edits with one to all slots of some kinds anywhere between their slider ends, half of them at an end."""
    rng = np.random.default_rng(seed)
    slots = np.array([slot.index for slot in SLOTS if slot.control.kind in kinds])
    for _ in range(count):
        vector = SLOT_DEFAULT.copy()
        chosen = rng.choice(slots, rng.integers(1, len(slots) + 1), replace=False)
        share = rng.random(len(chosen))
        share = np.where(rng.random(len(chosen)) < 0.5, np.round(share), share)
        vector[chosen] = SLOT_LO[chosen] + share * (SLOT_HI - SLOT_LO)[chosen]
        assert vector.shape == (N_SLOTS,)
        yield vector


def robustness(still: Still, *, edits: int, seed: int = 0) -> Robustness:
    """Random expressions of any strength: nothing folds, nothing crosses, nothing is lost."""
    watched = _watched_triangles(still.handle)
    at_lashes = np.isin(watched, still.handle.geometry.lash_ids).any(1)
    counts = np.zeros(5, int)
    contact_px = CONTACT_PX * still.size / CROP_SIZE
    for vector in random_vectors(edits, seed=seed, kinds=("semantic", "dim", "gaze")):
        motion = apply_vectors(still.portrait, still.portrait.motion, vector[None])
        vertices = still.handle.rig.pose(motion).vertices.astype(np.float64)
        finite = bool(np.isfinite(vertices).all() and still.renderer.render(still.handle, motion).any())
        counts += [
            not finite,
            _areas(vertices, watched[~at_lashes]).min() <= 0,
            _areas(vertices, watched[at_lashes]).min() <= 0,
            _overlap(still.handle, vertices, lids=False) > contact_px,
            _overlap(still.handle, vertices, lids=True) > contact_px,
        ]
    return Robustness(edits, *counts.tolist())


def _watched_triangles(handle: MeshHandle) -> NDArray[np.int32]:
    """Skin triangles that face the camera at rest and are no slivers, each wound to a positive area.

    Not those at the corners of the eyes, where a closing lid slides over the skin.
    """
    geometry = handle.geometry
    triangles = geometry.triangles[: geometry.n_skin_triangles]
    a, b, c = (geometry.vertices[triangles[:, k]] for k in range(3))
    double_area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    longest = np.max([np.linalg.norm(p - q, axis=1) for p, q in ((a, b), (b, c), (c, a))], axis=0)
    signed = _areas(geometry.vertices, triangles)
    facing = np.abs(signed) > FACING * double_area
    corners = [ring[k] for ring in geometry.eye_rings for k in (EYE_OUTER, EYE_INNER)]
    lids = np.concatenate([*geometry.eye_rings, *geometry.lash_ids])
    kept = facing & (double_area / longest > SLIVER * geometry.unit_px)
    kept &= ~np.isin(triangles, corners).any(1) & ~np.isin(triangles, lids).all(1)
    kept &= np.sign(signed) == np.sign(np.median(signed))
    wound = triangles[kept]
    return wound if np.median(signed) > 0 else wound[:, [0, 2, 1]]


def _areas(vertices: NDArray[np.float64], triangles: NDArray[np.int32]) -> NDArray[np.float64]:
    """(T,) twice the signed area in the picture."""
    a, b, c = (vertices[triangles[:, k], :2] for k in range(3))
    return (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]


def _overlap(handle: MeshHandle, vertices: NDArray[np.float64], *, lids: bool) -> float:
    """How far facing lids or lips lie beyond each other, px, beyond what they do in the photo."""
    geometry = handle.geometry
    pairs = [(ring[LID_UPPER], ring[LID_LOWER]) for ring in geometry.eye_rings] if lids else [(LIPS_UPPER, LIPS_LOWER)]
    down = geometry.frame.rotation[:2, 1]
    worst = 0.0
    for upper, lower in pairs:
        gap = (vertices[lower, :2] - vertices[upper, :2]) @ down
        rest = (geometry.vertices[lower, :2] - geometry.vertices[upper, :2]) @ down
        worst = max(worst, float((np.minimum(rest, 0.0) - gap).max()))
    return worst


def _largest(a: Picture, b: Picture) -> int:
    return int(np.abs(a.astype(np.int16) - b).max())
