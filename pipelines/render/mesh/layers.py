"""Cut a portrait into a background and a premultiplied foreground that rebuild the photo exactly."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.portrait.topology import OVAL
from pipelines.render.mesh.fill import matched_grain, push_pull
from pipelines.render.mesh.geometry import MeshGeometry

ALPHA_ONE = 4080
"""Fixed-point 1.0 of the foreground's alpha; colours are stored times 16."""


@dataclass(frozen=True)
class Layers:
    """photo = round(foreground[..., :3] / 16 + (1 - foreground[..., 3] / 4080) * background), exactly."""

    foreground: NDArray[np.int16]
    """(H, W, 4) premultiplied colour times 16 and alpha times 4080. Colour is photo minus background share, so no
    foreground colour has to be guessed in the soft edge."""
    background: NDArray[np.uint8]
    """(H, W, 3) the scene without the person."""


def cut_layers(image: NDArray[np.uint8], matte: NDArray[np.float32], geometry: MeshGeometry) -> Layers:
    """Layers of (H, W, 3) RGB `image` from the (H, W) foreground probability `matte`."""
    alpha = refine_alpha(image, matte, geometry)
    background = _background(image, alpha)
    alpha_fixed = np.round(alpha * ALPHA_ONE)
    rest = (1.0 - alpha_fixed / ALPHA_ONE)[..., None]
    colour = np.round((image - rest * background) * 16.0)
    return Layers(np.dstack([colour, alpha_fixed]).astype(np.int16), background)


def refine_alpha(image: NDArray[np.uint8], matte: NDArray[np.float32], geometry: MeshGeometry) -> NDArray[np.float32]:
    """(H, W) alpha 0..1: the matte pulled to the picture's edges, the middle of the face kept opaque.

    Only 86 % of the oval is forced: beyond it thin hair and ears may really be see-through.
    """
    radius = max(2, round(6 * geometry.size / 512))
    guided = cv2.ximgproc.guidedFilter(image, matte.astype(np.float32), radius, 3.25)
    alpha = np.clip((guided - 0.08) / 0.84, 0.0, 1.0).astype(np.float32)
    oval = geometry.landmarks[OVAL, :2]
    centre = oval.mean(0)
    core = np.zeros(matte.shape, np.uint8)
    cv2.fillPoly(core, [np.int32(np.round(centre + (oval - centre) * 0.86))], 1)  # pyright: ignore
    return np.maximum(alpha, core.astype(np.float32))


def _background(image: NDArray[np.uint8], alpha: NDArray[np.float32]) -> NDArray[np.uint8]:
    kernel = max(3, round(9 * image.shape[0] / 512) | 1)
    hole = cv2.dilate((alpha > 0.03).astype(np.uint8), np.ones((kernel, kernel), np.uint8)) > 0
    photo = image.astype(np.float32)
    filled = push_pull(photo, (~hole).astype(np.float32)) + matched_grain(photo, ~hole)
    return np.where(hole[..., None], np.clip(np.round(filled), 0, 255), image).astype(np.uint8)
