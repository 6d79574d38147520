"""Cut a portrait into a background and a premultiplied foreground that rebuild the photo exactly."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.portrait.topology import OVAL
from pipelines.render.mesh.fill import commonness, matched_grain, push_pull
from pipelines.render.mesh.geometry import MeshGeometry
from pipelines.render.mesh.scene import continued_scene, scene_beside
from pipelines.render.mesh.scene_kernels import cut_person, lay_scene

NEARBY = 0.12
"""What is nearby, as a share of the side."""
FRINGE, MISSED, MISSED_SOFT = 0.028, 10, 0.014
"""Width beside the person in which what the matte missed is looked for, as a share of the side; grey levels beyond all
colours of the scene nearby from which it is that; and the width of its own edge."""
GRAIN = 25.0
"""Grey levels by which a pixel may differ from the filling without covering any of it."""
SEEN = 0.03
"""Alpha from which a pixel shows some of the person."""

Floats = NDArray[np.float32]


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
    background, alpha = _background(image, refine_alpha(image, matte, geometry))
    foreground = np.empty((*alpha.shape, 4), np.float32)
    cut_person(image, background, alpha, np.float32(GRAIN), foreground)
    any_colour = cv2.bitwise_not(cv2.inRange(foreground, (0.0,) * 4, (0.0,) * 4))
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


def _background(image: NDArray[np.uint8], alpha: Floats) -> tuple[NDArray[np.uint8], Floats]:
    """(H, W, 3) the scene without the person, and the (H, W) alpha without what of it turned out to be the scene."""
    hole = _hole(image, alpha)
    photo = image.astype(np.float32)
    plain = push_pull(photo, commonness(photo, ~hole))
    seen = scene_beside(image, plain, alpha, hole=hole)
    alpha = np.asarray(alpha * (1.0 - seen), np.float32)
    hole &= seen < 0.5
    pieces, trust = continued_scene(photo, plain, hole=hole)
    background = np.empty_like(image)
    lay_scene(image, plain, matched_grain(photo, ~hole), pieces, trust, seen, hole, background)
    return background, alpha


def _hole(image: NDArray[np.uint8], alpha: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(H, W) what has to be filled: the person, a margin, and beside that what has no colour of the scene nearby.

    The latter are strands, or the rim of a collar, that the matte missed: they would stay behind as a line.
    """
    side = image.shape[0]
    kernel = max(3, round(19 * side / 512) | 1)
    hole = np.asarray(cv2.dilate((alpha > SEEN).astype(np.uint8), np.ones((kernel, kernel), np.uint8)), np.uint8)
    half = (image.shape[1] // 2, side // 2)
    fringe = round(FRINGE * half[1]) | 1
    small = np.asarray(cv2.resize(image, half, interpolation=cv2.INTER_AREA), np.uint8)
    inside = cv2.dilate(cv2.resize(hole, half, interpolation=cv2.INTER_NEAREST), np.ones((fringe, fringe), np.uint8))
    brightest, darkest = (
        cv2.resize(each, image.shape[1::-1], interpolation=cv2.INTER_LINEAR) for each in _colours_beside(small, inside)
    )
    off = np.maximum(cv2.subtract(image, brightest), cv2.subtract(darkest, image)).max(2)
    soft = round(MISSED_SOFT * side) | 1
    ring = cv2.dilate(hole, np.ones((fringe, fringe), np.uint8))
    missed = ((off > MISSED) & (ring > hole)).astype(np.uint8)
    return (hole > 0) | (cv2.dilate(missed, np.ones((soft, soft), np.uint8)) > 0)


def _colours_beside(picture: NDArray[np.uint8], inside: NDArray) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Brightest and darkest value per channel nearby in (h, w, 3) `picture` where (h, w) uint8 `inside` is 0."""
    near = np.ones((round(NEARBY * len(picture)) | 1,) * 2, np.uint8)
    mask = inside[..., None]
    brightest, darkest = cv2.dilate(picture * (1 - mask), near), cv2.erode(np.maximum(picture, 255 * mask), near)
    return np.asarray(brightest, np.uint8), np.asarray(darkest, np.uint8)
