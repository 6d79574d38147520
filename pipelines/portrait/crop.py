"""From the photo to the square face crop: the framing rule, the pixels, the same crop at other sizes.

Source: the crop rule of LivePortrait and Ditto (scale 2.3, shifted up by an eighth, rotated upright).
Integer coordinates are pixel centres everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.portrait.topology import (
    BROWS,
    EYES,
    LIPS_INNER,
    LIPS_OUTER,
    MOUTH_LEFT,
    MOUTH_RIGHT,
    NOSE,
    OVAL,
)
from pipelines.portrait.types import CROP_SIZE, Portrait

Picture = NDArray[np.uint8]
Matrix = NDArray[np.float64]

CROP_SCALE = 2.3
SHIFT_UP = -0.125
"""Share of the side by which the crop sits above the middle of the features: room for hair."""
FRAMED = np.concatenate([OVAL[6:31], *BROWS, *EYES, NOSE, LIPS_OUTER])
"""Landmarks that set the extent. The forehead is left out: the rule was made for points that end at the brows."""
SOFT_SHARE = 0.02
"""Beyond the photo's edge the mirrored picture passes into a blurred one within this share of the side."""
BLUR_SHARE = 0.03
"""Standard deviation of that blur, as a share of the side."""


@dataclass(frozen=True)
class Crop:
    """A portrait's face crop at one size."""

    image: Picture
    """(size, size, 3) RGB."""
    crop_from_photo: Matrix
    """(2, 3) similarity from photo pixels to pixels of this crop."""
    landmarks_in_crop: NDArray[np.float32]
    """(478, 3) pixels of this crop."""
    matte: NDArray[np.float32]
    """(size, size) foreground probability."""


def crop_transform(landmarks_in_photo: NDArray[np.floating], *, size: int = CROP_SIZE) -> Matrix:
    """(2, 3) similarity from photo pixels to the pixels of the upright face crop.

    Args:
        landmarks_in_photo: (478, 2 or 3) in photo pixels.
    """
    points = np.asarray(landmarks_in_photo, np.float64)[:, :2]
    eyes = np.mean([points[ring].mean(0) for ring in EYES], axis=0)
    mouth = points[LIPS_INNER[[MOUTH_RIGHT, MOUTH_LEFT]]].mean(0)
    down = mouth - eyes
    down = down / max(float(np.linalg.norm(down)), 1e-9)
    axes = np.stack([[down[1], -down[0]], down])  # rows: right and down of the upright face
    along = points[FRAMED] @ axes.T
    low, high = along.min(0), along.max(0)
    side = float((high - low).max()) * CROP_SCALE
    centre = 0.5 * (low + high) + [0.0, SHIFT_UP * side]
    scale = size / side
    return np.hstack([scale * axes, (0.5 * (size - 1) - scale * centre)[:, None]])


def at_size(crop_from_photo: Matrix, *, size: int, crop_size: int = CROP_SIZE) -> Matrix:
    """The same framing for a crop of another size."""
    ratio = size / crop_size
    matrix = crop_from_photo * ratio
    matrix[:, 2] += 0.5 * ratio - 0.5
    return matrix


def scale_of(matrix: Matrix) -> float:
    """Output pixels per input pixel of a similarity."""
    return float(np.hypot(matrix[0, 0], matrix[0, 1]))


def invert(matrix: Matrix) -> Matrix:
    """(2, 3) inverse of an affine transform."""
    return np.asarray(cv2.invertAffineTransform(matrix), np.float64)


def transform(matrix: Matrix, points: NDArray[np.floating]) -> NDArray[np.float64]:
    """(N, 2 or 3) points through a (2, 3) similarity; a third coordinate, depth, is scaled."""
    points = np.asarray(points, np.float64)
    flat = points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    return np.hstack([flat, points[:, 2:] * scale_of(matrix)])


def native_size(portrait: Portrait) -> int:
    """Side in pixels at which the crop has the photo's own resolution."""
    return max(1, round(CROP_SIZE / scale_of(portrait.crop_from_photo)))


def resample(portrait: Portrait, size: int) -> Crop:
    """The portrait's crop at another size, drawn from the photo's own pixels; at 512 the crop itself, bit for bit."""
    if size == CROP_SIZE:
        return Crop(portrait.image, portrait.crop_from_photo, portrait.landmarks_in_crop, portrait.matte)
    matrix = at_size(portrait.crop_from_photo, size=size)
    landmarks = np.array(portrait.landmarks_in_crop, np.float64)
    landmarks[:, :2] = (landmarks[:, :2] + 0.5) * size / CROP_SIZE - 0.5
    landmarks[:, 2] *= size / CROP_SIZE
    interpolation = cv2.INTER_AREA if size < CROP_SIZE else cv2.INTER_LINEAR
    matte = cv2.resize(portrait.matte, (size, size), interpolation=interpolation)
    image = cut(portrait.photo, matrix, size=size)
    return Crop(image, matrix, landmarks.astype(np.float32), np.asarray(matte, np.float32))


