"""The inside of the mouth: the photo's own teeth where it shows them, made-up ones where the lips were closed."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.render.mesh.anatomy import CHIN
from pipelines.render.mesh.fill import push_pull
from pipelines.render.mesh.geometry import MeshGeometry, smoothstep
from pipelines.render.mesh.layer_kernels import draw_mouth
from pipelines.render.mesh.opening import Opening, View, box_around
from pipelines.render.mesh.posed import PosedMesh
from pipelines.render.mesh.synth import CM_PER_UNIT, lip_colours, match_own_teeth, mouth_colours, teeth_row

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
AT_REST_PX = 1e-3
OPEN_IN_PHOTO = 0.04
"""Mean lip gap over mouth width from which the photo's own interior may be used."""
WIDE_OPEN_CM = 0.5
"""Gap from which the photo certainly shows an interior."""
SHOWN_SHARE = 0.15
"""Share of teeth and dark cavity between the landmarks of narrower lips from which the photo shows an interior. On
filmed mouths 0.2 to 0.5 cm open it is 0.17 to 0.98, on one blurred clip 0.00 to 0.22; 0.10 where painted lips merely
shine."""
PALE, DARK = 0.9, 0.5
"""Brightness over that of the lips of the darkest tooth and of the brightest cavity."""
STRETCHED_CM = (0.75, 1.2)
"""Photo gaps between which the interior changes from staying on the head to stretching with the lips: a wide open
mouth shows lower teeth and tongue that must follow the jaw."""
OWN_TEETH_CM = (0.3, 0.55)
"""Photo gaps between which the made-up upper teeth give way to the photo's own."""
UPPER_EDGE_CM, LOWER_EDGE_CM = 0.40, 0.20
"""Biting edges below the line of the closed lips, jaw at rest."""
LOWER_SHOWN_CM = (0.04, 0.24)
"""Least and most of the lower teeth that stands above the lower lip."""
JAW_ASIDE_CM = 0.5
APPEAR = (0.006, 0.035)
"""Growth of the lip gap over mouth width between which the made-up interior fades in."""


