"""The crop: a similarity there and back, the same framing at every size, the photo's own pixels."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.motion.atlas import load_atlas
from pipelines.portrait.crop import (
    CROP_SCALE,
    FRAMED,
    at_size,
    crop_transform,
    cut,
    invert,
    native_size,
    resample,
    scale_of,
    transform,
)
from pipelines.portrait.types import CROP_SIZE, Portrait
from tests.portrait.conftest import NAMES


@given(
    x=st.floats(-500, 5000),
    y=st.floats(-500, 5000),
    scale=st.floats(10, 3000),
    roll_deg=st.floats(-180, 180),
)
def test_framing_follows_the_face(x: float, y: float, scale: float, roll_deg: float) -> None:
    """Wherever a face is and however it lies, it looks the same in its crop."""
    c, s = np.cos(np.radians(roll_deg)), np.sin(np.radians(roll_deg))
    mesh = np.array(load_atlas().mesh_mean, np.float64)[:, :2]
    face = scale * mesh @ np.array([[c, s], [-s, c]]) + [x, y]
    matrix = crop_transform(face)
    straight = crop_transform(mesh)
    np.testing.assert_allclose(transform(matrix, face), transform(straight, mesh), atol=1e-4)
    np.testing.assert_allclose(transform(invert(matrix), transform(matrix, face)), face, atol=1e-4)
    framed = transform(matrix, face)[FRAMED]
    np.testing.assert_allclose(np.ptp(framed, axis=0).max() * CROP_SCALE, CROP_SIZE, rtol=1e-6)


@given(size=st.integers(64, 2048))
def test_sizes_share_one_framing(size: int) -> None:
    mesh = 100 * np.array(load_atlas().mesh_mean, np.float64)[:, :2]
    np.testing.assert_allclose(at_size(crop_transform(mesh), size=size), crop_transform(mesh, size=size), atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_512_is_the_crop_itself(name: str, portrait: Callable[[str], Portrait]) -> None:
    p = portrait(name)
    same = resample(p, CROP_SIZE)
    assert same.image is p.image
    np.testing.assert_array_equal(cut(p.photo, p.crop_from_photo, size=CROP_SIZE), p.image)


@pytest.mark.parametrize("size", [128, 300, 1024])
def test_other_sizes_show_the_same_picture(size: int, portrait: Callable[[str], Portrait]) -> None:
    p = portrait("mona_lisa")
    other = resample(p, size)
    assert other.image.shape == (size, size, 3)
    assert other.matte.shape == (size, size)
    small, reference = (cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA) for image in (other.image, p.image))
    assert np.abs(small.astype(int) - reference).mean() < 2
    photo_points = transform(invert(p.crop_from_photo), p.landmarks_in_crop[:, :2])
    np.testing.assert_allclose(
        transform(other.crop_from_photo, photo_points), other.landmarks_in_crop[:, :2], atol=1e-3 * size
    )


def test_large_exports_keep_the_detail_of_the_photo(portrait: Callable[[str], Portrait]) -> None:
    """A crop drawn from the photo is sharper than the enlarged 512 crop."""
    source = portrait("pearl_earring")
    large = cv2.resize(source.photo, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    large[::2] ^= 16
    matrix = source.crop_from_photo @ np.array([[0.25, 0, -0.375], [0, 0.25, -0.375], [0, 0, 1.0]])
    small, sharp = (cut(large, at_size(matrix, size=size), size=size) for size in (CROP_SIZE, 2048))
    enlarged = cv2.resize(small, (2048, 2048), interpolation=cv2.INTER_CUBIC)
    detail, kept = (np.abs(cv2.Laplacian(picture, cv2.CV_32F)).mean() for picture in (sharp, enlarged))
    assert detail > 3 * kept
    assert native_size(source) == round(CROP_SIZE / scale_of(source.crop_from_photo))


def test_pixels_inside_the_photo_are_not_softened(portrait: Callable[[str], Portrait]) -> None:
    p = portrait("astronaut")
    height, width = p.photo.shape[:2]
    shifted = p.crop_from_photo.copy()
    shifted[:, 2] += [0.0, 150.0]
    crop = cut(p.photo, shifted, size=CROP_SIZE)
    plain = cv2.warpAffine(
        p.photo, shifted, (CROP_SIZE, CROP_SIZE), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
    )
    y, x = np.mgrid[0:CROP_SIZE, 0:CROP_SIZE]
    places = transform(invert(shifted), np.stack([x.ravel(), y.ravel()], -1).astype(float)).reshape(CROP_SIZE, -1, 2)
    inside = (places >= 0.01).all(-1) & (places <= np.array([width, height]) - 1.01).all(-1)
    assert 0.2 < inside.mean() < 0.98
    np.testing.assert_array_equal(crop[inside], plain[inside])
    assert (crop[~inside] != plain[~inside]).any()
