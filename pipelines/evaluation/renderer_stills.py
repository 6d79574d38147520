"""What the mesh renderer promises for a still portrait, measured on its own pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.evaluation.renderer_clips import find_landmarks
from pipelines.evaluation.renderer_measures import Picture
from pipelines.motion.control import Control
from pipelines.motion.controls import CONTROLS, N_SLOTS, SLOT_DEFAULT, SLOT_HI, SLOT_LO, SLOTS
from pipelines.motion.edit import Edit, apply_edit, apply_vectors
from pipelines.portrait.crop import resample
from pipelines.portrait.eyes import eye_ratio
from pipelines.portrait.pose import euler_deg, head_pose
from pipelines.portrait.topology import EYE_INNER, EYE_OUTER, EYES, LID_PAIRS
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
STEP_KINDS = ("semantic", "dim", "pose", "gaze")
FACING = 0.12
"""Cosine of its angle to the camera from which a triangle of the photo counts as seen."""
SLIVER = 0.021
"""Height of a triangle in head units below which a fold cannot be seen: three pixels of the 512 crop."""
FILMED_SHUT, FILMED_SHUT_PER_DEG = 0.042, 0.0038
"""`eye_ratio` of eyes filmed shut in the nine clips and its growth per degree of pitch (36 frames, deviation .004)"""
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
    jump: float
    """The largest change less what the picture's own contrast gives when it moves as far as the mesh did, grey levels:
    a sharp eyelash a tenth of a pixel on is more than `STEP_LEVELS` in any renderer."""


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
    deepest_overlap_px: float
    """Of lips or lids, pixels of the picture."""


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
    changes, jumps = [], []
    for share in STEP_STARTS:
        start = share * control.hi
        a = still.draw({control.key: start})
        before = still.handle.vertices.copy()
        b = still.draw({control.key: start + step})
        moved_px = float(np.abs(still.handle.vertices - before)[: still.handle.geometry.n_face, :2].max())
        change = np.abs(a.astype(np.int16) - b)
        changes.append(change.max(-1))
        jumps.append(float((change - moved_px * _contrast(a)).max()))
    largest = max(int(change.max()) for change in changes)
    return Step(control.key, largest, max(int((change > STEP_LEVELS).sum()) for change in changes), max(jumps))


def _contrast(picture: Picture) -> NDArray[np.float32]:
    """(H, W, 3) grey levels per pixel: the largest difference from one of the four neighbours."""
    padded = np.pad(picture.astype(np.float32), ((1, 1), (1, 1), (0, 0)), mode="edge")
    middle = padded[1:-1, 1:-1]
    beside = (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:])
    return np.max([np.abs(middle - neighbour) for neighbour in beside], axis=0)


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


@dataclass(frozen=True)
class BlinkRemains:
    """Eye opening found at blink 100 %, % of the opening found at rest, the worse eye; NaN if no face is found."""

    in_picture: float
    """Lid distance across the corner axis; lids found beyond each other are shut."""
    with_depth: float
    """3-D distance of `eye_ratio`. It hardly tells shut from open lids: the depth that the landmarker gives lids grows
    with the pitch of the head and not with the opening, .030 + .0052 a degree of the eye width for open eyes filmed in
    the nine clips (498 frames)."""
    filmed_with_depth: float
    """The same of eyes that were really shut, filmed at this pitch and with this opening at rest: `FILMED_SHUT`."""


def blink_remains_pct(still: Still) -> BlinkRemains:
    """What the landmarker finds left of both eyes' opening, and what it finds left of filmed ones."""
    shut, rest = (find_landmarks(still.draw(values)) for values in ({"blink": 1.0}, {}))
    if shut is None or rest is None:
        return BlinkRemains(float("nan"), float("nan"), float("nan"))
    at_rest = eye_ratio(rest)
    in_picture = _opening_in_picture(shut) / _opening_in_picture(rest)
    filmed = FILMED_SHUT + FILMED_SHUT_PER_DEG * euler_deg(head_pose(rest).rotation)[0]
    return BlinkRemains(
        in_picture=100 * max(float(in_picture.max()), 0.0),
        with_depth=100 * float((eye_ratio(shut) / at_rest).max()),
        filmed_with_depth=100 * float((filmed / at_rest).max()),
    )


def _opening_in_picture(landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
    """(2,) [right, left] mean lid distance across the corner axis over its length, negative where lids overlap."""
    openings = []
    for ring in EYES:
        axis = landmarks[ring[EYE_INNER], :2] - landmarks[ring[EYE_OUTER], :2]
        gaps = np.array([landmarks[ring[low], :2] - landmarks[ring[high], :2] for high, low in LID_PAIRS])
        down = np.array([-axis[1], axis[0]]) * np.sign(axis[0])
        openings.append((gaps @ down).mean() / (axis @ axis))
    return np.array(openings)


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
    counts, deepest_px = np.zeros(5, int), 0.0
    contact_px = CONTACT_PX * still.size / CROP_SIZE
    for vector in random_vectors(edits, seed=seed, kinds=("semantic", "dim", "gaze")):
        motion = apply_vectors(still.portrait, still.portrait.motion, vector[None])
        vertices = still.handle.rig.pose(motion).vertices.astype(np.float64)
        finite = bool(np.isfinite(vertices).all() and still.renderer.render(still.handle, motion).any())
        lips_px, lids_px = (_overlap(still.handle, vertices, lids=lids) for lids in (False, True))
        deepest_px = max(deepest_px, lips_px, lids_px)
        counts += [
            not finite,
            _areas(vertices, watched[~at_lashes]).min() <= 0,
            _areas(vertices, watched[at_lashes]).min() <= 0,
            lips_px > contact_px,
            lids_px > contact_px,
        ]
    return Robustness(edits, *counts.tolist(), deepest_overlap_px=deepest_px)


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
