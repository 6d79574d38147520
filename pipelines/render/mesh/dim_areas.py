"""Where on the face each of the 63 dims acts: its regions, its half, and the dim that is its mirror image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from pipelines.motion.atlas import load_atlas
from pipelines.motion.dims import DIMS, SIDES
from pipelines.motion.regions import REGIONS
from pipelines.motion.space import N_EXP
from pipelines.portrait.topology import N_LANDMARKS, OVAL
from pipelines.render.mesh.anatomy import canonical_in_head, region_landmarks
from pipelines.render.mesh.head_frame import smoothstep

Doubles = NDArray[np.float64]

REGION_MARGIN = (0.04, 0.22)
"""Distance from a region's landmarks, head units, up to which a dim acts in full and from which it does not."""
OUTSIDE_REGIONS = ("outline", "neck")
OVAL_REGIONS = (*OUTSIDE_REGIONS, "jaw", "mouth")
"""Regions whose dims move the outline of the face."""


def partners() -> tuple[NDArray[np.int64], Doubles]:
    """(63,) mirror partner and sign of every dim.

    Dims 33 and 45 are each other's partner in the motion algebra, but the atlas saw each of them turn both eyes.
    """
    atlas = load_atlas()
    both_eyes = atlas.mirror_sign < 0
    partner = np.where(both_eyes, np.arange(N_EXP), [dim.mirror for dim in DIMS])
    return partner.astype(np.int64), np.where(both_eyes, -1.0, [dim.mirror_sign for dim in DIMS])


def region_masks() -> Doubles:
    """(63, 478) share of each dim's effect to keep: its regions with soft edges, its own eye."""
    x = canonical_in_head()[:, 0]
    area = {region: region_area(region) for region in REGIONS}
    masks = np.stack([np.max([area[region] for region in dim.regions], axis=0) for dim in DIMS])
    # hair hangs on the oval: what moves neither outline nor jaw leaves it alone
    inner = np.array([not set(dim.regions) & set(OVAL_REGIONS) for dim in DIMS])
    masks[np.ix_(inner, OVAL)] = 0.0
    partner, _ = partners()
    for dim in np.flatnonzero(partner != np.arange(N_EXP)):
        sign = -1.0 if DIMS[dim].side == SIDES[0] else 1.0
        masks[dim] *= smoothstep((sign * x + 0.06) / 0.16)
    return masks


def region_area(region: str) -> Doubles:
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
