"""Painted masks: safe to read, soft at the edge, exact where black or white."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from pipelines.errors import StudioError
from pipelines.portrait.mask import MAX_BYTES, decode_mask, keep_outside, soften_mask
from pipelines.portrait.types import CROP_SIZE


def png(picture: np.ndarray, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, kind)
    return buffer.getvalue()


def half_mask(size: int = CROP_SIZE) -> np.ndarray:
    mask = np.zeros((size, size), np.uint8)
    mask[:, size // 2 :] = 255
    return mask


def test_a_mask_survives_the_way_through_png() -> None:
    np.testing.assert_array_equal(decode_mask(png(half_mask())), half_mask())
    assert decode_mask(png(half_mask(128))).shape == (CROP_SIZE, CROP_SIZE)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "PNG"),
        (b"x" * (MAX_BYTES + 1), "at most"),
        (png(half_mask(), "JPEG"), "PNG"),
        (png(half_mask())[:60], "damaged|PNG"),
        (png(np.zeros((64, 80), np.uint8)), "64|80"),
        (png(np.zeros((4096, 4096), np.uint8)), "4096 x 4096"),
    ],
)
def test_bad_masks_are_refused(data: bytes, reason: str) -> None:
    with pytest.raises(StudioError, match=reason) as refusal:
        decode_mask(data)
    assert str(refusal.value).startswith("`mask` should ")


@pytest.mark.parametrize("feather", [0.1, 0.5, 1.0])
def test_feather_softens_around_the_painted_edge(feather: float) -> None:
    soft = soften_mask(half_mask(), feather=feather).astype(int)
    line = soft[CROP_SIZE // 2]
    assert (np.diff(line) >= 0).all()
    assert line[0] <= 2
    assert line[-1] >= 253
    assert line[CROP_SIZE // 2 - 1 : CROP_SIZE // 2 + 1].mean() == pytest.approx(127.5, abs=12)
    assert ((line > 5) & (line < 250)).sum() > 60 * feather


def test_no_feather_keeps_the_paint() -> None:
    np.testing.assert_array_equal(soften_mask(half_mask(), feather=0.0), half_mask())
    assert soften_mask(half_mask(), feather=0.4, size=1024).shape == (1024, 1024)


def test_black_keeps_the_crop_and_white_the_edit() -> None:
    rng = np.random.default_rng(1)
    rest, face = (rng.integers(0, 256, (CROP_SIZE, CROP_SIZE, 3), dtype=np.uint8) for _ in range(2))
    edit = face.copy()
    mixed = keep_outside(face, rest, half_mask())
    half = CROP_SIZE // 2
    np.testing.assert_array_equal(mixed[:, :half], rest[:, :half])
    np.testing.assert_array_equal(mixed[:, half:], edit[:, half:])
