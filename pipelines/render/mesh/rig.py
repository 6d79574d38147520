"""From a difference of motion to vertices: the 63 dims, the lid law, closed lips, head rotation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from pipelines.motion.eyes import lid_closure
from pipelines.motion.space import N_EXP, Motion, rotation_matrix
from pipelines.portrait.eyes import eye_ratio
from pipelines.portrait.topology import EYE_INNER, EYE_OUTER, N_LANDMARKS
from pipelines.render.mesh.anatomy import (
    CHIN,
    IRIS_CENTRE,
    LID_LOWER,
    LID_ROWS_ABOVE_RIGHT,
    LID_ROWS_BELOW_RIGHT,
    LID_UPPER,
    LIPS_LOWER,
    LIPS_UPPER,
    both_sides,
)
from pipelines.render.mesh.basis import (
    EYEBALL_RADIUS_IN_HEAD,
    MotionBasis,
    local_fields,
    motion_basis,
    side_shares,
)
from pipelines.render.mesh.geometry import (
    SEGMENTS,
    MeshGeometry,
    face_triangles,
    fit_head_frame,
    smoothstep,
    turn_pivot_in_head,
)
from pipelines.render.mesh.lashes import LashFollow
from pipelines.render.mesh.lids import lids_of_gaze
from pipelines.render.mesh.posed import PosedMesh
from pipelines.render.mesh.vertex_kernels import give_way, project, unfold

Doubles = NDArray[np.float64]

CAMERA_DISTANCE_IN_HEAD = 6.75
"""60 cm."""
UPPER_LID_SHARE = 0.9
"""Share of a blink done by the upper lid."""
CORNER_SHARE = np.array([[0.22], [0.12]])
"""Share of the mean way of an upper lid that the outer and the inner corner go with it."""
RAISED_POWER = 2.8
"""The skin above an upper lid lags behind it by this power of the usual when the lid goes up: there is no fold to take
it in."""
LINEAR_REACH, EXTRA_REACH = 0.22, 0.22
"""Displacement in head units up to which the atlas is linear, and how much more it can ever become."""
AREA_FLOOR = 0.12
"""No skin triangle shrinks below this share of its area, seen from the front."""
SOFT_ROUNDS, UNFOLD_ROUNDS = 6, 32
UNFOLD_ATTEMPTS, SHRINK = 20, 0.015
"""Share by which the displacement around a fold shrinks more from attempt to attempt: little at first, or a stronger
edit would show less than a weaker one."""
SHRINK_REACH = 0.2
"""Distance in head units from a fold at which it shrinks by exp(-1/2) of that: a lid does not hold the mouth back."""
BISECTIONS = 10
"""Halvings to find how much of a displacement can stay where smoothing and the stops of lips and lids never agree."""
WATCHED_FACING = 0.08
"""Cosine of the angle to the camera from which a triangle is kept from folding."""
WATCHED_HEIGHT = 0.02
"""Height in head units (3 px in a 512 crop) from which it is."""
LIP_ROUNDS = 2
LIP_REACH = 0.045
"""Height in head units over which a lip follows its inner edge when the two lips meet."""
TOUCHING = 0.006
"""Gap in head units (0.9 px in a 512 crop) up to which lips touch."""
MAX_GAZE_DEG = 40.0
LEAST_SPACING = 0.35
"""Share of their way apart that a move of the head leaves between the rings around it."""
TURN_BACK_DEG = 6.0
"""Degrees of turning back over which the strip beside the face changes its source."""


class FaceRig:
    """Moves one portrait's mesh. Buffers are reused from frame to frame: not for two threads at once."""

    def __init__(self, geometry: MeshGeometry, source: Motion, *, basis: MotionBasis | None = None) -> None:
        self._geometry = geometry
        self._source = source
        self._basis = motion_basis() if basis is None else basis
        local = local_fields(geometry.vertices_in_head, self._basis.local)
        local *= np.where(np.arange(len(geometry.vertices)) < geometry.n_face, 1.0, geometry.follow)[:, None]
        self._local_dims = np.array(self._basis.local)
        self._local_face = local[:, :N_LANDMARKS].reshape(len(local), -1)
        self._local_rest = local - np.stack([self._carried(field[:N_LANDMARKS]) for field in local])
        self._local_shares = side_shares(geometry.vertices_in_head[:, 0])
        head = geometry.vertices_in_head[:N_LANDMARKS]
        self._lids = tuple(_LidRows(head, geometry, side=side) for side in range(2))
        self._lashes = LashFollow(geometry)
        self._view = _View(head, geometry.frame.rotation)
        self._lips = _LipStop(head, self._view)
        skin, _ = face_triangles()
        self._skin, self._watched = skin, _facing(geometry, skin)
        self._neighbours, self._starts = _adjacency(skin)
        self._near = np.exp(-0.5 * (cdist(head, head) / SHRINK_REACH) ** 2)
        self._scratch = np.empty((N_LANDMARKS, 3))
        self._posed = np.empty((len(geometry.vertices), 3), np.float32)
        self._rigid = np.empty((N_LANDMARKS, 3), np.float32)

    def pose(self, motion: Motion) -> PosedMesh:
        """The mesh under one frame of motion; what counts is its difference from the source motion."""
        source = self._source
        exp = (motion.exp[0] - source.exp[0]).astype(np.float64).ravel()
        side = (motion.side[0] - source.side[0]).astype(np.float64).ravel()
        right, left = exp - side, exp + side
        gaze = (motion.gaze_deg[0] - source.gaze_deg[0]).astype(np.float64)
        closure, drop = lids_of_gaze(lid_closure(right, left), gaze[:, 1])
        gaze[0] += np.tensordot(right, self._basis.iris[:, 0], 1)
        gaze[1] += np.tensordot(left, self._basis.iris[:, 1], 1)
        rotation, scale, shift = self._rigid_difference(motion)
        still = not (exp.any() or side.any() or closure.any() or drop.any())
        displacement = np.zeros((N_LANDMARKS, 3)) if still else self.displace(right, left, closure=closure, drop=drop)
        geometry = self._geometry
        head = geometry.vertices_in_head
        if still and not shift.any() and scale == 1.0 and np.array_equal(rotation, np.eye(3)):
            self._posed[:] = geometry.vertices
            self._rigid[:] = geometry.landmarks
        else:
            carried = head if still else head + self._carry(displacement, right, left)
            self._project(carried, rotation, scale, shift, self._posed)
            self._close_oval()
            self._project(head[:N_LANDMARKS], rotation, scale, shift, self._rigid)
        return PosedMesh(
            vertices=self._posed,
            rigid=self._rigid[:, :2],
            gaze_deg=np.clip(gaze, -MAX_GAZE_DEG, MAX_GAZE_DEG).astype(np.float32),
            lid_closure=closure.astype(np.float32),
            jaw_drop=float(displacement[CHIN, 1].mean()),
            rotation=rotation,
            turned_back=self._turned_back(rotation),
            moved=bool(gaze.any() or not np.array_equal(self._posed, geometry.vertices.astype(np.float32))),
        )

    def follow(self, landmarks_px: Doubles) -> PosedMesh:
        """The mesh with its landmarks laid on (478, 3) measured ones in px of this picture, whatever moved them there.

        Lashes and rings follow as in `pose`; gaze, lids and jaw are read off the landmarks.
        """
        geometry, rest = self._geometry, self._geometry.frame
        now = fit_head_frame(landmarks_px)
        rotation = now.rotation @ rest.rotation.T
        shift = (now.to_px(turn_pivot_in_head()) - rest.to_px(turn_pivot_in_head()))[:2]
        scale = now.scale_px / rest.scale_px
        self._project(geometry.vertices_in_head, rotation, scale, shift, self._posed)
        self._rigid[:] = self._posed[:N_LANDMARKS]
        missing = landmarks_px[:, :2] - self._rigid[:, :2]
        carriers = geometry.carriers
        self._posed[:, :2] += 0.5 * (missing[carriers[:, 0]] + missing[carriers[:, 1]]) * geometry.carry[:, None]
        moved = now.to_head(landmarks_px) - rest.to_head(geometry.landmarks)
        iris = [
            moved[centre, :2] - moved[ring[[EYE_OUTER, EYE_INNER]], :2].mean(0)
            for centre, ring in zip(IRIS_CENTRE, geometry.eye_rings, strict=True)
        ]
        gaze_deg = np.degrees(np.array(iris) / EYEBALL_RADIUS_IN_HEAD) * [1.0, -1.0]
        return PosedMesh(
            vertices=self._posed,
            rigid=self._rigid[:, :2],
            gaze_deg=np.clip(gaze_deg, -MAX_GAZE_DEG, MAX_GAZE_DEG).astype(np.float32),
            lid_closure=1.0 - eye_ratio(landmarks_px) / eye_ratio(geometry.landmarks),
            jaw_drop=float(moved[CHIN, 1].mean()),
            rotation=rotation,
            turned_back=self._turned_back(rotation),
            moved=True,
        )

    def displace(
        self, right: Doubles, left: Doubles, *, closure: Doubles, drop: Sequence[float] | Doubles = (0.0, 0.0)
    ) -> Doubles:
        """(478, 3) displacement of the landmarks in the head frame.

        Args:
            right, left: (63,) expression difference of each half of the face.
            closure: (2,) lid closure, see `pipelines.motion.eyes`.
            drop: (2,) share of the rest gap by which both lids of an eye move down, see `lids.lids_of_gaze`.
        """
        basis = self._basis
        flat = basis.landmarks.reshape(N_EXP, -1)
        local = self._local_dims
        both, beyond = _both_and_beyond(right, left)
        moved = (both @ flat + both[local] @ self._local_face).reshape(N_LANDMARKS, 3)
        for side, share in zip(beyond, basis.side_shares, strict=True):
            if side.any():
                moved += (side @ flat + side[local] @ self._local_face).reshape(N_LANDMARKS, 3) * share[:, None]
        _soften(moved)
        self._lips.apply(moved)
        for lid, closed, down in zip(self._lids, closure, drop, strict=True):
            lid.apply(moved, float(closed), drop=float(down))
        self._keep_skin_unfolded(moved, closure)
        return moved

    def _keep_skin_unfolded(self, moved: Doubles, closure: Doubles) -> None:
        """Smooth folds as the camera of the photo would see them, and set lips and lids again after it.

        The two may disagree; then what moves around the fold shrinks until they do not, at the latest all of it.
        """
        view, closure = self._view, closure.copy()
        for attempt in range(UNFOLD_ATTEMPTS):
            folded = view.seen(moved)
            seen = folded.copy()
            if not self._unfold(seen, soft_rounds=0 if attempt else SOFT_ROUNDS, rounds=UNFOLD_ROUNDS):
                return
            moved[:] = view.unseen(seen)
            if attempt:
                kept = 1.0 - SHRINK * attempt * self._near[(seen != folded).any(1)].max(0, initial=0.0)
                moved *= kept[:, None]
                closure *= [lid.least(kept) for lid in self._lids]
            self._lips.apply(moved)
            for lid, closed in zip(self._lids, closure, strict=True):
                lid.meet(moved, float(closed))
        self._scale_back(moved)

    def _scale_back(self, moved: Doubles) -> None:
        """Scale a displacement to the largest share that folds nothing; gaps of lips and lids scale with it."""
        unfolded, folded = 0.0, 1.0
        for _ in range(BISECTIONS):
            share = 0.5 * (unfolded + folded)
            if self._unfold(self._view.seen(share * moved), soft_rounds=0, rounds=1):
                folded = share
            else:
                unfolded = share
        moved *= unfolded

    def _unfold(self, seen: Doubles, *, soft_rounds: int, rounds: int) -> int:
        """Smooth (478, 3) displacements as the camera sees them in place; the number of rounds it took."""
        return unfold(
            self._view.rest,
            seen,
            self._skin,
            self._watched,
            self._neighbours,
            self._starts,
            AREA_FLOOR,
            soft_rounds,
            rounds,
            self._scratch,
        )

    def _carry(self, displacement: Doubles, right: Doubles, left: Doubles) -> Doubles:
        """(V, 3) displacement of all vertices: lashes with their lid, rings with the oval and local fields."""
        carried = self._carried(displacement)
        local_right, local_left = right[self._local_dims], left[self._local_dims]
        if local_right.any() or local_left.any():
            both, beyond = _both_and_beyond(local_right, local_left)
            field = np.tensordot(both, self._local_rest, 1)
            for side, share in zip(beyond, self._local_shares, strict=True):
                if side.any():
                    field += np.tensordot(side, self._local_rest, 1) * share[:, None]
            _soften(field)
            carried += field
        self._lashes.apply(carried)
        return carried

    def _carried(self, displacement: Doubles) -> Doubles:
        """(V, 3) of (478, 3): the vertices between and around the landmarks go along."""
        carriers = self._geometry.carriers
        return 0.5 * (displacement[carriers[:, 0]] + displacement[carriers[:, 1]]) * self._geometry.carry[:, None]

    def _rigid_difference(self, motion: Motion) -> tuple[Doubles, float, Doubles]:
        """Rotation driven * source^T, scale ratio and shift in px."""
        source = self._source
        angles = [(m.pitch_deg[0], m.yaw_deg[0], m.roll_deg[0]) for m in (motion, source)]
        turned = angles[0] != angles[1]
        rotation = rotation_matrix(*angles[0]).T @ rotation_matrix(*angles[1]) if turned else np.eye(3)
        scale = float(motion.scale[0] / source.scale[0])
        shift = (motion.t[0, :2] - source.t[0, :2]).astype(np.float64) * (0.5 * self._geometry.size)
        return rotation, scale, shift

    def _close_oval(self) -> None:
        """Lay the midpoints on the oval and the second oval on both: pixels between them would show through."""
        posed, geometry = self._posed, self._geometry
        oval, middle = geometry.oval_ids[0::2], geometry.oval_ids[1::2]
        posed[middle] = 0.5 * (posed[oval] + posed[np.roll(oval, -1)])
        posed[geometry.n_face : geometry.n_face + len(geometry.oval_ids)] = posed[geometry.oval_ids]

    def _turned_back(self, rotation: Doubles) -> float:
        frame = self._geometry.frame
        now = np.degrees(np.arcsin(-np.clip((rotation @ frame.rotation)[2, 0], -1.0, 1.0)))
        return float(smoothstep((frame.yaw_deg - now) * np.sign(frame.yaw_deg) / TURN_BACK_DEG))

    def _project(
        self, head: Doubles, rotation: Doubles, scale: float, shift: Doubles, out: NDArray[np.float32]
    ) -> None:
        geometry, frame = self._geometry, self._geometry.frame
        project(
            head,
            rotation @ frame.rotation,
            turn_pivot_in_head(),
            frame.scale_px * scale,
            CAMERA_DISTANCE_IN_HEAD * frame.scale_px,
            frame.to_px(turn_pivot_in_head()),
            shift,
            geometry.follow,
            geometry.vertices,
            out,
        )
        if len(out) > geometry.n_face and shift.any():
            give_way(geometry.vertices, geometry.follow, geometry.n_face, SEGMENTS, shift, LEAST_SPACING, out)


