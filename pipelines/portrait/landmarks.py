"""Faces in a photo: MediaPipe FaceLandmarker, made to work on large photos, small faces and turned pictures."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.assets import FACE_LANDMARKER
from pipelines.portrait.mediapipe_tasks import outlive_interpreter, task_image, task_start
from pipelines.portrait.types import FaceBox

Picture = NDArray[np.uint8]
Tile = tuple[int, int, int, int]

MAX_FACES = 8
DETECT_SIDE = 1024
"""The whole photo is searched on a copy of at most this side: the net itself looks at 128 pixels."""
TILE_SIDE = 512
TILE_PER_FACE = 2.5
"""Once a face is known, tiles stop at this many times its size: that finds its neighbours."""
MIN_TILE = 192
"""Tiles get no smaller than this: three times the smallest face worth editing."""
MAX_TILES = 300
SAME_FACE = 0.5
"""Two detections are one face when their centres are closer than this share of the larger one."""
TURNS_DEG = (90, -90, 180, 45, -45, 135, -135)


@dataclass(frozen=True)
class Face:
    """One detection."""

    landmarks: NDArray[np.float64]
    """(478, 3) pixels of the picture searched, pixel centres integer; z in the same unit, + away from the camera."""
    blendshapes: NDArray[np.float32]
    """(52,) scores in the order of the atlas' `blendshape_names`."""

    @property
    def size_px(self) -> float:
        """Longer side of the box around the landmarks."""
        return float(np.ptp(self.landmarks[:, :2], axis=0).max())

    @property
    def centre(self) -> NDArray[np.float64]:
        """(2,) mean landmark."""
        return self.landmarks[:, :2].mean(0)

    @property
    def box(self) -> FaceBox:
        """The box around the landmarks."""
        low, high = self.landmarks[:, :2].min(0), self.landmarks[:, :2].max(0)
        return FaceBox(left=float(low[0]), top=float(low[1]), right=float(high[0]), bottom=float(high[1]))

    def moved(self, matrix: NDArray[np.float64]) -> Face:
        """The same face after a (2, 3) similarity of the picture."""
        flat = self.landmarks[:, :2] @ matrix[:, :2].T + matrix[:, 2]
        depth = self.landmarks[:, 2:] * np.hypot(matrix[0, 0], matrix[0, 1])
        return Face(np.hstack([flat, depth]), self.blendshapes)


class FaceFinder:
    """Owns one MediaPipe landmarker; one call at a time, others wait."""

    def __init__(self) -> None:
        with task_start(FACE_LANDMARKER) as (vision, options):
            self._landmarker: Any = vision.FaceLandmarker.create_from_options(
                vision.FaceLandmarkerOptions(base_options=options, num_faces=MAX_FACES, output_face_blendshapes=True)
            )
        outlive_interpreter(self._landmarker)
        self._lock = threading.Lock()

    def detect(self, picture: Picture) -> list[Face]:
        """Faces of an (H, W, 3) RGB picture as it is, in its own pixels; 13 ms of CPU time a face."""
        height, width = picture.shape[:2]
        with self._lock:
            result = self._landmarker.detect(task_image(picture))
        return faces_of(result, width=width, height=height)

    def find(self, photo: Picture) -> list[Face]:
        """All faces of an (H, W, 3) RGB photo in photo pixels, largest first.

        Searched in turn, until something is found: the whole photo, the photo turned, tiles of it down to faces of
        about 60 pixels, tiles of the photo turned. Where faces are small, tiles look for more of them.
        """
        faces = self._find_in(photo, side=DETECT_SIDE) or self._find_turned(photo, in_tiles=False)
        faces = self._find_in_tiles(photo, faces) or self._find_turned(photo, in_tiles=True)
        return sorted(faces, key=lambda face: -face.size_px)[:MAX_FACES]

    def _find_in(self, patch: Picture, *, side: int) -> list[Face]:
        """Faces of a patch, searched on a copy of at most `side` pixels, in pixels of the patch."""
        small, patch_from_small = _shrink(patch, side=side)
        return [face.moved(patch_from_small) for face in self.detect(small)]

    def _find_turned(self, photo: Picture, *, in_tiles: bool) -> list[Face]:
        small, photo_from_small = _shrink(photo, side=DETECT_SIDE)
        for turn_deg in TURNS_DEG:
            turned, small_from_turned = _turn(small, turn_deg)
            min_tile = DETECT_SIDE // 3
            faces = self._find_in_tiles(turned, [], min_tile=min_tile) if in_tiles else self.detect(turned)
            if faces:
                return [face.moved(small_from_turned).moved(photo_from_small) for face in faces]
        return []

    def _find_in_tiles(self, photo: Picture, faces: list[Face], *, min_tile: int = MIN_TILE) -> list[Face]:
        """`faces` and those that tiles add. Tiles halve down to a few times the largest face, or till one is found."""
        grid = 2
        while True:
            tiles = list(_tiles(photo.shape[1], photo.shape[0], grid=grid))
            tile_px = tiles[0][2] - tiles[0][0]
            enough_px = max([min_tile, *(TILE_PER_FACE * face.size_px for face in faces)])
            if tile_px < enough_px or len(tiles) > MAX_TILES:
                return faces
            for left, top, right, bottom in tiles:
                shift = np.array([[1.0, 0.0, left], [0.0, 1.0, top]])
                found = self._find_in(photo[top:bottom, left:right], side=TILE_SIDE)
                faces = _merge(faces, [face.moved(shift) for face in found])
            grid *= 2


