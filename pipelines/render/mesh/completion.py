"""The hidden cheek of a turned face, completed from the visible one.

A face turned by more than 8 degrees hides skin; turned back, the mesh would smear the few pixels seen at a grazing
angle. There the mirrored vertex lends its texture, with the brightness matched where both sides are seen.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.motion.atlas import load_atlas
from pipelines.portrait.topology import N_MESH
from pipelines.render.mesh.anatomy import canonical_in_head
from pipelines.render.mesh.geometry import SEGMENTS, TURNED_DEG, MeshGeometry, smoothstep
from pipelines.render.mesh.kernels import blend_over, raster_flow, vertex_normals
from pipelines.render.mesh.posed import PosedMesh

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
FEWEST_VERTICES = 12
"""Fewer hidden vertices are not worth a second pass."""
FEWEST_PAIRS = 5
EDGE_BOOST = 1.7
"""Keeps the rim of the completed cheek opaque although its edge is blurred."""
RATIO_SPREAD = 0.2
"""Head units over which the brightness ratio of the two cheeks is averaged."""
LOG_RATIO_RANGE = (-1.2, 0.45)
"""The lending cheek may be darkened far, brightened only a little: extrapolated light looks like a lamp."""


class CheekCompletion:
    """Second raster pass over the grazing triangles with mirrored texture coordinates."""

    def __init__(self, image: NDArray[np.uint8], geometry: MeshGeometry) -> None:
        self._all = geometry.triangles
        normals = np.empty_like(geometry.vertices)
        vertex_normals(geometry.vertices, self._all, len(self._all), False, normals)
        self._normals = normals
        self._facing = -normals[:, 2]
        mirror = _mirror_ids(geometry)
        self._rim = slice(geometry.n_face - SEGMENTS // 2, geometry.n_face)
        self._rim_carriers = geometry.carriers[self._rim]
        self._hidden = self._hidden_share(geometry)
        touched = (self._hidden[self._all] > 0.02).any(1)
        known = np.arange(len(mirror)) < geometry.n_face
        self._triangles = np.ascontiguousarray(self._all[touched & known[self._all].all(1)])
        self._uv = np.ascontiguousarray(geometry.uv[mirror])
        self._maps = [np.zeros((geometry.size, geometry.size), np.float32) for _ in range(4)]
        self._image = self._relit(image, geometry, mirror)

    @classmethod
    def of(cls, image: NDArray[np.uint8], geometry: MeshGeometry) -> CheekCompletion | None:
        """The completion if the face is turned enough to need one."""
        if abs(geometry.frame.yaw_deg) < TURNED_DEG:
            return None
        completion = cls(image, geometry)
        return completion if int((completion._hidden > 0.5).sum()) > FEWEST_VERTICES else None

    def draw(self, out: NDArray[np.uint8], posed: PosedMesh, depth: Floats) -> None:
        """Blend the mirrored cheek over `out` where the head turned skin further towards the camera than at rest."""
        if posed.turned_back <= 0.0:
            return
        facing = -(self._normals @ posed.rotation[2])
        reveal = np.clip((facing - self._facing - 0.03) / 0.12, 0.0, 1.0)
        alpha = (self._hidden * reveal).astype(np.float32)
        alpha[self._rim] = alpha[self._rim_carriers].mean(1)
        shown = alpha[self._triangles].max(1) > 0.02
        if not shown.any():
            return
        triangles = self._triangles[shown]
        size = len(out)
        corners = posed.vertices[triangles.ravel(), :2]
        left, top = np.clip(np.floor(corners.min(0)).astype(int) - 4, 0, size)
        right, bottom = np.clip(np.ceil(corners.max(0)).astype(int) + 5, 0, size)
        if right <= left or bottom <= top:
            return
        rect = (int(top), int(bottom), int(left), int(right))
        map_x, map_y, cover, near = self._maps
        raster_flow(posed.vertices, self._uv, alpha, triangles, len(triangles), 0.0, rect, map_x, map_y, cover, near)
        window = (slice(top, bottom), slice(left, right))
        cover[window][near[window] > 1e8] = 0.0
        mirrored = cv2.remap(self._image, map_x[window], map_y[window], cv2.INTER_LINEAR)
        soft = np.minimum(EDGE_BOOST * cv2.GaussianBlur(cover[window], (0, 0), 1.5 * size / 512), 1.0)
        soft[near[window] > depth[window] + 2.0] = 0.0
        blend_over(out[window], mirrored, soft)

    def _hidden_share(self, geometry: MeshGeometry) -> Doubles:
        """(V,) 1 where the photo sees a vertex only at a grazing angle on the far side of the face."""
        hidden = np.zeros(len(geometry.vertices))
        facing = self._facing[:N_MESH]
        hidden[:N_MESH] = 1.0 - smoothstep((facing - 0.30) / 0.32)
        x = canonical_in_head()[:N_MESH, 0]
        left_seen = facing[x > 0.3].mean() > facing[x < -0.3].mean()
        hidden[:N_MESH][x * (1.0 if left_seen else -1.0) > 0.0] = 0.0
        hidden[self._rim] = hidden[self._rim_carriers].mean(1)
        return hidden

    def _relit(self, image: NDArray[np.uint8], geometry: MeshGeometry, mirror: NDArray) -> NDArray[np.uint8]:
        """The photo with the lending cheek in the light of the borrowing one: their ratio where both are seen."""
        seen = np.flatnonzero((self._hidden[:N_MESH] > 0.02) & (self._hidden[:N_MESH] < 0.6))
        seen = seen[self._hidden[mirror[seen]] < 0.05]
        if len(seen) < FEWEST_PAIRS:
            return image
        soft = cv2.GaussianBlur(image, (0, 0), 0.015 * geometry.size).astype(np.float64)

        def colours(ids: NDArray) -> Doubles:
            at = np.clip(geometry.vertices[ids, :2].astype(int), 0, geometry.size - 1)
            return soft[at[:, 1], at[:, 0]]

        ratio = np.log((colours(seen) + 4.0) / (colours(mirror[seen]) + 4.0))
        head = geometry.vertices_in_head
        distance = ((head[:, None] - head[None, seen]) ** 2).sum(-1)
        weight = np.exp(-0.5 * distance / RATIO_SPREAD**2) + 1e-9
        gain = np.exp(np.clip(weight @ ratio / weight.sum(1)[:, None], *LOG_RATIO_RANGE))
        lit = np.ones_like(gain, np.float32)
        lit[mirror] = gain
        map_x, map_y, gains, depth = self._maps
        rect = (0, geometry.size, 0, geometry.size)
        rest = geometry.vertices.astype(np.float32)
        relit = np.empty_like(image)
        for channel in range(3):
            one = np.ascontiguousarray(lit[:, channel])
            raster_flow(
                rest, geometry.uv, one, geometry.triangles, geometry.first_hole, 0.0, rect, map_x, map_y, gains, depth
            )
            smooth = cv2.GaussianBlur(gains, (0, 0), 0.02 * geometry.size)
            relit[..., channel] = np.clip(image[..., channel] * smooth + 0.5, 0, 255)
        return relit


def _mirror_ids(geometry: MeshGeometry) -> NDArray[np.int64]:
    """(V,) the vertex on the other half of the face; the rings stay."""
    ids = np.arange(len(geometry.vertices))
    ids[:N_MESH] = load_atlas().vertex_mirror[:N_MESH]
    half = SEGMENTS // 2
    ids[geometry.n_face - half : geometry.n_face] = geometry.n_face - half + (half - 1 - np.arange(half))
    return ids
