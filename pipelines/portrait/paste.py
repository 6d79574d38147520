"""A rendered face back into the photo: only where it changed, at the photo's own resolution, without a seam."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.portrait.crop import at_size, invert, resample, transform
from pipelines.portrait.paste_kernels import blend_region, changed_mask
from pipelines.portrait.types import CROP_SIZE, Portrait

Picture = NDArray[np.uint8]

RAMP = 26 / 512
"""Width of the linear ramp at the crop's border as a share of its side (paper's mask: 26 of 512 pixels)."""
GROW = 9 / 512
"""How far the mask reaches beyond the pixels that changed."""


@dataclass(frozen=True)
class Paster:
    """What pasting faces of one portrait at one size needs. Its buffers serve one thread at a time."""

    photo: Picture
    """(H, W, 3) the unedited photo."""
    rest: Picture
    """(S, S, 3) the unedited crop: pixels equal to it leave the photo alone."""
    region: tuple[slice, slice]
    """Rows and columns of the photo that the crop covers."""
    crop_from_region: NDArray[np.float64]
    """(2, 3) similarity from pixels of that region to crop pixels."""
    ramp: NDArray[np.uint8]
    """(S, S) 0 at the border, 255 inside."""

    @classmethod
    def prepare(cls, portrait: Portrait, *, size: int = CROP_SIZE) -> Paster:
        """Paster for faces of `size` pixels on a side."""
        height, width = portrait.photo.shape[:2]
        matrix = at_size(portrait.crop_from_photo, size=size)
        corners = transform(
            invert(matrix), np.array([[0, 0], [size - 1, 0], [0, size - 1], [size - 1, size - 1]], float)
        )
        left, top = np.clip(np.floor(corners.min(0)), 0, [width - 1, height - 1]).astype(int)
        right, bottom = np.clip(np.ceil(corners.max(0)) + 1, [left + 1, top + 1], [width, height]).astype(int)
        shifted = matrix.copy()
        shifted[:, 2] += matrix[:, :2] @ [left, top]
        rest = resample(portrait, size).image
        return cls(portrait.photo, rest, (slice(top, bottom), slice(left, right)), shifted, _ramp(size))

    def paste(self, face: Picture, *, out: Picture | None = None) -> Picture:
        """(H, W, 3) photo with the face in it; the unedited crop gives the photo bit for bit.

        Args:
            face: (S, S, 3) RGB render.
            out: a picture that an earlier call returned, to be used again.
        """
        if out is None:
            out = self.photo.copy()
        else:
            out[self.region] = self.photo[self.region]
        mask = self._mask(face)
        if mask is None:
            return out
        target = out[self.region]
        size = (target.shape[1], target.shape[0])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        back = self.crop_from_region
        to_region = invert(back)
        warped = cv2.warpAffine(face, to_region, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        weight = cv2.warpAffine(mask, back, size, flags=flags, borderMode=cv2.BORDER_CONSTANT)
        blend_region(target, np.asarray(warped, np.uint8), np.asarray(weight, np.uint8))
        return out

    def _mask(self, face: Picture) -> NDArray[np.uint8] | None:
        """(S, S) how much of the face shows: soft around the pixels that changed; None where nothing did."""
        changed = changed_mask(face, self.rest)
        if not changed.any():
            return None
        grow = max(1, round(GROW * len(face)))
        # two box blurs of the changed pixels, scaled so that a whole neighbourhood of change is opaque
        grown = cv2.dilate(changed, np.ones((2 * grow + 1, 2 * grow + 1), np.uint8))
        soft = cv2.blur(grown, (2 * grow + 1, 2 * grow + 1))
        return cv2.multiply(soft, self.ramp, scale=1 / 255).astype(np.uint8, copy=False)


def _ramp(size: int) -> NDArray[np.uint8]:
    distance = np.minimum(np.arange(size), np.arange(size)[::-1]) / max(1.0, RAMP * size)
    edge = np.clip(distance, 0, 1)
    return (255 * np.minimum(edge[:, None], edge[None, :])).astype(np.uint8)
