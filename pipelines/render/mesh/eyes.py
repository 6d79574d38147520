"""Eyeballs behind the lids: gaze, blink and wide eyes from one photo.

Source: measured in the mesh prototype; the eyeball is a sphere of 12 mm whose iris of 5.9 mm sets the scale.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.render.mesh.anatomy import IRIS_CENTRE, LID_ROWS_ABOVE_RIGHT, LID_ROWS_BELOW_RIGHT, both_sides
from pipelines.render.mesh.behind_nose import BeforeEye
from pipelines.render.mesh.eye_kernels import LID_COLUMNS, draw_eye, fill_lids
from pipelines.render.mesh.eye_parts import split_eye
from pipelines.render.mesh.geometry import MeshGeometry
from pipelines.render.mesh.head_frame import smoothstep
from pipelines.render.mesh.iris import EyeRegion, eye_region, fit_irises, iris_below_lid
from pipelines.render.mesh.lid_skin import Lid, build_lid
from pipelines.render.mesh.lids import draw_frame, draw_lid_front, draw_lid_skin
from pipelines.render.mesh.opening import CURVE_SAMPLES, Opening, View, box_around
from pipelines.render.mesh.posed import PosedMesh
from pipelines.render.mesh.sclera import LID_SHADOW, SHADOW_FROM, SHADOW_REACH

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
BALL_RADIUS_MM, IRIS_RADIUS_MM = 12.0, 5.9
RING_IRIS = 4
"""Landmarks of the iris edge that follow its centre in MediaPipe's order."""
AT_REST_PX = 1e-3
STIRRED, STIRRED_DEG = 0.02, 1.0
"""Eye widths that a lid moved in the head, or degrees of gaze, from which an eye is wholly made of its parts.
Less far from rest part of it is the warped photo: parts multiplied move a sharp glint twice as fast."""
LOOKED_AWAY_DEG = 4.0
"""Gaze by which the lower lid's rim has lost the trace of the iris in front of it."""
DIMMED = 0.4
"""Share of its light that a ball loses behind lids that nearly meet: lashes shade what is left of the white."""
OVERLAP = 0.07
"""Eye widths by which a rim without iris reaches over the skin: landmarks may sit inside the true lid margin."""
MOST_BELOW = 0.16
"""Eye widths that a lower lid's landmarks may lie above its true margin."""


@dataclass(frozen=True)
class Eye:
    """One eye of the source picture."""

    opening: Opening
    ring_px: Floats
    """(16, 2) lid ring at rest."""
    iris_centre_px: Doubles
    iris_radius_px: float
    ball: Doubles
    """(5,) eyeball centre u, v, radius, then the resting iris centre as seen from the ball centre (u, v); px."""
    roi_from_uv: Doubles
    """(2, 3) from the eye frame to pixels of `parts`."""
    parts: Floats
    """(h, w, EYE_CHANNELS), see `iris.split_eye`."""
    below_lid_px: float
    """How far the iris reaches below the landmarks of the lower lid."""
    lid: Lid

    @property
    def rest_uv(self) -> Doubles:
        """(16, 2) lid ring at rest in the eye's frame."""
        return (self.ring_px - self.opening.origin) @ self.opening.axes.T

    def lids(self, view: View) -> Floats:
        """(CURVE_SAMPLES, LID_COLUMNS) both lids of one frame, see `eye_kernels.fill_lids`."""
        opening, lids = self.opening, np.empty((CURVE_SAMPLES, LID_COLUMNS), np.float32)
        grid = (opening.u_first, opening.u_step)
        whole_gap = SHADOW_FROM * opening.width
        fill_lids(self.rest_uv, view.ring_uv, opening.onward, grid, view.curves, opening.curves, whole_gap, lids)
        return lids


class EyeLayer:
    """Both eyes of one portrait. Drawing at rest changes nothing."""

    def __init__(self, image_rgb: NDArray[np.uint8], geometry: MeshGeometry) -> None:
        landmarks = geometry.landmarks
        openings = [Opening.of(landmarks, ring) for ring in geometry.eye_rings]
        circles = [
            _landmark_iris(landmarks, iris, opening) for iris, opening in zip(IRIS_CENTRE, openings, strict=True)
        ]
        regions = [eye_region(image_rgb, *eye) for eye in zip(openings, circles, strict=True)]
        fitted = fit_irises(regions, *zip(*circles, strict=True))
        self.eyes = tuple(
            _build_eye(
                image_rgb, landmarks, opening=openings[side], region=regions[side], iris=fitted[side], side=side
            )
            for side in (0, 1)
        )

    def draw(self, out: NDArray[np.uint8], posed: PosedMesh, flow: tuple[Floats, Floats, Floats]) -> None:
        """Paint the eyes over the warped picture.

        Args:
            out: (H, W, 3) RGB, changed in place.
            posed: this frame's vertices, rigid landmarks and gaze.
            flow: (H, W) float32 source x and y and brightness of every pixel of `out`.
        """
        for side, eye in enumerate(self.eyes):
            ring = posed.vertices[eye.opening.ring, :2]
            rigid = posed.rigid[eye.opening.ring, :2]
            gaze_deg = posed.gaze_deg[side]
            moved = max(np.abs(ring - eye.ring_px).max(), np.abs(rigid - eye.ring_px).max())
            if eye.lid.frame is not None:
                moved = max(moved, np.abs(posed.vertices[eye.lid.outline, :2] - posed.rigid[eye.lid.outline]).max())
            if moved < AT_REST_PX and not gaze_deg.any():
                continue
            view = eye.opening.view(ring, rigid)
            draw_lid_skin(out, eye.lid, eye.opening, view, flow, posed)
            lids = eye.lids(view)
            before = BeforeEye.of(out, ring)
            _draw_ball(out, eye, view, ring, gaze_deg, lids=lids, share=_stirred(eye, view, gaze_deg))
            draw_lid_front(out, eye.lid, eye.opening, view, posed, lids=lids)
            before.lay_nose_back(out, eye.opening, eye.ring_px, flow)
            draw_frame(out, eye.lid, eye.opening, view, flow, posed)


