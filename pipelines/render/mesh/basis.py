"""The motion atlas made fit for drawing: what each of the 63 dims does to the mesh.

The measured Jacobian says what a face does when a dim moves in data, so it carries what merely happens together
(a smile squints) and the noise of few identities. Here every dim is kept to its part of the face, made symmetric where
its meaning is, and freed of lid and lip motion that explicit laws draw better. An effect too small to see is drawn
larger, in the direction that was measured. Dims that no face in the data moves get a small local field at their
keypoint, and the dims of outline and neck one outside the landmarks, so that all 63 show where they sit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from pipelines.motion.atlas import load_atlas
from pipelines.motion.controls import CONTROL_BY_KEY
from pipelines.motion.dims import DIMS, SIDES
from pipelines.motion.regions import REGIONS
from pipelines.motion.space import N_EXP, N_KEYPOINTS
from pipelines.portrait.topology import BROW_INNER, BROWS, N_LANDMARKS, N_MESH, OVAL
from pipelines.render.mesh.anatomy import (
    IRIS_CENTRE,
    LIPS_LOWER,
    LIPS_UPPER,
    both_sides,
    canonical_in_head,
    eye_rings,
    region_landmarks,
)
from pipelines.render.mesh.head_frame import smoothstep

Doubles = NDArray[np.float64]

SYMMETRY_TO_SNAP = 0.5
"""A dim whose measured effect agrees this much with its mirror image is made exactly (anti)symmetric."""
PARTING_TO_KEEP = 0.01
"""Lip parting over the usual range of a dim, in head units, below which it is noise and removed."""
EFFECT_TO_SHOW = 0.006
"""Largest landmark effect of a live dim over its usual range, head units (about 1 px in a 512 crop), that it is
enlarged to where less was measured."""
MOST_GAIN = 12.0
"""How much a measured effect is enlarged at most."""
FIELD_OUTSIDE, FIELD_INERT = 1.3, 14.0
"""Head units per unit of expression in the middle of a local field. Outside the face: half of what the keypoint itself
moves (`pose_scale_ratio` of the atlas is 2.625), since neighbours share its job. Inert: the slider ends at 3e-3, and
there the bump should be some pixels high."""
TAKE_OVER_RIDGE, TAKE_OVER_RIDGE_BROWS = 1e-6, 1e-4
"""Penalty of what a dim takes over from others, mean squares of expression. The data hold too little of the brows to
tell their dims apart by it: there the dims stay nearly as measured."""
MOST_TAKEN = (0.5, 0.2)
"""Shares of its own effect on a landmark and of its largest on any that a dim takes over at most: it keeps its way."""
KNIT = 2.2
"""Head units per unit of expression at the inner ends of the brows: the knit control's row draws each in by about 3 %
of the eye distance. The data hold too few frowns to measure it; the direction is that of the published frown row."""
KNIT_SIGMA = 0.13
KNIT_DROP = 0.45
"""Downward share of the knit."""
TAIL = (0.05, 0.14)
"""Share of a dim's strongest effect below which it is none, and from which it is whole."""
FIELD_SIGMA = 0.15
OUTSIDE_SIGMA = 0.25
OUTSIDE_RAMP = 0.25
"""Share of the face's half axes over which a field outside the face sets in."""
REGION_MARGIN = (0.04, 0.22)
"""Distance from a region's landmarks, head units, up to which a dim acts in full and from which it does not."""
OUTSIDE_REGIONS = ("outline", "neck")
OVAL_REGIONS = (*OUTSIDE_REGIONS, "jaw", "mouth")
"""Regions whose dims move the outline of the face."""
FAINT_TURN_DEG = 1.0
"""Turn of the eyes over the usual range of a dim from which they show what it does."""
NECK_IN_HEAD = (0.0, 1.3, 0.0)
MIDLINE_WIDTH = 0.16
"""Head units from the midline over which what one side does beyond the other sets in: its own half moves, no more."""
EYEBALL_RADIUS_IN_HEAD = 0.135
"""12 mm."""


