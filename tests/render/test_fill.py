"""What a turning head uncovers: the scene goes on with its own texture, and the photo stays where it is seen."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from pipelines.portrait.matte import person_segmenter
from pipelines.render.mesh.fill import commonness, push_pull
from pipelines.render.mesh.scene import continued_scene

from .mesh_case import RENDERER, edited, handle, portrait, render

STRIP_PX = 22
"""Width of what a turn of 20 degrees uncovers in a 512 crop."""


def busy(picture: np.ndarray, where: np.ndarray) -> float:
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return float(np.abs(cv2.Laplacian(grey, cv2.CV_32F))[where].mean())


@pytest.mark.parametrize("name", ["admiral", "mona_lisa", "astronaut"])
def test_the_uncovered_strip_is_as_busy_as_what_lies_beside_it(name: str) -> None:
    case = handle(name)
    hole = cv2.dilate((case.layers.foreground[..., 3] > 0.03).astype(np.uint8), np.ones((19, 19), np.uint8))
    inward = cv2.distanceTransform(hole, cv2.DIST_L2, 5)
    outward = cv2.distanceTransform(1 - hole, cv2.DIST_L2, 5)
    rows = np.arange(512)[:, None] < 330
    inside = busy(case.layers.background, (inward > 2) & (inward < STRIP_PX) & rows)
    outside = busy(case.image, (outward > 2) & (outward < STRIP_PX) & rows)
    assert 0.6 < inside / outside < 1.5


def test_stripes_go_on_into_a_hole() -> None:
    y = np.mgrid[0:256, 0:256][0]
    stripes = np.repeat((127 + 100 * np.sin(y / 4.0))[..., None], 3, axis=2).astype(np.float32)
    known = np.ones((256, 256), bool)
    known[60:200, 100:170] = False
    picture = np.where(known[..., None], stripes, 0).astype(np.float32)
    pieces, trust = continued_scene(picture, push_pull(picture, known.astype(np.float32)), hole=~known)
    edge = np.zeros_like(known)
    edge[90:170, 102:112] = True
    assert trust[edge].min() > 0.4
    assert np.abs(pieces - stripes)[edge].mean() < 6


@pytest.mark.parametrize("name", ["admiral", "la_velata"])
def test_the_scene_far_from_the_person_never_moves(name: str) -> None:
    turns = ({"yaw_deg": -25}, {"yaw_deg": -10, "pitch_deg": 8}, {"yaw_deg": 12}, {"yaw_deg": 25, "roll_deg": 10})
    frames = [render(name, **values) for values in turns]
    # a brim that tilts reaches far out: what counts is the scene far from the person in every picture
    person = np.max([portrait(name).matte, *map(person_segmenter().matte, frames)], axis=0)
    far = cv2.distanceTransform((person < 0.05).astype(np.uint8), cv2.DIST_L2, 5) > 35
    assert far.mean() > 0.1
    assert np.stack(frames).astype(float).std(0)[far].max() <= 0.1


def test_a_cord_beside_the_head_stays_in_the_scene() -> None:
    case = handle("admiral")
    rows, columns = slice(100, 150), slice(0, 200)
    photo, scene = case.image[rows, columns].astype(int), case.layers.background[rows, columns]
    beside = case.layers.foreground[rows, columns, 3] == 0.0
    golden = beside & (photo[..., 0] - photo[..., 2] > 80)
    assert golden.sum() > 200
    assert np.abs(scene - photo)[golden].mean() < 8


def test_the_whole_cord_is_of_the_scene_also_where_the_matte_took_it_for_the_person() -> None:
    """The Admiral's cord runs past hat and ear, half in her matte."""
    case = handle("admiral")
    y, x = np.mgrid[0:512, 0:512]
    near = (y >= 130) & (y < 400) & (np.abs(x - (120 - (y - 130) * 14 / 270)) < 9)
    golden = near & (case.image[..., 0].astype(int) - case.image[..., 2] > 90)
    kept = np.abs(case.layers.background.astype(int) - case.image).max(2) < 15
    assert kept[golden].mean() > 0.9
    for row in range(130, 400):
        assert not golden[row].any() or kept[row][golden[row]].mean() > 0.4
    assert case.layers.foreground[..., 3][golden].mean() < 0.08


def test_a_line_crosses_a_hole() -> None:
    y, x = np.mgrid[0:256, 0:256]
    picture = np.where((np.abs(x - 128) < 5)[..., None], (240.0, 160.0, 50.0), (20.0, 25.0, 70.0)).astype(np.float32)
    known = (y < 110) | (y > 146) | (np.abs(x - 128) > 40)
    cut = np.where(known[..., None], picture, 0).astype(np.float32)
    plain = push_pull(cut, known.astype(np.float32))
    pieces, trust = continued_scene(cut, plain, hole=~known)
    hidden = ~known & (np.abs(x - 128) < 4)
    assert trust[hidden].min() > 0.9
    assert np.abs(pieces - picture)[hidden].mean() < 10
    assert np.abs(plain - picture)[hidden].mean() > 40


def test_what_lies_over_a_scene_is_a_colour_that_light_can_have() -> None:
    front = handle("admiral").layers.foreground
    alpha = front[..., 3:]
    assert front[..., :3].min() > -26.0
    assert (front[..., :3] - 255.0 * alpha).max() < 26.0


def test_the_rim_of_a_collar_leaves_no_line_in_the_scene() -> None:
    """The Astronaut's background is plain where her collar ends behind the neck."""
    scene = handle("astronaut").layers.background[345:385, 96:152].astype(np.float32)
    fine = np.abs(scene - cv2.GaussianBlur(scene, (0, 0), 3.0)).max(2)
    assert fine.max() < 14.0


def test_a_cheek_completed_from_one_in_shadow_has_grain() -> None:
    own = portrait("mona_lisa")
    across = np.arange(len(own.image[0])) - float(own.landmarks_in_crop[1, 0])
    light = 1.0 - 0.7 * np.clip((across + 10.0) / 40.0, 0.0, 1.0)
    shaded = RENDERER.prepare(replace(own, image=np.uint8(own.image * light[None, :, None])))
    picture = RENDERER.render(shaded, edited("mona_lisa", yaw_deg=-20.0))
    fine = np.abs(cv2.Laplacian(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32), cv2.CV_32F))
    at = RENDERER.landmarks(shaded)[[116, 123, 147, 187]].astype(int)
    patches = [float(np.median(fine[y - 6 : y + 7, x - 6 : x + 7])) for x, y in at]
    assert np.mean(patches) > 4.0


def test_a_flag_with_stars_is_filled_with_its_cloth() -> None:
    """A fifth of the cloth is white stars; the mean of both would be a pale veil."""
    picture = np.full((128, 128, 3), (20, 25, 80), np.float32)
    y, x = np.mgrid[0:128, 0:128]
    picture[(y % 20 < 9) & (x % 20 < 9)] = 230
    known = np.abs(x - 64) > 24
    filled = push_pull(picture, commonness(picture, known))
    assert np.abs(filled[16:-16, 48:80] - (20, 25, 80)).mean() < 15
