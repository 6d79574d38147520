"""Outlines of a turned face are smooth, and nothing else is blurred."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from pipelines.render.mesh.completion import NO_CHEEK
from pipelines.render.mesh.compose_kernels import compose
from pipelines.render.mesh.cover_kernels import cover_by_share
from pipelines.render.mesh.kernels import raster_flow
from pipelines.render.mesh.outline_kernels import room_for_outlines

from .mesh_case import edited, handle, render

SIZE = 24
Y, X = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32)
EDGES = np.array([[0, 1, 2, 3]], np.int64)
WHOLE = (0, SIZE, 0, SIZE)


def outlined(
    at: float, *, squeezed: float = 1.0, behind_px: float = 20.0, near: float = -1e9, soft: float = 0.0
) -> np.ndarray:
    """A striped surface that folds back at x = `at`, before one that shows what lies `behind_px` further.

    Args:
        squeezed: source pixels of the surface per pixel.
        near, soft: as in `cover_by_share`.
    """
    end = float(SIZE)
    posed = np.array(
        [[x, y, z] for x, z in ((at, 0), (at - 30, 0), (60, 50), (-1, 50)) for y in (-1, end)], np.float32
    )
    uv = posed[:, :2].copy()
    uv[:4, 0] = 8 - squeezed * (at - posed[:4, 0])
    uv[4:, 0] += behind_px - 2.5
    triangles = np.array([[0, 1, 2], [1, 3, 2], [4, 5, 6], [5, 7, 6]], np.int32)
    foreground = np.ones((SIZE, SIZE, 4), np.float32)
    foreground[..., :3] = np.where(X < 10, 120 + 12 * X, 20)[..., None]
    photo, empty = np.zeros((SIZE, SIZE, 3), np.uint8), np.zeros((SIZE, SIZE), np.bool_)
    maps, out = [np.empty((SIZE, SIZE), np.float32) for _ in range(4)], np.zeros((SIZE, SIZE, 3), np.uint8)
    mesh = (posed, uv, np.ones(8, np.float32), triangles, len(triangles), 0.0)
    raster_flow(*mesh, WHOLE, *maps)
    compose(photo, foreground, empty, photo, *maps[:3], WHOLE, out)
    kinds, room = (1.0, 3.0, near, soft), room_for_outlines(SIZE)
    cover_by_share(mesh, EDGES, (foreground, photo), tuple(maps), WHOLE, 1, kinds, NO_CHEEK, room, out)
    return out[4:-4].astype(int)


@pytest.mark.parametrize("squeezed", [1.0, 3.0])
@pytest.mark.parametrize("soft", [0.0, 1.0])
def test_an_outline_passes_a_pixel_without_a_jump(squeezed: float, soft: float) -> None:
    """Also where the surface goes deep within a pixel, so that its neighbours have little to do with it.

    A step of a hundredth of a pixel shows one sample more or less: a 32nd of the contrast of 220 levels.
    """
    steps = [outlined(10.5 + 0.01 * k, squeezed=squeezed, near=1e3, soft=soft) for k in range(101)]
    assert max(np.abs(after - before).max() for before, after in pairwise(steps)) <= 7


def test_an_outline_between_two_pixels_leaves_both_their_own() -> None:
    row = outlined(10.5)[0, :, 0]
    assert row[10] > 200 and row[11] == 20


def test_stairs_along_an_outline_get_steps_in_between() -> None:
    hard, soft = (np.abs(np.diff(outlined(10.5, near=1e3, soft=k)[0, :, 0])) for k in (0.0, 1.0))
    assert soft.max() < 0.75 * hard.max()


def test_hair_far_behind_and_texture_without_an_outline_stay_sharp() -> None:
    for kinds in ({"near": -10.0, "soft": 1.0}, {"near": 1e3, "soft": 1.0, "behind_px": 2.0}):
        kinds_without = kinds | {"soft": 0.0}
        assert np.array_equal(outlined(10.5, **kinds), outlined(10.5, **kinds_without))


def test_a_squeezed_pattern_shows_its_mean_instead_of_flickering() -> None:
    """Stripes a pixel wide, four of them to a pixel."""
    foreground = np.ones((SIZE, SIZE, 4), np.float32)
    foreground[..., :3] = (200 * (X % 2))[..., None]
    photo, gains = np.zeros((SIZE, SIZE, 3), np.uint8), np.ones((SIZE, SIZE), np.float32)
    empty, out = np.zeros((SIZE, SIZE), np.bool_), np.zeros((SIZE, SIZE, 3), np.uint8)
    map_x = np.ascontiguousarray(np.clip(4 * (X - 8), 0, SIZE - 1))
    compose(photo, foreground, empty, photo, map_x, Y, gains, WHOLE, out)
    squeezed = out[4:-4, 9:13].astype(int)
    assert np.abs(squeezed - 100).max() < 35


def test_a_face_that_only_changes_its_expression_is_not_blurred() -> None:
    case = handle("mona_lisa")
    picture = render("mona_lisa", 512, smile=0.5)
    still = np.abs(case.rig.pose(edited("mona_lisa", smile=0.5)).vertices[10] - case.geometry.vertices[10]).max()
    assert still < 2
    forehead = case.geometry.landmarks[10, :2].round().astype(int)
    patch = np.s_[forehead[1] - 60 : forehead[1] - 20, forehead[0] - 20 : forehead[0] + 20]
    assert np.array_equal(picture[patch], case.image[patch])


def test_a_surface_lets_go_of_a_pixel_when_its_outline_has_passed_it() -> None:
    at = 10.003
    posed = np.array([[at, -30, 0], [at, 60, 0], [at + 60, 15, 0]], np.float32)
    gain, maps = np.ones(3, np.float32), [np.empty((SIZE, SIZE), np.float32) for _ in range(4)]
    triangle = np.array([[0, 2, 1]], np.int32)
    raster_flow(posed, posed[:, :2] + 5, gain, triangle, 1, 0.0, WHOLE, *maps)
    assert np.array_equal(maps[0][12, 9:13], [9, 10, 16, 17])


TURNS = [("pearl_earring", -12.0), ("mona_lisa", -9.0), ("la_velata", -12.0), ("admiral", -9.0), ("astronaut", 8.0)]


@pytest.mark.parametrize(("name", "yaw_deg"), TURNS)
def test_nothing_flickers_while_a_head_turns(name: str, yaw_deg: float) -> None:
    """A completed cheek, a nose and an ear pass pixels; a hundredth of a degree may show a sample more of them."""
    frames = [render(name, 512, yaw_deg=yaw_deg + 0.01 * k).astype(int) for k in range(12)]
    assert max(np.abs(after - before).max() for before, after in pairwise(frames)) <= 14