class _LidRows:
    """One eye's lids and the skin rows that follow them."""

    def __init__(self, head: Doubles, geometry: MeshGeometry, *, side: int) -> None:
        ring = geometry.eye_rings[side]
        self._upper, self._lower = ring[LID_UPPER], ring[LID_LOWER]
        self._corners = ring[[EYE_OUTER, EYE_INNER]]
        self._gap = head[self._lower] - head[self._upper]
        self._above = [(both_sides(row)[side], share) for row, share in LID_ROWS_ABOVE_RIGHT]
        self._below = [(both_sides(row)[side], share) for row, share in LID_ROWS_BELOW_RIGHT]

    def apply(self, displacement: Doubles, closure: float, *, drop: float = 0.0) -> None:
        """Close by a share of the rest gap, both lids lowered by `drop` of it; the skin above and below follows."""
        if closure == 0.0 and drop == 0.0:
            return
        down = (UPPER_LID_SHARE * closure + drop) * self._gap
        up = (drop - (1.0 - UPPER_LID_SHARE) * closure) * self._gap
        displacement[self._upper] += down
        displacement[self._lower] += up
        displacement[self._corners] += CORNER_SHARE * (UPPER_LID_SHARE * closure + drop) * self._gap.mean(0)
        # a lid that opens wider pushes the skin above it together, one that closes pulls it smooth
        raised = UPPER_LID_SHARE * closure + drop < 0.0
        for row, share in self._above:
            displacement[row] += (1.0 - (1.0 - share) ** RAISED_POWER if raised else share) * down
        for row, share in self._below:
            displacement[row] += share * up

    def least(self, values: Doubles) -> float:
        """The smallest of (478,) values on the edges of the two lids."""
        return float(min(values[self._upper].min(), values[self._lower].min()))

    def meet(self, displacement: Doubles, closure: float) -> None:
        """Set the gap that the closure asks for after the skin was smoothed."""
        gap = self._gap + displacement[self._lower] - displacement[self._upper]
        miss = gap - (1.0 - closure) * self._gap
        displacement[self._upper] += UPPER_LID_SHARE * miss
        displacement[self._lower] -= (1.0 - UPPER_LID_SHARE) * miss


