"""The embedded renderer: runs anywhere, needs no weights, draws a 512 frame in about ten milliseconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.motion.space import Motion
from pipelines.portrait.crop import resample
from pipelines.portrait.topology import N_LANDMARKS
from pipelines.portrait.types import CROP_SIZE, Portrait
from pipelines.render.base import Frame
from pipelines.render.mesh import border_kernels, compose_kernels, cover_kernels, kernels, outline_kernels
from pipelines.render.mesh.basis import MotionBasis
from pipelines.render.mesh.beside import uv_turned_back
from pipelines.render.mesh.completion import NO_CHEEK, CheekCompletion
from pipelines.render.mesh.eyes import EyeLayer
from pipelines.render.mesh.far_side import FarSide
from pipelines.render.mesh.folds import SkinFolds
from pipelines.render.mesh.geometry import BORDER_SHARE, MeshGeometry, build_geometry
from pipelines.render.mesh.head_frame import smoothstep
from pipelines.render.mesh.layers import Layers, cut_layers
from pipelines.render.mesh.mouth import MouthLayer
from pipelines.render.mesh.posed import PosedMesh
from pipelines.render.mesh.rig import FaceRig
from pipelines.render.mesh.rings import SILHOUETTE_DEPTH_IN_HEAD
from pipelines.render.mesh.shading import FaceLight

Floats = NDArray[np.float32]
Rect = tuple[int, int, int, int]
HOLE_DEPTH = 0.1
"""Head units by which the filling of eyes and mouth lies behind the skin."""
OUTLINE_REACH = 0.1
"""Head units in depth by which the skin beside an outline may differ from it."""
MOVED_PX = 0.03
"""Vertices that moved less count as at rest."""
OUTLINE_JUMP, OUTLINE_FROM_DEG = 0.03, 2.0
"""Head units between the origins of neighbouring pixels across an outline, and the turn over which outlines soften."""
OUTLINE_BEFORE = 0.2
"""Head units before the plane of the hair's outline in which the face ends."""


class FeatureLayer(Protocol):
    """Eyes or mouth, painted over the warped picture; exactly nothing where its area is at rest."""

    def draw(self, out: Frame, posed: PosedMesh, flow: tuple[Floats, Floats, Floats]) -> None: ...


@dataclass
class MeshHandle:
    """One portrait at one size, with the buffers of a frame. Not for two threads at once."""

    image: Frame
    """(S, S, 3) RGB at rest: what a zero edit gives bit for bit."""
    geometry: MeshGeometry
    rig: FaceRig
    light: FaceLight
    folds: SkinFolds
    layers: Layers
    uv_turned_back: Floats
    """(V, 2) px where vertices take their colour once a turned face looks at the camera again."""
    far_side: FarSide | None
    completion: CheekCompletion | None
    features: tuple[FeatureLayer, ...]
    """What is drawn over the warped skin, in order."""
    map_x: Floats
    map_y: Floats
    gains: Floats
    depth: Floats
    triangles: NDArray[np.int32]
    """Room for the triangles of a frame."""
    outline_room: tuple[NDArray, ...]
    """Room for the pixels on outlines, see `cover_kernels.cover_by_share`."""
    vertices: Floats
    """(V, 3) px: the mesh of the newest frame; valid until the next."""
    moved: bool = False
    """Whether the newest frame differs from rest, so that the maps are of it."""
    drawn: Rect = field(default=(0, 0, 0, 0))
    """Rectangle of the maps that the last frame wrote."""


HOLD_SHARE = 0.02
"""Share of the picture over which whatever is drawn ends at its border."""


