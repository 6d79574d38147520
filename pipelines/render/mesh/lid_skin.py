"""What the skin of a closing upper lid looks like, learnt from one photo.

A lid that closes is stretched to several times its height. Lashes and the crease would become streaks, so clean skin
is stored in source space and laid over it through the warp's own map.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.render.mesh.anatomy import LID_ROWS_ABOVE_RIGHT, LID_UPPER, both_sides
from pipelines.render.mesh.fill import push_pull
from pipelines.render.mesh.glasses import FRAME_REACH, Frame, find_frame, loose_frame
from pipelines.render.mesh.head_frame import smoothstep
from pipelines.render.mesh.opening import Opening, box_around

Floats = NDArray[np.float32]
LASH_REACH = 0.14
"""Eye widths above the open lid that lashes cover."""
FOLD_KEPT = 0.25
"""Share of the way between fold and brow up to which the skin is grown anew; above, its lines are taken out."""
STRETCHED = 0.6
"""The skin that a closing lid stretches ends this share of the way between fold and brow above the latter's row."""
LINES = 0.12
"""Eye widths up to which dark lines of stretched skin are taken out."""
REFLECTED = 0.75
"""Share of its tint that skin behind glasses takes from the skin below the eye."""
CHEEK_BELOW, CHEEK_REACH = 0.6, 0.28
"""Skin whose texture a lid takes: how far below the middle of the eye, and how far around that; eye widths."""
COARSEST, STRONGEST = 0.06, 0.035
"""Eye widths from which shading is no texture, and the share of the light by which texture may deviate."""


@dataclass(frozen=True)
class Lid:
    """Source-space facts about one upper lid."""

    skin: Floats
    """(h, w, 4) RGB of the clean skin and its cover 0..1, 0 away from the lid."""
    grain: Floats
    """(h, w, 1) grain of the skin below the eye, see `lid_kernels.lay_through_flow`."""
    frame: Frame | None
    """Upper frame of glasses, behind which the lid closes."""
    origin: tuple[int, int]
    """Picture x, y of the first pixel of `skin`."""
    lash_colour: Floats
    """(3,) RGB of the lash line."""
    shadow: Floats
    """(3,) how much of a shadow on the lid each channel takes: light between folds of skin is warm."""
    fold: NDArray[np.integer]
    above: NDArray[np.integer]
    """Landmarks of the skin above the lid, and of the skin below the brow: the crease lies between."""
    outline: NDArray[np.integer]
    """Landmarks around the lid: bounds of what a closing lid can change."""
    outer_is_right: bool


def build_lid(image: NDArray[np.uint8], landmarks: NDArray[np.float64], opening: Opening, *, side: int) -> Lid:
    """Lid of the eye on `side` (0 right, 1 left) of the (H, W, 3) RGB `image`."""
    width, ring = opening.width, opening.ring
    fold, brow_side = (both_sides(row)[side] for row, _ in LID_ROWS_ABOVE_RIGHT)
    middle = landmarks[ring[[0, 8]], :2].mean(0)
    box = box_around(np.concatenate([landmarks[brow_side, :2], landmarks[ring, :2]]), 0.35 * width, image.shape[:2])
    x0, y0, x1, y1 = box
    photo = image[y0:y1, x0:x1].astype(np.float32)
    areas = _areas(landmarks, opening, fold, brow_side)
    on_lid = _polygon(areas.lid, box)
    along = np.abs((_grid(box) - middle) @ opening.axes[0]) / width
    cheek = box_around((middle + CHEEK_BELOW * width * opening.axes[1])[None], CHEEK_REACH * width, image.shape[:2])
    front = find_frame(photo, _polygon(areas.frame, box), on_lid > 0, along < 0.4)
    clean = _clean_skin(photo, _polygon(areas.opening, box) | (front > 0.02), on_lid, width)
    cover = _soft(areas.lashes, box, 0.05 * width)
    bare = np.asarray(photo + (clean - photo) * np.maximum(cover, front[..., None]), np.float32)
    if front.any():
        bare = _behind_glass(bare, image, cheek)
    smooth = _without_lines(bare, width)
    cover = np.maximum(cover, _soft(areas.stretched, box, 0.08 * width))
    return Lid(
        skin=np.concatenate([smooth, cover], 2),
        grain=_grain(image, cheek, shape=photo.shape[:2], width=width),
        frame=loose_frame(photo, smooth, front, along, box=box, width=width) if front.any() else None,
        origin=(x0, y0),
        lash_colour=_lash_colour(image, landmarks[ring[LID_UPPER], :2], smooth),
        shadow=_shadow(smooth),
        fold=fold,
        above=brow_side,
        outline=np.concatenate([ring, fold, brow_side]),
        outer_is_right=bool(landmarks[ring[0], 0] > landmarks[ring[8], 0]),
    )


