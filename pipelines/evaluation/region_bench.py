"""One control or region under the glass: what it moves, where, how evenly, and what two settings differ in.

Faces are found again in what was drawn, so the figures are those of the picture and not of the numbers behind it.
Displacements are told along the axes of the head at rest, in % of the distance between the outer eye corners.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import StudioError
from pipelines.evaluation.leakage import control_regions, keypoint_area, region_area, region_landmarks
from pipelines.evaluation.renderer_measures import change_energy, share_outside
from pipelines.motion.atlas import load_atlas
from pipelines.motion.control import Control
from pipelines.motion.controls import resolve
from pipelines.motion.edit import Edit, apply_edit, mirror_edit
from pipelines.motion.regions import REGIONS
from pipelines.portrait.landmarks import face_finder
from pipelines.portrait.pose import head_pose
from pipelines.portrait.types import CROP_SIZE, Portrait
from pipelines.render.base import Renderer

Array = NDArray[Any]
Picture = NDArray[np.uint8]
Progress = Callable[[float, str], None]

STEPS = 9
PROBE: dict[str, float] = {"smile": 0.7, "brow_raise": 0.7, "jaw_open": 0.4, "squint": 0.4, "gaze_x_deg": 12}
"""What the face does while a region's weight is swept."""
FACE_REGIONS = ("brows", "eyes", "nose", "cheeks", "mouth", "jaw")
"""Regions that have landmarks of their own."""
STILL_PCT = 0.5
"""Displacement below which a step counts as standing still: the finder's own noise."""


@dataclass(frozen=True)
class Step:
    """One value of the sweep."""

    value: float
    picture: Picture
    displacement: Array
    """(478, 3) % of eye distance against rest."""
    along: float
    """Part of it in the direction of the whole sweep, root mean square over the landmarks, %."""
    by_region: Mapping[str, float]
    """Root mean square displacement of each region's landmarks, %."""
    energy: float
    """Squared grey levels that changed, summed over the picture."""


