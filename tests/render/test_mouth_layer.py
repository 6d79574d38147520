"""The inside of the mouth on real portraits: one smiles with teeth, the others keep their lips closed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipelines.evaluation.renderer_clips import LANDMARKS, evaluate_clip
from pipelines.motion.edit import Edit, apply_edit
from pipelines.motion.space import Motion
from pipelines.portrait.register import register
from pipelines.render.mesh.geometry import build_geometry
from pipelines.render.mesh.mouth import MouthLayer
from pipelines.render.mesh.opening import Opening
from pipelines.render.mesh.own_mouth import bite_curves
from pipelines.render.mesh.synth import lip_colours, mouth_colours, teeth_row

from .mesh_case import RENDERER, drawn, edited, handle, largest_difference, render

SMILING, CLOSED = "astronaut", "mona_lisa"
JAW_STEP = 0.24
"""10⁻³ of dim 58: the lower lip moves a tenth of a pixel."""


def lips_mask(name: str, motion: Motion, grow: int = 0) -> np.ndarray:
    """Inner lip contour of a frame, grown or (negative) shrunk by pixels."""
    case = handle(name)
    ring = case.rig.pose(motion).vertices[case.geometry.lips_inner, :2]
    mask = np.zeros(case.image.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(ring).astype(np.int32)], 1)
    kernel = np.ones((3, 3), np.uint8)
    step = cv2.dilate(mask, kernel, iterations=grow) if grow > 0 else cv2.erode(mask, kernel, iterations=-grow)
    return step > 0


@pytest.mark.parametrize("name", [SMILING, CLOSED])
def test_drawing_at_rest_changes_nothing(name: str) -> None:
    case = handle(name)
    flat = np.full_like(case.image, 31)
    assert np.array_equal(drawn(MouthLayer(case.image, case.geometry), flat, case.rig.pose(edited(name))), flat)


@pytest.mark.parametrize("name", [SMILING, CLOSED])
@pytest.mark.parametrize("start", [0.0, 0.02, 0.06, 0.3, 0.9])
def test_a_small_step_is_a_small_change(name: str, start: float) -> None:
    case = handle(name)
    layer = MouthLayer(case.image, case.geometry)
    before, after = (
        drawn(layer, case.image, case.rig.pose(edited(name, jaw_open=start, dim_58=drop))) for drop in (0.0, JAW_STEP)
    )
    assert largest_difference(before, after) <= 8


@pytest.mark.parametrize("name", [SMILING, CLOSED])
def test_only_the_inside_of_the_lips_is_painted(name: str) -> None:
    case, motion = handle(name), edited(name, jaw_open=0.6)
    flat = np.full_like(case.image, 200)
    picture = drawn(MouthLayer(case.image, case.geometry), flat, case.rig.pose(motion))
    assert (picture[~lips_mask(name, motion, 2)] == 200).all()
    assert (picture[lips_mask(name, motion, -2)] != 200).any(axis=1).mean() > 0.95


def test_an_open_mouth_is_neither_black_nor_flat() -> None:
    motion = edited(CLOSED, jaw_open=0.5)
    inside = render(CLOSED, jaw_open=0.5)[lips_mask(CLOSED, motion, -2)].mean(1)
    cheek = mouth_light(CLOSED)
    assert 0.25 * cheek < inside.mean() < 0.9 * cheek
    assert np.percentile(inside, 97) > 0.75 * cheek
    assert np.percentile(inside, 3) > 0.08 * cheek


def mouth_light(name: str) -> float:
    case = handle(name)
    x, y = np.round(case.geometry.landmarks[50, :2]).astype(int)
    return float(case.image[y - 3 : y + 4, x - 3 : x + 4].mean())


@pytest.mark.parametrize("name", [SMILING, CLOSED, "admiral"])
def test_teeth_are_as_bright_as_the_light_on_the_cheeks(name: str) -> None:
    case = handle(name)
    colours = mouth_colours(case.image, case.geometry)
    sprite, _ = teeth_row(colours, px_per_cm=24.0, lower=False)
    solid = sprite[..., 3] > 0.99
    middle = np.abs(np.arange(sprite.shape[1]) - sprite.shape[1] // 2) < 20
    teeth = sprite[solid & middle & (np.arange(sprite.shape[0])[:, None] > 0.65 * sprite.shape[0])][:, :3]
    level = teeth.mean() / max(mouth_light(name), 1.0)
    assert 0.7 < level < 1.35
    assert teeth.mean(1).std() < 0.12 * teeth.mean()
    assert colours.cavity.mean() < colours.tongue.mean() < colours.tooth.mean()
    assert colours.tooth[0] >= colours.tooth[2]


def test_own_upper_teeth_stay_on_the_head_while_the_jaw_drops() -> None:
    case = handle(SMILING)
    top = lips_mask(SMILING, edited(SMILING), -3)
    rows = np.flatnonzero(top.any(1))
    top[int(np.quantile(rows, 0.45)) :] = False
    opened = edited(SMILING, jaw_open=0.5)
    shared = top & lips_mask(SMILING, opened, -3)
    assert shared.sum() > 20
    assert np.abs(RENDERER.render(case, opened)[shared].astype(int) - case.image[shared]).mean() < 12


def test_the_teeth_of_a_mouth_photographed_wide_open_are_not_drawn_out_when_it_opens_further() -> None:
    """Upper teeth stay on the head, and what lay below the dark gap goes down with the lower lip."""
    photo = register(render(SMILING, jaw_open=0.45, smile=0.3))
    case = RENDERER.prepare(photo)
    ring = case.geometry.lips_inner
    lips = np.mean(lip_colours(case.image, case.geometry), axis=0)
    opening = Opening.of(case.geometry.landmarks, ring)
    bite, rise = bite_curves(case.image, opening, lips)
    middle = len(bite) // 2
    upper, lower = opening.curves[:, middle]
    assert upper + 0.4 * (lower - upper) < bite[middle] < rise[middle] <= lower
    posed = case.rig.pose(apply_edit(photo, photo.motion, Edit.of({"jaw_open": 0.7})))
    assert opening.view(posed.vertices[ring, :2], posed.rigid[ring]).mean_gap > 1.3 * opening.mean_gap
    picture = RENDERER.draw(case, posed)
    x, top = np.round(opening.origin + (upper + 3) * opening.axes[1]).astype(int)
    end = round(float((opening.origin + (bite[middle] - 2) * opening.axes[1])[1]))
    teeth = (slice(top, end), slice(x - 12, x + 13))
    assert end - top > 8
    assert np.abs(picture[teeth].astype(int) - case.image[teeth]).mean() < 6


def test_a_grey_photo_gets_a_grey_mouth() -> None:
    case = handle(CLOSED)
    grey = np.repeat(case.image.mean(2, keepdims=True).astype(np.uint8), 3, axis=2)
    picture = drawn(MouthLayer(grey, case.geometry), grey, case.rig.pose(edited(CLOSED, jaw_open=0.5)))
    assert not np.array_equal(picture, grey)
    assert np.ptp(picture.astype(int), axis=2).max() <= 2


@pytest.mark.parametrize("jaw_open", [0.4, 1.0])
@pytest.mark.parametrize("name", [CLOSED, "la_velata", "admiral"])
def test_a_made_up_mouth_has_the_warmth_of_its_face(name: str, jaw_open: float) -> None:
    """No grey or bluish teeth, no black corners: shadow in a mouth of warm colour is warm."""
    motion = edited(name, jaw_open=jaw_open)
    picture, inside = render(name, 512, jaw_open=jaw_open).astype(float), lips_mask(name, motion, -2)
    red, blue, grey = picture[inside, 0], picture[inside, 2], picture[inside].mean(1)
    assert (red >= blue - 2).mean() > 0.99
    teeth = grey > np.percentile(grey, 80)
    assert 1.03 < (red[teeth] / blue[teeth]).mean() < 2.2
    columns = np.flatnonzero(inside.any(0))
    ends = [inside & (np.arange(inside.shape[1]) < columns[0] + 8), inside & (np.arange(512) > columns[-1] - 8)]
    assert all(picture[end].mean() > 0.16 * mouth_light(name) for end in ends if end.any())


def test_teeth_are_not_piano_keys() -> None:
    case = handle(CLOSED)
    sprite, edge = teeth_row(mouth_colours(case.image, case.geometry), px_per_cm=24.0, lower=False)
    rows = slice(int(edge - 24.0 * 0.6), int(edge - 24.0 * 0.35))
    middle = slice(sprite.shape[1] // 2 - 18, sprite.shape[1] // 2 + 19)
    line = sprite[rows, middle, :3].mean((0, 2))
    assert line.min() > 0.85 * line.max()


def test_light_from_the_side_falls_into_the_mouth() -> None:
    case = handle(CLOSED)
    ramp = np.linspace(1.35, 0.65, 512)[None, :, None]
    lit = (case.image * ramp).clip(0, 255).astype(np.uint8)
    even, tilted = (mouth_colours(picture, case.geometry).tilt for picture in (case.image, lit))
    assert tilted < even - 0.02


@pytest.mark.parametrize("clip", ["d5", "d8"])
def test_the_inside_of_a_mouth_is_as_bright_as_on_film(clip: str, shared: Path) -> None:
    """On clips that set none of its colours."""
    result = evaluate_clip(shared / "clips" / f"{clip}.mp4", pairs=None, frames=6)
    row = next(row for row in result.rows if row.drawn_by == LANDMARKS)
    assert row.mouths >= 1
    assert row.measured.interior_mae <= 40
    assert abs(row.measured.interior_bias) <= 20


@pytest.mark.parametrize(
    ("scale", "shift"), [(0.06, (2.0, 2.0)), (0.5, (-180.0, -120.0)), (1.0, (0.0, 200.0)), (2.0, (-256.0, -300.0))]
)
def test_mouths_of_any_size_and_at_the_border_are_drawn_without_harm(scale: float, shift: tuple[float, float]) -> None:
    case = handle(CLOSED)
    landmarks = case.geometry.landmarks * scale
    landmarks[:, :2] += shift
    geometry = build_geometry(landmarks, size=512)
    vertices = geometry.vertices.astype(np.float32)
    vertices[geometry.lips_inner[11:], 1] += 0.3 * geometry.unit_px
    posed = replace(
        case.rig.pose(edited(CLOSED)), vertices=vertices, rigid=geometry.landmarks[:, :2].astype(np.float32)
    )
    assert drawn(MouthLayer(case.image, geometry), case.image, posed).shape == case.image.shape


def test_painted_lips_that_shine_are_no_teeth() -> None:
    case, motion = handle("pearl_earring"), edited("pearl_earring", smile=0.8, lip_opening=0.6)
    inside = lips_mask("pearl_earring", motion, -3)
    shown = render("pearl_earring", smile=0.8, lip_opening=0.6)[inside].astype(float)
    at_rest = case.image[lips_mask("pearl_earring", edited("pearl_earring"), -1)].astype(float)
    assert np.median(shown[:, 0] / shown[:, 1]) < 1.3 < np.median(at_rest[:, 0] / at_rest[:, 1])


@pytest.mark.parametrize("start", [0.2, 0.3, 0.4, 0.5, 0.6, 0.7])
def test_lips_that_touch_are_pressed_in_small_steps(start: float) -> None:
    assert largest_difference(render("admiral", lip_press=start), render("admiral", lip_press=start + 0.005)) <= 5