@dataclass(frozen=True)
class _Areas:
    """Polygons around one eye, each (n, 2) picture px."""

    opening: NDArray[np.float64]
    """Eye and lashes: no skin is seen there."""
    lashes: NDArray[np.float64]
    """What a closing lid must not show: those and the skin up to the crease."""
    lid: NDArray[np.float64]
    """The open lid up to the brow."""
    stretched: NDArray[np.float64]
    """What a closing lid stretches."""
    frame: NDArray[np.float64]
    """Where the upper frame of glasses may be."""


def _areas(
    landmarks: NDArray[np.float64], opening: Opening, fold: NDArray[np.integer], brow_side: NDArray[np.integer]
) -> _Areas:
    width, ring = opening.width, opening.ring
    ends, middle = landmarks[ring[[0, 8]], :2], landmarks[ring[[0, 8]], :2].mean(0)
    upper, lower = landmarks[ring[1:8], :2], landmarks[ring[9:], :2]
    folded, brow = landmarks[fold, :2], landmarks[brow_side, :2]
    outer, inner = ends + np.array([[0.30], [0.12]]) * (ends - middle)
    lashes = upper + LASH_REACH * width * _unit(upper - middle)
    above = folded + FOLD_KEPT * (brow - folded)
    higher = np.linalg.norm(above - middle, axis=1) > np.linalg.norm(lashes - middle, axis=1)
    wing = outer + np.array([[0.05], [-0.16]]) * width * opening.axes[1]
    rim = lower + 0.25 * (lower - middle)
    return _Areas(
        opening=np.concatenate([wing, lashes, [inner], lower + 0.30 * (lower - middle)]),
        lashes=np.concatenate([wing, np.where(higher[:, None], above, lashes), [inner], rim]),
        lid=np.concatenate([[outer], brow, [inner], lower]),
        stretched=np.concatenate([wing, brow + STRETCHED * (brow - folded), [inner], rim]),
        frame=np.concatenate([brow + FRAME_REACH * (brow - folded), lashes[::-1]]),
    )


def _polygon(points: NDArray, box: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    mask = np.zeros((box[3] - box[1], box[2] - box[0]), np.uint8)
    cv2.fillPoly(mask, [np.round((points - box[:2]) * 16).astype(np.int32)], 1, cv2.LINE_8, 4)  # pyright: ignore
    return mask


def _grid(box: tuple[int, int, int, int]) -> NDArray[np.float64]:
    """(h, w, 2) picture x, y of the pixels of a box."""
    y, x = np.mgrid[box[1] : box[3], box[0] : box[2]].astype(np.float64)
    return np.stack([x, y], 2)


def _soft(points: NDArray, box: tuple[int, int, int, int], sigma: float) -> Floats:
    """(h, w, 1) polygon 0..1 with a soft edge."""
    mask = cv2.GaussianBlur(_polygon(points, box).astype(np.float32), (0, 0), max(0.8, sigma))
    return smoothstep(1.35 * mask)[..., None].astype(np.float32)


def _without_lines(skin: Floats, width: float) -> Floats:
    """(h, w, 3) `skin` without crease and wrinkles, which would be streaks once stretched."""
    side = max(3, int(LINES * width) | 1)
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    bright = cv2.morphologyEx(skin, cv2.MORPH_CLOSE, ellipse)
    return np.asarray(cv2.GaussianBlur(bright, (0, 0), max(1.0, 0.07 * width)), np.float32)


def _behind_glass(skin: Floats, image: NDArray[np.uint8], cheek: tuple[int, int, int, int]) -> Floats:
    """(h, w, 3) `skin` with the tint of the one below the eye: reflections wash out what lies behind glasses."""
    x0, y0, x1, y1 = cheek
    below = image[y0:y1, x0:x1].reshape(-1, 3).astype(np.float32)
    if not len(below):
        return skin
    # its darker half: a lid lies in the shadow of the brow, and skin is less red where it shines
    tint = np.median(below[below.mean(1) <= np.median(below.mean(1))], axis=0)
    level = skin.mean(2, keepdims=True)
    return (skin + REFLECTED * (level * (tint / max(float(tint.mean()), 1.0)) - skin)).astype(np.float32)


def _unit(vectors: NDArray) -> NDArray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)


