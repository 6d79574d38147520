"""The far side of a head that turns past the camera: ear and hair that the photo hides, mirrored from the near side.

It lies under everything else, so that it is seen only where the scene would begin right at the cheek.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from pipelines.portrait.topology import N_MESH
from pipelines.render.mesh.completion import FAR, CheekCompletion, mirror_ids
from pipelines.render.mesh.compose_kernels import lay_under
from pipelines.render.mesh.geometry import MeshGeometry
from pipelines.render.mesh.head_frame import smoothstep, yaw_of
from pipelines.render.mesh.kernels import raster_flow
from pipelines.render.mesh.layers import Layers
from pipelines.render.mesh.posed import PosedMesh
from pipelines.render.mesh.rings import SEGMENTS, face_centre

Floats = NDArray[np.float32]
RINGS = 7
"""Rings of the near side from the oval outwards that are mirrored: about as far as an ear reaches."""
BROW_FADE, JAW_FADE = (-0.55, 0.3), (0.8, 0.2)
"""Head units down from the middle of the eyes at which the mirrored side begins and ends, and over which: above it
would lie beside hair that stays where it is, below beside the neck."""
NARROWER = 0.85
"""Width of the mirrored side over that of the near one: ears and hair lie less far back than the mesh thinks."""
OUTER_FADE = 2
"""Rings over which it fades outwards."""
LIGHT_IN, LIGHT_CELLS, LIGHT_GAIN = 0.88, 32, (0.5, 1.15)
"""Radii of the face at which the light of both cheeks is read, inside sideburns; cells along the side of which it is
the mean over three by three; and what the mirrored side may be dimmed or brightened by, lest shadows glow."""
LIGHT_SPOKES = 9
"""Neighbouring spokes that share their light."""
CONTACT = np.array([0.75, 0.9])
"""Light left beside the cheek, by rings from the oval: less of it gets in between."""


class FarSide:
    """The near side's surroundings of the face, mirrored in the head and drawn behind it."""

    def __init__(
        self, image: NDArray[np.uint8], layers: Layers, geometry: MeshGeometry, *, cheek: CheekCompletion | None
    ) -> None:
        self._layers = layers
        self._alpha = np.ascontiguousarray(layers.foreground[..., 3])
        direction = geometry.vertices[geometry.oval_ids, 0] - face_centre(geometry.landmarks)[0]
        towards = np.sign(geometry.frame.yaw_deg) * direction > 0.0
        grid = geometry.n_face + SEGMENTS * np.arange(RINGS)[:, None] + np.arange(SEGMENTS)
        ids = grid.ravel()
        head = geometry.vertices_in_head[ids] * [-1.0, 1.0, 1.0]
        self._beside = head - np.tile(head[:SEGMENTS], (RINGS, 1))
        self._head = head
        self._oval = mirror_ids(geometry)[geometry.oval_ids]
        self._uv = np.ascontiguousarray(geometry.uv[ids])
        eyes = geometry.vertices_in_head[np.concatenate(geometry.eye_rings), 1].mean()
        down = head[:, 1] - eyes
        share = smoothstep((down - BROW_FADE[0]) / BROW_FADE[1]) * smoothstep((JAW_FADE[0] - down) / JAW_FADE[1])
        outer = np.repeat(np.minimum((RINGS - 1 - np.arange(RINGS)) / OUTER_FADE, 1.0), SEGMENTS)
        self._share = (share * outer * np.tile(towards, RINGS)).astype(np.float32)
        rows = np.arange(RINGS * SEGMENTS).reshape(RINGS, SEGMENTS)
        a, b = rows[:-1].ravel(), np.roll(rows, -1, axis=1)[:-1].ravel()
        c, d = rows[1:].ravel(), np.roll(rows, -1, axis=1)[1:].ravel()
        triangles = np.concatenate([np.stack([a, b, d], 1), np.stack([a, d, c], 1)]).astype(np.int32)
        self._triangles = np.ascontiguousarray(triangles[(self._share[triangles] > 0.0).any(1)])
        self._from_head = np.linalg.pinv(np.column_stack([geometry.vertices_in_head[:N_MESH], np.ones(N_MESH)]))
        self._rest = geometry.frame
        self._shown: tuple[tuple[slice, slice], Floats] | None = None
        self._maps = [np.zeros((geometry.size, geometry.size), np.float32) for _ in range(4)]
        gain = np.ones((RINGS, SEGMENTS))
        if cheek is not None:
            gain *= _light_beside(image, cheek.relit, geometry)
        gain[: len(CONTACT)] *= CONTACT[:, None]
        self._front = self._relit(geometry, ids, gain.ravel().astype(np.float32))

    @classmethod
    def of(
        cls, image: NDArray[np.uint8], layers: Layers, geometry: MeshGeometry, *, cheek: CheekCompletion | None
    ) -> FarSide | None:
        """The far side if the face is turned so far that one cheek hides it, in the light of the completed `cheek`."""
        return cls(image, layers, geometry, cheek=cheek) if geometry.behind.any() else None

    def draw(
        self,
        out: NDArray[np.uint8],
        posed: PosedMesh,
        flow: tuple[Floats, Floats],
        completion: CheekCompletion | None = None,
    ) -> None:
        """Lay the mirrored side under what `out` shows of the person.

        Args:
            flow: the maps that `out` was drawn by.
            completion: what was drawn over it, of the same frame.
        """
        self._shown = None
        if posed.turned_back <= 0.0:
            return
        window = self._raster(posed)
        if window is None:
            return
        map_x, map_y, share, _ = (each[window] for each in self._maps)
        front = cv2.remap(self._front, map_x, map_y, cv2.INTER_LINEAR)
        over_x, over_y = (np.ascontiguousarray(each[window]) for each in flow)
        alpha = np.asarray(cv2.remap(self._alpha, over_x, over_y, cv2.INTER_LINEAR), np.float32)
        if completion is not None:
            completion.cover(alpha, top=window[0].start, left=window[1].start)
        lay_under(front, share, alpha, self._layers.background[window], out[window])
        self._shown = (window, share * front[..., 3])

    def cover(self, alpha: Floats) -> None:
        """Add to (S, S) `alpha` in place what the newest frame shows of the far side."""
        if self._shown is not None:
            window, opaque = self._shown
            alpha[window] += (1.0 - alpha[window]) * opaque

    def _relit(self, geometry: MeshGeometry, ids: NDArray[np.int64], gain: Floats) -> Floats:
        """(S, S, 4) the foreground under the (RINGS * SEGMENTS,) `gain` of the near side's vertices."""
        rest = np.ascontiguousarray(geometry.vertices[ids], np.float32)
        whole = (0, geometry.size, 0, geometry.size)
        # the mirror turned them over
        triangles = np.ascontiguousarray(self._triangles[:, ::-1])
        raster_flow(rest, self._uv, gain, triangles, len(triangles), 0.0, whole, *self._maps)
        front = self._layers.foreground.copy()
        drawn = self._maps[3] < FAR
        front[drawn, :3] *= self._maps[2][drawn, None]
        return front

    def _raster(self, posed: PosedMesh) -> tuple[slice, slice] | None:
        rotation = posed.rotation @ self._rest.rotation
        now_deg = yaw_of(rotation)
        out = float(smoothstep((1.0 - now_deg / self._rest.yaw_deg) / 2.0))
        to_px = self._from_head @ posed.rigid[:N_MESH]
        place = np.empty((len(self._beside), 3), np.float32)
        # it comes out from behind the cheek as the head turns
        place[:, :2] = NARROWER * out * (self._beside @ to_px[:3])
        place[:, :2] += np.tile(posed.vertices[self._oval, :2], (RINGS, 1))
        place[:, 2] = self._head @ rotation[2] * self._rest.scale_px
        size = len(self._maps[0])
        seen = place[self._triangles.ravel(), :2]
        left, top = np.clip(np.floor(seen.min(0)).astype(int), 0, size)
        right, bottom = np.clip(np.ceil(seen.max(0)).astype(int) + 1, 0, size)
        if right <= left or bottom <= top:
            return None
        rect = (int(top), int(bottom), int(left), int(right))
        raster_flow(place, self._uv, self._share, self._triangles, len(self._triangles), 0.0, rect, *self._maps)
        window = (slice(rect[0], rect[1]), slice(rect[2], rect[3]))
        self._maps[2][window][self._maps[3][window] > FAR] = 0.0
        return window


def _light_beside(image: NDArray[np.uint8], relit: NDArray[np.uint8], geometry: MeshGeometry) -> NDArray[np.float64]:
    """(SEGMENTS,) brightness of the completed cheek over that of the near one, beside every spoke."""
    centre = face_centre(geometry.landmarks)
    at = (centre + LIGHT_IN * (geometry.vertices[geometry.oval_ids, :2] - centre)) * LIGHT_CELLS / geometry.size
    at = np.clip(at.astype(int), 0, LIGHT_CELLS - 1)
    cells = (LIGHT_CELLS, LIGHT_CELLS)
    now, before = (
        cv2.blur(cv2.resize(each, cells, interpolation=cv2.INTER_AREA), (3, 3))[at[:, 1], at[:, 0]]
        .mean(1)
        .astype(float)
        for each in (relit, image)
    )
    gain = np.clip(now / np.maximum(before, 1.0), *LIGHT_GAIN)
    return uniform_filter1d(gain, LIGHT_SPOKES, mode="wrap")
