"""What was measured on real faces about the 63 expression dims (assets/motion_atlas.npz)."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.assets import MOTION_ATLAS
from pipelines.errors import StudioError

Array = NDArray[Any]


@dataclass(frozen=True)
class Atlas:
    """Read-only arrays. Expression in motion units; landmark displacements in the pose-normalised head frame,
    where 1.0 is the outer eye corner distance of `mesh_canonical` (x right, y down, z away)."""

    J: Array
    """(63, 478, 3) landmark displacement per unit of each dim: correlational, from 7 filmed faces."""
    J_effect_pct: Array
    """(63,) root mean square landmark displacement at about one standard deviation, % of eye distance."""
    J_rel_uncertainty: Array
    """(63,) jackknife error of J over its norm; above 0.5 is a hint only."""
    pct: Array
    """(9,) the percentiles that are the rows of the ranges: 0, 1, 5, 25, 50, 75, 95, 99, 100."""
    range_rel_official: Array
    """(9, 63) expression relative to the clip mean."""
    range_abs_official: Array
    """(9, 63) expression with the identity offset."""
    exp_mean_population: Array
    exp_std_population: Array
    exp_std_within_clip: Array
    pca_var_official: Array
    """(63,) share of the variance of relative expression that each component explains."""
    pca_basis_official: Array
    """(32, 63) the first components, rows of unit length."""
    dims_live: Array
    """(36,) dims that move in real faces."""
    semantic_names: Array
    """(16,) measures such as "mouth_open"."""
    semantic_per_unit: Array
    """(63, 16) change of each measure per unit of each dim."""
    exp_to_blendshapes: Array
    """(63, 52)."""
    blendshapes_to_exp: Array
    """(52, 63)."""
    blendshape_names: Array
    """(52,)."""
    feat_vertices: Array
    """(198,) landmarks that the inverse matrices read."""
    lmk_bs_pose_to_exp: Array
    """(649, 63) landmark, blendshape and rotation differences to expression."""
    lmk_to_exp: Array
    """(594, 63)."""
    kp_mean: Array
    """(21, 3) canonical keypoints of an average face."""
    kp_in_mesh: Array
    """(21, 3) where the keypoints sit in the landmark frame."""
    vertex_mirror: Array
    """(478,) landmark index of the mirrored landmark."""
    mesh_canonical: Array
    """(478, 3)."""
    mesh_mean: Array
    """(478, 3) mean measured face."""
    mesh_triangles: Array
    """(898, 3)."""
    stable_weights: Array
    """(478,) weights of the vertices that fix the head pose."""
    mirror_dim: Array
    mirror_sign: Array
    mirror_matrix: Array
    """(63, 63) best linear mirror of an expression difference."""
    pose_scale_ratio: Array
    pose_t_offset: Array
    pose_euler_offset_deg: Array
    region_lips: Array
    region_eyes: Array
    region_brows: Array
    region_jaw: Array
    region_cheeks: Array
    region_iris: Array
    region_nose: Array


@lru_cache(maxsize=1)
def load_atlas() -> Atlas:
    """The shipped atlas, read once.

    Raises:
        StudioError: the file is missing or not the one that ships.
    """
    try:
        with np.load(MOTION_ATLAS, allow_pickle=False) as file:
            arrays = {field.name: file[field.name] for field in fields(Atlas)}
    except (OSError, KeyError, ValueError) as error:
        raise StudioError(
            f"`motion_atlas.npz` should be the file that ships with the project but cannot be read ({error}); "
            f"restore it from the repository: {MOTION_ATLAS}"
        ) from error
    for array in arrays.values():
        array.flags.writeable = False
    return Atlas(**arrays)
