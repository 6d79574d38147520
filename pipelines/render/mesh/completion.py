"""The hidden cheek of a turned face, completed from the visible one.

A face turned by more than 8 degrees hides skin; turned back, the mesh would smear the few pixels seen at a grazing
angle. There the mirrored vertex lends its detail, while light and colour continue from the skin that is seen.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu

from pipelines.motion.atlas import load_atlas
from pipelines.portrait.topology import N_MESH, OVAL
from pipelines.render.mesh.anatomy import canonical_in_head
from pipelines.render.mesh.beside import MARGIN
from pipelines.render.mesh.cheek_kernels import lay_cheek
from pipelines.render.mesh.geometry import MeshGeometry
from pipelines.render.mesh.head_frame import smoothstep
from pipelines.render.mesh.kernels import raster_flow
from pipelines.render.mesh.posed import PosedMesh
from pipelines.render.mesh.rings import SEGMENTS, TURNED_DEG, face_centre
from pipelines.render.mesh.skin_detail import broad_skin, grey, likeness, with_detail
from pipelines.render.mesh.vertex_kernels import vertex_normals

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
FEWEST_VERTICES = 12
"""Fewer hidden vertices are not worth a second pass."""
EDGE_BOOST = 1.7
"""Opacity of the completed cheek per share that is hidden: what shines through would show its smear."""
TEMPLE = (0.05, 0.4)
"""Head units above the eyes at which the borrowed skin starts to fade, and over which: hairlines are not symmetric."""
SEEN = 0.3
"""Vertices less hidden than this give the light that is continued into the gap."""
LOG_OFFSET = 8.0
MIDDLE = (0.25, 0.15)
"""Head units from the middle of the face up to which nose and lips lie, and over which that ends."""
GRAZING = 0.25
"""Cosine of the angle to the camera from which stretched skin is as good as any."""
FAR = 1e8
"""Depths beyond this are where nothing was drawn."""

Rect = tuple[int, int, int, int]
Cheek = tuple[Rect, NDArray[np.uint8], Floats, Floats, Floats, Floats, Floats, int]
NOWHERE: Rect = (0, 0, 0, 0)
NO_CHEEK: Cheek = (
    NOWHERE,
    np.zeros((1, 1, 3), np.uint8),
    np.zeros((1, 2), np.float32),
    np.zeros(1, np.float32),
    np.zeros((1, 1), np.float32),
    np.zeros((1, 1), np.float32),
    np.zeros((1, 1), np.float32),
    0,
)
"""What `cover_by_share` is told of a face that needs no completion."""


class CheekCompletion:
    """Second raster pass over the grazing triangles with mirrored texture coordinates."""

    def __init__(self, image: NDArray[np.uint8], alpha: Floats, geometry: MeshGeometry) -> None:
        self._all = geometry.triangles
        normals = np.empty_like(geometry.vertices)
        vertex_normals(geometry.vertices, self._all, len(self._all), False, normals)
        self._normals = normals
        self._facing = -normals[:, 2]
        mirror = mirror_ids(geometry)
        self._rim = slice(geometry.n_face - SEGMENTS // 2, geometry.n_face)
        self._rim_carriers = geometry.carriers[self._rim]
        self._hidden = self._hidden_share(alpha, geometry)
        touched = (self._hidden[self._all] > 0.02).any(1)
        known = np.arange(len(mirror)) < geometry.n_face
        drawn = np.flatnonzero(touched & known[self._all].all(1))
        self._triangles = np.ascontiguousarray(geometry.drawn_triangles[drawn])
        self._holes = drawn >= geometry.first_hole
        self._uv = np.ascontiguousarray(geometry.uv[mirror])
        self._maps = [np.zeros((geometry.size, geometry.size), np.float32) for _ in range(4)]
        self._rect, self._first_ring = NOWHERE, geometry.n_face
        self._alpha = np.zeros(len(geometry.vertices), np.float32)
        self._image = self._relit(image, geometry, mirror)

    @classmethod
    def of(cls, image: NDArray[np.uint8], alpha: Floats, geometry: MeshGeometry) -> CheekCompletion | None:
        """The completion if the face is turned enough to need one; `alpha` (S, S) says where the person is."""
        if abs(geometry.frame.yaw_deg) < TURNED_DEG:
            return None
        completion = cls(image, alpha, geometry)
        return completion if int((completion._hidden > 0.5).sum()) > FEWEST_VERTICES else None

    def draw(self, out: NDArray[np.uint8], posed: PosedMesh, depth: Floats, *, hole_depth: float) -> None:
        """Lay the mirrored cheek over `out` where the head turned skin further towards the camera than at rest.

        Its outlines are left hard: `cover_by_share` softens them with those of the mesh, see `seen`. `depth` and
        `hole_depth` are what `raster_flow` drew the mesh by.
        """
        self._rect = NOWHERE
        if posed.turned_back <= 0.0:
            return
        facing = -(self._normals @ posed.rotation[2])
        reveal = np.clip((facing - self._facing - 0.03) / 0.12, 0.0, 1.0)
        alpha = np.minimum(EDGE_BOOST * self._hidden * reveal, 1.0)
        alpha[self._rim] = alpha[self._rim_carriers].mean(1)
        self._alpha[:] = alpha
        shown = alpha[self._triangles].any(1)
        if not shown.any():
            return
        triangles, first_hole = self._triangles[shown], int((shown & ~self._holes).sum())
        size = len(out)
        corners = posed.vertices[triangles.ravel(), :2]
        left, top = np.clip(np.floor(corners.min(0)).astype(int), 0, size)
        right, bottom = np.clip(np.ceil(corners.max(0)).astype(int) + 1, 0, size)
        if right <= left or bottom <= top:
            return
        rect = (int(top), int(bottom), int(left), int(right))
        map_x, map_y, cover, near = self._maps
        raster_flow(posed.vertices, self._uv, self._alpha, triangles, first_hole, hole_depth, rect, *self._maps)
        lay_cheek(out, self._image, map_x, map_y, cover, near, depth, rect)
        self._rect = rect

    @property
    def relit(self) -> NDArray[np.uint8]:
        """(S, S, 3) the photo with the lending cheek in the light of the borrowing one."""
        return self._image

    @property
    def seen(self) -> Cheek:
        """What `cover_by_share` has to know about the newest frame's cheek."""
        map_x, map_y, cover, _ = self._maps
        return self._rect, self._image, self._uv, self._alpha, map_x, map_y, cover, self._first_ring

    def cover(self, alpha: Floats, *, top: int = 0, left: int = 0) -> None:
        """Make (h, w) `alpha`, from a pixel of the picture on, opaque in place where the newest frame shows it."""
        first, end, start, stop = self._rect
        first, start = max(first, top), max(start, left)
        end, stop = min(end, top + alpha.shape[0]), min(stop, left + alpha.shape[1])
        if end > first and stop > start:
            part = alpha[first - top : end - top, start - left : stop - left]
            np.maximum(part, self._maps[2][first:end, start:stop], out=part)

    def _hidden_share(self, alpha: Floats, geometry: MeshGeometry) -> Doubles:
        """(V,) 1 where the photo sees a vertex only at a grazing angle on the far side of the face."""
        hidden = np.zeros(len(geometry.vertices))
        facing = self._facing[:N_MESH]
        hidden[:N_MESH] = 1.0 - smoothstep((facing - 0.30) / 0.32)
        x = canonical_in_head()[:N_MESH, 0]
        left_seen = facing[x > 0.3].mean() > facing[x < -0.3].mean()
        hidden[:N_MESH][x * (1.0 if left_seen else -1.0) > 0.0] = 0.0
        eyes = canonical_in_head()[np.concatenate(geometry.eye_rings), 1].mean()
        above = smoothstep((eyes - canonical_in_head()[:N_MESH, 1] - TEMPLE[0]) / TEMPLE[1])
        hidden[:N_MESH] *= 1.0 - above * _hair_beside(alpha, geometry, above=above, side=-1.0 if left_seen else 1.0)
        hidden[self._rim] = hidden[self._rim_carriers].mean(1)
        return hidden

    def _relit(self, image: NDArray[np.uint8], geometry: MeshGeometry, mirror: NDArray) -> NDArray[np.uint8]:
        """The photo with the lending cheek in the light of the borrowing one.

        Broad light and colour are those of the skin seen beside the gap, continued smoothly into it; only the detail
        is borrowed. So no seam of light can show, however unlike the two cheeks are lit.
        """
        broad = broad_skin(image, geometry)
        at = np.clip(np.round(geometry.vertices[: geometry.n_face, :2]).astype(int), 0, geometry.size - 1)
        own = np.log(broad[at[:, 1], at[:, 0]] + LOG_OFFSET)
        seen = self._hidden[: geometry.n_face] < SEEN
        continued = np.exp(_harmonic(own, seen, self._all, geometry)) - LOG_OFFSET
        colour = np.array(broad[at[:, 1], at[:, 0]])
        colour[mirror[: geometry.n_face]] = continued
        map_x, map_y, plane, depth = self._maps
        rect = (0, geometry.size, 0, geometry.size)
        rest = geometry.vertices.astype(np.float32)
        per_vertex = np.zeros((len(rest), 4), np.float32)
        per_vertex[: geometry.n_face, :3] = colour
        brighter = self._brighter(image, geometry, mirror[: geometry.n_face], at)
        per_vertex[mirror[: geometry.n_face], 3] = brighter
        # nose and lips stretch better than they take the other side's shadow
        middle = 1.0 - smoothstep((np.abs(canonical_in_head()[:N_MESH, 0]) - MIDDLE[0]) / MIDDLE[1])
        middle *= smoothstep(self._facing[:N_MESH] / GRAZING)
        self._hidden[:N_MESH] *= 1.0 - middle * (1.0 - likeness(brighter[:N_MESH]))
        faces = geometry.triangles[(geometry.triangles < geometry.n_face).all(1)]
        soft = grey(cv2.GaussianBlur(image, (0, 0), 0.004 * geometry.size))
        skin = smoothstep((soft / np.maximum(grey(broad), 1.0) - 0.4) / 0.3)
        # hair beside the gap goes on into it: the mesh stretches it well enough
        beside = _harmonic(skin[at[:, 1], at[:, 0], None], seen, self._all, geometry)[:, 0]
        self._hidden[: geometry.n_face] *= smoothstep((beside - 0.45) / 0.4)
        planes = np.empty((*image.shape[:2], 4), np.float32)
        outside = np.dstack([broad, np.ones_like(skin)])
        for channel in range(4):
            one = np.ascontiguousarray(per_vertex[:, channel])
            raster_flow(rest, geometry.uv, one, faces, len(faces), 0.0, rect, map_x, map_y, plane, depth)
            base = np.where(depth < FAR, plane, outside[..., channel])
            planes[..., channel] = cv2.GaussianBlur(base, (0, 0), 0.008 * geometry.size)
        return with_detail(image, planes[..., :3], broad=broad, skin=skin, brighter=planes[..., 3])

    def _brighter(
        self, image: NDArray[np.uint8], geometry: MeshGeometry, lender: NDArray[np.int64], at: NDArray[np.int64]
    ) -> Doubles:
        """(n_face,) how many times brighter the photo is at a vertex, px `at`, than at its `lender`."""
        light = grey(cv2.GaussianBlur(image, (0, 0), 0.006 * geometry.size))[at[:, 1], at[:, 0]]
        # pixels on the outline are half background, those of skin that faces away show something else
        inside = np.arange(geometry.n_face) < N_MESH
        inside[OVAL] = False
        inside &= self._facing[: geometry.n_face] > 0.0
        times = light / np.maximum(light[lender], 8.0)
        return _harmonic(times[:, None], inside, self._all, geometry)[:, 0]


