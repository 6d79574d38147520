"""The mesh of one portrait: face, lash rings and the polar rings that carry hair, neck and background edge.

Spaces: `px` is pixels of the picture at the handle's size (x right, y down, z away); `head` is the pose-normalised
frame of the motion atlas, unit 1.0 = distance of the outer eye corners of its canonical mesh.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipelines.motion.atlas import load_atlas
from pipelines.portrait.topology import LIPS_INNER, N_LANDMARKS, OVAL
from pipelines.render.mesh import anatomy
from pipelines.render.mesh.anatomy import CHIN_TIP, FOREHEAD_TOP
from pipelines.render.mesh.head_frame import HeadFrame, fit_head_frame, smoothstep
from pipelines.render.mesh.rings import (
    RING_RADII,
    SEGMENTS,
    SILHOUETTE_DEPTH_IN_HEAD,
    distance_outside_oval,
    follow_weights,
    ring_triangles,
    ring_vertices,
)

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]

LASH_WIDTH = 0.10
"""Distance of the lash ring from the lid margin in eye widths, upper lid; lower lid and corners less."""
LASH_BELOW_FOLD = 0.85
"""Share of the way to the fold of the upper lid that the lash ring reaches at most."""
RIM_DEPTH_IN_HEAD, RIM_DEPTH_SHARE = 0.45, 0.55
"""From this far in front of the silhouette plane on, depth counts only in part."""
CARRY_BESIDE, CARRY_BELOW = 0.12, 0.28
"""Share of the face height over which hair beside the face and the neck below it go along with an expression."""
JAW_Y_IN_HEAD = 0.85
"""Where the neck begins."""
BORDER_SHARE = 0.08
"""Share of the picture over which motion fades out towards its border."""


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
    """(T, 3) the same, wound so that the area in the picture is positive where skin faces the camera."""
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
    outer, behind = ring_vertices(face[oval_ids], frame=frame, points=points)
    vertices = np.concatenate([face, face[oval_ids], outer.reshape(-1, 3)])
    uv = vertices[:, :2].astype(np.float32)
    strips = ring_triangles(first=len(face))
    carriers = np.repeat(np.arange(len(vertices))[:, None], 2, axis=1)
    for ring, ids in zip(rings, lash_ids, strict=True):
        carriers[ids] = ring[:, None]
    carriers[oval_ids[1::2]] = np.stack([OVAL, oval_next], 1)
    carriers[len(face) :] = np.tile(carriers[oval_ids], (len(RING_RADII) + 1, 1))
    outside_px = distance_outside_oval(vertices, oval=points[OVAL])
    height = float(np.linalg.norm(points[FOREHEAD_TOP, :2] - points[CHIN_TIP, :2]))
    in_head = frame.to_head(vertices)
    reach = CARRY_BESIDE + (CARRY_BELOW - CARRY_BESIDE) * smoothstep((in_head[:, 1] - JAW_Y_IN_HEAD) / 0.2)
    carry = np.clip(1.0 - outside_px / (reach * height), 0.0, 1.0) ** 1.5
    carry[: len(face)] = 1.0
    triangles = np.ascontiguousarray(np.concatenate([skin, strips, holes]).astype(np.int32))
    return MeshGeometry(
        size=size,
        frame=frame,
        landmarks=points,
        vertices=vertices,
        vertices_in_head=in_head,
        uv=uv,
        behind=behind[:, 0],
        triangles=triangles,
        drawn_triangles=np.ascontiguousarray(triangles[:, [0, 2, 1]]),
        n_skin_triangles=len(skin),
        first_hole=len(skin) + len(strips),
        n_face=len(face),
        edges=_inner_edges(triangles, vertices, oval_ids=oval_ids, first_ring=len(face)),
        oval_ids=oval_ids,
        lash_ids=lash_ids,
        carriers=carriers,
        carry=carry,
        follow=follow_weights(vertices, points=points, outside_px=outside_px, n_face=len(face), size=size),
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
    # the rings are mirror images: what turns clockwise on the right eye does not on the left
    for ring, ids, order in zip(rings, lash_ids, ([0, 1, 2], [0, 2, 1]), strict=True):
        renamed = np.arange(N_LANDMARKS + 32)
        renamed[ring] = ids
        skin = renamed[skin].astype(np.int32)
        inner_next, ids_next = np.roll(ring, -1), np.roll(ids, -1)
        corners = [np.stack([ring, inner_next, ids_next], 1), np.stack([ring, ids_next, ids], 1)]
        strips += [each[:, order] for each in corners]
    return np.concatenate([skin, *strips]).astype(np.int32)
