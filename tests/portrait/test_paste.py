"""Pasting back: nothing changes where nothing changed, and no seam anywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from pipelines.portrait.crop import invert, resample, transform
from pipelines.portrait.paste import Paster
from pipelines.portrait.types import CROP_SIZE, Portrait
from tests.portrait.conftest import NAMES


def with_patch(face: np.ndarray) -> np.ndarray:
    """A face whose middle third is inverted."""
    size = len(face)
    changed = face.copy()
    part = slice(size // 3, 2 * size // 3)
    changed[part, part] = 255 - changed[part, part]
    return changed


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [256, CROP_SIZE, 700])
def test_unedited_crop_gives_the_photo(name: str, size: int, portrait: Callable[[str], Portrait]) -> None:
    p = portrait(name)
    paster = Paster.prepare(p, size=size)
    np.testing.assert_array_equal(paster.paste(resample(p, size).image), p.photo)


def test_unedited_crop_gives_the_photo_for_a_lying_face(tilted: Portrait) -> None:
    np.testing.assert_array_equal(Paster.prepare(tilted).paste(tilted.image), tilted.photo)


@pytest.mark.parametrize("which", ["upright", "tilted"])
def test_a_change_lands_where_it_was_made(which: str, portrait: Callable[[str], Portrait], tilted: Portrait) -> None:
    p = tilted if which == "tilted" else portrait("admiral")
    out = Paster.prepare(p).paste(with_patch(p.image))
    changed = np.abs(out.astype(int) - p.photo).max(-1) > 0
    y, x = np.nonzero(changed)
    in_crop = transform(p.crop_from_photo, np.stack([x, y], -1).astype(float))
    reach = 24
    assert in_crop.min() > CROP_SIZE / 3 - reach
    assert in_crop.max() < 2 * CROP_SIZE / 3 + reach
    middle = transform(invert(p.crop_from_photo), np.full((1, 2), CROP_SIZE / 2.0))[0].round().astype(int)
    window = np.s_[middle[1] - 3 : middle[1] + 4, middle[0] - 3 : middle[0] + 4]
    np.testing.assert_allclose(out[window].mean((0, 1)), 255 - p.photo[window].mean((0, 1)), atol=12)


def test_a_wholly_redrawn_face_fades_out_at_the_crop_border(tilted: Portrait) -> None:
    out = Paster.prepare(tilted).paste(255 - tilted.image)
    y, x = np.mgrid[0 : out.shape[0], 0 : out.shape[1]]
    in_crop = transform(tilted.crop_from_photo, np.stack([x.ravel(), y.ravel()], -1).astype(float))
    depth_px = np.minimum(in_crop, CROP_SIZE - 1 - in_crop).min(-1).reshape(x.shape)
    gap = np.abs(out.astype(int) - tilted.photo).max(-1)
    assert gap[depth_px < 0.9].max() == 0
    assert gap[(depth_px >= 1) & (depth_px < 4)].max() < 40
    assert np.median(gap[depth_px > 40]) > 60


@pytest.mark.parametrize("max_side", [None, 200])
def test_nothing_comes_in_from_beyond_the_crop(max_side: int | None, tilted: Portrait) -> None:
    paster = Paster.prepare(tilted, max_side=max_side)
    white = replace(paster, photo=np.full_like(paster.photo, 255))
    assert white.paste(np.full_like(tilted.image, 255)).min() == 255


def test_one_grey_level_in_one_pixel_is_not_lost(portrait: Callable[[str], Portrait]) -> None:
    p = portrait("astronaut")
    face = p.image.copy()
    face[250:252, 250:252] ^= 32
    assert (Paster.prepare(p).paste(face) != p.photo).any()


def test_reused_picture_equals_a_fresh_one(tilted: Portrait) -> None:
    paster = Paster.prepare(tilted)
    out = paster.paste(255 - tilted.image)
    again = paster.paste(with_patch(tilted.image), out=out)
    assert again is out
    np.testing.assert_array_equal(again, paster.paste(with_patch(tilted.image)))
    np.testing.assert_array_equal(paster.paste(tilted.image, out=out), tilted.photo)


@pytest.mark.parametrize("max_side", [200, 1024])
def test_reduced_copy_for_the_live_view(max_side: int, tilted: Portrait) -> None:
    paster = Paster.prepare(tilted, max_side=max_side)
    assert max(paster.photo.shape) == max_side
    np.testing.assert_array_equal(paster.paste(tilted.image), paster.photo)
    whole = Paster.prepare(tilted).paste(with_patch(tilted.image))
    small = paster.paste(with_patch(tilted.image))
    step = whole.shape[0] / small.shape[0]
    rows, columns = (np.round((np.arange(side) + 0.5) * step - 0.5).astype(int) for side in small.shape[:2])
    gap = np.abs(small.astype(int) - whole[np.ix_(rows, columns)])
    assert gap.mean() < 8


def test_faces_at_the_edge_of_the_photo(portrait: Callable[[str], Portrait]) -> None:
    """The part of the crop beyond the photo is simply not pasted."""
    p = portrait("astronaut")
    out = Paster.prepare(p).paste(255 - p.image)
    assert out.shape == p.photo.shape
    assert (out != p.photo).any()