def cut(photo: Picture, crop_from_photo: Matrix, *, size: int) -> Picture:
    """(size, size, 3) crop.

    Beyond the photo it is mirrored for a few pixels, which keeps the texture of hair that the photo cuts off, and then
    passes into the softly continued edge: a longer mirror would show a second face.
    """
    picture, matrix = _reduced(photo, crop_from_photo, size)
    crop = cv2.warpAffine(picture, matrix, (size, size), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    crop = np.asarray(crop, np.uint8)
    outside_px = _outside_px(photo.shape, crop_from_photo, size)
    if outside_px is None:
        return crop
    share = np.minimum(outside_px / np.float32(SOFT_SHARE * size), 1)
    share *= share * (3 - 2 * share)
    return np.asarray(cv2.blendLinear(crop, _continued(picture, matrix, size), 1 - share, share), np.uint8)


def _continued(picture: Picture, matrix: Matrix, size: int) -> Picture:
    """The crop with the edge of the picture continued outwards; blurred, so made at a quarter of the size."""
    quarter = max(1, size // 4)
    small = cv2.warpAffine(
        picture,
        at_size(matrix, size=quarter, crop_size=size),
        (quarter, quarter),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    small = cv2.GaussianBlur(small, (0, 0), BLUR_SHARE * quarter, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(small, (size, size), interpolation=cv2.INTER_LINEAR), np.uint8)


def _reduced(photo: Picture, matrix: Matrix, size: int) -> tuple[Picture, Matrix]:
    """The part of the photo that the crop sees, averaged down to the crop's resolution, with the matrix for it."""
    scale = scale_of(matrix)
    if scale >= 1.0:
        return photo, matrix
    height, width = photo.shape[:2]
    corners = transform(invert(matrix), np.array([[0, 0], [size, 0], [0, size], [size, size]], float))
    left, top = np.clip(np.floor(corners.min(0) - 2 / scale), 0, [width - 1, height - 1]).astype(int)
    right, bottom = np.clip(np.ceil(corners.max(0) + 2 / scale), [left + 1, top + 1], [width, height]).astype(int)
    part = photo[top:bottom, left:right]
    small_size = max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale))
    small = np.asarray(cv2.resize(part, small_size, interpolation=cv2.INTER_AREA), np.uint8)
    fx, fy = part.shape[1] / small_size[0], part.shape[0] / small_size[1]
    photo_from_small = np.array([[fx, 0, 0.5 * fx - 0.5 + left], [0, fy, 0.5 * fy - 0.5 + top], [0, 0, 1]])
    return small, matrix @ photo_from_small


def _outside_px(shape: tuple[int, ...], matrix: Matrix, size: int) -> NDArray[np.float32] | None:
    """(size, size) distance of every crop pixel beyond the photo's edge in crop pixels; None when all lie inside."""
    height, width = shape[:2]
    back = invert(matrix)
    last = size - 1
    corners = transform(back, np.array([[0, 0], [last, 0], [0, last], [last, last]], float))
    if corners.min() >= 0 and (corners <= [width - 1, height - 1]).all():
        return None
    back = (back * scale_of(matrix)).astype(np.float32)
    right, bottom = (np.float32(scale_of(matrix) * (side - 1)) for side in (width, height))
    grid = np.arange(size, dtype=np.float32)
    x = back[0, 0] * grid[None] + (back[0, 1] * grid[:, None] + back[0, 2])
    y = back[1, 0] * grid[None] + (back[1, 1] * grid[:, None] + back[1, 2])
    beyond = np.maximum(np.maximum(-x, x - right), np.maximum(-y, y - bottom))
    return np.maximum(beyond, 0, out=beyond)


def face_window(
    landmarks_in_crop: NDArray[np.float32], shape: tuple[int, ...], *, margin: float = 1.4
) -> tuple[slice, slice]:
    """Rows and columns of a square around the face, `margin` times its size, inside a picture of that shape."""
    low, high = landmarks_in_crop[:, :2].min(0), landmarks_in_crop[:, :2].max(0)
    side = min(round(margin * float((high - low).max())), *shape[:2])
    left, top = (
        int(np.clip(round(float(middle) - side / 2), 0, limit - side))
        for middle, limit in zip((low + high) / 2, (shape[1], shape[0]), strict=True)
    )
    return slice(top, top + side), slice(left, left + side)