def _clean_skin(photo: Floats, hole: NDArray[np.uint8], lid: NDArray[np.uint8], width: float) -> Floats:
    """(h, w, 3) skin of the lid and a narrow band around it, grown over lashes and opening.

    The dark part of that skin (brow, hair, crease, frame of glasses) is not trusted.
    """
    side = int(0.22 * width) | 1
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    band = (cv2.dilate(hole | lid, ellipse) > 0) & (hole == 0)
    if band.sum() < 12:
        return photo
    grey = photo.mean(2)
    dark, bright = np.percentile(grey[band], [35, 98])
    use = (band & (grey >= dark) & (grey <= bright)).astype(np.float32)
    filled = push_pull(photo, cv2.GaussianBlur(use, (0, 0), 0.6) * use)
    return np.asarray(cv2.GaussianBlur(filled, (0, 0), max(1.0, 0.05 * width)), np.float32)


def _grain(
    image: NDArray[np.uint8], cheek: tuple[int, int, int, int], *, shape: tuple[int, int], width: float
) -> Floats:
    """(h, w, 1) noise, a share of the light, like the texture of the skin in the box `cheek`; it repeats.

    Source: random phase noise (Galerne, Gousseau, Morel 2011).
    """
    x0, y0, x1, y1 = cheek
    grey = image[y0:y1, x0:x1].mean(2).astype(np.float32)
    if min(grey.shape) < 4:
        return np.zeros((*shape, 1), np.float32)
    fine = grey - cv2.GaussianBlur(grey, (0, 0), max(1.5, COARSEST * width))
    usual = 1.48 * float(np.median(np.abs(fine)))
    # what stands out is no texture: a mole, the frame of glasses, a strand of hair
    fine = np.clip(fine, -3.0 * usual, 3.0 * usual)
    phase = np.fft.rfft2(np.random.default_rng(0).standard_normal(fine.shape))
    noise = np.fft.irfft2(np.abs(np.fft.rfft2(fine)) * phase / np.maximum(np.abs(phase), 1e-9), fine.shape)
    noise *= min(usual / max(float(np.median(grey)), 1.0), STRONGEST) / max(float(noise.std()), 1e-6)
    rows, columns = (np.arange(side) % own for side, own in zip(shape, noise.shape, strict=True))
    return noise[rows[:, None], columns, None].astype(np.float32)


def _lash_colour(image: NDArray[np.uint8], margin: NDArray, clean: Floats) -> Floats:
    """As dark as the darkest pixels of the open lid's margin, but never lighter than 70 % of the skin."""
    darkest = []
    for x, y in np.round(margin).astype(int):
        patch = image[max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3]
        if patch.size:
            darkest.append(patch.reshape(-1, 3)[patch.sum(2).argmin()])
    skin = np.median(clean.reshape(-1, 3), axis=0)
    if not darkest:
        return (0.4 * skin).astype(np.float32)
    return np.minimum(np.percentile(darkest, 40, axis=0), 0.7 * skin).astype(np.float32)


def _shadow(skin: Floats) -> Floats:
    """(3,) around 1, less for the channels in which the (h, w, 3) skin is bright."""
    tint = np.maximum(np.median(skin.reshape(-1, 3), axis=0), 1.0)
    return np.sqrt(tint.mean() / tint).clip(0.7, 1.4).astype(np.float32)