class _View:
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


class _LipStop:
    """Lips meet but never cross, neither on the face nor in the picture of it.

    A gap below the least pushes both back. The least is zero, but lips that touch in the photo (or cross a little, by
    the error of the landmarks) touch already: what lies between them is their shadow and stays as wide as it is.
    """

    def __init__(self, head: Doubles, view: _View) -> None:
        self._view = view
        self._gap = head[LIPS_LOWER, 1] - head[LIPS_UPPER, 1]
        self._least = _least_gap(self._gap)
        down = view.down
        self._down = down / (down @ down)
        self._seen_gap = (view.rest[LIPS_LOWER, :2] - view.rest[LIPS_UPPER, :2]) @ self._down
        self._least_seen = _least_gap(self._seen_gap)
        self._upper = self._followers(head, LIPS_UPPER, sign=-1.0)
        self._lower = self._followers(head, LIPS_LOWER, sign=1.0)

    @staticmethod
    def _followers(head: Doubles, row: NDArray, *, sign: float) -> Doubles:
        """(478, 9) weights by which vertices behind an inner lip move with it; the inner lip itself with weight 1."""
        offset = head[:, None, :2] - head[row][None, :, :2]
        width = np.abs(np.diff(head[row, 0])).mean()
        across = np.clip(1.0 - np.abs(offset[..., 0]) / width, 0.0, 1.0)
        behind = sign * offset[..., 1]
        along = np.exp(-0.5 * (behind / LIP_REACH) ** 2) * (behind > 0.0)
        along *= np.abs(head[:, None, 2] - head[row][None, :, 2]) < 0.2
        weights = across * along
        weights[LIPS_UPPER] = 0.0
        weights[LIPS_LOWER] = 0.0
        weights[row, np.arange(len(row))] = 1.0
        return weights

    def apply(self, displacement: Doubles) -> None:
        # the push itself changes the view a little: what is left after the second round is below a hundredth
        for _ in range(LIP_ROUNDS):
            gap = self._gap + displacement[LIPS_LOWER, 1] - displacement[LIPS_UPPER, 1]
            seen = self._view.seen(displacement)
            seen_gap = self._seen_gap + (seen[LIPS_LOWER, :2] - seen[LIPS_UPPER, :2]) @ self._down
            lack = np.maximum(np.maximum(self._least - gap, self._least_seen - seen_gap), 0.0)
            if not lack.any():
                return
            displacement[:, 1] += self._lower @ (0.5 * lack) - self._upper @ (0.5 * lack)


