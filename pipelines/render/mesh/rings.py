"""The polar rings around a face: hair, neck and the edge of the scene, and how far they go along with the head."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.portrait.topology import OVAL
from pipelines.render.mesh.anatomy import CHIN_TIP, FOREHEAD_TOP
from pipelines.render.mesh.head_frame import HeadFrame, smoothstep

Doubles = NDArray[np.float64]

SEGMENTS = 2 * len(OVAL)
RING_RADII = (1.0, 1.07, 1.16, 1.27, 1.4, 1.56, 1.76, 2.0, 2.35, 2.8, 3.5, 4.6)
SILHOUETTE_DEPTH_IN_HEAD = np.array([0.0, -0.142, 0.870])
TURNED_DEG = 8.0
"""Faces turned less show both cheeks well enough."""
SPOKE_HALF_WIDTH_DEG = 5.0
CALM_SHARE = 0.28
"""Within this share of the picture from its border the head's turn dies down: a shorter way would stretch hair that
the crop cuts off into streaks."""
CALM_FROM = 0.15
"""Face heights outside the oval over which that sets in."""


def face_centre(points: Doubles) -> Doubles:
    """(2,) px half way from the forehead to the chin of (478, 3) landmarks: where the spokes of the rings meet."""
    return 0.5 * (points[FOREHEAD_TOP, :2] + points[CHIN_TIP, :2])


def ring_vertices(oval_px: Doubles, *, frame: HeadFrame, points: Doubles) -> tuple[Doubles, Doubles]:
    """(12, 72, 3) rings from the silhouette outwards and (72, 1) where the oval lies behind it.

    The depth of the rings recedes to the silhouette plane.
    """
    centre = face_centre(points)
    half_height = 0.5 * np.linalg.norm(points[FOREHEAD_TOP, :2] - points[CHIN_TIP, :2])
    spokes = oval_px[:, :2] - centre
    radius = np.linalg.norm(spokes, axis=1, keepdims=True)
    direction = spokes / radius
    reach = _reach(points[:, :2] - centre, direction)[:, None]
    behind = smoothstep((reach / radius - 1.02) / 0.04)
    if abs(frame.yaw_deg) < TURNED_DEG:
        behind = np.zeros_like(behind)
    behind *= smoothstep(-np.sign(frame.yaw_deg) * direction[:, :1] / 0.3)
    radius = radius + behind * np.maximum(reach - radius, 0.0)
    z_silhouette = float(frame.to_px(SILHOUETTE_DEPTH_IN_HEAD)[2])
    rings = []
    for factor in RING_RADII:
        circle = smoothstep((factor - 1.0) / 1.2)
        xy = centre + direction * factor * (radius * (1 - circle) + half_height * circle)
        recede = np.clip(np.linalg.norm(xy - oval_px[:, :2], axis=1) / (0.5624 * frame.scale_px), 0.0, 1.0)
        z_oval = oval_px[:, 2]
        rounded = z_silhouette + (z_oval - z_silhouette) * (1 - recede * recede)
        straight = z_oval * (1 - recede) + z_silhouette * recede
        rings.append(np.column_stack([xy, np.where(z_oval < z_silhouette, rounded, straight)]))
    return np.stack(rings), behind


def _reach(offsets: Doubles, direction: Doubles) -> Doubles:
    """(72,) how far points reach along a spoke or its neighbours, smoothed.

    On the far side of a turned face the oval lies behind cheek and nose: rings that started there would carry a copy
    of the visible face and show it when the head turns back.
    """
    along = offsets @ direction.T
    across = np.abs(offsets[:, 0:1] * direction[None, :, 1] - offsets[:, 1:2] * direction[None, :, 0])
    near = (along > 0) & (across < np.tan(np.radians(SPOKE_HALF_WIDTH_DEG)) * along)
    reach = np.where(near, along, 0.0).max(0)
    widest = np.max([np.roll(reach, k) for k in (-2, -1, 0, 1, 2)], axis=0)
    padded = np.concatenate([widest[-2:], widest, widest[:2]])
    return np.convolve(padded, np.full(5, 0.2), "valid")


def ring_triangles(*, first: int) -> NDArray[np.int32]:
    """(T, 3) triangles between the rings, whose vertices begin at `first`."""
    rows = [first + SEGMENTS * k + np.arange(SEGMENTS) for k in range(len(RING_RADII) + 1)]
    triangles = []
    for inner, outer in pairwise(rows):
        inner_next, outer_next = np.roll(inner, -1), np.roll(outer, -1)
        triangles += [np.stack([inner, inner_next, outer_next], 1), np.stack([inner, outer_next, outer], 1)]
    return np.concatenate(triangles).astype(np.int32)


def distance_outside_oval(vertices: Doubles, *, oval: Doubles) -> Doubles:
    """(V,) px from the (36, 3) oval outwards, 0 inside it."""
    contour = oval[:, :2].astype(np.float32)
    inside = [cv2.pointPolygonTest(contour, (float(x), float(y)), True) for x, y in vertices[:, :2]]
    return np.maximum(-np.array(inside), 0.0)


def follow_weights(vertices: Doubles, *, points: Doubles, outside_px: Doubles, n_face: int, size: int) -> Doubles:
    """(V,) share of the head's motion: 1 above the chin, 0 half a face height below it.

    Shoulders stay even where they rise beside the chin.
    """
    top, chin = points[FOREHEAD_TOP, :2], points[CHIN_TIP, :2]
    height = np.linalg.norm(top - chin)
    up = (top - chin) / height
    offset = vertices[:, :2] - chin
    above_chin = offset @ up / height
    aside = np.abs(offset @ np.array([-up[1], up[0]])) / height
    follow = smoothstep((above_chin + 0.50) / 0.62)
    follow *= 1 - smoothstep((0.30 - above_chin) / 0.35) * smoothstep((aside - 0.34) / 0.34)
    reach = 0.18 + 0.24 * smoothstep(above_chin / 0.4)
    follow = np.maximum(follow, 1 - smoothstep(outside_px / (reach * height)))
    from_edge_px = np.minimum(vertices[:, :2], size - 1 - vertices[:, :2]).min(1)
    calm = 1 - smoothstep(from_edge_px / (CALM_SHARE * size))
    # the rings begin on the oval itself: a chin near the border keeps its neck
    follow *= 1 - calm * smoothstep(outside_px / (CALM_FROM * height))
    follow[:n_face] = 1.0
    return follow
