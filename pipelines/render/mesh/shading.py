"""Light that stays in the scene while the face turns: a first-order gain from the surface normals."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.portrait.topology import N_MESH
from pipelines.render.mesh.geometry import MeshGeometry
from pipelines.render.mesh.vertex_kernels import vertex_normals

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]

STRENGTH = 0.5
"""Share of the fitted light applied: some of what looks like shading is paint."""
MAX_LOG_GAIN = 0.2


class FaceLight:
    """log brightness = constant + direction . normal, fitted to one portrait."""

    def __init__(self, image: NDArray[np.uint8], geometry: MeshGeometry) -> None:
        self._triangles = geometry.triangles
        self._count = len(geometry.triangles)
        self._rest = np.empty((len(geometry.vertices), 3))
        vertex_normals(geometry.vertices, self._triangles, self._count, True, self._rest)
        self._now = np.empty_like(self._rest)
        self._weight = geometry.follow * np.where(np.arange(len(self._rest)) < geometry.n_face, 1.0, geometry.carry)
        self._oval, self._on_oval = _beginnings(geometry)
        self._direction = STRENGTH * self._fit(image, geometry)
        self._gain = np.ones(len(self._rest), np.float32)

    @property
    def direction(self) -> Doubles:
        """(3,) in which log brightness grows with the normal, picture axes; its length is how strongly."""
        return self._direction

    def gain(self, posed: Floats) -> Floats:
        """(V,) brightness factor of every vertex; the buffer is reused."""
        vertex_normals(posed, self._triangles, self._count, True, self._now)
        log_gain = np.clip((self._now - self._rest) @ self._direction, -MAX_LOG_GAIN, MAX_LOG_GAIN)
        self._gain[:] = 1.0 + (np.exp(log_gain) - 1.0) * self._weight
        # the surroundings begin on the outline of the face: light that differed there would draw a line along it
        self._gain[self._on_oval] = self._gain[self._oval]
        return self._gain

    def _fit(self, image: NDArray[np.uint8], geometry: MeshGeometry) -> Doubles:
        """(3,) light direction by robust ridge regression over the skin vertices."""
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
        grey = cv2.GaussianBlur(grey, (0, 0), 0.012 * geometry.size)
        openings = np.concatenate([*geometry.eye_rings, geometry.lips_inner])
        skin = np.setdiff1d(np.arange(N_MESH), openings)
        at = np.clip(np.round(geometry.vertices[skin, :2]).astype(int), 0, geometry.size - 1)
        target = np.log(grey[at[:, 1], at[:, 0]] + 8.0)
        design = np.column_stack([np.ones(len(skin)), self._rest[skin]])
        weights = np.ones(len(skin))
        ridge = np.diag([0.0, 3.0, 3.0, 3.0])
        solution = np.zeros(4)
        for _ in range(8):
            solution = np.linalg.solve(design.T @ (design * weights[:, None]) + ridge, design.T @ (target * weights))
            weights = 1.0 / (1.0 + ((target - design @ solution) / 0.2) ** 2)
        return np.asarray(solution[1:], np.float64)


def _beginnings(geometry: MeshGeometry) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Vertices of the oval and those of the surroundings that lie on them: the second oval, and the silhouette where
    it is no other line."""
    count = len(geometry.oval_ids)
    second, silhouette = geometry.n_face + np.arange(count), geometry.n_face + count + np.arange(count)
    same = np.isclose(geometry.vertices[silhouette], geometry.vertices[geometry.oval_ids]).all(1)
    return np.concatenate([geometry.oval_ids, geometry.oval_ids[same]]), np.concatenate([second, silhouette[same]])
