"""One face through the frames of a film: landmarks in every frame and a crop that rests while the face does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from pipelines.portrait.crop import crop_transform, cut, invert, transform
from pipelines.portrait.framing import frame_face
from pipelines.portrait.landmarks import Face, face_finder
from pipelines.portrait.types import CROP_SIZE

Picture = NDArray[np.uint8]
Matrix = NDArray[np.float64]

HELD_PX = 24.0
"""The crop stays while the best one would move its corners by less than this: most frames then share one crop, and no
jitter of the landmarks shakes the picture that a network sees."""
SAME_FACE = 0.5
"""A face found elsewhere is the one followed when it lies within this many face sizes, or when it is alone."""
SEARCH_EVERY = 25
"""While no face is in sight, every so many frames are searched in all sizes and turns; the others only at a glance."""


@dataclass(frozen=True)
class FollowedFace:
    """The face in one frame."""

    image: Picture
    """(512, 512, 3) RGB crop of this frame."""
    face_in_crop: Face
    """As detected, in pixels of `image`."""
    crop_from_photo: Matrix
    """(2, 3) similarity from pixels of the frame to pixels of `image`."""
    first_from_photo: Matrix
    """(2, 3) the same for the crop of the first frame in which the face was seen: the one place motion is told in."""

    @property
    def first_from_crop(self) -> Matrix:
        """(2, 3) similarity from pixels of `image` to pixels of the first crop."""
        return _chained(self.first_from_photo, invert(self.crop_from_photo))

    @property
    def landmarks_in_first(self) -> NDArray[np.float64]:
        """(478, 3) landmarks in pixels of the first crop, wherever the face has gone since."""
        return transform(self.first_from_crop, self.face_in_crop.landmarks)


def faces_at_start(frames: Iterable[Picture], *, most: int = SEARCH_EVERY) -> list[Picture]:
    """(512, 512, 3) RGB crops of the faces that `follow_face` can follow, largest first.

    Args:
        most: frames looked at before the film counts as one without a face.
    """
    for frame in islice(frames, most):
        if faces := face_finder().find(frame):
            return [cut(frame, crop_transform(face.landmarks), size=CROP_SIZE) for face in faces]
    return []


def follow_face(frames: Iterable[Picture], *, face_index: int = 0) -> Iterator[FollowedFace | None]:
    """One face of the first frame that has it, then the same face; None where it is not seen.

    Args:
        frames: (H, W, 3) uint8 RGB, all of one film. About 20 ms of CPU time each, one in memory at a time.
        face_index: which face of that frame, 0 = the largest.
    """
    last: Face | None = None
    held = first = None
    lost = 0
    for frame in frames:
        seen = None if held is None or lost else _look(frame, held)
        if seen is None:
            seen = _search(frame, last, face_index, thoroughly=lost % SEARCH_EVERY == 0)
        if seen is None:
            lost += 1
            yield None
            continue
        lost = 0
        image, in_crop, held = seen
        first = held if first is None else first
        last = in_crop.moved(invert(held))
        yield FollowedFace(image, in_crop, held, first)


def _look(frame: Picture, held: Matrix) -> tuple[Picture, Face, Matrix] | None:
    """The face in the crop it was last seen in; a better crop where it has moved."""
    image = cut(frame, held, size=CROP_SIZE)
    in_crop = _middle_face(face_finder().detect(image))
    if in_crop is None:
        return None
    better = crop_transform(in_crop.moved(invert(held)).landmarks)
    corners = np.array([[0, 0], [CROP_SIZE, 0], [0, CROP_SIZE], [CROP_SIZE, CROP_SIZE]], float)
    if np.abs(transform(better, transform(invert(held), corners)) - corners).max() < HELD_PX:
        return image, in_crop, held
    image = cut(frame, better, size=CROP_SIZE)
    again = _middle_face(face_finder().detect(image))
    return None if again is None else (image, again, better)


def _search(
    frame: Picture, last: Face | None, face_index: int, *, thoroughly: bool
) -> tuple[Picture, Face, Matrix] | None:
    faces = face_finder().find(frame) if thoroughly else face_finder().detect(frame)
    if len(faces) <= (face_index if last is None else 0):
        return None
    found = sorted(faces, key=lambda face: -face.size_px)[face_index if last is None else 0]
    if last is not None and len(faces) > 1:
        centre, size_px = last.centre, last.size_px
        found = min(faces, key=lambda face: float(np.linalg.norm(face.centre - centre)))
        if np.linalg.norm(found.centre - centre) > SAME_FACE * max(size_px, found.size_px):
            return None
    framed = frame_face(frame, found)
    return framed.image, framed.face_in_crop, framed.crop_from_photo


def _middle_face(faces: list[Face]) -> Face | None:
    middle = 0.5 * (CROP_SIZE - 1)
    nearest = min(faces, key=lambda face: np.abs(face.centre - middle).max(), default=None)
    return None if nearest is None or np.abs(nearest.centre - middle).max() > 0.25 * CROP_SIZE else nearest


def _chained(after: Matrix, before: Matrix) -> Matrix:
    """(2, 3) `before`, then `after`."""
    return after @ np.vstack([before, [0.0, 0.0, 1.0]])