@dataclass(frozen=True)
class MotionBasis:
    """Read-only and the same for every portrait; head frame, per unit of expression."""

    landmarks: Doubles
    """(63, 478, 3) displacement; lid margins move with their corners only, iris rows are zero."""
    local: tuple[int, ...]
    """Dims that get a local field: the inert ones at their keypoint, those of outline and neck outside the face."""
    iris: Doubles
    """(63, 2, 2) eyeball rotation in degrees, [right, left] x [image right, up]."""
    side_shares: Doubles
    """(2, 478) [right, left] as `side_shares`, the same for a landmark and its mirror image."""


@lru_cache(maxsize=1)
def motion_basis() -> MotionBasis:
    """The cleaned basis of the shipped atlas, computed once (about 80 ms)."""
    return clean_basis(load_atlas().J, _usual_covariance())


def clean_basis(jacobian: NDArray[np.floating], covariance: Doubles) -> MotionBasis:
    """The basis that a measured (63, 478, 3) Jacobian gives, in the convention of the atlas' `J`.

    Args:
        covariance: (63, 63) of the expression within clips: which dims move together in the faces it was measured on.
    """
    jacobian = _symmetrised(jacobian.astype(np.float64))
    jacobian = _symmetrised(_kept_to_regions(jacobian, covariance))
    iris = _iris_rotation(jacobian)
    jacobian[:, N_MESH:] = 0.0
    _cut_tails(jacobian)
    _knit_brows(jacobian)
    usual = _usual_range()
    _free_lids(jacobian)
    _free_lips(jacobian, usual)
    inert = np.array([not dim.live for dim in DIMS])
    jacobian[inert] = 0.0
    effect = np.linalg.norm(jacobian[..., :2], axis=-1).max(-1) * usual
    faint = (effect < EFFECT_TO_SHOW) & (np.abs(iris).max((1, 2)) * usual < FAINT_TURN_DEG)
    outside = np.array([dim.region in OUTSIDE_REGIONS for dim in DIMS])
    enlarged = faint & ~inert & ~outside
    # the soft rim of a region holds little but noise, which is not worth enlarging
    more = np.clip(EFFECT_TO_SHOW / effect[enlarged], 1.0, MOST_GAIN)[:, None] - 1.0
    jacobian[enlarged] *= (1.0 + more * _region_masks()[enlarged])[..., None]
    local = tuple(np.flatnonzero(inert | (faint & outside)).tolist())
    basis = MotionBasis(jacobian, local, iris, _landmark_shares())
    for array in (basis.landmarks, basis.iris, basis.side_shares):
        array.setflags(write=False)
    return basis


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
            bump[:N_LANDMARKS] *= _region_area(DIMS[dim].region)
        bump *= FIELD_INERT * (1.0 - outside) if on_face else FIELD_OUTSIDE * outside
        axis = dim % (N_EXP // N_KEYPOINTS)
        if axis < 2:
            fields[row, :, axis] = bump
        else:
            fields[row, :, 2] = bump
            fields[row, :, :2] = -0.6 * bump[:, None] * offset / sigma
    _free_lids(fields)
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


def _usual_range() -> Doubles:
    """(63,) the larger of the 1st and 99th percentile of each dim."""
    atlas = load_atlas()
    rows = atlas.range_rel_official
    low, high = (rows[int(np.flatnonzero(atlas.pct == pct)[0])] for pct in (1, 99))
    return np.maximum(np.abs(low), np.abs(high)).astype(np.float64)


def _mirrored(effect: Doubles) -> Doubles:
    return effect[..., load_atlas().vertex_mirror, :] * np.array([-1.0, 1.0, 1.0])


def _partners() -> tuple[NDArray[np.int64], Doubles]:
    """(63,) mirror partner and sign of every dim.

    Dims 33 and 45 are each other's partner in the motion algebra, but the atlas saw each of them turn both eyes.
    """
    atlas = load_atlas()
    both_eyes = atlas.mirror_sign < 0
    partner = np.where(both_eyes, np.arange(N_EXP), [dim.mirror for dim in DIMS])
    return partner.astype(np.int64), np.where(both_eyes, -1.0, [dim.mirror_sign for dim in DIMS])


def _symmetrised(jacobian: Doubles) -> Doubles:
    partner, sign = _partners()
    out = jacobian.copy()
    for dim in range(N_EXP):
        twin = sign[dim] * _mirrored(jacobian[partner[dim]])
        energy = float((jacobian[dim, :, :2] ** 2).sum())
        agreement = float((jacobian[dim, :, :2] * twin[:, :2]).sum()) / max(energy, 1e-12)
        if partner[dim] != dim or agreement > SYMMETRY_TO_SNAP:
            out[dim] = 0.5 * (jacobian[dim] + twin)
    return out


def _usual_covariance() -> Doubles:
    """(63, 63) covariance of relative expression from the atlas' components."""
    atlas = load_atlas()
    basis = atlas.pca_basis_official.astype(np.float64)
    shares = atlas.pca_var_official[: len(basis)].astype(np.float64)
    total = float((atlas.exp_std_within_clip.astype(np.float64) ** 2).sum())
    return (basis.T * shares) @ basis * total


def _kept_to_regions(jacobian: Doubles, covariance: Doubles) -> Doubles:
    """The measured Jacobian inside every dim's regions, corrected for what is lost outside them.

    Cutting a dim off where it has no business would lose the motion there; of the dims that move with it in real
    faces, those that belong there take it over, but none whose own effect is too faint to be trusted.
    """
    masks = _region_masks().T
    kept = masks.T[..., None] * jacobian
    shown = np.linalg.norm(kept[..., :2], axis=-1).max(-1) * _usual_range() >= EFFECT_TO_SHOW
    masks = masks * shown
    lost = np.einsum("de,evc->vdc", covariance, jacobian - kept)
    penalty = TAKE_OVER_RIDGE + (TAKE_OVER_RIDGE_BROWS - TAKE_OVER_RIDGE) * _region_area("brows")
    normal = masks[:, :, None] * covariance * masks[:, None, :] + penalty[:, None, None] * np.eye(N_EXP)
    taken_over = np.linalg.solve(normal, masks[..., None] * lost)
    taken_over = (masks[..., None] * taken_over).transpose(1, 0, 2)
    own, more = np.linalg.norm(kept, axis=-1), np.linalg.norm(taken_over, axis=-1)
    limit = np.minimum(1.0, (MOST_TAKEN[0] * own + MOST_TAKEN[1] * own.max(1, keepdims=True)) / (more + 1e-12))
    return kept + taken_over * limit[..., None]


def _region_masks() -> Doubles:
    """(63, 478) share of each dim's effect to keep: its regions with soft edges, its own eye."""
    x = canonical_in_head()[:, 0]
    area = {region: _region_area(region) for region in REGIONS}
    masks = np.stack([np.max([area[region] for region in dim.regions], axis=0) for dim in DIMS])
    # hair hangs on the oval: what moves neither outline nor jaw leaves it alone
    inner = np.array([not set(dim.regions) & set(OVAL_REGIONS) for dim in DIMS])
    masks[np.ix_(inner, OVAL)] = 0.0
    partner, _ = _partners()
    for dim in np.flatnonzero(partner != np.arange(N_EXP)):
        sign = -1.0 if DIMS[dim].side == SIDES[0] else 1.0
        masks[dim] *= smoothstep((sign * x + 0.06) / 0.16)
    return masks


def _region_area(region: str) -> Doubles:
    """(478,) 1 inside the hull of a region's landmarks, fading to 0 around it."""
    points = canonical_in_head()[:, :2]
    near, far = REGION_MARGIN
    if region in OUTSIDE_REGIONS:
        depth = -_distance_outside(points, points[OVAL])
        below = smoothstep(points[:, 1] / 0.3) if region == "neck" else 1.0
        return (1.0 - smoothstep((depth - near) / (far - near))) * below
    groups = [_distance_outside(points, points[ring]) for ring in region_landmarks(region)]
    if not groups:
        return np.zeros(N_LANDMARKS)
    return 1.0 - smoothstep((np.min(groups, axis=0) - near) / (far - near))


def _distance_outside(points: Doubles, ring: Doubles) -> Doubles:
    """(N,) distance to the convex hull of a ring, negative inside."""
    hull = ConvexHull(ring)
    return (points @ hull.equations[:, :2].T + hull.equations[:, 2]).max(1)


def _iris_rotation(jacobian: Doubles) -> Doubles:
    """(63, 2, 2) degrees per unit from the motion of each iris against its eye corners.

    Eyes turn together, except for the dims that belong to one eye.
    """
    out = np.zeros((N_EXP, 2, 2))
    for side, (ring, iris) in enumerate(zip(eye_rings(), IRIS_CENTRE, strict=True)):
        motion = jacobian[:, iris, :2] - jacobian[:, ring[[0, 8]], :2].mean(1)
        out[:, side] = np.degrees(motion / EYEBALL_RADIUS_IN_HEAD) * np.array([1.0, -1.0])
    both = _partners()[0] == np.arange(N_EXP)
    out[both] = out[both].mean(1, keepdims=True)
    return out


def _cut_tails(jacobian: Doubles) -> None:
    """Take far weak effects to exactly zero, so that a local edit redraws a small rectangle."""
    length = np.linalg.norm(jacobian, axis=-1)
    share = length / (length.max(-1, keepdims=True) + 1e-12)
    jacobian *= smoothstep((share - TAIL[0]) / (TAIL[1] - TAIL[0]))[..., None]


def _knit_brows(jacobian: Doubles) -> None:
    """Sideways brow dims also draw the inner ends of the brows together, which the data hardly hold."""
    canonical = canonical_in_head()
    field = np.zeros((N_LANDMARKS, 3))
    for ring, towards_middle in zip(BROWS, (1.0, -1.0), strict=True):
        inner = canonical[ring[list(BROW_INNER)], :2].mean(0)
        reach = np.exp(-0.5 * ((canonical[:, :2] - inner) ** 2).sum(1) / KNIT_SIGMA**2)
        field[:, 0] += towards_middle * KNIT * reach
        field[:, 1] += KNIT_DROP * KNIT * reach
    field[np.abs(field).max(1) < TAIL[0] * KNIT] = 0.0
    for dim, coefficient in CONTROL_BY_KEY["brow_knit"].coefficients:
        if DIMS[dim].axis == "x":
            jacobian[dim] += np.sign(coefficient) * field


def _free_lids(jacobian: Doubles) -> None:
    """Lid margins keep the motion of their corners; the lid law opens and closes them."""
    canonical = canonical_in_head()
    for ring in eye_rings():
        outer, inner = ring[0], ring[8]
        along = (canonical[ring, 0] - canonical[outer, 0]) / (canonical[inner, 0] - canonical[outer, 0])
        along = np.clip(along, 0.0, 1.0)[None, :, None]
        jacobian[:, ring] = jacobian[:, [outer]] * (1 - along) + jacobian[:, [inner]] * along


def _free_lips(jacobian: Doubles, usual_range: Doubles) -> None:
    """Dims that do not open the mouth keep its lips together: both inner lips move by their mean."""
    parting = jacobian[:, LIPS_LOWER, 1] - jacobian[:, LIPS_UPPER, 1]
    middle = parting[:, 2:-2].mean(1) * usual_range
    for dim in np.flatnonzero(np.abs(middle) < PARTING_TO_KEEP):
        mean = 0.5 * (jacobian[dim, LIPS_UPPER] + jacobian[dim, LIPS_LOWER])
        jacobian[dim, LIPS_UPPER] = mean
        jacobian[dim, LIPS_LOWER] = mean


def side_shares(x_in_head: Doubles) -> Doubles:
    """(2, N) [right, left] share of what a side does beyond the other at (N,) places: 1 on its own half, 0 from the
    midline on."""
    return np.stack([smoothstep(sign * x_in_head / MIDLINE_WIDTH) for sign in (-1.0, 1.0)])


def _landmark_shares() -> Doubles:
    right, left = both_sides(np.arange(N_LANDMARKS))
    shares = side_shares(canonical_in_head()[:, 0])
    return 0.5 * (shares[:, right] + shares[::-1, left])
