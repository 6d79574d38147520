"""The mesh of one portrait: face, lash rings and the polar rings that carry hair, neck and background edge.

Spaces: `px` is pixels of the picture at the handle's size (x right, y down, z away); `head` is the pose-normalised
frame of the motion atlas, unit 1.0 = distance of the outer eye corners of its canonical mesh.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipelines.motion.atlas import load_atlas
from pipelines.portrait.topology import LIPS_INNER, N_LANDMARKS, OVAL
from pipelines.render.mesh import anatomy
from pipelines.render.mesh.anatomy import CHIN_TIP, FOREHEAD_TOP

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]

SEGMENTS = 2 * len(OVAL)
RING_RADII = (1.0, 1.07, 1.16, 1.27, 1.4, 1.56, 1.76, 2.0, 2.35, 2.8, 3.5, 4.6)
LASH_WIDTH = 0.10
"""Distance of the lash ring from the lid margin in eye widths, upper lid; lower lid and corners less."""
LASH_BELOW_FOLD = 0.85
"""Share of the way to the fold of the upper lid that the lash ring reaches at most."""
SILHOUETTE_DEPTH_IN_HEAD = np.array([0.0, -0.142, 0.870])
RIM_DEPTH_IN_HEAD, RIM_DEPTH_SHARE = 0.45, 0.55
"""From this far in front of the silhouette plane on, depth counts only in part."""
TURNED_DEG = 8.0
"""Faces turned less show both cheeks well enough."""
CARRY_BESIDE, CARRY_BELOW = 0.12, 0.28
"""Share of the face height over which hair beside the face and the neck below it go along with an expression."""
JAW_Y_IN_HEAD = 0.85
"""Where the neck begins."""
SPOKE_HALF_WIDTH_DEG = 5.0
CALM_SHARE = 0.28
"""Within this share of the picture from its border the head's turn dies down: a shorter way would stretch hair that
the crop cuts off into streaks."""
CALM_FROM = 0.15
"""Face heights outside the oval over which that sets in."""
BORDER_SHARE = 0.08
"""Share of the picture over which motion fades out towards its border."""


@dataclass(frozen=True)
class HeadFrame:
    """Similarity between head and picture: px = scale_px * (head @ rotation.T) + origin_px."""

    scale_px: float
    rotation: Doubles
    """(3, 3)"""
    origin_px: Doubles
    """(3,)"""

    def to_head(self, points_px: Doubles) -> Doubles:
        """(..., 3) picture points in the head frame."""
        return (points_px - self.origin_px) @ self.rotation / self.scale_px

    def to_px(self, points_in_head: Doubles) -> Doubles:
        """(..., 3) head points in the picture."""
        return self.scale_px * (points_in_head @ self.rotation.T) + self.origin_px

    @property
    def yaw_deg(self) -> float:
        """Turn of the face away from the camera, sign as in `Motion`."""
        return float(np.degrees(np.arcsin(-np.clip(self.rotation[2, 0], -1, 1))))


@dataclass(frozen=True)
class MeshGeometry:
    """The mesh at rest.

    Vertices: 478 landmarks, 16 lash vertices per eye, 36 oval midpoints, then 13 rings of 72: a second oval, the
    silhouette of the face and 11 polar rings.
    """

    size: int
    """Side of the picture in px."""
    frame: HeadFrame
    landmarks: Doubles
    """(478, 3) px"""
    vertices: Doubles
    """(V, 3) px"""
    vertices_in_head: Doubles
    """(V, 3)"""
    uv: NDArray[np.float32]
    """(V, 2) px, where a vertex takes its colour: its own place."""
    behind: Doubles
    """(72,) 0..1: where the oval of a turned face lies hidden behind its silhouette."""
    triangles: NDArray[np.int32]
    """(T, 3) with the hole triangles of eyes and mouth last: uncovered pixels would keep a stale map."""
    drawn_triangles: NDArray[np.int32]
    """(T, 3) the same, each wound so that its area in the picture is positive at rest."""
    n_skin_triangles: int
    """The first triangles: skin of the face and lash rings, neither holes nor rings."""
    first_hole: int
    """The first of the triangles that fill the openings of eyes and mouth."""
    n_face: int
    """Vertices of the face proper, before the rings."""
    edges: Ints
    """(E, 4) vertices of every edge between two triangles and the third ones of these; rings that lie on the oval
    count as the oval."""
    oval_ids: Ints
    """(72,) vertices along the outline of the face; the second oval lies on them."""
    lash_ids: Ints
    """(2, 16) lash vertices per eye, in the order of `eye_rings()`."""
    carriers: Ints
    """(V, 2) landmarks whose mean expression displacement a vertex carries."""
    carry: Doubles
    """(V,) share 0..1 of that displacement: 1 on the face, fading to 0 outwards."""
    follow: Doubles
    """(V,) share 0..1 of the rigid head motion: 1 on the face, 0 on shoulders and far background."""
    face_height_px: float
    eye_rings: tuple[Ints, Ints]
    """(16,) landmark ids per eye: outer corner, upper lid, inner corner, lower lid."""
    lips_inner: Ints
    """(20,) landmark ids of the inner lip contour."""

    @property
    def unit_px(self) -> float:
        """Pixels per head unit (about 140 in a 512 crop)."""
        return self.frame.scale_px


def smoothstep(value: ArrayLike) -> Doubles:
    """0..1 clamp with zero slope at both ends."""
    t = np.clip(np.asarray(value, np.float64), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def fit_head_frame(landmarks_px: Doubles) -> HeadFrame:
    """Weighted similarity Procrustes of the stable vertices to the atlas' canonical mesh."""
    weights = load_atlas().stable_weights.astype(np.float64)
    weights = weights / weights.sum()
    canonical, points = anatomy.canonical_in_head(), np.asarray(landmarks_px, np.float64)
    mean_head, mean_px = weights @ canonical, weights @ points
    centred = canonical - mean_head
    u, singular, vt = np.linalg.svd((points - mean_px).T @ (weights[:, None] * centred))
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * signs) @ vt
    scale = float((singular * signs).sum() / (weights @ (centred**2).sum(1)))
    return HeadFrame(scale_px=scale, rotation=rotation, origin_px=mean_px - scale * rotation @ mean_head)


