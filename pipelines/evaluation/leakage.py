"""Does each control act in its region and on its side only? Read off the pixels that change.

The area of a region in the picture is the convex hull of its landmarks grown by `MARGIN` of the face height, the same
rule for every control. Outline and neck lie outside the face: there the area is what the face oval, shrunk by the
margin, leaves. A dim may act in the regions the membership table gives it and within twice the margin of its keypoint,
a named control in the regions of its dims.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.evaluation.renderer_measures import Picture, Points, change_energy, polygon_mask, share_outside
from pipelines.motion.atlas import load_atlas
from pipelines.motion.control import Control
from pipelines.motion.controls import CONTROLS, SLOTS
from pipelines.motion.dims import DIMS
from pipelines.motion.edit import Edit, apply_edit
from pipelines.motion.regions import MEMBERSHIP, REGIONS
from pipelines.portrait.topology import BROWS, EYES, IRISES, LIPS_OUTER, N_LANDMARKS, NOSE, OVAL
from pipelines.portrait.types import CROP_SIZE, Portrait
from pipelines.render.base import Renderer

Mask = NDArray[np.bool_]

MARGIN = 0.12
"""Share of the face height by which an area reaches beyond its landmarks."""
JAW = OVAL[7:30]
"""The outline from ear to ear through the chin."""
CHIN = OVAL[14:23]
"""The outline below the mouth: it hangs on the lower lip."""
LOWER_LEFT, LOWER_RIGHT = OVAL[10], OVAL[26]
FACE_TOP, FACE_BOTTOM = OVAL[0], OVAL[18]


@dataclass(frozen=True)
class Leakage:
    """Where the change of one control went, as shares of its energy in the picture."""

    key: str
    """Control, or slot for a side."""
    regions: tuple[str, ...]
    outside: float
    """Share outside the regions; for a slot of a side the share on the other half of the face."""
    energy: float
    """Squared grey levels, summed over the picture and both slider ends."""


def control_regions(control: Control) -> tuple[str, ...]:
    """Regions in which a dim or a named control may act."""
    own = [dim for dim, _ in control.coefficients]
    shares = MEMBERSHIP[own].max(0) if own else np.zeros(len(REGIONS))
    return tuple(
        region for region, share in zip(REGIONS, shares, strict=True) if share > 0 or region == control.region
    )


def measure_leakage(portrait: Portrait, renderer: Renderer, *, size: int = CROP_SIZE) -> list[Leakage]:
    """The 63 dims and the named controls at both ends of their sliders; energies of the two ends are added."""
    rest, draw, landmarks = _case(portrait, renderer, size)
    areas = {region: region_area(region, landmarks, size=size) for region in REGIONS if region != "head"}
    results = []
    for control in CONTROLS:
        if control.kind not in ("dim", "semantic"):
            continue
        regions = control_regions(control)
        energy = _energy(rest, (draw({control.key: value}) for value in (control.lo, control.hi)))
        inside = np.any([areas[region] for region in regions], axis=0)
        if control.keypoint is not None:
            inside |= keypoint_area(control.keypoint, landmarks, size=size)
        results.append(Leakage(control.key, regions, share_outside(energy, inside), float(energy.sum())))
    return results


def measure_sides(portrait: Portrait, renderer: Renderer, *, size: int = CROP_SIZE) -> list[Leakage]:
    """Every sided slot and every dim of one eye alone: what changes on the other half of the face.

    Without the gaze dims: each of them turns both eyes in the measured faces and does so here.
    """
    rest, draw, landmarks = _case(portrait, renderer, size)
    right_half = half_mask(landmarks, size=size)
    dim_sides = {dim.index: dim.side for dim in DIMS if dim.region != "gaze"}
    results = []
    for slot in SLOTS:
        control = slot.control
        side = slot.side or (None if control.dim is None else dim_sides.get(control.dim))
        if side is None or control.kind not in ("semantic", "dim", "gaze"):
            continue
        energy = _energy(rest, (draw({slot.key: value}) for value in (control.lo, control.hi)))
        half = right_half if side == "right" else ~right_half
        results.append(Leakage(slot.key, (control.region,), share_outside(energy, half), float(energy.sum())))
    return results


def region_area(region: str, landmarks_px: Points, *, size: int) -> Mask:
    """(size, size) where a region may show, from (478, 2 or 3) landmarks in px."""
    points, margin_px = landmarks_px[:, :2], _margin_px(landmarks_px)
    if region in ("outline", "neck"):
        area = ~_grown(polygon_mask(points[OVAL], (size, size)), -margin_px)
        if region == "neck":
            rows = np.arange(size)[:, None]
            area &= rows > points[[LOWER_LEFT, LOWER_RIGHT], 1].min() - margin_px
        return area
    area = np.zeros((size, size), bool)
    for ring in region_landmarks(region):
        hull = np.asarray(cv2.convexHull(points[ring].astype(np.float32)), np.float32)[:, 0]
        area |= polygon_mask(hull, (size, size))
    return _grown(area, margin_px)


def keypoint_area(keypoint: int, landmarks_px: Points, *, size: int) -> Mask:
    """(size, size) disc around the landmark nearest to a keypoint; the keypoint itself floats before the skin."""
    atlas = load_atlas()
    nearest = int(np.linalg.norm(atlas.mesh_mean[:, :2] - atlas.kp_in_mesh[keypoint, :2], axis=1).argmin())
    middle = landmarks_px[nearest]
    y, x = np.mgrid[0:size, 0:size]
    return np.hypot(x - middle[0], y - middle[1]) <= 2 * _margin_px(landmarks_px)


def _margin_px(landmarks_px: Points) -> float:
    return MARGIN * float(np.linalg.norm(landmarks_px[FACE_TOP, :2] - landmarks_px[FACE_BOTTOM, :2]))


def region_landmarks(region: str) -> tuple[NDArray[np.integer], ...]:
    """Landmark groups of a region on the face; the two halves of cheeks and brows apart."""
    if region == "cheeks":
        cheeks = load_atlas().region_cheeks
        left = load_atlas().mesh_mean[cheeks, 0] > 0
        return cheeks[~left], cheeks[left]
    groups = {
        "brows": BROWS,
        "eyes": EYES,
        "gaze": (*EYES, *IRISES),
        "nose": (NOSE,),
        "mouth": (np.concatenate([LIPS_OUTER, CHIN]),),
        "jaw": (np.concatenate([LIPS_OUTER, JAW]),),
    }
    return groups[region]


def half_mask(landmarks_px: Points, *, size: int) -> Mask:
    """(size, size) pixels on the subject's right of the line through the landmarks in the middle of the face."""
    middle = np.flatnonzero(load_atlas().vertex_mirror == np.arange(N_LANDMARKS))
    top, bottom = landmarks_px[FACE_TOP, :2], landmarks_px[FACE_BOTTOM, :2]
    down = (bottom - top) / np.linalg.norm(bottom - top)
    across = np.array([down[1], -down[0]])
    line = landmarks_px[middle, :2] - top
    along = line @ down
    order = np.argsort(along)
    y, x = np.mgrid[0:size, 0:size].astype(np.float64)
    offset = np.stack([x, y], -1) - top
    midline = np.interp(offset @ down, along[order], (line @ across)[order])
    return offset @ across < midline


def _case(
    portrait: Portrait, renderer: Renderer, size: int
) -> tuple[Picture, Callable[[dict[str, float]], Picture], Points]:
    """The picture at rest, a function that draws an edit, the landmarks in px of that size."""
    handle = renderer.prepare(portrait, size=size)

    def draw(values: dict[str, float]) -> Picture:
        return renderer.render(handle, apply_edit(portrait, portrait.motion, Edit.of(values)))

    return draw({}), draw, _resized(portrait.landmarks_in_crop[:, :2], size)


def _resized(points_in_crop: Points, size: int) -> Points:
    """(N, 2) px of the 512 crop in px of a crop of another size."""
    return (np.asarray(points_in_crop, np.float64) + 0.5) * size / CROP_SIZE - 0.5


def _energy(rest: Picture, frames: Iterable[Picture]) -> NDArray[np.float64]:
    return np.sum([change_energy(frame, rest) for frame in frames], axis=0)


def _grown(mask: Mask, margin_px: float) -> Mask:
    """A mask grown by a distance, or shrunk where it is negative."""
    grow = margin_px > 0
    distance = cv2.distanceTransform((~mask if grow else mask).astype(np.uint8), cv2.DIST_L2, 5)
    return distance <= margin_px if grow else distance > -margin_px