def gaze_rotation(gaze_deg: Floats) -> Doubles:
    """(3, 3) rotation of an eyeball by [+ image right, + up] degrees, in axes right, down, away."""
    right, up = np.radians(gaze_deg.astype(np.float64))
    about_v = np.array([[np.cos(right), 0, -np.sin(right)], [0, 1, 0], [np.sin(right), 0, np.cos(right)]])
    about_u = np.array([[1, 0, 0], [0, np.cos(up), np.sin(up)], [0, -np.sin(up), np.cos(up)]])
    return about_v @ about_u


def _landmark_iris(landmarks: Doubles, iris: int, opening: Opening) -> tuple[Doubles, float]:
    centre = landmarks[iris, :2].astype(np.float64)
    edge = landmarks[iris + 1 : iris + 1 + RING_IRIS, :2]
    return centre, max(float(np.linalg.norm(edge - centre, axis=1).mean()), 0.08 * opening.width)


def _skin_around(image: NDArray[np.uint8], landmarks: Doubles, side: int) -> Floats:
    """(3,) median RGB of the skin rows above and below one eye."""
    rows = [both_sides(row)[side] for row, _ in (*LID_ROWS_ABOVE_RIGHT[1:], *LID_ROWS_BELOW_RIGHT)]
    x, y = np.round(landmarks[np.concatenate(rows), :2]).astype(int).T
    height, width = image.shape[:2]
    return np.median(image[y.clip(0, height - 1), x.clip(0, width - 1)], axis=0).astype(np.float32)


def _build_eye(
    image: NDArray[np.uint8],
    landmarks: Doubles,
    *,
    opening: Opening,
    region: EyeRegion,
    iris: tuple[Doubles, float],
    side: int,
) -> Eye:
    centre, radius = iris
    ball_radius = radius * BALL_RADIUS_MM / IRIS_RADIUS_MM
    iris_uv = opening.axes @ (centre - opening.origin)
    rest = 0.6 * iris_uv
    rest *= min(1.0, 0.25 * ball_radius / max(float(np.hypot(*rest)), 1e-6))
    skin = _skin_around(image, landmarks, side)
    corner = np.array([region.x[0, 0], region.y[0, 0]], np.float64)
    return Eye(
        opening=opening,
        ring_px=landmarks[opening.ring, :2].astype(np.float32),
        iris_centre_px=centre,
        iris_radius_px=radius,
        ball=np.array([*(iris_uv - rest), ball_radius, *rest]),
        roi_from_uv=np.concatenate([opening.axes.T, (opening.origin - corner)[:, None]], 1),
        parts=split_eye(region, centre, radius, eye_width=opening.width, skin=skin),
        below_lid_px=min(iris_below_lid(region, centre, radius, skin=skin), MOST_BELOW * opening.width),
        lid=build_lid(image, landmarks, opening, side=side),
    )


def _stirred(eye: Eye, view: View, gaze_deg: Floats) -> float:
    """0..1: how far lids and gaze have left what the photo shows, wherever the head has gone."""
    moved = float(np.abs(view.ring_uv - eye.rest_uv).max()) / eye.opening.width
    return float(smoothstep(max(moved / STIRRED, float(np.hypot(*gaze_deg)) / STIRRED_DEG)))


def _draw_ball(
    out: NDArray[np.uint8], eye: Eye, view: View, ring: Floats, gaze_deg: Floats, *, lids: Floats, share: float
) -> None:
    """Blend `share` of the eye made of its parts over the warped one."""
    opening = eye.opening
    box = box_around(ring, 2.0 + (OVERLAP * opening.width + eye.below_lid_px) * view.scale, out.shape[:2])
    open_share = view.mean_gap / max(opening.mean_gap, 0.03 * opening.width)
    lowered = min(max(1.0 - open_share, 0.0), 1.0)
    widened = min(max(open_share - 1.0, 0.0), 0.6)
    reveal = share * min(max((open_share - 0.02) / 0.16, 0.0), 1.0)
    if reveal <= 0.0:
        return
    away = min(float(np.hypot(*gaze_deg)) / LOOKED_AWAY_DEG, 1.0)
    draw_eye(
        out,
        box,
        view.uv_from_out,
        eye.roi_from_uv,
        lids,
        (opening.u_first, opening.u_step, view.scale),
        eye.parts,
        eye.ball,
        gaze_rotation(gaze_deg),
        (
            LID_SHADOW + 0.2 * lowered + 0.15 * widened,
            SHADOW_REACH * opening.width,
            reveal,
            away,
            OVERLAP * opening.width,
            1.0 - DIMMED * lowered * lowered,
            eye.below_lid_px,
        ),
    )