@lru_cache(maxsize=1)
def turn_pivot_in_head() -> Doubles:
    """(3,) the point about which the head turns: the one that the translation of the motion space places.

    A neck further back keeps the outline of the hair still, but puts a filmed head 2 to 4 % of the pupil distance
    beside its own translation.
    """
    return -load_atlas().pose_t_offset.astype(np.float64)


@lru_cache(maxsize=1)
def face_triangles() -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """(T, 3) skin triangles and the triangles that fill the eye and lip openings."""
    openings = [set(ring.tolist()) for ring in (*anatomy.eye_rings(), LIPS_INNER)]
    triangles = load_atlas().mesh_triangles.astype(np.int32)
    inside = np.array([any(set(t.tolist()) <= opening for opening in openings) for t in triangles])
    return triangles[~inside], triangles[inside]


def build_geometry(landmarks_px: ArrayLike, *, size: int) -> MeshGeometry:
    """The whole mesh from (478, 3) landmarks in px of a square picture of `size`."""
    points = np.array(landmarks_px, np.float64)
    frame = fit_head_frame(points)
    points[:, 2] = _flatten_rim(points[:, 2], frame=frame)
    skin, holes = face_triangles()
    rings = anatomy.eye_rings()
    folds = anatomy.both_sides(anatomy.LID_ROWS_ABOVE_RIGHT[0][0])
    lashes = np.concatenate([_lash_ring(points[r], fold_px=points[f]) for r, f in zip(rings, folds, strict=True)])
    lash_ids = N_LANDMARKS + np.arange(32).reshape(2, 16)
    skin = _insert_lashes(skin, rings=rings, lash_ids=lash_ids)
    oval_next = np.roll(OVAL, -1)
    midpoints = 0.5 * (points[OVAL] + points[oval_next])
    oval_ids = np.empty(SEGMENTS, np.int64)
    oval_ids[0::2], oval_ids[1::2] = OVAL, N_LANDMARKS + 32 + np.arange(len(OVAL))
    skin = _split_at_midpoints(skin, oval_ids=oval_ids)
    face = np.concatenate([points, lashes, midpoints])
    outer, behind = _ring_vertices(face[oval_ids], frame=frame, points=points)
    vertices = np.concatenate([face, face[oval_ids], outer.reshape(-1, 3)])
    uv = vertices[:, :2].astype(np.float32)
    ring_triangles = _ring_triangles(first=len(face))
    carriers = np.repeat(np.arange(len(vertices))[:, None], 2, axis=1)
    for ring, ids in zip(rings, lash_ids, strict=True):
        carriers[ids] = ring[:, None]
    carriers[oval_ids[1::2]] = np.stack([OVAL, oval_next], 1)
    carriers[len(face) :] = np.tile(carriers[oval_ids], (len(RING_RADII) + 1, 1))
    outside_px = _distance_outside_oval(vertices, oval=points[OVAL])
    height = float(np.linalg.norm(points[FOREHEAD_TOP, :2] - points[CHIN_TIP, :2]))
    in_head = frame.to_head(vertices)
    reach = CARRY_BESIDE + (CARRY_BELOW - CARRY_BESIDE) * smoothstep((in_head[:, 1] - JAW_Y_IN_HEAD) / 0.2)
    carry = np.clip(1.0 - outside_px / (reach * height), 0.0, 1.0) ** 1.5
    carry[: len(face)] = 1.0
    triangles = np.ascontiguousarray(np.concatenate([skin, ring_triangles, holes]).astype(np.int32))
    return MeshGeometry(
        size=size,
        frame=frame,
        landmarks=points,
        vertices=vertices,
        vertices_in_head=in_head,
        uv=uv,
        behind=behind[:, 0],
        triangles=triangles,
        drawn_triangles=_wound(triangles, vertices),
        n_skin_triangles=len(skin),
        first_hole=len(skin) + len(ring_triangles),
        n_face=len(face),
        edges=_inner_edges(triangles, vertices, oval_ids=oval_ids, first_ring=len(face)),
        oval_ids=oval_ids,
        lash_ids=lash_ids,
        carriers=carriers,
        carry=carry,
        follow=_follow_weights(vertices, points=points, outside_px=outside_px, n_face=len(face), size=size),
        face_height_px=height,
        eye_rings=rings,
        lips_inner=LIPS_INNER.astype(np.int64),
    )


