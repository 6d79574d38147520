"""The painted mask: white lets the edit show, black keeps the photo."""

from __future__ import annotations

import io

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipelines.errors import StudioError
from pipelines.portrait.paste_kernels import blend_region
from pipelines.portrait.types import CROP_SIZE

MAX_BYTES = 1 << 20
MAX_SIDE = 2048
WIDEST_FEATHER = 64 / 512
"""Standard deviation of the blur at feather 1, as a share of the crop."""


def decode_mask(png: bytes) -> NDArray[np.uint8]:
    """(512, 512) mask of a grey PNG in crop space.

    Raises:
        StudioError: not a PNG, too many bytes or pixels, or damaged.
    """
    if len(png) > MAX_BYTES:
        raise StudioError(
            f"The painted mask should have at most {MAX_BYTES >> 20} MB but has {len(png)} bytes; clear it."
        )
    try:
        image = Image.open(io.BytesIO(png), formats=("PNG",))
        if max(image.size) > MAX_SIDE:
            raise StudioError(
                f"The painted mask should be at most {MAX_SIDE} pixels wide but is {image.size[0]}; clear it."
            )
        grey = np.asarray(image.convert("L"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        if isinstance(error, StudioError):
            raise
        raise StudioError("The painted mask should be a PNG picture; clear it and paint again.") from error
    return np.asarray(cv2.resize(grey, (CROP_SIZE, CROP_SIZE), interpolation=cv2.INTER_AREA), np.uint8)


def soften_mask(mask: NDArray[np.uint8], *, feather: float, size: int = CROP_SIZE) -> NDArray[np.uint8]:
    """(size, size) mask with its edges blurred; feather 0..1."""
    scaled = mask if mask.shape[0] == size else cv2.resize(mask, (size, size), interpolation=cv2.INTER_LINEAR)
    sigma = feather * WIDEST_FEATHER * size
    soft = cv2.GaussianBlur(scaled, (0, 0), sigma) if sigma >= 0.3 else scaled
    return np.asarray(soft, np.uint8)


def keep_outside(face: NDArray[np.uint8], rest: NDArray[np.uint8], mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The (S, S, 3) unedited crop with the rendered face where the (S, S) mask is white, written into `face`."""
    blend_region(face, rest, 255 - mask)
    return face
