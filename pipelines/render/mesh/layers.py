"""Cut a portrait into a background and a premultiplied foreground that rebuild the photo exactly."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.portrait.topology import OVAL
from pipelines.render.mesh.fill import commonness, matched_grain, mirrored_edge, push_pull
from pipelines.render.mesh.geometry import MeshGeometry
from pipelines.render.mesh.head_frame import smoothstep

STRANGE = (20.0, 40.0)
"""Grey levels by which a pixel at the person's edge lies off every mixture of person and filling, from which it is
the scene itself; and from which it surely is."""
SCENE_UP_TO = (0.35, 0.75)
"""Alpha between which a pixel stops being able to be the scene."""
REPEATED = (40.0, 90.0)
"""Grey levels off the smooth filling between which mirrored texture becomes an object, never to be there twice."""
FOREIGN, NEARBY = (4.0, 14.0), 0.12
"""Grey levels beyond all colours of the scene nearby from which a pixel belongs to the person; what is nearby, as a
share of the side."""
FRINGE, MISSED, MISSED_SOFT = 0.028, 10, 0.014
"""Width beside the person in which what the matte missed is looked for, as a share of the side; grey levels beyond all
colours of the scene nearby from which it is that; and the width of its own edge."""
SURE_PERSON = 0.97
"""Alpha from which a pixel tells the person's colour."""

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
    hole = _hole(image, alpha)
    photo = image.astype(np.float32)
    plain = push_pull(photo, commonness(photo, ~hole))
    mirrored, trust = mirrored_edge(photo, ~hole)
    filled = plain + matched_grain(photo, ~hole)
    filled += (trust * _unlike_objects(mirrored, plain))[..., None] * (mirrored - filled)
    filled += _scene_beside(image, plain, alpha, hole=hole)[..., None] * (photo - filled)
    return np.where(hole[..., None], np.clip(np.round(filled), 0, 255), image).astype(np.uint8)


def _hole(image: NDArray[np.uint8], alpha: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(H, W) what has to be filled: the person, a margin, and beside that what has no colour of the scene nearby.

    The latter are strands, or the rim of a collar, that the matte missed: they would stay behind as a line.
    """
    side = image.shape[0]
    kernel = max(3, round(19 * side / 512) | 1)
    hole = np.asarray(cv2.dilate((alpha > 0.03).astype(np.uint8), np.ones((kernel, kernel), np.uint8)), np.uint8)
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


def _unlike_objects(mirrored: Floats, plain: Floats) -> Floats:
    """(H, W) 0 where what is mirrored stands out from the smooth filling: a thing of the scene, not its texture."""
    small = (plain.shape[1] // 4, plain.shape[0] // 4)
    texture, smooth = (cv2.resize(each, small, interpolation=cv2.INTER_AREA) for each in (mirrored, plain))
    objects = cv2.dilate(_rises(np.abs(texture - smooth).max(2), REPEATED), np.ones((3, 3), np.uint8))
    return np.asarray(1.0 - cv2.resize(objects, plain.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def _scene_beside(image: NDArray[np.uint8], plain: Floats, alpha: Floats, *, hole: NDArray[np.bool_]) -> Floats:
    """(H, W) 0..1: where the photo beside the person shows a thing of the scene, such as a cord, and no hair.

    Hair that the matte missed is a mixture of the person's colour and the filling, and goes with the head. What is no
    such mixture would glow in false colours if it did, and is of the scene if a like colour is seen there nearby.
    """
    half = (image.shape[1] // 2, image.shape[0] // 2)
    photo, inside, share, scene = (
        cv2.resize(each, half, interpolation=cv2.INTER_AREA) for each in (image, hole.astype(np.uint8), alpha, plain)
    )
    off = photo - scene
    towards = push_pull(photo.astype(np.float32), (share > SURE_PERSON).astype(np.float32)) - scene
    mixed = (off * towards).sum(2) / np.maximum((towards * towards).sum(2), 1.0)
    strange = np.abs(off - np.clip(mixed, 0.0, 1.0)[..., None] * towards).max(2)
    brightest, darkest = _colours_beside(np.asarray(photo, np.uint8), inside)
    foreign = np.maximum(cv2.subtract(photo, brightest), cv2.subtract(darkest, photo)).max(2).astype(np.float32)
    found = _rises(np.asarray(cv2.GaussianBlur(strange, (0, 0), 1.0), np.float32), STRANGE)
    found *= (1.0 - _rises(foreign, FOREIGN)) * (1.0 - _rises(np.asarray(share, np.float32), SCENE_UP_TO))
    # slivers are the person's own edge
    found = cv2.morphologyEx(found, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    found = cv2.resize(cv2.GaussianBlur(found, (0, 0), 0.7), image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(found * hole, np.float32)


def _rises(value: Floats, span: tuple[float, float]) -> Floats:
    return smoothstep((value - span[0]) / (span[1] - span[0])).astype(np.float32)
