"""Cut a portrait into a background and a premultiplied foreground that rebuild the photo exactly."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.portrait.topology import OVAL
from pipelines.render.mesh.fill import matched_grain, mirrored_edge, push_pull
from pipelines.render.mesh.geometry import MeshGeometry


@dataclass(frozen=True)
class Layers:
    """photo = round(foreground[..., :3] + (1 - foreground[..., 3]) * background), exactly."""

    foreground: NDArray[np.float32]
    """(H, W, 4) premultiplied colour and alpha 0..1. Colour is photo minus background share, so no foreground colour
    has to be guessed in the soft edge; it may be negative. Float because its taps are then blended without conversion,
    a quarter faster than int16."""
    background: NDArray[np.uint8]
    """(H, W, 3) the scene without the person."""
    empty: NDArray[np.bool_]
    """(H, W) where a bilinear sample of the foreground is exactly nothing."""
    filled: NDArray[np.int32]
    """(H + 1, W + 1) integral image of where it is not."""


def cut_layers(image: NDArray[np.uint8], matte: NDArray[np.float32], geometry: MeshGeometry) -> Layers:
    """Layers of (H, W, 3) RGB `image` from the (H, W) foreground probability `matte`."""
    alpha = refine_alpha(image, matte, geometry)
    background = _background(image, alpha)
    foreground = np.empty((*alpha.shape, 4), np.float32)
    foreground[..., :3] = image - (1.0 - alpha)[..., None] * background
    foreground[..., 3] = alpha
    any_colour = np.asarray(foreground.any(axis=2), np.uint8)
    used = np.asarray(cv2.dilate(any_colour, np.ones((3, 3), np.uint8)), np.uint8)
    filled = np.asarray(cv2.integral(used), np.int32)
    return Layers(foreground, background, used == 0, filled)


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
    kernel = max(3, round(19 * image.shape[0] / 512) | 1)
    hole = cv2.dilate((alpha > 0.03).astype(np.uint8), np.ones((kernel, kernel), np.uint8)) > 0
    photo = image.astype(np.float32)
    smooth = push_pull(photo, (~hole).astype(np.float32)) + matched_grain(photo, ~hole)
    mirrored, trust = mirrored_edge(photo, ~hole)
    filled = smooth + trust[..., None] * (mirrored - smooth)
    return np.where(hole[..., None], np.clip(np.round(filled), 0, 255), image).astype(np.uint8)
