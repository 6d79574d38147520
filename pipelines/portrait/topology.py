"""Index lists of the 478 MediaPipe face landmarks: the one place that knows which number is which part.

"Right" is the subject's right (image left). Rings are closed polygons without repeating the first vertex; they run
clockwise as the viewer sees the picture, except the left eye and brow, which mirror the right ones vertex by vertex.
Source: MediaPipe canonical face model; `tests/portrait/test_topology.py` checks mirror pairs against the atlas.
"""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int32]

N_LANDMARKS = 478
"""468 vertices of the face mesh, then five of each iris."""
N_MESH = 468


def _ids(*values: int) -> Ids:
    array = np.array(values, np.int32)
    array.setflags(write=False)
    return array


OVAL = _ids(
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
"""(36,) face outline, starting at the hairline; entry 18 is the chin."""

EYE_RIGHT = _ids(33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)
"""(16,) outer corner (0), upper lid, inner corner (8), lower lid; entries i and 16 - i face each other."""
EYE_LEFT = _ids(263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249)
"""(16,) the same order as `EYE_RIGHT`, mirrored."""
EYES = (EYE_RIGHT, EYE_LEFT)
EYE_OUTER, EYE_INNER = 0, 8
LID_PAIRS = ((4, 12), (3, 13), (5, 11))
"""Entries of an eye ring whose distances make the eye ratio, the middle of the lids first."""

IRIS_RIGHT = _ids(468, 469, 470, 471, 472)
"""(5,) pupil centre, then four points of the iris rim."""
IRIS_LEFT = _ids(473, 474, 475, 476, 477)
IRISES = (IRIS_RIGHT, IRIS_LEFT)

LIPS_OUTER = _ids(61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
"""(20,) right corner (0), upper lip, left corner (10), lower lip; entries i and 20 - i face each other."""
LIPS_INNER = _ids(78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
"""(20,) the same order as `LIPS_OUTER`, along the opening."""
MOUTH_RIGHT, MOUTH_TOP, MOUTH_LEFT, MOUTH_BOTTOM = 0, 5, 10, 15

BROW_RIGHT = _ids(70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
"""(10,) upper edge from the temple to the nose, then the lower edge back."""
BROW_LEFT = _ids(300, 293, 334, 296, 336, 285, 295, 282, 283, 276)
"""(10,) the same order as `BROW_RIGHT`, mirrored."""
BROWS = (BROW_RIGHT, BROW_LEFT)
BROW_INNER = (4, 5)
"""Entries of a brow ring at its nose end: upper edge, lower edge."""

NOSE = _ids(168, 351, 419, 248, 456, 420, 360, 278, 294, 327, 326, 2, 97, 98, 64, 48, 131, 198, 236, 3, 196, 122)
"""(22,) outline of the nose from the bridge around the wings; entry 11 is its base."""

RINGS = MappingProxyType(
    {
        "oval": OVAL,
        "lips": LIPS_OUTER,
        "lips_inner": LIPS_INNER,
        "eye_right": EYE_RIGHT,
        "eye_left": EYE_LEFT,
        "brow_right": BROW_RIGHT,
        "brow_left": BROW_LEFT,
        "nose": NOSE,
    }
)
"""The outlines the page draws, by name."""
