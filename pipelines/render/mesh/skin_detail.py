"""Skin parted into broad light and detail, so that one cheek can lend its detail to another's light."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.portrait.topology import OVAL
from pipelines.render.mesh.geometry import MeshGeometry
from pipelines.render.mesh.head_frame import smoothstep

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
BROAD_SHARE = 0.028
"""Standard deviation of the average that parts light from detail, as a share of the side."""
COARSE_SIGMA = 4.0
"""Pixels of the grid on which wide averages are made, in a standard deviation."""
DETAIL_GAIN = (0.25, 1.5)
"""Detail grows with its surroundings within these: brightened far, a shadow is all noise."""
UNLIKE = (1.4, 0.8)
"""Brightness of the gap over the lender's from which its detail, shadow rather than skin, fades; and over what."""
FINE_SHARE, FINE_LIMIT, FINE_GAIN = 0.004, 5.0, (0.5, 2.0)
"""Standard deviation, as a share of the side, below which detail is grain that a shadow lends too; the most it may
differ, in its median; and its growth with its surroundings."""


def with_detail(
    image: NDArray[np.uint8], base: Floats, *, broad: Floats, skin: Floats | Doubles, brighter: Floats
) -> NDArray[np.uint8]:
    """(S, S, 3) `base` with the detail of the photo where that is skin and not the edge of a shadow.

    Args:
        base, broad: (S, S, 3) colour asked for and the photo's own.
        skin: (S, S) 0 at hair, brows and lashes, which are lent as they are.
        brighter: (S, S) brightness of the borrowing pixel over the lending one.
    """
    # one factor for all channels: the lender's shadow is of another hue, which detail must not bring along
    ratio = grey(base) / np.maximum(grey(broad), 8.0)
    trust = likeness(np.maximum(ratio, brighter))
    share = trust * np.clip(ratio, *DETAIL_GAIN)
    lit = base + share[..., None] * (image - broad)
    lit += (trust * (1.0 - skin))[..., None] * (image - lit)
    lit += ((1.0 - trust) * skin * np.clip(ratio, *FINE_GAIN))[..., None] * _fine(image, skin)[..., None]
    return np.clip(lit + 0.5, 0, 255).astype(np.uint8)


def _fine(image: NDArray[np.uint8], skin: Floats | Doubles) -> Floats:
    """(S, S) the grain of the photo: pores, canvas, film, too fine to tell a shadow's edge."""
    light = grey(image)
    fine = light - cv2.GaussianBlur(light, (0, 0), max(0.8, FINE_SHARE * len(image)))
    calm = np.abs(fine[::4, ::4][skin[::4, ::4] > 0.5])
    limit = FINE_LIMIT * float(np.median(calm)) if len(calm) else 0.0
    return np.clip(fine, -limit, limit)


def grey(picture: NDArray) -> Floats:
    """(S, S) mean of the channels of (S, S, 3)."""
    return np.asarray(cv2.transform(picture.astype(np.float32), np.full((1, 3), 1.0 / 3.0, np.float32)), np.float32)


def likeness(brighter: Floats | Doubles) -> Doubles:
    """1 where both sides are lit alike, 0 where the lending one lies in shadow."""
    return 1.0 - smoothstep((brighter - UNLIKE[0]) / UNLIKE[1])


def broad_skin(image: NDArray[np.uint8], geometry: MeshGeometry) -> Floats:
    """(S, S, 3) the broad colour of the skin, continued under brows, beard and the hair at the temples."""
    inside = np.zeros(image.shape[:2], np.float32)
    cv2.fillPoly(inside, [np.int32(np.round(geometry.landmarks[OVAL, :2]))], 1.0)  # pyright: ignore
    photo = image.astype(np.float32)
    wide = _averaged(photo, inside, 2.0 * BROAD_SHARE * geometry.size)[0]
    light = cv2.GaussianBlur(grey(photo), (0, 0), 0.004 * geometry.size)
    bright = inside * smoothstep((light / np.maximum(grey(wide), 1.0) - 0.6) / 0.25).astype(np.float32)
    near, known = _averaged(photo, bright, BROAD_SHARE * geometry.size)
    far, _ = _averaged(photo, bright, 3.0 * BROAD_SHARE * geometry.size)
    share = np.minimum(known / 0.2, 1.0)[..., None]
    return np.asarray(share * near + (1.0 - share) * far, np.float32)


def _averaged(photo: Floats, weight: Floats, sigma: float) -> tuple[Floats, Floats]:
    """Mean colour around every pixel over the pixels that count, and how much of them there was.

    Blurs this wide lose nothing on a coarser grid, where they are cheap.
    """
    height, width = weight.shape
    coarser = max(sigma / COARSE_SIGMA, 1.0)
    size = max(round(width / coarser), 1), max(round(height / coarser), 1)
    parts = np.dstack([photo * weight[..., None], weight])
    blurred = cv2.GaussianBlur(cv2.resize(parts, size, interpolation=cv2.INTER_AREA), (0, 0), sigma / coarser)
    whole = np.asarray(cv2.resize(blurred, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    known = np.ascontiguousarray(whole[..., 3])
    return np.asarray(whole[..., :3] / np.maximum(known, 1e-4)[..., None], np.float32), known
