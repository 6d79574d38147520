"""Outlines of a turned face are smooth, and nothing else is blurred."""

from __future__ import annotations

import numpy as np

from pipelines.render.mesh.edge_kernels import soften_outlines

from .mesh_case import edited, handle, render

SIZE = 24


def softened(*, jump_px: float, depth: float = 10.0, amount: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """A white half beside a black one, taken from places `jump_px` apart: before and after."""
    y, x = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32)
    right = x > 0.4 * SIZE + 0.3 * y
    picture = np.repeat(np.where(right, 240, 20).astype(np.uint8)[..., None], 3, axis=2)
    after = picture.copy()
    map_x = (x + jump_px * right).astype(np.float32)
    depths = np.full((SIZE, SIZE), depth, np.float32)
    soften_outlines(after, map_x, y, depths, (0, SIZE, 0, SIZE), 3.0, 50.0, amount)
    return picture, after


def test_stairs_along_an_outline_get_steps_in_between() -> None:
    before, after = softened(jump_px=20)
    grey = after[4:-4, :, 0].astype(int)
    assert np.abs(np.diff(grey, axis=1)).max() < 0.75 * 220
    changed = (before != after).any(-1)
    assert changed[4:-4].sum(1).min() >= 2 and changed.sum(1).max() <= 4


def test_texture_without_an_outline_and_hair_far_behind_are_left_alone() -> None:
    for before, after in (softened(jump_px=1), softened(jump_px=20, depth=90), softened(jump_px=20, amount=0)):
        assert np.array_equal(before, after)


def test_a_face_that_only_changes_its_expression_is_not_blurred() -> None:
    case = handle("mona_lisa")
    picture = render("mona_lisa", 512, smile=0.5)
    still = np.abs(case.rig.pose(edited("mona_lisa", smile=0.5)).vertices[10] - case.geometry.vertices[10]).max()
    assert still < 2
    forehead = case.geometry.landmarks[10, :2].round().astype(int)
    patch = np.s_[forehead[1] - 60 : forehead[1] - 20, forehead[0] - 20 : forehead[0] + 20]
    assert np.array_equal(picture[patch], case.image[patch])
