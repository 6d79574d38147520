"""The mesh renderer against film: the first frame of a clip animated to later ones.

Everything happens in the 512 crop of the first frame; the real frames are cut by the same transform and landmarks are
found in real and drawn crops alike. Frames whose face has left the crop are not counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.errors import StudioError
from pipelines.evaluation.atlas_fit import Pairs, expression_covariance, fit_jacobian
from pipelines.evaluation.renderer_measures import Likeness, Picture, Points, likeness
from pipelines.motion.atlas import load_atlas
from pipelines.motion.space import Motion
from pipelines.portrait.crop import cut
from pipelines.portrait.landmarks import face_finder
from pipelines.portrait.pose import head_pose, source_motion
from pipelines.portrait.register import register
from pipelines.portrait.types import CROP_SIZE, Portrait
from pipelines.render.mesh.basis import clean_basis
from pipelines.render.mesh.renderer import MeshRenderer
from pipelines.video import read_video

CALIBRATING = ("d0", "d3", "d6", "d18", "d20")
"""Clips that set brightness, light or hue of the interior (`synth.mouth_colours`); all others: held out."""
FIRST_LATER_FRAME = 5
COPY, SIMILARITY, LANDMARKS, DIMS = "copy", "2-D similarity", "mesh, true landmarks", "mesh, 63 dims"
OPEN_LIPS = 0.08
"""Lip ratio above which the photo shows its own teeth."""


@dataclass(frozen=True)
class Target:
    """One real frame in the crop of the first."""

    frame: int
    image: Picture
    """(512, 512, 3)"""
    landmarks: Points
    """(478, 3) px"""


@dataclass(frozen=True)
class Row:
    """One way of drawing over one clip, mean over its frames."""

    clip: str
    drawn_by: str
    measured: Likeness
    frames: int
    mouths: int
    """Frames whose mouth is open enough to be measured inside."""
    lost: int
    """Frames in whose drawing no face was found."""


@dataclass(frozen=True)
class ClipResult:
    """All rows of one clip."""

    clip: str
    calibrates_mouth: bool
    mouth_open_at_first: bool
    skipped: int
    """Sampled frames without a whole face in the crop."""
    rows: tuple[Row, ...]
    strip: Picture
    """(h, w, 3) real frames over each drawing of them."""


def evaluate_clip(path: Path, *, pairs: Pairs | None, frames: int = 12) -> ClipResult:
    """Measure one clip at `frames` frames, spread evenly from the sixth to the last.

    Args:
        pairs: drives the 63 dims where it holds the clip; None leaves that row out.

    Raises:
        StudioError: not a film, or its first frame shows no face.
    """
    name = path.stem
    count = sum(1 for _ in read_video(path))
    if count <= FIRST_LATER_FRAME:
        raise StudioError(f"A clip should have more than {FIRST_LATER_FRAME} frames but has {count}: {path.name}")
    chosen = np.unique(np.linspace(FIRST_LATER_FRAME, count - 1, frames).astype(int))
    film = enumerate(read_video(path))
    portrait = register(np.array(next(film)[1]))
    asked = [(number, picture) for number, picture in film if number in chosen]
    targets = list(_targets(asked, portrait))
    drawings = [_still_rows(portrait, targets), _landmark_drawing(portrait, targets)]
    if pairs is not None and len(rows := pairs.rows(name)):
        drawings.append(_dims_drawing(portrait, targets, pairs, rows, name))
    drawn = {label: pictures for part in drawings for label, pictures in part.items()}
    return ClipResult(
        clip=name,
        calibrates_mouth=name in CALIBRATING,
        mouth_open_at_first=portrait.lip_ratio > OPEN_LIPS,
        skipped=len(asked) - len(targets),
        rows=tuple(_row(name, label, pictures, targets) for label, pictures in drawn.items()),
        strip=_strip(targets, drawn),
    )


def _targets(frames: list[tuple[int, Picture]], portrait: Portrait) -> Iterator[Target]:
    for number, picture in frames:
        crop = cut(picture, portrait.crop_from_photo, size=CROP_SIZE)
        landmarks = find_landmarks(crop)
        if landmarks is not None and landmarks[:, :2].min() >= 0 and landmarks[:, :2].max() <= CROP_SIZE - 1:
            yield Target(number, crop, landmarks)


def find_landmarks(crop: Picture) -> Points | None:
    """(478, 3) landmarks of the face nearest to the middle of a crop, or None."""
    faces = face_finder().detect(crop)
    middle = 0.5 * (CROP_SIZE - 1)
    return min(faces, key=lambda face: np.abs(face.centre - middle).max()).landmarks if faces else None


def _still_rows(portrait: Portrait, targets: list[Target]) -> dict[str, list[Picture]]:
    stable = np.flatnonzero(load_atlas().stable_weights)
    own = portrait.landmarks_in_crop[stable, :2]
    moved = []
    for target in targets:
        matrix, _ = cv2.estimateAffinePartial2D(own, target.landmarks[stable, :2].astype(np.float32), method=cv2.LMEDS)
        picture = cv2.warpAffine(portrait.image, matrix, (CROP_SIZE, CROP_SIZE), borderMode=cv2.BORDER_REPLICATE)
        moved.append(np.asarray(picture, np.uint8))
    return {COPY: [portrait.image] * len(targets), SIMILARITY: moved}


def _landmark_drawing(portrait: Portrait, targets: list[Target]) -> dict[str, list[Picture]]:
    renderer = MeshRenderer()
    handle = renderer.prepare(portrait, size=CROP_SIZE)
    posed = (handle.rig.follow(np.asarray(target.landmarks, np.float64)) for target in targets)
    return {LANDMARKS: [renderer.draw(handle, mesh) for mesh in posed]}


def _dims_drawing(
    portrait: Portrait, targets: list[Target], pairs: Pairs, rows: NDArray[np.int64], name: str
) -> dict[str, list[Picture]]:
    """Expression of the motion extractor, relative to the first frame; rotation, scale and translation of the head
    from the landmarks, as in a film that drives a portrait."""
    covariance = expression_covariance(pairs, without=name)
    renderer = MeshRenderer(basis=clean_basis(fit_jacobian(pairs, without=name), covariance))
    handle = renderer.prepare(portrait, size=CROP_SIZE)
    exp = dict(zip(pairs.frame[rows].tolist(), pairs.exp[rows] - pairs.exp[rows[0]], strict=True))
    motions = [_track_motion(portrait, target, exp[target.frame]) for target in targets]
    return {DIMS: [renderer.render(handle, motion) for motion in motions]}


def _track_motion(portrait: Portrait, target: Target, exp: NDArray[np.float64]) -> Motion:
    pose = source_motion(head_pose(target.landmarks), crop_size=CROP_SIZE)
    own = portrait.motion
    return pose.with_(exp=own.exp + exp.astype(np.float32).reshape(own.exp.shape))


def _row(clip: str, label: str, pictures: list[Picture], targets: list[Target]) -> Row:
    found = [find_landmarks(picture) for picture in pictures]
    each = [
        likeness(picture, target.image, landmarks=landmarks, true_landmarks=target.landmarks)
        for picture, landmarks, target in zip(pictures, found, targets, strict=True)
    ]
    measured = Likeness(
        **{field.name: _mean([getattr(one, field.name) for one in each]) for field in fields(Likeness)}
    )
    mouths = sum(not np.isnan(one.interior_mae) for one in each)
    return Row(clip, label, measured, len(each), mouths, sum(landmarks is None for landmarks in found))


def _mean(values: list[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def _strip(targets: list[Target], drawn: dict[str, list[Picture]], *, tile_px: int = 224, columns: int = 5) -> Picture:
    """Real frames in the first line, one line below for each drawing."""
    if not targets:
        return np.zeros((tile_px, tile_px, 3), np.uint8)
    shown = np.unique(np.linspace(0, len(targets) - 1, columns).astype(int))
    lines = [[targets[k].image for k in shown], *([pictures[k] for k in shown] for pictures in drawn.values())]
    size = (tile_px, tile_px)
    tiles = [np.hstack([cv2.resize(tile, size, interpolation=cv2.INTER_AREA) for tile in line]) for line in lines]
    return np.asarray(np.vstack(tiles), np.uint8)