class MouthLayer:
    """The mouth interior of one portrait. Drawing at rest changes nothing."""

    def __init__(self, image_rgb: NDArray[np.uint8], geometry: MeshGeometry) -> None:
        landmarks = geometry.landmarks
        self._opening = opening = Opening.of(landmarks, geometry.lips_inner)
        self._ring_px = landmarks[geometry.lips_inner, :2].astype(np.float32)
        self._chin_px = landmarks[CHIN, :2].mean(0)
        self._px_per_cm = cm = geometry.unit_px / CM_PER_UNIT
        colours = mouth_colours(image_rgb, geometry)
        self._was_open = opening.mean_gap > OPEN_IN_PHOTO * opening.width
        self._photo, corner = np.zeros((1, 1, 6), np.float32), np.zeros(2)
        if self._was_open:
            photo, at, inner = _own_interior(image_rgb, self._ring_px, opening)
            lips = np.mean(lip_colours(image_rgb, geometry), axis=0)
            self._was_open = opening.mean_gap > WIDE_OPEN_CM * cm or _shows_interior(photo[inner, :3], lips)
            if self._was_open:
                self._photo, corner, colours = photo, at, match_own_teeth(colours, photo[inner, :3])
        self._sprite_scale = float(np.clip(2.0 * cm, 10.0, 48.0))
        self._upper, self._upper_edge_row = teeth_row(colours, px_per_cm=self._sprite_scale, lower=False)
        self._lower, self._lower_edge_row = teeth_row(colours, px_per_cm=self._sprite_scale, lower=True)
        shown = smoothstep((opening.mean_gap / cm - OWN_TEETH_CM[0]) / np.ptp(OWN_TEETH_CM))
        self._upper_share = 1.0 - float(shown) * self._was_open
        self._tilt = colours.tilt * cm / opening.width
        self._cavity = np.stack([colours.cavity, colours.tongue, colours.shadow])
        middle = len(opening.curves[0]) // 2
        self._closed_v = float(opening.curves[0, middle] if self._was_open else opening.curves[:, middle].mean())
        self._stretch = float(smoothstep((opening.mean_gap / cm - STRETCHED_CM[0]) / np.ptp(STRETCHED_CM)))
        self._roi_from_uv = np.concatenate([opening.axes.T, (opening.origin - corner)[:, None]], 1)

    def draw(self, out: NDArray[np.uint8], posed: PosedMesh, flow: tuple[Floats, Floats, Floats]) -> None:
        """Paint the interior over the warped picture.

        Args:
            out: (H, W, 3) RGB, changed in place.
            posed: this frame's vertices and rigid landmarks.
            flow: unused; the interior does not move with the skin.
        """
        opening = self._opening
        ring, rigid = posed.vertices[opening.ring, :2], posed.rigid[opening.ring, :2]
        if max(np.abs(ring - self._ring_px).max(), np.abs(rigid - self._ring_px).max()) < AT_REST_PX:
            return
        view = opening.view(ring, rigid)
        growth = (view.mean_gap - opening.mean_gap) / opening.width
        cover = 1.0 if self._was_open else float(smoothstep((growth - APPEAR[0]) / np.ptp(APPEAR)))
        if cover <= 0.0:
            return
        draw_mouth(
            out,
            box_around(ring, 2.0, out.shape[:2]),
            view.uv_from_out,
            self._roi_from_uv,
            view.curves,
            opening.curves,
            (opening.u_first, opening.u_step, view.scale, self._px_per_cm, self._closed_v),
            self._upper,
            self._lower,
            self._cavity,
            self._photo,
            *self._pose(view, posed, cover=cover, growth=growth),
        )

    def _pose(self, view: View, posed: PosedMesh, *, cover: float, growth: float) -> tuple[Doubles, Doubles]:
        """(jaw, look) of `layer_kernels.draw_mouth`."""
        opening, cm = self._opening, self._px_per_cm
        chin = view.uv_from_out[:, :2] @ posed.vertices[CHIN, :2].mean(0) + view.uv_from_out[:, 2]
        jaw = (chin - opening.axes @ (self._chin_px - opening.origin)) / cm
        jaw = np.array([np.clip(jaw[0], -JAW_ASIDE_CM, JAW_ASIDE_CM), max(jaw[1], 0.0)])
        lip_low = (float(view.ring_uv[opening.lower, 1].max()) - self._closed_v) / cm
        left, right = view.ring_uv[opening.upper[[0, -1]], 0]
        width = max(float(right - left), 1e-3)
        least, most = LOWER_SHOWN_CM
        lower_edge = float(np.clip(LOWER_EDGE_CM + 0.95 * jaw[1], lip_low - most, lip_low - least))
        look = (
            self._sprite_scale,
            self._upper_edge_row,
            self._lower_edge_row,
            UPPER_EDGE_CM,
            lower_edge,
            cover,
            0.5 * width / cm,
            min(1.0, opening.width / width),
            float(self._was_open),
            self._stretch,
            min(abs(growth) / 0.03, 1.0),
            self._upper_share,
            self._tilt,
        )
        return jaw, np.array(look)


def _shows_interior(pixels: Floats, lips: Floats) -> bool:
    """Whether enough of (n, 3) RGB pixels between the lips are no more lip of (3,) colour `lips`: as bright but nearer
    to grey, which is a tooth, or much darker, which is the cavity."""
    if len(pixels) == 0:
        return False
    brightness = pixels.mean(1) / max(float(lips.mean()), 1.0)
    red, lip_red = (each[..., 0] / np.maximum(each[..., 1], 1.0) for each in (pixels, lips))
    tooth = (brightness > PALE) & (red < 0.5 + 0.5 * lip_red)
    return float((tooth | (brightness < DARK)).mean()) > SHOWN_SHARE


def _own_interior(
    image: NDArray[np.uint8], ring_px: Floats, opening: Opening
) -> tuple[Floats, Doubles, NDArray[np.bool_]]:
    """The photo's open mouth.

    Returns:
        (h, w, 6) RGB as it is and RGB grown over the lips from the inside; picture x, y of the first pixel; and
        (h, w) where the interior really shows.
    """
    box = box_around(ring_px, 0.35 * opening.width, image.shape[:2])
    x0, y0, x1, y1 = box
    photo = image[y0:y1, x0:x1].astype(np.float32)
    mask = np.zeros(photo.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round((ring_px - (x0, y0)) * 16).astype(np.int32)], 1, cv2.LINE_8, 4)  # pyright: ignore
    inner = cv2.erode(mask, np.ones((3, 3), np.uint8))
    grown = push_pull(photo, inner.astype(np.float32)) if inner.any() else photo
    rim = cv2.GaussianBlur(cv2.dilate(mask, np.ones((3, 3), np.uint8)).astype(np.float32), (0, 0), 0.8)[..., None]
    grown = photo * rim + grown * (1 - rim)
    return np.concatenate([photo, grown], 2).astype(np.float32), np.array([x0, y0], np.float64), inner > 0
