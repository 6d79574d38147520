"""Motion of a face in a film, read from its landmarks or by LivePortrait's network: both in the same motion space.

extractor = LandmarkMotionExtractor()
track = read_motion(Path("clip.mp4"), extractor).track()
base = track.at(portrait, 12)

Everything is told in the crop of the first frame that shows the face, wherever the face goes. Its length in memory is
some kilobytes a frame; pictures pass through one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import StudioError
from pipelines.motion.atlas import load_atlas
from pipelines.motion.space import FPS, N_KEYPOINTS, Floats, Motion
from pipelines.motion.track import Track
from pipelines.portrait.crop import scale_of
from pipelines.portrait.eyes import eye_ratio, lip_ratio
from pipelines.portrait.follow import FollowedFace, follow_face
from pipelines.portrait.landmarks import Face
from pipelines.portrait.pose import HeadPose, euler_deg, head_pose, source_motion
from pipelines.portrait.types import CROP_SIZE, Portrait
from pipelines.video import read_video, video_info

Picture = NDArray[np.uint8]
Matrix = NDArray[np.float64]
Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class FaceMotion:
    """What a film says about one face, T frames."""

    motion: Motion
    """Absolute: the head's angles, place and size in the first crop. Expression of the network is absolute too; that
    of landmarks rests at the population mean in the reference frame."""
    reference: Motion
    """One frame: what counts as the face at rest."""
    seen: NDArray[np.bool_]
    """(T,) False where no face was found and the motion is drawn between its neighbours."""
    eye_ratio: Floats
    """(T, 2) eye aspect ratio [right, left]."""
    lip_ratio: Floats
    """(T,) inner lip height over inner mouth width."""
    kp_canonical: Floats
    """(21, 3) canonical keypoints, in [-1, 1] crop units."""
    fps: float = float(FPS)

    def track(self, *, label: str = "", relative: bool = True) -> Track:
        """The same for a portrait to follow.

        Args:
            relative: move as the film departs from its reference; otherwise take the film's own face.
        """
        return Track(self.motion, self.fps, relative, label, self.reference)


class MotionExtractor(Protocol):
    """Frames of a film to the motion of the face in them."""

    name: str

    def extract(
        self,
        frames: Iterable[Picture],
        *,
        reference: int | Portrait | None = None,
        fps: float = FPS,
        total: int | None = None,
        progress: Progress | None = None,
    ) -> FaceMotion:
        """
        Args:
            frames: (H, W, 3) uint8 RGB at `fps`, taken one by one.
            reference: what counts as rest: a frame's index, or a registered picture of the same person; the first
                frame that shows the face if left out.
            total: how many frames there will be, for `progress`.
            progress: what it raises ends the work.

        Raises:
            StudioError: no frame shows a face, or not the one of the reference.
        """
        ...


def read_motion(
    path: Path,
    extractor: MotionExtractor,
    *,
    reference: int | Portrait | None = None,
    fps: float = FPS,
    progress: Progress | None = None,
) -> FaceMotion:
    """Motion of the face in a video file, at `fps` whatever the film's own rate is.

    Raises:
        StudioError: not a video, or as `MotionExtractor.extract`.
    """
    total = max(1, round(video_info(path).duration_s * fps))
    frames = read_video(path, fps=fps)
    return extractor.extract(frames, reference=reference, fps=fps, total=total, progress=progress)


class LandmarkMotionExtractor:
    """The embedded one: head pose by Procrustes, expression by the atlas' ridge regression.

    On real clips that the regression never saw it explains 72 % of the expression's variance (atlas). Absolute
    expression cannot be had from landmarks, whose identity leaks in, so it is measured against the reference.
    """

    name = "Landmarks"

    def __init__(self, *, face_index: int = 0) -> None:
        """
        Args:
            face_index: which face of the first frame that shows one, 0 = the largest.
        """
        self._face_index = face_index

    def extract(
        self,
        frames: Iterable[Picture],
        *,
        reference: int | Portrait | None = None,
        fps: float = FPS,
        total: int | None = None,
        progress: Progress | None = None,
    ) -> FaceMotion:
        """As `MotionExtractor.extract`."""
        parts = []
        found = Sightings(face_index=self._face_index)
        for face in found.watch(frames, total=total, progress=progress):
            parts.append(landmark_motion(face.face_in_crop, head_pose(face.landmarks_in_first), in_first=face))
        motion = found.spread(parts)
        if isinstance(reference, Portrait):
            own = Face(np.asarray(reference.landmarks_in_crop, np.float64), reference.blendshapes)
            rest = landmark_motion(own, head_pose(own.landmarks))
        else:
            rest = found.frame(motion, reference)
        motion, rest = at_population_mean(motion, rest)
        return FaceMotion(
            motion=motion,
            reference=rest,
            seen=found.seen,
            eye_ratio=found.eye_ratio,
            lip_ratio=found.lip_ratio,
            kp_canonical=load_atlas().kp_mean,
            fps=fps,
        )


def at_population_mean(motion: Motion, rest: Motion) -> tuple[Motion, Motion]:
    """Motion of landmarks and its rest frame, told so that the rest frame has the mean expression of all people."""
    offset = load_atlas().exp_mean_population.reshape(1, N_KEYPOINTS, 3) - rest.exp
    return motion.with_(exp=motion.exp + offset), rest.with_(exp=rest.exp + offset)


def landmark_motion(face: Face, pose: HeadPose, *, in_first: FollowedFace | None = None) -> Motion:
    """One frame; its expression is right up to an offset that depends on the person."""
    atlas = load_atlas()
    landmarks = face.landmarks if in_first is None else in_first.landmarks_in_first
    in_mesh = pose.to_mesh(landmarks)[atlas.feat_vertices]
    euler = np.radians(euler_deg(pose.rotation))
    exp = np.concatenate([in_mesh.ravel(), face.blendshapes, euler]) @ atlas.lmk_bs_pose_to_exp
    return source_motion(pose, crop_size=CROP_SIZE).with_(exp=exp.reshape(1, N_KEYPOINTS, 3).astype(np.float32))


class Sightings:
    """Which frames show the face, and what is measured in each whoever reads the motion."""

    def __init__(self, *, face_index: int = 0) -> None:
        self._face_index = face_index
        self._seen: list[bool] = []
        self._eyes: list[Floats] = []
        self._lips: list[Floats] = []

    def watch(
        self, frames: Iterable[Picture], *, total: int | None = None, progress: Progress | None = None
    ) -> Iterator[FollowedFace]:
        """Only the frames that show the face."""
        for count, face in enumerate(follow_face(frames, face_index=self._face_index), 1):
            self._seen.append(face is not None)
            if face is not None:
                self._eyes.append(eye_ratio(face.face_in_crop.landmarks))
                self._lips.append(lip_ratio(face.face_in_crop.landmarks))
                yield face
            if progress is not None and total:
                progress(min(1.0, count / total), f"reading motion: {count} of {total} frames")
        if not any(self._seen):
            raise StudioError(
                f"`video` should show a face but none was found in {len(self._seen)} frames; use a film with the whole"
                " face in view."
            )

    @property
    def seen(self) -> NDArray[np.bool_]:
        """(T,)"""
        return np.array(self._seen)

    @property
    def eye_ratio(self) -> Floats:
        """(T, 2)"""
        return self._between(np.stack(self._eyes))

    @property
    def lip_ratio(self) -> Floats:
        """(T,)"""
        return self._between(np.stack(self._lips))

    def spread(self, parts: list[Motion]) -> Motion:
        """All T frames from the motions of those that show the face, in order; the others lie between them."""
        arrays = {f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Motion)}
        return Motion(**{name: self._between(array) for name, array in arrays.items()})

    def frame(self, motion: Motion, index: int | None) -> Motion:
        """One frame of `motion` in which the face was seen; the first such if left out.

        Raises:
            StudioError: there is no such frame, or it shows no face.
        """
        if index is None:
            index = self._seen.index(True)
        if not 0 <= index < len(self._seen):
            raise StudioError(f"`reference` should be a frame from 0 to {len(self._seen) - 1} but is {index}.")
        if not self._seen[index]:
            raise StudioError(f"`reference` should be a frame that shows the face but frame {index} does not.")
        return motion[index]

    def _between(self, values: Floats) -> Floats:
        if all(self._seen):
            return values
        where, flat = np.flatnonzero(self._seen), values.reshape(len(values), -1)
        filled = [np.interp(np.arange(len(self._seen)), where, column) for column in flat.T]
        return np.stack(filled, -1).reshape(len(self._seen), *values.shape[1:]).astype(np.float32)


def in_first_crop(motion: Motion, first_from_crop: Matrix) -> Motion:
    """A motion told in one crop, told in another of the same picture.

    Args:
        first_from_crop: (2, 3) similarity from pixels of the one to pixels of the other. The expression stays as it
            is: it belongs to the upright face.
    """
    matrix, middle = first_from_crop, 0.5 * (CROP_SIZE - 1)
    unit = 2.0 / CROP_SIZE
    shift = (matrix[:, :2] @ [middle, middle] + matrix[:, 2] - middle) * unit
    t = motion.t.astype(np.float64).copy()
    t[:, :2] = t[:, :2] @ matrix[:, :2].T + shift
    turn_deg = np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0]))
    return motion.with_(
        roll_deg=motion.roll_deg + np.float32(turn_deg),
        scale=(motion.scale * scale_of(matrix)).astype(np.float32),
        t=t.astype(np.float32),
    )
