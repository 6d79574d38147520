"""Settling the crop on a face: landmarks are found again in the upright crop itself, where they are most exact."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.motion.atlas import load_atlas
from pipelines.portrait.crop import crop_transform, cut, invert, transform
from pipelines.portrait.landmarks import Face, face_finder
from pipelines.portrait.pose import head_pose
from pipelines.portrait.topology import N_MESH
from pipelines.portrait.types import CROP_SIZE

Picture = NDArray[np.uint8]
Matrix = NDArray[np.float64]

SETTLED_PX = 4.0
"""The crop is cut again while better landmarks would move its corners by more than this."""
MAX_CUTS = 3
DOUBTFUL = 0.055
"""Right detections stay below this, see `Framed.doubt`; above it the face is also looked at from the other sides."""
OTHER_SIDES_DEG = (180, 90, -90)
DOUBT_PER_PX = 0.01
UNCONFIRMED = 0.15
"""Doubt added where no look at the crop finds a face."""
SOFT_PX, SOFT_DOUBT = 3.0, 0.02
"""Blur of the crop for another look where none is found in it as it is, and doubt added to what that look finds. Drawn
strokes and grain hide a face from the net, and what it saw from afar is up to 14 px beside the eyes; of most things
that are no face it loses sight altogether."""


@dataclass(frozen=True)
class Framed:
    """A face in its crop."""

    crop_from_photo: Matrix
    """(2, 3) similarity."""
    image: Picture
    """(512, 512, 3) RGB."""
    face_in_crop: Face
    """As detected in `image`."""
    doubt: float
    """Misfit to the mean face in head units, plus 0.01 per pixel by which two looks disagree. The landmark net also
    finds upright faces in faces that stand on their heads: it bends them (0.06 to 0.7) and contradicts itself."""
    confirmed: bool = True
    """Whether a look at the crop found the face again."""


def frame_face(photo: Picture, face: Face) -> Framed:
    """Crop of one face found in an (H, W, 3) RGB photo, upright whichever way the face lies."""
    first = _settle(photo, face)
    if first.doubt <= DOUBTFUL:
        return first
    looks = [first]
    for turn_deg in OTHER_SIDES_DEG:
        middle = 0.5 * (CROP_SIZE - 1)
        turn = np.asarray(cv2.getRotationMatrix2D((middle, middle), turn_deg, 1.0), np.float64)
        turned = cv2.warpAffine(first.image, turn, (CROP_SIZE, CROP_SIZE), flags=cv2.INTER_LINEAR)
        found = _middle_face(face_finder().detect(np.asarray(turned, np.uint8)))
        if found is not None:
            looks.append(_settle(photo, found.moved(invert(turn)).moved(invert(first.crop_from_photo))))
    return min(looks, key=lambda look: (not look.confirmed, look.doubt))


def _settle(photo: Picture, face: Face, *, cuts_left: int = MAX_CUTS, soft: bool = False) -> Framed:
    """Cut, look again and cut better until the crop rests. `face` is in photo pixels; `soft` looks at it blurred."""
    matrix = crop_transform(face.landmarks)
    image = cut(photo, matrix, size=CROP_SIZE)
    expected = face.moved(matrix)
    in_crop = _look(image, soft=soft)
    if in_crop is None:
        clearer = None if soft else _look(image, soft=True)
        if clearer is not None:
            return _settle(photo, clearer.moved(invert(matrix)), soft=True)
        return Framed(matrix, image, expected, _misfit(expected) + UNCONFIRMED, confirmed=False)
    better = in_crop.moved(invert(matrix))
    if cuts_left > 1 and _shift_px(matrix, crop_transform(better.landmarks)) > SETTLED_PX:
        return _settle(photo, better, cuts_left=cuts_left - 1, soft=soft)
    disagreement_px = float(np.abs(expected.landmarks - in_crop.landmarks)[:, :2].mean())
    doubt = _misfit(in_crop) + DOUBT_PER_PX * disagreement_px + (SOFT_DOUBT if soft else 0.0)
    return Framed(matrix, image, in_crop, doubt)


def _look(crop: Picture, *, soft: bool) -> Face | None:
    """The face in the middle of a crop."""
    seen = np.asarray(cv2.GaussianBlur(crop, (0, 0), SOFT_PX), np.uint8) if soft else crop
    return _middle_face(face_finder().detect(seen))


def _middle_face(faces: list[Face]) -> Face | None:
    """The face in the middle of the crop, where the framing rule puts it."""
    middle = 0.5 * (CROP_SIZE - 1)
    near = {float(np.abs(face.centre - middle).max()): face for face in faces}
    return near[min(near)] if near and min(near) < 0.25 * CROP_SIZE else None


def _misfit(face: Face) -> float:
    """Mean distance from the average face once the head pose is taken off, in outer eye corner distances."""
    in_mesh = head_pose(face.landmarks).to_mesh(face.landmarks)[:N_MESH]
    return float(np.linalg.norm(in_mesh - load_atlas().mesh_mean[:N_MESH], axis=1).mean())


def _shift_px(matrix: Matrix, better: Matrix) -> float:
    """How far the corners of the crop would move, in crop pixels."""
    corners = np.array([[0, 0], [CROP_SIZE, 0], [0, CROP_SIZE], [CROP_SIZE, CROP_SIZE]], float)
    return float(np.abs(transform(matrix, transform(invert(better), corners)) - corners).max())
