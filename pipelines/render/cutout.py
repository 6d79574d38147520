"""The person without the scene: RGBA pictures whose hair edges carry the person's colour, not the old background's."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.portrait.crop import at_size, invert, scale_of, transform
from pipelines.portrait.matte import person_segmenter
from pipelines.portrait.types import Portrait
from pipelines.render.base import Frame, KnowsAlpha, Renderer
from pipelines.render.mesh.fill import push_pull

Floats = NDArray[np.float32]
MATTE_SIDE = 1024
"""The person in the whole photo is looked for at this size; its edges are then pulled to the photo's own."""
SOFT_EDGE = (0.08, 0.92)
"""Foreground probabilities that count as none and as all."""
RAMP_SHARE = 0.12
"""Share of the crop at its border over which its alpha passes into that of the whole photo."""
SEEN_THROUGH = 0.03
"""Alpha from which a pixel is no pure scene."""
APART = 0.4
"""Alpha up to this does not join two areas."""
SURE_SCENE_SHARE = 0.012
"""Distance from the person, as a share of the longest side, from which a pixel is pure scene."""


def face_alpha(renderer: Renderer, handle: Any, face: Frame) -> Floats:
    """(S, S) alpha 0..1 of the newest frame of a handle, which is `face`.

    The mesh carries the photo's matte along; what a net has redrawn is segmented anew.
    """
    if isinstance(renderer, KnowsAlpha):
        return renderer.alpha(handle)
    return _segmented(face)


def photo_alpha(portrait: Portrait, alpha: Floats) -> Floats:
    """(H, W) alpha of the whole photo: the face's own (S, S) `alpha` inside the crop, the photo's matte around it."""
    photo, size = portrait.photo, len(alpha)
    height, width = photo.shape[:2]
    around = _segmented(photo)
    photo_from_crop = invert(at_size(portrait.crop_from_photo, size=size))
    distance = np.minimum(np.arange(size), np.arange(size)[::-1]).astype(np.float32)
    ramp = np.clip(np.minimum(distance[:, None], distance[None]) / (RAMP_SHARE * size), 0.0, 1.0)
    interpolation = cv2.INTER_AREA if scale_of(photo_from_crop) < 1.0 else cv2.INTER_LINEAR
    inside, weight = (
        cv2.warpAffine(np.asarray(each, np.float32), photo_from_crop, (width, height), flags=interpolation)
        for each in (alpha, ramp)
    )
    whole = np.asarray(around + (inside - around) * weight, np.float32)
    x, y = np.clip(transform(photo_from_crop, _middle_of_face(size)), 0, [width - 1, height - 1])[0].astype(int)
    return _joined(whole, seed=(int(x), int(y)))


def cut_out(picture: Frame, alpha: Floats) -> NDArray[np.uint8]:
    """(H, W, 4) straight RGBA of an (H, W, 3) picture.

    In the soft edge the share of the scene, continued from beside the person, is taken out of the colour. Fully
    transparent pixels are black.
    """
    # what rounds to all or nothing is that
    a = np.round(255.0 * np.clip(alpha, 0.0, 1.0))[..., None] / np.float32(255.0)
    colour = picture.astype(np.float32)
    reach = max(3, round(SURE_SCENE_SHARE * max(alpha.shape)) | 1)
    scene = cv2.dilate((alpha > SEEN_THROUGH).astype(np.uint8), np.ones((reach, reach), np.uint8)) == 0
    if scene.any():
        behind = push_pull(colour, scene.astype(np.float32))
        soft = (a > 0.0) & (a < 1.0)
        colour = np.where(soft, (colour - (1.0 - a) * behind) / np.maximum(a, 1e-3), colour)
    rgba = np.concatenate([np.where(a > 0.0, colour, 0.0), 255.0 * a], axis=2)
    return np.clip(np.round(rgba), 0, 255).astype(np.uint8)


def _middle_of_face(size: int) -> NDArray[np.float64]:
    """(1, 2) the place of a crop that the framing rule puts inside the face."""
    return np.array([[0.5 * size, 0.55 * size]])


def _joined(alpha: Floats, *, seed: tuple[int, int]) -> Floats:
    """Alpha without what does not hang together with the person at `seed` (x, y): other people, dark corners."""
    count, labels = cv2.connectedComponents((alpha > APART).astype(np.uint8), connectivity=4)
    own = labels[seed[1], seed[0]]
    if count <= 2 or own == 0:
        return alpha
    reach = max(3, round(SURE_SCENE_SHARE * max(alpha.shape)) | 1)
    near = cv2.dilate((labels == own).astype(np.uint8), np.ones((reach, reach), np.uint8))
    return np.asarray(alpha * near, np.float32)


def _segmented(picture: Frame) -> Floats:
    """(H, W) alpha of the person in a picture of any shape."""
    height, width = picture.shape[:2]
    ratio = min(1.0, MATTE_SIDE / max(height, width))
    size = max(1, round(width * ratio)), max(1, round(height * ratio))
    small = np.ascontiguousarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    matte = person_segmenter().matte(small)
    guided = cv2.ximgproc.guidedFilter(small, matte, max(2, round(6 * max(matte.shape) / 512)), 3.25)
    low, high = SOFT_EDGE
    alpha = np.clip((guided - low) / (high - low), 0.0, 1.0)
    return np.asarray(cv2.resize(alpha, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