def _hair_beside(alpha: Floats, geometry: MeshGeometry, *, above: Doubles, side: float) -> float:
    """0..1: how much of the far temple has hair beside it; 0 where the scene begins there, as beside a headband."""
    far = (above[OVAL] > 0.0) & (side * canonical_in_head()[OVAL, 0] > 0.3)
    ring = slice(geometry.n_face + SEGMENTS, geometry.n_face + 2 * SEGMENTS, 2)
    silhouette = geometry.vertices[ring, :2][far]
    margin = MARGIN * geometry.behind[::2][far, None]
    hem = silhouette + margin * (silhouette - face_centre(geometry.landmarks))
    hem = np.clip(np.round(hem).astype(int), 0, geometry.size - 1)
    return float(smoothstep(alpha[hem[:, 1], hem[:, 0]].mean() / 0.5))


def _harmonic(values: Doubles, known: NDArray[np.bool_], triangles: NDArray, geometry: MeshGeometry) -> Doubles:
    """(n_face, C) `values` where `known`, elsewhere their smooth continuation over the mesh."""
    faces = triangles[(triangles < geometry.n_face).all(1)].astype(np.int64)
    head, count = geometry.vertices_in_head, geometry.n_face
    a, b = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    weight = 1.0 / (np.linalg.norm(head[a] - head[b], axis=1) + 1e-3)
    edges = sparse.coo_array((np.r_[weight, weight], (np.r_[a, b], np.r_[b, a])), (count, count))
    laplacian = sparse.csc_array(sparse.diags_array(edges.sum(1) + 1e-9) - edges)
    continued = values.copy()
    rows = laplacian[~known]
    # a dense solve costs more, most of it in threads of the algebra library that wait for each other
    continued[~known] = splu(sparse.csc_array(rows[:, ~known])).solve(-(rows[:, known] @ values[known]))
    return continued


def mirror_ids(geometry: MeshGeometry) -> NDArray[np.int64]:
    """(V,) the vertex on the other half of the face; the rings stay."""
    ids = np.arange(len(geometry.vertices))
    ids[:N_MESH] = load_atlas().vertex_mirror[:N_MESH]
    half = SEGMENTS // 2
    ids[geometry.n_face - half : geometry.n_face] = geometry.n_face - half + (half - 1 - np.arange(half))
    return ids
