"""The face map of a frame lies where the renderer drew the face."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.motion.edit import Edit, apply_edit
from pipelines.portrait.types import CROP_SIZE, Portrait
from pipelines.render.mesh.renderer import MeshRenderer
from studio.face_map import PARTS, RINGS, map_at_rest, map_of_frame


def test_at_rest_it_is_the_map_of_the_photo(example: Portrait) -> None:
    renderer = MeshRenderer()
    handle = renderer.prepare(example)
    renderer.render(handle, example.motion)
    rest, drawn = map_at_rest(example), map_of_frame(example, example.motion, renderer.landmarks(handle))
    assert np.allclose(np.reshape(drawn["points"], (21, 2)) / PARTS, rest["keypoints_in_crop"], atol=1e-4)
    rings = np.concatenate([rest["rings"][name] for name in RINGS])
    assert np.allclose(np.reshape(drawn["outlines"], (-1, 2)) / PARTS, rings, atol=1e-4)


def test_a_point_goes_as_far_as_its_dimension_says(example: Portrait) -> None:
    moved = apply_edit(example, example.motion, Edit.of({"dim_58": 20}))
    before, after = (map_of_frame(example, motion, None) for motion in (example.motion, moved))
    step = np.reshape(after["points"], (21, 2)) - np.reshape(before["points"], (21, 2))
    assert step[19, 1] == pytest.approx(20e-3 * before["reach"] * PARTS, abs=1.5)
    assert (np.abs(np.delete(step, 19, 0)) <= 1).all() and after["outlines"] == []


def test_a_turned_head_takes_points_and_outlines_along(example: Portrait) -> None:
    renderer = MeshRenderer()
    handle = renderer.prepare(example)
    turned = apply_edit(example, example.motion, Edit.of({"yaw_deg": 12, "roll_deg": 10}))
    renderer.render(handle, turned)
    landmarks = renderer.landmarks(handle)
    drawn = np.reshape(map_of_frame(example, turned, landmarks)["outlines"], (-1, 2)) * CROP_SIZE / PARTS - 0.5
    ids = np.concatenate(list(RINGS.values()))
    assert np.allclose(drawn, landmarks[ids], atol=0.03)
    assert np.abs(drawn - example.landmarks_in_crop[ids, :2]).max() > 10