class MeshRenderer:
    """A layered 3-D mesh warp of the photo, driven by the 63 dims through the measured atlas."""

    name = "Mesh"

    def __init__(
        self,
        *,
        reason: str = "The mesh renderer runs on any machine without model files.",
        basis: MotionBasis | None = None,
    ) -> None:
        """`basis`: what the 63 dims do; the shipped atlas unless given, for one fitted on other clips."""
        self.reason = reason
        self._basis = basis

    def prepare(self, portrait: Portrait, *, size: int = CROP_SIZE) -> MeshHandle:
        """Mesh, layers and light of one portrait at one size (about 0.2 s of CPU time at 512)."""
        crop = resample(portrait, size)
        image = np.ascontiguousarray(crop.image)
        geometry = build_geometry(crop.landmarks_in_crop, size=size)
        light = FaceLight(image, geometry)
        layers = cut_layers(image, crop.matte, geometry)
        completion = CheekCompletion.of(image, layers.foreground[..., 3], geometry)
        grid_y, grid_x = np.mgrid[0:size, 0:size].astype(np.float32)
        return MeshHandle(
            image=image,
            geometry=geometry,
            rig=FaceRig(geometry, portrait.motion, basis=self._basis),
            light=light,
            folds=SkinFolds(image, geometry, light=light.direction),
            layers=layers,
            uv_turned_back=uv_turned_back(image, layers.foreground[..., 3], geometry),
            far_side=FarSide.of(image, layers, geometry, cheek=completion),
            completion=completion,
            features=(EyeLayer(image, geometry), MouthLayer(image, geometry)),
            map_x=np.ascontiguousarray(grid_x),
            map_y=np.ascontiguousarray(grid_y),
            gains=np.ones((size, size), np.float32),
            depth=np.empty((size, size), np.float32),
            triangles=np.empty_like(geometry.drawn_triangles),
            outline_room=outline_kernels.room_for_outlines(size),
            vertices=geometry.vertices.astype(np.float32),
        )

    def render(self, handle: Any, motion: Motion, *, out: Frame | None = None) -> Frame:
        """(S, S, 3) uint8 RGB of the one-frame `motion`; only the area that moves is drawn anew."""
        return self.draw(handle, handle.rig.pose(motion), out=out)

    def draw(self, handle: MeshHandle, posed: PosedMesh, *, out: Frame | None = None) -> Frame:
        """`render` of a mesh already posed by the handle's rig."""
        frame = np.empty_like(handle.image) if out is None else out
        np.copyto(frame, handle.image)
        handle.moved, handle.vertices = posed.moved, posed.vertices
        if posed.moved:
            gain = handle.light.gain(posed.vertices)
            self._warp(handle, posed, gain, frame)
            flow = (handle.map_x, handle.map_y, handle.gains)
            for layer in handle.features:
                layer.draw(frame, posed, flow)
            # eyes, mouth and cheek are drawn after the warp died down at the border
            border_kernels.hold_border(handle.image, frame, max(1, round(HOLD_SHARE * handle.geometry.size)))
        return frame

    def alpha(self, handle: Any) -> Floats:
        """(S, S) share 0..1 of the person in every pixel of the handle's newest frame."""
        alpha = np.ascontiguousarray(handle.layers.foreground[..., 3])
        if handle.moved:
            alpha = np.asarray(cv2.remap(alpha, handle.map_x, handle.map_y, cv2.INTER_LINEAR), np.float32)
            for hidden in (handle.far_side, handle.completion):
                if hidden is not None:
                    hidden.cover(alpha)
        return np.clip(alpha, 0.0, 1.0)

    def landmarks(self, handle: Any) -> Floats:
        """(478, 2) pixels of the landmarks in the handle's newest frame."""
        return handle.vertices[:N_LANDMARKS, :2]

    def _warp(self, handle: MeshHandle, posed: PosedMesh, gain: Floats, out: Frame) -> None:
        geometry, layers = handle.geometry, handle.layers
        uv = geometry.uv
        if posed.turned_back > 0.0:
            uv = uv + np.float32(posed.turned_back) * (handle.uv_turned_back - uv)
        kept = handle.triangles
        count = kernels.triangles_with_person(posed.vertices, uv, geometry.drawn_triangles, layers.filled, kept)
        triangles = kept[:count]
        first_hole = count - (len(kept) - geometry.first_hole)
        rect = kernels.dirty_rect(posed.vertices, geometry.vertices, gain, triangles, geometry.size, MOVED_PX)
        both = _union(rect, handle.drawn)
        handle.drawn = rect
        if both[0] >= both[1]:
            return
        maps = (handle.map_x, handle.map_y, handle.gains)
        hole_depth = HOLE_DEPTH * geometry.unit_px
        mesh = (posed.vertices, uv, gain, triangles, first_hole, hole_depth)
        kernels.raster_flow(*mesh, both, *maps, handle.depth)
        handle.folds.apply(posed, maps, both)
        border = max(1, round(BORDER_SHARE * geometry.size))
        border_kernels.fade_border(*maps, both, border)
        front, back = layers.foreground, layers.background
        compose_kernels.compose(handle.image, front, layers.empty, back, *maps, both, out)
        completion, cheek = handle.completion, NO_CHEEK
        if completion is not None:
            completion.draw(out, posed, handle.depth, hole_depth=hole_depth)
            cheek = completion.seen
        cover_kernels.cover_by_share(
            mesh,
            geometry.edges,
            (front, back),
            (*maps, handle.depth),
            both,
            border,
            self._outlines(geometry, posed),
            cheek,
            handle.outline_room,
            out,
        )
        if handle.far_side is not None:
            handle.far_side.draw(out, posed, (handle.map_x, handle.map_y), completion)

    @staticmethod
    def _outlines(geometry: MeshGeometry, posed: PosedMesh) -> tuple[float, float, float, float]:
        """Which outlines are seen and how soft they are, see `cover_by_share`."""
        turned_deg = float(np.degrees(np.arccos(np.clip(posed.rotation[2, 2], -1.0, 1.0))))
        amount = float(smoothstep(turned_deg / OUTLINE_FROM_DEG))
        near = float(geometry.frame.to_px(SILHOUETTE_DEPTH_IN_HEAD)[2]) - OUTLINE_BEFORE * geometry.unit_px
        return OUTLINE_REACH * geometry.unit_px, OUTLINE_JUMP * geometry.unit_px, near, amount


def _union(a: Rect, b: Rect) -> Rect:
    if a[0] >= a[1]:
        return b
    if b[0] >= b[1]:
        return a
    return min(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), max(a[3], b[3])
