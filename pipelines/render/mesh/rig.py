"""From a difference of motion to vertices: the 63 dims, the lid law, closed lips, head rotation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipelines.motion.eyes import lid_closure
from pipelines.motion.space import N_EXP, Motion, rotation_matrix
from pipelines.portrait.eyes import eye_ratio
from pipelines.portrait.topology import EYE_INNER, EYE_OUTER, N_LANDMARKS
from pipelines.render.mesh.anatomy import CHIN, IRIS_CENTRE
from pipelines.render.mesh.basis import EYEBALL_RADIUS_IN_HEAD, MotionBasis, motion_basis, side_shares
from pipelines.render.mesh.geometry import MeshGeometry
from pipelines.render.mesh.head_frame import fit_head_frame, smoothstep, turn_pivot_in_head, yaw_of
from pipelines.render.mesh.lashes import LashFollow
from pipelines.render.mesh.lids import lids_of_gaze
from pipelines.render.mesh.local_fields import local_fields
from pipelines.render.mesh.photo_view import CAMERA_DISTANCE_IN_HEAD, PhotoView
from pipelines.render.mesh.posed import PosedMesh
from pipelines.render.mesh.rings import SEGMENTS
from pipelines.render.mesh.stops import LidRows, LipStop
from pipelines.render.mesh.unfolding import SkinUnfolding
from pipelines.render.mesh.vertex_kernels import give_way, project

Doubles = NDArray[np.float64]

LINEAR_REACH, EXTRA_REACH = 0.22, 0.22
"""Displacement in head units up to which the atlas is linear, and how much more it can ever become."""
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
        self._lids = tuple(LidRows(head, geometry, side=side) for side in range(2))
        self._lashes = LashFollow(geometry)
        view = PhotoView(head, geometry.frame.rotation)
        self._lips = LipStop(head, view)
        self._unfolding = SkinUnfolding(geometry, view=view, lips=self._lips, lids=self._lids)
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
        self._unfolding.apply(moved, closure)
        return moved

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
        now = yaw_of(rotation @ frame.rotation)
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
