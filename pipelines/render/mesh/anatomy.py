"""Landmark rows of the face that only the mesh renderer needs.

Eyes come as [right, left]; every left row is the right one through the atlas' mirror table.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pipelines.motion.atlas import load_atlas
from pipelines.portrait.topology import BROWS, EYES, IRISES, LIPS_OUTER, N_MESH, NOSE, OVAL

Ints = NDArray[np.int64]
Doubles = NDArray[np.float64]

IRIS_CENTRE = (int(IRISES[0][0]), int(IRISES[1][0]))

LID_UPPER = slice(1, 8)
"""Upper lid margin within an eye ring, corners left out."""
LID_LOWER = slice(15, 8, -1)
"""Lower lid margin within an eye ring, each vertex facing its partner of the upper one."""
LID_ROWS_ABOVE_RIGHT = (
    ((247, 30, 29, 27, 28, 56, 190), 0.62),
    ((113, 225, 224, 223, 222, 221, 189), 0.20),
)
"""Skin rows above the upper lid and how much of its way they follow."""
LID_ROWS_BELOW_RIGHT = (((25, 110, 24, 23, 22, 26, 112), 0.45),)
"""Skin rows below the lower lid, likewise."""
LIPS_UPPER = np.array([191, 80, 81, 82, 13, 312, 311, 310, 415])
LIPS_LOWER = np.array([95, 88, 178, 87, 14, 317, 402, 318, 324])
"""Facing inner lip vertices from image left to image right, corners left out."""
CHIN = np.array([152, 175, 199, 148, 377])
JAW = OVAL[7:30]
"""The outline from ear to ear through the chin."""
CHIN_LINE = OVAL[14:23]
"""The outline below the mouth: it hangs on the lower lip."""
FOREHEAD_TOP, CHIN_TIP = int(OVAL[0]), int(OVAL[18])


@lru_cache(maxsize=1)
def canonical_in_head() -> Doubles:
    """(478, 3) canonical face of the atlas; its iris rows, which the atlas leaves empty, come from the mean face."""
    atlas = load_atlas()
    points = atlas.mesh_mean.astype(np.float64)
    points[:N_MESH] = atlas.mesh_canonical[:N_MESH]
    points.flags.writeable = False
    return points


def region_landmarks(region: str) -> tuple[NDArray[np.integer], ...]:
    """Landmark groups whose convex hulls make a region of the face; none for outline and neck, which lie outside."""
    cheeks = load_atlas().region_cheeks.astype(np.int64)
    left = load_atlas().mesh_mean[cheeks, 0] > 0
    groups: dict[str, tuple[NDArray[np.integer], ...]] = {
        "brows": BROWS,
        "eyes": EYES,
        "gaze": (*EYES, *IRISES),
        "nose": (NOSE,),
        "cheeks": (cheeks[~left], cheeks[left]),
        "mouth": (np.concatenate([LIPS_OUTER, CHIN_LINE]),),
        "jaw": (np.concatenate([LIPS_OUTER, JAW]),),
    }
    return groups.get(region, ())


def both_sides(row_right: Ints | tuple[int, ...]) -> tuple[Ints, Ints]:
    """The row on the subject's right and its mirror image on the left."""
    right = np.asarray(row_right, np.int64)
    return right, load_atlas().vertex_mirror[right].astype(np.int64)


def eye_rings() -> tuple[Ints, Ints]:
    """(16,) ring of lid margins per eye: outer corner, upper lid, inner corner, lower lid."""
    return EYES[0].astype(np.int64), EYES[1].astype(np.int64)
