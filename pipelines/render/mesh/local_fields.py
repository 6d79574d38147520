"""Local fields: what dims do that no face in the data moves, and what dims of outline and neck do beside the face."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipelines.motion.atlas import load_atlas
from pipelines.motion.dims import DIMS
from pipelines.motion.space import N_EXP, N_KEYPOINTS
from pipelines.portrait.topology import N_LANDMARKS
from pipelines.render.mesh.anatomy import canonical_in_head, eye_rings
from pipelines.render.mesh.dim_areas import region_area
from pipelines.render.mesh.head_frame import smoothstep

Doubles = NDArray[np.float64]

FIELD_OUTSIDE, FIELD_INERT = 1.3, 14.0
"""Head units per unit of expression in the middle of a local field. Outside the face: half of what the keypoint itself
moves (`pose_scale_ratio` of the atlas is 2.625), since neighbours share its job. Inert: the slider ends at 3e-3, and
there the bump should be some pixels high."""
FIELD_SIGMA = 0.15
OUTSIDE_SIGMA = 0.25
OUTSIDE_RAMP = 0.25
"""Share of the face's half axes over which a field outside the face sets in."""
NECK_IN_HEAD = (0.0, 1.3, 0.0)


def local_fields(vertices_in_head: Doubles, dims: tuple[int, ...]) -> Doubles:
    """(len(dims), V, 3) displacement per unit of expression: a Gaussian bump around each dim's keypoint.

    Inert dims act on the face; depth alone would not show in a frontal view, so a z dim also swells (towards the
    camera) or shrinks its neighbourhood. Live dims act outside the face only: on it they do what was measured.
    """
    fields = np.zeros((len(dims), *vertices_in_head.shape))
    outside = _outside_face(vertices_in_head)
    for row, dim in enumerate(dims):
        on_face = not DIMS[dim].live
        centre = _field_centre(dim)
        offset = vertices_in_head[:, :2] - centre[:2]
        sigma = FIELD_SIGMA if on_face else OUTSIDE_SIGMA
        distance2 = (offset**2).sum(1)
        if on_face:
            # hair that lies behind the skin appears elsewhere in a turned portrait
            distance2[N_LANDMARKS:] += (vertices_in_head[N_LANDMARKS:, 2] - centre[2]) ** 2
        bump = np.exp(-0.5 * distance2 / sigma**2)
        if on_face and DIMS[dim].region == "outline":
            bump[:N_LANDMARKS] *= region_area(DIMS[dim].region)
        bump *= FIELD_INERT * (1.0 - outside) if on_face else FIELD_OUTSIDE * outside
        axis = dim % (N_EXP // N_KEYPOINTS)
        if axis < 2:
            fields[row, :, axis] = bump
        else:
            fields[row, :, 2] = bump
            fields[row, :, :2] = -0.6 * bump[:, None] * offset / sigma
    free_lids(fields)
    return fields


def _field_centre(dim: int) -> Doubles:
    """(3,) middle of a local field in the head frame: for an inert dim the landmark nearest its keypoint."""
    if DIMS[dim].live and DIMS[dim].region == "neck":
        return np.array(NECK_IN_HEAD)
    face = canonical_in_head()
    keypoint = load_atlas().kp_in_mesh[DIMS[dim].keypoint]
    if DIMS[dim].live:
        return np.clip(keypoint, 1.15 * face.min(0), 1.15 * face.max(0))
    return face[np.linalg.norm(face[:, :2] - keypoint[:2], axis=1).argmin()]


def _outside_face(vertices_in_head: Doubles) -> Doubles:
    """(V,) 0 on every landmark, rising to 1 outside the ellipse that holds them."""
    reach = canonical_in_head()[:, :2]
    middle, half = 0.5 * (reach.max(0) + reach.min(0)), 0.5 * np.ptp(reach, axis=0)
    radius = np.linalg.norm((vertices_in_head[:, :2] - middle) / half, axis=1)
    share = smoothstep((radius - 1.0) / OUTSIDE_RAMP)
    share[:N_LANDMARKS] = 0.0
    return share


def free_lids(jacobian: Doubles) -> None:
    """Lid margins keep the motion of their corners; the lid law opens and closes them."""
    canonical = canonical_in_head()
    for ring in eye_rings():
        outer, inner = ring[0], ring[8]
        along = (canonical[ring, 0] - canonical[outer, 0]) / (canonical[inner, 0] - canonical[outer, 0])
        along = np.clip(along, 0.0, 1.0)[None, :, None]
        jacobian[:, ring] = jacobian[:, [outer]] * (1 - along) + jacobian[:, [inner]] * along