def _least_gap(rest: Doubles) -> Doubles:
    """What lips may close to from their gap at rest: none of it where they touch, all where they are apart."""
    return np.minimum(rest, np.maximum(2.0 * TOUCHING - rest, 0.0))


def _soften(displacement: Doubles) -> None:
    """Bend displacements beyond the measured range towards a finite reach, direction kept."""
    length = np.sqrt((displacement**2).sum(-1))
    far = length > LINEAR_REACH
    if far.any():
        over = length[far] - LINEAR_REACH
        limited = LINEAR_REACH + EXTRA_REACH * (1.0 - np.exp(-over / EXTRA_REACH))
        displacement[far] *= (limited / length[far])[:, None]


def _both_and_beyond(right: Doubles, left: Doubles) -> tuple[Doubles, tuple[Doubles, Doubles]]:
    """What both halves of the face do, and what the right and the left one do beyond it."""
    both = np.where(right * left > 0.0, np.sign(right) * np.minimum(np.abs(right), np.abs(left)), 0.0)
    return both, (right - both, left - both)


def _facing(geometry: MeshGeometry, triangles: NDArray[np.int32]) -> NDArray[np.bool_]:
    """(T,) triangles that the photo sees well enough to be worth protecting against folds.

    Not those at the corners of the eyes, over which a closing lid really slides, nor slivers: the rows of a lip are a
    pixel apart in a smile, and a few levels of noise would count as a fold.
    """
    corners = geometry.vertices[triangles]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(normal, axis=1)
    side = np.sign(np.median(normal[:, 2]))
    corners_of_eyes = [ring[k] for ring in geometry.eye_rings for k in (EYE_OUTER, EYE_INNER)]
    slides = np.isin(triangles, corners_of_eyes).any(1)
    edges = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(1)
    wide = length / edges > WATCHED_HEIGHT * geometry.unit_px
    return (side * normal[:, 2] > WATCHED_FACING * length) & wide & ~slides


def _adjacency(triangles: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Neighbours of every landmark in compressed rows."""
    edges = np.concatenate([triangles[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))]).astype(np.int64)
    edges = np.unique(np.concatenate([edges, edges[:, ::-1]]), axis=0)
    starts = np.searchsorted(edges[:, 0], np.arange(N_LANDMARKS + 1))
    return np.ascontiguousarray(edges[:, 1]), starts.astype(np.int64)
