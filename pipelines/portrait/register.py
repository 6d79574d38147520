"""From a photo to a portrait: find the face, cut the crop, measure it."""

from __future__ import annotations

import hashlib
from dataclasses import fields

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.errors import StudioError
from pipelines.motion.atlas import load_atlas
from pipelines.motion.space import Motion, keypoints
from pipelines.portrait.eyes import eye_ratio, lip_ratio
from pipelines.portrait.framing import frame_face
from pipelines.portrait.landmarks import face_finder
from pipelines.portrait.matte import person_segmenter
from pipelines.portrait.pose import head_pose, source_motion
from pipelines.portrait.types import CROP_SIZE, Portrait

MIN_FACE_PX = 48
"""A smaller face has no eyes to edit."""
MOST_CUT_OFF = 0.06
"""Share of the landmarks that may lie outside the photo: the tip of a chin or of a temple. The landmarker draws a face
that is cut off smaller than it is, so twice as much may be missing."""
MOST_DOUBT = 0.1
"""`Framed.doubt` above which no face is drawn. 140 photos and drawings of faces, also dark, blurred, posterised or
half hidden, have 0.02 to 0.083, a portrait stretched by a third has 0.09; 84 things that are no face (fruit, coins,
cars, planets, animals) have more, a dog and three toys have 0.072 to 0.098; missed faces have 0.15 or more."""


def register(photo: NDArray[np.uint8], *, face_index: int = 0) -> Portrait:
    """Portrait of one face of a photo. The same pixels give the same portrait.

    Args:
        photo: (H, W, 3) uint8 RGB, upright; see `load_photo`. It is kept, not copied: do not change it afterwards.
        face_index: which face, 0 = the largest.

    Raises:
        StudioError: no face, no face of that number, or a face too small, too much hidden or cut off to edit.
    """
    faces = face_finder().find(photo)
    if not faces:
        raise StudioError(
            "`photo` should show a face but none was found; use a sharp, bright picture with the whole face in view."
        )
    if not 0 <= face_index < len(faces):
        raise StudioError(
            f"`face_index` should be from 0 to {len(faces) - 1} but is {face_index}; choose a face that was found."
        )
    face = faces[face_index]
    if face.size_px < MIN_FACE_PX:
        raise StudioError(
            f"The face should be at least {MIN_FACE_PX} pixels tall but is {int(face.size_px)}; use a closer photo."
        )
    framed = frame_face(photo, face)
    in_crop = framed.face_in_crop
    _check_whole(in_crop.landmarks, framed.crop_from_photo, photo)
    if framed.doubt > MOST_DOUBT:
        raise StudioError(
            "The face should be in plain view but its eyes, nose and mouth do not fit a face;"
            " choose a photo in which nothing covers them."
        )
    portrait = Portrait(
        photo=photo.view(),
        crop_from_photo=framed.crop_from_photo,
        image=framed.image,
        landmarks_in_crop=in_crop.landmarks.astype(np.float32),
        blendshapes=in_crop.blendshapes,
        matte=person_segmenter().matte(framed.image),
        kp_canonical=load_atlas().kp_mean,
        motion=source_motion(head_pose(in_crop.landmarks), crop_size=CROP_SIZE),
        eye_ratio=eye_ratio(in_crop.landmarks),
        lip_ratio=float(lip_ratio(in_crop.landmarks)),
        faces=tuple(each.box for each in faces),
        face_index=face_index,
        key=_content_key(photo, face_index),
    )
    for field in fields(portrait):
        value = getattr(portrait, field.name)
        if isinstance(value, np.ndarray):
            value.setflags(write=False)
    return portrait


def keypoints_in_crop(portrait: Portrait, motion: Motion | None = None) -> NDArray[np.float32]:
    """(21, 2) where the implicit keypoints sit on this face, in pixels of the 512 crop; at rest, or in one frame.

    They come from the motion equation: on faces turned by 20 to 35 degrees the eye and mouth points then lie on the
    eyes and the mouth, where the atlas' `kp_in_mesh` is 20 to 30 pixels off.
    """
    in_unit = keypoints(portrait.kp_canonical, portrait.motion if motion is None else motion)[0, :, :2]
    return (in_unit + 1) * np.float32(0.5 * CROP_SIZE) - np.float32(0.5)


def _check_whole(landmarks_in_crop: NDArray, crop_from_photo: NDArray, photo: NDArray) -> None:
    """Refuse a face of which the picture's edge takes away too much: what is missing would be smeared in."""
    photo_from_crop = cv2.invertAffineTransform(np.asarray(crop_from_photo, np.float64))
    in_photo = landmarks_in_crop[:, :2] @ photo_from_crop[:, :2].T + photo_from_crop[:, 2]
    size = np.array(photo.shape[1::-1])
    cut_off = float(((in_photo < 0) | (in_photo > size - 1)).any(1).mean())
    if cut_off > MOST_CUT_OFF:
        raise StudioError(
            f"The face should lie inside the photo but {100 * cut_off:.0f} % of it is cut off;"
            " choose a photo that shows the whole face."
        )


def _content_key(photo: NDArray[np.uint8], face_index: int) -> str:
    digest = hashlib.sha256(repr((photo.shape, face_index)).encode())
    digest.update(np.ascontiguousarray(photo).data)
    return digest.hexdigest()