def _split_at_midpoints(skin: NDArray[np.int32], *, oval_ids: Ints) -> NDArray[np.int32]:
    """Triangles that end on the oval as two each, or face and rings would come apart along it."""
    triangles = skin.tolist()
    for a, middle, b in zip(oval_ids[0::2], oval_ids[1::2], np.roll(oval_ids[0::2], -1), strict=True):
        index = next(k for k, corners in enumerate(triangles) if a in corners and b in corners)
        whole = triangles[index]
        triangles[index] = [middle if v == b else v for v in whole]
        triangles.append([middle if v == a else v for v in whole])
    return np.array(triangles, np.int32)


def _inner_edges(triangles: NDArray[np.int32], vertices: Doubles, *, oval_ids: Ints, first_ring: int) -> Ints:
    same = np.arange(len(vertices), dtype=np.int64)
    for ring in (first_ring + np.arange(SEGMENTS), first_ring + SEGMENTS + np.arange(SEGMENTS)):
        lie_on_oval = np.isclose(vertices[ring], vertices[oval_ids]).all(1)
        same[ring[lie_on_oval]] = oval_ids[lie_on_oval]
    corners = same[triangles]
    corners = corners[(corners != np.roll(corners, 1, axis=1)).all(1)]
    edges = np.concatenate([corners[:, [i, j, k]] for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1))])
    edges[:, :2].sort(axis=1)
    edges = edges[np.lexsort((edges[:, 1], edges[:, 0]))]
    paired = np.flatnonzero((edges[:-1, :2] == edges[1:, :2]).all(1))
    return np.column_stack([edges[paired], edges[paired + 1, 2]])


def _wound(triangles: NDArray[np.int32], vertices: Doubles) -> NDArray[np.int32]:
    a, b, c = (vertices[triangles[:, k], :2] for k in range(3))
    area = (b - c)[:, 1] * (a - c)[:, 0] - (b - c)[:, 0] * (a - c)[:, 1]
    wound = triangles.copy()
    wound[area < 0] = wound[area < 0][:, [0, 2, 1]]
    return wound


