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
from pipelines.render.mesh.geometry import MeshGeometry, smoothstep
from pipelines.render.mesh.kernels import blend_over, raster_flow, vertex_normals

Floats = NDArray[np.float32]
TURNED_DEG = 8.0
FEWEST_VERTICES = 12
"""Fewer hidden vertices are not worth a second pass."""


class CheekCompletion:
    """Second raster pass over the grazing triangles with mirrored texture coordinates."""

    def __init__(self, image: NDArray[np.uint8], geometry: MeshGeometry) -> None:
        count = len(geometry.vertices)
        self._image = image
        self._all = geometry.triangles
        normals = np.empty((count, 3))
        vertex_normals(geometry.vertices, self._all, len(self._all), normals)
        self._facing = -normals[:, 2]
        self._now = np.empty_like(normals)
        mirror = np.arange(count)
        mirror[:N_MESH] = load_atlas().vertex_mirror[:N_MESH]
        self._hidden = self._hidden_share(geometry)
        on_face = np.arange(count) < N_MESH
        grazing = on_face[self._all].all(1) & (self._hidden[self._all] > 0.02).any(1)
        self._triangles = np.ascontiguousarray(self._all[grazing])
        self._uv = np.ascontiguousarray(geometry.vertices[mirror, :2].astype(np.float32))
        self._gain = self._match_brightness(image, geometry, mirror)
        self._maps = [np.zeros((geometry.size, geometry.size), np.float32) for _ in range(4)]

    @classmethod
    def of(cls, image: NDArray[np.uint8], geometry: MeshGeometry) -> CheekCompletion | None:
        """The completion if the face is turned enough to need one."""
        if abs(geometry.frame.yaw_deg) < TURNED_DEG:
            return None
        completion = cls(image, geometry)
        return completion if int((completion._hidden > 0.5).sum()) > FEWEST_VERTICES else None

    def draw(self, out: NDArray[np.uint8], posed: Floats, depth: Floats) -> None:
        """Blend the mirrored cheek over `out` where vertices turned further towards the camera than at rest."""
        vertex_normals(posed, self._all, len(self._all), self._now)
        reveal = np.clip((-self._now[:, 2] - self._facing - 0.04) / 0.22, 0.0, 1.0)
        alpha = (self._hidden * reveal).astype(np.float32)
        shown = alpha[self._triangles].max(1) > 0.02
        if not shown.any():
            return
        triangles = self._triangles[shown]
        size = len(out)
        corners = posed[triangles.ravel(), :2]
        left, top = np.clip(np.floor(corners.min(0)).astype(int) - 4, 0, size)
        right, bottom = np.clip(np.ceil(corners.max(0)).astype(int) + 5, 0, size)
        if right <= left or bottom <= top:
            return
        rect = (int(top), int(bottom), int(left), int(right))
        map_x, map_y, cover, near = self._maps
        raster_flow(posed, self._uv, alpha, triangles, rect, map_x, map_y, cover, near)
        window = (slice(top, bottom), slice(left, right))
        cover[window][near[window] > 1e8] = 0.0
        mirrored = cv2.remap(self._image, map_x[window], map_y[window], cv2.INTER_LINEAR)
        soft = cv2.GaussianBlur(cover[window], (0, 0), 1.5 * size / 512)
        soft[near[window] > depth[window] + 2.0] = 0.0
        blend_over(out[window], mirrored, soft, self._gain)

    def _hidden_share(self, geometry: MeshGeometry) -> NDArray[np.float64]:
        """(V,) 1 where the photo sees a vertex only at a grazing angle on the far side of the face."""
        hidden = np.zeros(len(geometry.vertices))
        hidden[:N_MESH] = 1.0 - smoothstep((self._facing[:N_MESH] - 0.12) / 0.30)
        x = canonical_in_head()[:N_MESH, 0]
        left_seen = self._facing[:N_MESH][x > 0.3].mean() > self._facing[:N_MESH][x < -0.3].mean()
        hidden[:N_MESH][x * (1.0 if left_seen else -1.0) > 0.0] = 0.0
        return hidden

    def _match_brightness(self, image: NDArray[np.uint8], geometry: MeshGeometry, mirror: NDArray) -> Floats:
        """(3,) factor from the visible cheek's colour to the hidden one's."""
        seen = np.flatnonzero((self._hidden[:N_MESH] > 0.15) & (self._hidden[:N_MESH] < 0.75))
        seen = seen[self._hidden[mirror[seen]] < 0.05]
        if len(seen) < 5:
            return np.ones(3, np.float32)
        soft = cv2.GaussianBlur(image, (0, 0), 0.012 * geometry.size).astype(np.float32)

        def colours(ids: NDArray) -> Floats:
            at = np.clip(geometry.vertices[ids, :2].astype(int), 0, geometry.size - 1)
            return soft[at[:, 1], at[:, 0]]

        ratio = np.median(colours(seen) / (colours(mirror[seen]) + 4.0), axis=0)
        return np.clip(ratio, 0.5, 1.6).astype(np.float32)
