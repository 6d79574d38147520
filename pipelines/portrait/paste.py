"""A rendered face back into the photo: only where it changed, at the photo's own resolution, without a seam."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.portrait.crop import at_size, invert, resample, scale_of
from pipelines.portrait.paste_kernels import BLOCK, blend_region, changed_blocks
from pipelines.portrait.types import CROP_SIZE, Portrait

Picture = NDArray[np.uint8]
Matrix = NDArray[np.float64]
Window = tuple[slice, slice]

RAMP = 16 / 512
"""Width of the linear ramp at the crop's border as a share of its side: a net that redraws every pixel fades in."""
GROW = 8 / 512
"""How far the pasted area reaches beyond the pixels that changed, as a share of the side; half of it is soft."""
SHRINK_BELOW = 0.75
"""A face that lands smaller than this is averaged down first: plain interpolation would flicker."""
CELL = 0.5
"""The weight of the face is drawn this coarsely, in blocks: it is smooth, and most of it is nothing or all."""
_PIXELS_FROM_BLOCKS = np.array([[BLOCK, 0, 0.5 * (BLOCK - 1)], [0, BLOCK, 0.5 * (BLOCK - 1)], [0, 0, 1]])
"""Pixels from indices of blocks."""


@dataclass(frozen=True)
class Paster:
    """What pasting faces of one portrait at one size needs. It keeps nothing between calls."""

    photo: Picture
    """(H, W, 3) the unedited photo, reduced if so asked."""
    rest: Picture
    """(S, S, 3) the unedited crop: pixels equal to it leave the photo alone."""
    photo_from_crop: Matrix
    """(2, 3) similarity from pixels of the crop to pixels of `photo`."""
    region: Window
    """Rows and columns of `photo` that the crop covers."""
    ramp: Picture
    """(B, B) 0 at the border, 255 inside, for blocks of 4 x 4 crop pixels."""

    @classmethod
    def prepare(cls, portrait: Portrait, *, size: int = CROP_SIZE, max_side: int | None = None) -> Paster:
        """Paster for faces of `size` pixels on a side.

        Args:
            max_side: paste into a copy of the photo of at most this side, for a live view of the whole photo.
        """
        photo, crop_from_photo = portrait.photo, at_size(portrait.crop_from_photo, size=size)
        height, width = photo.shape[:2]
        ratio = max(height, width) / (max_side or np.inf)
        if ratio > 1:
            small = max(1, round(width / ratio)), max(1, round(height / ratio))
            photo = np.asarray(cv2.resize(photo, small, interpolation=cv2.INTER_AREA), np.uint8)
            fx, fy = width / small[0], height / small[1]
            crop_from_photo = crop_from_photo @ np.array([[fx, 0, 0.5 * fx - 0.5], [0, fy, 0.5 * fy - 0.5], [0, 0, 1]])
        photo_from_crop = invert(crop_from_photo)
        region = _cover(photo_from_crop, (0, 0, size, size), photo.shape)
        pictures = _kept(photo), _kept(resample(portrait, size).image)
        return cls(*pictures, photo_from_crop, region, _ramp(size))

    def paste(self, face: Picture, *, out: Picture | None = None) -> Picture:
        """(H, W, 3) photo with the face in it; the unedited crop gives the photo bit for bit.

        Args:
            face: (S, S, 3) RGB render.
            out: a picture that an earlier call of this paster returned, to be used again.
        """
        weight = self._weight(np.ascontiguousarray(face))
        window = self._window(cv2.boundingRect(weight))
        if out is None:
            out = self.photo.copy()
        else:
            for part in _beside(self.region, window):
                out[part] = self.photo[part]
        if out[window].size:
            self._blend(face, weight, window, out)
        return out

    def _weight(self, face: Picture) -> Picture:
        """(B, B) how much of the face shows in every block: opaque where it changed, soft around."""
        changed = changed_blocks(face, self.rest)
        reach = 2 * max(1, round(GROW * len(face) / BLOCK)) + 1
        # after growing by one reach and averaging over the same reach, every changed block is still opaque
        grown = cv2.dilate(changed, np.ones((reach, reach), np.uint8))
        soft = cv2.blur(grown, (reach, reach), borderType=cv2.BORDER_REPLICATE)
        return np.asarray(cv2.multiply(soft, self.ramp, scale=1 / 255), np.uint8)

    def _window(self, box: Sequence[int]) -> Window:
        """Rows and columns of the photo that a (left, top, columns, rows) box of blocks reaches."""
        left, top, columns, rows = (BLOCK * side for side in box)
        if not columns or not rows:
            return slice(0, 0), slice(0, 0)
        return _cover(self.photo_from_crop, (left - 1, top - 1, columns + 2, rows + 2), self.photo.shape)

    def _blend(self, face: Picture, weight: Picture, window: Window, out: Picture) -> None:
        """Write the window of `out`: the photo with the face blended over it."""
        size = len(face)
        matrix = self.photo_from_crop.copy()
        corner = window[0].start, window[1].start
        matrix[:, 2] -= corner[::-1]
        height, width = out[window].shape[:2]
        scale = scale_of(matrix)
        cell = max(1, round(CELL * BLOCK * scale))
        nodes = cv2.warpAffine(
            weight,
            matrix @ _PIXELS_FROM_BLOCKS / cell,
            (width // cell + 2, height // cell + 2),
            flags=cv2.INTER_LINEAR,
        )
        across = np.array([[cell, 0, 0], [0, cell, 0]], float)
        share = cv2.warpAffine(nodes, across, (width, height), flags=cv2.INTER_LINEAR)
        if scale < SHRINK_BELOW:
            small = max(2, round(size * scale))
            face = np.asarray(cv2.resize(face, (small, small), interpolation=cv2.INTER_AREA), np.uint8)
            ratio = size / small
            matrix[:, 2] += matrix[:, :2].sum(1) * (0.5 * ratio - 0.5)
            matrix[:, :2] *= ratio
        # what lies beyond the crop has no weight; continuing the picture there would double the cost of tilted faces
        over = cv2.warpAffine(face, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        blend_region(out, self.photo, corner, np.asarray(over, np.uint8), np.asarray(share, np.uint8))


def _cover(matrix: Matrix, box: tuple[int, int, int, int], shape: tuple[int, ...]) -> Window:
    """Rows and columns of the picture that a (left, top, columns, rows) box of the crop reaches."""
    left, top, columns, rows = box
    xs, ys = (left, left + columns - 1), (top, top + rows - 1)
    spans = []
    for (to_x, to_y, offset), limit in zip(matrix.tolist()[::-1], shape, strict=False):
        places = [to_x * x + to_y * y + offset for x in xs for y in ys]
        low = min(max(math.floor(min(places)), 0), limit)
        spans.append(slice(low, min(max(math.ceil(max(places)) + 1, low), limit)))
    return spans[0], spans[1]


def _beside(region: Window, window: Window) -> Iterator[Window]:
    """What a window leaves of a region, in four parts: above and below it, left and right of it."""
    (rows, columns), (inner, across) = region, window
    yield slice(rows.start, inner.start), columns
    yield slice(max(inner.stop, rows.start), rows.stop), columns
    yield inner, slice(columns.start, across.start)
    yield inner, slice(across.stop, columns.stop)


def _kept(picture: Picture) -> Picture:
    """The picture, contiguous and never written: the kernels are compiled for one kind of array only."""
    kept = np.ascontiguousarray(picture).view()
    kept.setflags(write=False)
    return kept


def _ramp(size: int) -> Picture:
    blocks = -(-size // BLOCK)
    middle = BLOCK * np.arange(blocks) + 0.5 * (BLOCK - 1)
    distance = np.minimum(middle, size - 1 - middle)
    # one and a half blocks in, so that no cell that reaches beyond the crop has any weight
    edge = np.clip((distance - 1.5 * BLOCK) / (RAMP * size), 0, 1)
    return (255 * np.minimum(edge[:, None], edge[None, :])).astype(np.uint8)