def _flatten_rim(depth_px: Doubles, *, frame: HeadFrame) -> Doubles:
    """Depths with the rim of the face drawn forward: the photo sees the side of a cheek at a grazing angle, and the
    less of it a turn reveals, the less is smeared."""
    knee = float(frame.to_px(SILHOUETTE_DEPTH_IN_HEAD)[2]) - RIM_DEPTH_IN_HEAD * frame.scale_px
    return np.where(depth_px > knee, knee + RIM_DEPTH_SHARE * (depth_px - knee), depth_px)


def _lash_ring(ring_px: Doubles, *, fold_px: Doubles) -> Doubles:
    """(16, 3) vertices just outside the lid margin; they follow the lid so that lashes do not stretch.

    They stay below the fold of the upper lid: beyond it their triangles would overlap and flicker under motion.
    """
    centre = ring_px.mean(0)
    tangent = np.roll(ring_px[:, :2], -1, 0) - np.roll(ring_px[:, :2], 1, 0)
    normal = np.stack([tangent[:, 1], -tangent[:, 0]], 1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
    normal *= np.sign((normal * (ring_px[:, :2] - centre[:2])).sum(1))[:, None]
    width = np.linalg.norm(ring_px[0, :2] - ring_px[8, :2])
    distance = np.where(np.arange(16) < 9, LASH_WIDTH, 0.4 * LASH_WIDTH) * width
    distance[[0, 8]] *= 0.7
    to_fold = fold_px[:, :2] - ring_px[1:8, :2]
    room = np.linalg.norm(to_fold, axis=1)
    normal[1:8] = to_fold / np.maximum(room, 1e-9)[:, None]
    distance[1:8] = np.minimum(distance[1:8], LASH_BELOW_FOLD * room)
    lashes = ring_px.copy()
    lashes[:, :2] += normal * distance[:, None]
    return lashes


def _insert_lashes(skin: NDArray[np.int32], *, rings: tuple[Ints, Ints], lash_ids: Ints) -> NDArray[np.int32]:
    """Skin triangles that touched an eye ring now end at its lash ring; a strip joins the two."""
    skin = skin.copy()
    strips = []
    for ring, ids in zip(rings, lash_ids, strict=True):
        renamed = np.arange(N_LANDMARKS + 32)
        renamed[ring] = ids
        skin = renamed[skin].astype(np.int32)
        inner_next, ids_next = np.roll(ring, -1), np.roll(ids, -1)
        strips += [np.stack([ring, inner_next, ids_next], 1), np.stack([ring, ids_next, ids], 1)]
    return np.concatenate([skin, *strips]).astype(np.int32)


def face_centre(points: Doubles) -> Doubles:
    """(2,) px half way from the forehead to the chin of (478, 3) landmarks: where the spokes of the rings meet."""
    return 0.5 * (points[FOREHEAD_TOP, :2] + points[CHIN_TIP, :2])


def _ring_vertices(oval_px: Doubles, *, frame: HeadFrame, points: Doubles) -> tuple[Doubles, Doubles]:
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


def _ring_triangles(*, first: int) -> NDArray[np.int32]:
    rows = [first + SEGMENTS * k + np.arange(SEGMENTS) for k in range(len(RING_RADII) + 1)]
    triangles = []
    for inner, outer in pairwise(rows):
        inner_next, outer_next = np.roll(inner, -1), np.roll(outer, -1)
        triangles += [np.stack([inner, inner_next, outer_next], 1), np.stack([inner, outer_next, outer], 1)]
    return np.concatenate(triangles).astype(np.int32)


def _distance_outside_oval(vertices: Doubles, *, oval: Doubles) -> Doubles:
    contour = oval[:, :2].astype(np.float32)
    inside = [cv2.pointPolygonTest(contour, (float(x), float(y)), True) for x, y in vertices[:, :2]]
    return np.maximum(-np.array(inside), 0.0)


def _follow_weights(vertices: Doubles, *, points: Doubles, outside_px: Doubles, n_face: int, size: int) -> Doubles:
    """1 above the chin, 0 half a face height below it; shoulders stay even where they rise beside the chin."""
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
