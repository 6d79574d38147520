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

from pipelines.motion.atlas import load_atlas
from pipelines.motion.controls import CONTROL_BY_KEY
from pipelines.motion.dims import DIMS
from pipelines.motion.space import N_EXP
from pipelines.portrait.topology import BROW_INNER, BROWS, N_LANDMARKS, N_MESH
from pipelines.render.mesh.anatomy import (
    IRIS_CENTRE,
    LIPS_LOWER,
    LIPS_UPPER,
    both_sides,
    canonical_in_head,
    eye_rings,
)
from pipelines.render.mesh.dim_areas import OUTSIDE_REGIONS, partners, region_area, region_masks
from pipelines.render.mesh.head_frame import smoothstep
from pipelines.render.mesh.local_fields import free_lids

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
FAINT_TURN_DEG = 1.0
"""Turn of the eyes over the usual range of a dim from which they show what it does."""
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
    free_lids(jacobian)
    _free_lips(jacobian, usual)
    inert = np.array([not dim.live for dim in DIMS])
    jacobian[inert] = 0.0
    effect = np.linalg.norm(jacobian[..., :2], axis=-1).max(-1) * usual
    faint = (effect < EFFECT_TO_SHOW) & (np.abs(iris).max((1, 2)) * usual < FAINT_TURN_DEG)
    outside = np.array([dim.region in OUTSIDE_REGIONS for dim in DIMS])
    enlarged = faint & ~inert & ~outside
    # the soft rim of a region holds little but noise, which is not worth enlarging
    more = np.clip(EFFECT_TO_SHOW / effect[enlarged], 1.0, MOST_GAIN)[:, None] - 1.0
    jacobian[enlarged] *= (1.0 + more * region_masks()[enlarged])[..., None]
    local = tuple(np.flatnonzero(inert | (faint & outside)).tolist())
    basis = MotionBasis(jacobian, local, iris, _landmark_shares())
    for array in (basis.landmarks, basis.iris, basis.side_shares):
        array.setflags(write=False)
    return basis


def _usual_range() -> Doubles:
    """(63,) the larger of the 1st and 99th percentile of each dim."""
    atlas = load_atlas()
    rows = atlas.range_rel_official
    low, high = (rows[int(np.flatnonzero(atlas.pct == pct)[0])] for pct in (1, 99))
    return np.maximum(np.abs(low), np.abs(high)).astype(np.float64)


def _mirrored(effect: Doubles) -> Doubles:
    return effect[..., load_atlas().vertex_mirror, :] * np.array([-1.0, 1.0, 1.0])


def _symmetrised(jacobian: Doubles) -> Doubles:
    partner, sign = partners()
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
    masks = region_masks().T
    kept = masks.T[..., None] * jacobian
    shown = np.linalg.norm(kept[..., :2], axis=-1).max(-1) * _usual_range() >= EFFECT_TO_SHOW
    masks = masks * shown
    lost = np.einsum("de,evc->vdc", covariance, jacobian - kept)
    penalty = TAKE_OVER_RIDGE + (TAKE_OVER_RIDGE_BROWS - TAKE_OVER_RIDGE) * region_area("brows")
    normal = masks[:, :, None] * covariance * masks[:, None, :] + penalty[:, None, None] * np.eye(N_EXP)
    taken_over = np.linalg.solve(normal, masks[..., None] * lost)
    taken_over = (masks[..., None] * taken_over).transpose(1, 0, 2)
    own, more = np.linalg.norm(kept, axis=-1), np.linalg.norm(taken_over, axis=-1)
    limit = np.minimum(1.0, (MOST_TAKEN[0] * own + MOST_TAKEN[1] * own.max(1, keepdims=True)) / (more + 1e-12))
    return kept + taken_over * limit[..., None]


def _iris_rotation(jacobian: Doubles) -> Doubles:
    """(63, 2, 2) degrees per unit from the motion of each iris against its eye corners.

    Eyes turn together, except for the dims that belong to one eye.
    """
    out = np.zeros((N_EXP, 2, 2))
    for side, (ring, iris) in enumerate(zip(eye_rings(), IRIS_CENTRE, strict=True)):
        motion = jacobian[:, iris, :2] - jacobian[:, ring[[0, 8]], :2].mean(1)
        out[:, side] = np.degrees(motion / EYEBALL_RADIUS_IN_HEAD) * np.array([1.0, -1.0])
    both = partners()[0] == np.arange(N_EXP)
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