def faces_of(result: Any, *, width: int, height: int) -> list[Face]:
    """Faces of a landmarker's result on a picture of that many pixels."""
    # MediaPipe's 0 and 1 are the outer edges of the picture; half a pixel less gives pixel centres
    size, centre = np.array([width, height, width]), np.array([0.5, 0.5, 0.0])
    return [
        Face(
            np.array([(p.x, p.y, p.z) for p in points], np.float64) * size - centre,
            np.array([shape.score for shape in shapes], np.float32),
        )
        for points, shapes in zip(result.face_landmarks, result.face_blendshapes, strict=True)
    ]


@lru_cache(maxsize=1)
def face_finder() -> FaceFinder:
    """The one face finder of this process, made at the first call (0.1 s)."""
    return FaceFinder()


def _shrink(picture: Picture, *, side: int) -> tuple[Picture, NDArray[np.float64]]:
    """A copy of at most `side` pixels on a side, and the transform from its pixels to the picture's."""
    height, width = picture.shape[:2]
    ratio = max(1.0, max(height, width) / side)
    size = max(1, round(width / ratio)), max(1, round(height / ratio))
    small = picture if ratio == 1 else np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    return small, np.array([[ratio, 0, 0.5 * ratio - 0.5], [0, ratio, 0.5 * ratio - 0.5]])


def _turn(picture: Picture, turn_deg: float) -> tuple[Picture, NDArray[np.float64]]:
    """The whole picture turned counter-clockwise, and the transform from its pixels back to the picture's."""
    height, width = picture.shape[:2]
    side = int(np.ceil(np.hypot(height, width)))
    matrix = cv2.getRotationMatrix2D((0.5 * (width - 1), 0.5 * (height - 1)), turn_deg, 1.0)
    matrix[:, 2] += [0.5 * (side - width), 0.5 * (side - height)]
    turned = cv2.warpAffine(picture, matrix, (side, side), flags=cv2.INTER_LINEAR)
    return np.asarray(turned, np.uint8), np.asarray(cv2.invertAffineTransform(matrix), np.float64)


def _tiles(width: int, height: int, *, grid: int) -> Iterator[Tile]:
    """(left, top, right, bottom) of square tiles, the longer side over `grid` wide, overlapping by half."""
    tile = min(max(width, height) // grid, width, height)
    columns, rows = (max(1, int(np.ceil(2 * length / tile)) - 1) for length in (width, height))
    for top in np.linspace(0, height - tile, rows).astype(int).tolist():
        for left in np.linspace(0, width - tile, columns).astype(int).tolist():
            yield left, top, left + tile, top + tile


def _merge(faces: list[Face], found: list[Face]) -> list[Face]:
    """`faces` with those of `found` that are not among them."""
    merged = list(faces)
    for face in found:
        if all(
            np.linalg.norm(face.centre - other.centre) > SAME_FACE * max(face.size_px, other.size_px)
            for other in merged
        ):
            merged.append(face)
    return merged
