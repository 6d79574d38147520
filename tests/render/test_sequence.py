"""Frames of a moving face: those of single stills, with one thread or two, edited only inside a painted mask."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest

from pipelines.assets import PORTRAITS
from pipelines.motion.edit import Edit
from pipelines.motion.space import Motion
from pipelines.motion.track import Track
from pipelines.portrait.load import load_photo
from pipelines.portrait.register import register
from pipelines.portrait.types import Portrait
from pipelines.render import choose_renderer
from pipelines.render.base import Renderer
from pipelines.render.sequence import render_sequence
from pipelines.render.still import render_still

FRAMES = 5


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return choose_renderer("mesh")


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    return register(load_photo(PORTRAITS / "astronaut.jpg"))


@pytest.fixture(scope="module")
def bases(portrait: Portrait) -> list[Motion]:
    """The first frame is the photo as it is; then the head turns and the jaw opens."""
    exp = np.zeros((FRAMES, 63), np.float32)
    exp[:, 58] = np.linspace(0, 0.02, FRAMES)
    motion = Motion.of(exp=exp.reshape(-1, 21, 3), yaw_deg=np.linspace(0, 6, FRAMES))
    return list(Track(motion, reference=Motion.identity()).frames(portrait))


def drawn(portrait: Portrait, bases: list[Motion], edit: Edit, **options) -> list[np.ndarray]:
    return [frame.copy() for frame in render_sequence(portrait, bases, edit, **options)]


@pytest.mark.parametrize("area", ["crop", "photo"])
def test_two_threads_draw_the_same_frames_in_the_same_order(
    portrait: Portrait, bases: list[Motion], renderer: Renderer, area
) -> None:
    edit = Edit.of({"smile": 0.5})
    one = drawn(portrait, bases, edit, area=area, renderer=renderer)
    two = drawn(portrait, bases, edit, area=area, renderer=renderer, threads=2)
    assert len(one) == len(two) == FRAMES
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    assert all(not np.array_equal(a, b) for a, b in pairwise(one))


@pytest.mark.parametrize("area", ["crop", "photo"])
def test_a_frame_at_rest_is_the_edited_still(
    portrait: Portrait, bases: list[Motion], renderer: Renderer, area
) -> None:
    edit = Edit.of({"brow_raise": 0.7})
    size = 320
    frame = drawn(portrait, bases[:1], edit, area=area, size=size, renderer=renderer)[0]
    still = render_still(portrait, edit, area=area, size=size, renderer=renderer)
    assert np.array_equal(frame, still)


def test_outside_a_mask_only_the_edit_stops(portrait: Portrait, bases: list[Motion], renderer: Renderer) -> None:
    grey = np.zeros((512, 512), np.uint8)
    grey[:, :256] = 255
    edit = Edit.of(
        {"brow_raise": 0.8, "mask_enabled": 1, "mask_feather": 0}, mask=cv2.imencode(".png", grey)[1].tobytes()
    )
    plain = drawn(portrait, bases[-1:], Edit(), renderer=renderer)[0]
    masked = drawn(portrait, bases[-1:], edit, renderer=renderer)[0]
    change = np.abs(masked.astype(int) - plain).max(-1)
    assert change[:, :248].max() > 30 and change[:, 264:].max() == 0


def test_a_large_photo_is_reduced(portrait: Portrait, bases: list[Motion], renderer: Renderer) -> None:
    frame = drawn(portrait, bases[:1], Edit(), area="photo", max_side=400, renderer=renderer)[0]
    assert max(frame.shape[:2]) == 400