@dataclass(frozen=True)
class Sweep:
    """A control from one end of its slider to the other."""

    key: str
    steps: tuple[Step, ...]
    rest: Picture
    landmarks_in_crop: Array
    """(478, 3) of the face at rest."""
    leakage: float | None
    """Share of the changed energy outside the control's regions; None where it has none, as head and emotions."""
    monotonicity: float
    """Share of the steps that go the way of the whole sweep, standing still included."""
    symmetry: float
    """1 where the mirrored setting moves the face as in a mirror, 0 where the two have nothing in common."""

    def rows(self) -> list[dict[str, float]]:
        """The steps as a table."""
        return [
            {"value": step.value, "along_pct": step.along}
            | {f"{region}_pct": figure for region, figure in step.by_region.items()}
            | {"energy": step.energy}
            for step in self.steps
        ]

    def csv(self) -> str:
        """The same as comma separated text."""
        buffer, rows = io.StringIO(), self.rows()
        writer = csv.DictWriter(buffer, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return buffer.getvalue()


class Drawer:
    """Draws edits of a portrait and finds the face again."""

    def __init__(self, portrait: Portrait, renderer: Renderer) -> None:
        self._portrait, self._renderer = portrait, renderer
        self._handle = renderer.prepare(portrait, size=CROP_SIZE)
        # the pose at rest for every picture: a pose found anew would turn movement of one region into that of others
        self._pose = head_pose(portrait.landmarks_in_crop)

    def draw(self, edit: Edit) -> Picture:
        """(512, 512, 3) a picture of its own."""
        portrait = self._portrait
        return self._renderer.render(self._handle, apply_edit(portrait, portrait.motion, edit)).copy()

    def find(self, picture: Picture) -> Array:
        """(478, 3) landmarks in the frame of the head at rest.

        Raises:
            StudioError: no face can be found in what was drawn.
        """
        faces = face_finder().find(picture)
        if not faces:
            raise StudioError("The drawn picture should show a face but none was found in it; use a clearer photo.")
        return self._pose.to_mesh(faces[0].landmarks)


def sweep_control(
    portrait: Portrait, renderer: Renderer, name: str, *, steps: int = STEPS, progress: Progress | None = None
) -> Sweep:
    """A control, one side of it, or a region's weight through its whole range.

    Raises:
        StudioError: an unknown name, a setting that is no slider, or fewer than 3 steps.
    """
    slots = resolve(name)
    control = slots[0].control
    if control.kind == "setting" or steps < 3:
        raise StudioError(f"`control` should be a slider swept in 3 steps or more but is '{name}' in {steps}.")
    values = np.linspace(control.lo, control.hi, steps)
    drawer = Drawer(portrait, renderer)
    rest = drawer.draw(_edit_at(name, control, control.lo) if control.kind == "region" else Edit())
    rest_points = drawer.find(rest)
    pictures, displacements = [], []
    for index, value in enumerate(values):
        picture = drawer.draw(_edit_at(name, control, float(value)))
        pictures.append(picture)
        displacements.append(100 * (drawer.find(picture) - rest_points))
        if progress is not None:
            progress((index + 1) / (steps + 2), f"{name}: {index + 1} of {steps}")
    along = _along(np.stack(displacements))
    made = tuple(
        _step(float(value), picture, displacement, float(part), rest)
        for value, picture, displacement, part in zip(values, pictures, displacements, along, strict=True)
    )
    moves = np.diff(along)
    symmetry = _symmetry(drawer, slots[0].key, control, rest_points)
    if progress is not None:
        progress(1.0, name)
    return Sweep(
        key=name,
        steps=made,
        rest=rest,
        landmarks_in_crop=portrait.landmarks_in_crop,
        leakage=_leakage(portrait, control, rest, (step.picture for step in made)),
        monotonicity=float(np.mean(moves > -STILL_PCT)),
        symmetry=symmetry,
    )


def _edit_at(name: str, control: Control, value: float) -> Edit:
    if control.kind == "region":
        return Edit.of(PROBE | {name: value})
    return Edit.of({name: value})


def _step(value: float, picture: Picture, displacement: Array, along: float, rest: Picture) -> Step:
    size = np.linalg.norm(displacement[:, :2], axis=-1)
    by_region = {
        region: float(np.sqrt(np.mean(np.square(size[np.concatenate(region_landmarks(region))]))))
        for region in FACE_REGIONS
    }
    energy = float(change_energy(rest, picture).sum())
    return Step(value, picture, displacement, along, by_region, energy)


def _along(displacements: Array) -> Array:
    """(N,) % along the direction from the first to the last step."""
    flat = displacements[..., :2].reshape(len(displacements), -1)
    direction = flat[-1] - flat[0]
    length = np.linalg.norm(direction)
    if length == 0:
        return np.zeros(len(flat))
    return flat @ (direction / length) / np.sqrt(flat.shape[1] / 2)


def _leakage(portrait: Portrait, control: Control, rest: Picture, pictures: Iterator[Picture]) -> float | None:
    regions = {
        "semantic": lambda: control_regions(control),
        "dim": lambda: control_regions(control),
        "gaze": lambda: ("gaze", "eyes"),
        "eye": lambda: ("eyes",),
        "region": lambda: (control.region,) if control.region != "head" else (),
    }.get(control.kind, tuple)()
    if not regions:
        return None
    landmarks = portrait.landmarks_in_crop
    inside = np.any(
        [region_area(region, landmarks, size=CROP_SIZE) for region in regions if region in REGIONS], axis=0
    )
    if control.keypoint is not None:
        inside |= keypoint_area(control.keypoint, landmarks, size=CROP_SIZE)
    energy = np.sum([change_energy(rest, picture) for picture in pictures], axis=0)
    return share_outside(energy, inside)


def _symmetry(drawer: Drawer, name: str, control: Control, rest_points: Array) -> float:
    """Likeness of what a setting does and the mirror image of what the mirrored setting does."""
    edit = _edit_at(name, control, control.hi)
    one = drawer.find(drawer.draw(edit)) - rest_points
    other = (drawer.find(drawer.draw(mirror_edit(edit))) - rest_points)[load_atlas().vertex_mirror]
    a, b = one[:, :2], other[:, :2] * np.array([-1, 1])
    total = float((a**2).sum() + (b**2).sum())
    return float(2 * (a * b).sum()) / total if total > 0 else 1.0


@dataclass(frozen=True)
class Comparison:
    """Two settings on one portrait."""

    pictures: tuple[Picture, Picture]
    displacement: Array
    """(478, 3) from the first to the second, % of eye distance."""
    by_region: Mapping[str, float]
    changed_share: float
    """Share of the pixels that differ."""
    worst_levels: int
    """Largest difference in grey levels."""


def compare_edits(portrait: Portrait, renderer: Renderer, first: Edit, second: Edit) -> Comparison:
    """What changes from one setting to another."""
    drawer = Drawer(portrait, renderer)
    a, b = drawer.draw(first), drawer.draw(second)
    displacement = 100 * (drawer.find(b) - drawer.find(a))
    step = _step(0.0, b, displacement, 0.0, a)
    change = np.abs(a.astype(int) - b).max(-1)
    return Comparison((a, b), displacement, step.by_region, float((change > 0).mean()), int(change.max()))
