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
from pipelines.portrait.mediapipe_tasks import task_image, task_start
from pipelines.portrait.types import FaceBox

Picture = NDArray[np.uint8]
Tile = tuple[int, int, int, int]

MAX_FACES = 8
DETECT_SIDE = 1024
"""The whole photo is searched on a copy of at most this side: the net itself looks at 128 pixels."""
SMALL_SHARE = 0.3
"""Where the largest face is smaller than this share of the photo, tiles look for more faces."""
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
        self._lock = threading.Lock()

    def close(self) -> None:
        """Free the net."""
        with self._lock:
            self._landmarker.close()

    def detect(self, picture: Picture) -> list[Face]:
        """Faces of an (H, W, 3) RGB picture as it is, in its own pixels; 13 ms of CPU time a face."""
        height, width = picture.shape[:2]
        with self._lock:
            result = self._landmarker.detect(task_image(picture))
        # MediaPipe's 0 and 1 are the outer edges of the picture; half a pixel less gives pixel centres
        size, centre = np.array([width, height, width]), np.array([0.5, 0.5, 0.0])
        return [
            Face(
                np.array([(p.x, p.y, p.z) for p in points], np.float64) * size - centre,
                np.array([shape.score for shape in shapes], np.float32),
            )
            for points, shapes in zip(result.face_landmarks, result.face_blendshapes, strict=True)
        ]

    def find(self, photo: Picture) -> list[Face]:
        """All faces of an (H, W, 3) RGB photo in photo pixels, largest first.

        Searched in turn: the whole photo, the photo turned, tiles of it, down to faces of about 60 pixels.
        """
        height, width = photo.shape[:2]
        faces = self._find_in(photo, (0, 0, width, height)) or self._find_turned(photo)
        if not faces or max(face.size_px for face in faces) < SMALL_SHARE * max(height, width):
            faces = self._find_in_tiles(photo, faces)
        return sorted(faces, key=lambda face: -face.size_px)[:MAX_FACES]

    def _find_in(self, photo: Picture, tile: Tile) -> list[Face]:
        left, top, right, bottom = tile
        patch, ratio = _shrink(photo[top:bottom, left:right])
        photo_from_patch = np.array([[ratio, 0, 0.5 * ratio - 0.5 + left], [0, ratio, 0.5 * ratio - 0.5 + top]])
        return [face.moved(photo_from_patch) for face in self.detect(patch)]

    def _find_turned(self, photo: Picture) -> list[Face]:
        small, ratio = _shrink(photo)
        height, width = small.shape[:2]
        side = int(np.ceil(np.hypot(height, width)))
        middle = 0.5 * (side - 1)
        for turn_deg in TURNS_DEG:
            turned_from_small = cv2.getRotationMatrix2D((0.5 * (width - 1), 0.5 * (height - 1)), turn_deg, 1.0)
            turned_from_small[:, 2] += [middle - 0.5 * (width - 1), middle - 0.5 * (height - 1)]
            turned = cv2.warpAffine(small, turned_from_small, (side, side), flags=cv2.INTER_LINEAR)
            faces = self.detect(np.asarray(turned, np.uint8))
            if faces:
                photo_from_turned = ratio * cv2.invertAffineTransform(turned_from_small)
                photo_from_turned[:, 2] += 0.5 * ratio - 0.5
                return [face.moved(photo_from_turned) for face in faces]
        return []

    def _find_in_tiles(self, photo: Picture, faces: list[Face]) -> list[Face]:
        """`faces` and those that tiles add; tiles halve until some face is found or they get too small."""
        grid = 2
        while max(photo.shape[:2]) / grid >= MIN_TILE:
            tiles = list(_tiles(photo.shape[1], photo.shape[0], grid=grid))
            if len(tiles) > MAX_TILES:
                break
            for tile in tiles:
                faces = _merge(faces, self._find_in(photo, tile))
            if faces:
                break
            grid *= 2
        return faces


@lru_cache(maxsize=1)
def face_finder() -> FaceFinder:
    """The one face finder of this process, made at the first call (0.1 s)."""
    return FaceFinder()


def _shrink(picture: Picture) -> tuple[Picture, float]:
    """A copy of at most `DETECT_SIDE` pixels on a side, and old pixels per new one."""
    height, width = picture.shape[:2]
    ratio = max(height, width) / DETECT_SIDE
    if ratio <= 1:
        return picture, 1.0
    size = max(1, round(width / ratio)), max(1, round(height / ratio))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8), ratio


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
