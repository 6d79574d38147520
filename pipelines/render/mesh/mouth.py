"""The inside of the mouth: the photo's own teeth where it shows them, made-up ones where the lips were closed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipelines.render.mesh.anatomy import CHIN
from pipelines.render.mesh.geometry import MeshGeometry
from pipelines.render.mesh.head_frame import smoothstep
from pipelines.render.mesh.layer_kernels import draw_mouth
from pipelines.render.mesh.opening import Opening, View, box_around
from pipelines.render.mesh.own_mouth import bite_curves, own_interior, shows_interior
from pipelines.render.mesh.posed import PosedMesh
from pipelines.render.mesh.synth import CM_PER_UNIT, lip_colours, match_own_mouth, mouth_colours, teeth_row

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
AT_REST_PX = 1e-3
OPEN_IN_PHOTO = 0.04
"""Mean lip gap over mouth width from which the photo's own interior may be used."""
WIDE_OPEN_CM = 0.5
"""Gap from which the photo certainly shows an interior."""
PARTED_CM = (0.35, 0.7)
"""Photo gaps between which the interior changes from staying on the head as a whole to parting behind the upper teeth:
a wide open mouth shows lower teeth and tongue that must follow the jaw."""
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
        self._photo, corner, bite = np.zeros((1, 1, 6), np.float32), np.zeros(2), opening.curves
        if self._was_open:
            photo, at, inner = own_interior(image_rgb, self._ring_px, opening)
            lips = np.mean(lip_colours(image_rgb, geometry), axis=0)
            self._was_open = opening.mean_gap > WIDE_OPEN_CM * cm or shows_interior(photo[inner, :3], lips)
            if self._was_open:
                bite = bite_curves(image_rgb, opening, lips)
                self._photo, corner, colours = photo, at, match_own_mouth(colours, photo[inner, :3])
        self._source_curves = np.concatenate([opening.curves, bite])
        self._sprite_scale = float(np.clip(2.0 * cm, 10.0, 48.0))
        self._upper, self._upper_edge_row = teeth_row(colours, px_per_cm=self._sprite_scale, lower=False)
        self._lower, self._lower_edge_row = teeth_row(colours, px_per_cm=self._sprite_scale, lower=True)
        shown = smoothstep((opening.mean_gap / cm - OWN_TEETH_CM[0]) / np.ptp(OWN_TEETH_CM))
        self._upper_share = 1.0 - float(shown) * self._was_open
        self._tilt = colours.tilt * cm / opening.width
        self._cavity = np.stack([colours.cavity, colours.tongue, colours.shadow])
        middle = len(opening.curves[0]) // 2
        self._closed_v = float(opening.curves[0, middle] if self._was_open else opening.curves[:, middle].mean())
        self._parting = float(smoothstep((opening.mean_gap / cm - PARTED_CM[0]) / np.ptp(PARTED_CM)))
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
            self._source_curves,
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
            self._parting,
            min(abs(growth) / 0.04, 1.0),
            self._upper_share,
            self._tilt,
        )
        return jaw, np.array(look)
