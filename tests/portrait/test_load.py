"""Photos from strangers: what is read, what is refused, and that refusing costs nothing."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageDraw

from pipelines.assets import PORTRAITS
from pipelines.errors import StudioError
from pipelines.portrait.load import BACKDROP, MIN_SIDE, load_photo

REPO = Path(__file__).resolve().parents[2]
HUGE_SIDE = 13_000


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def gradient(mode: str = "RGB") -> Image.Image:
    ramp = np.linspace(0, 255, 96).astype(np.uint8)
    rgb = np.stack(np.broadcast_arrays(ramp[None], ramp[:80, None], np.uint8(90)), -1)
    return Image.fromarray(np.ascontiguousarray(rgb)).convert(mode)


def huge_png() -> bytes:
    """13000 x 13000 black pixels in half a megabyte, made without ever holding them."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer, row = zlib.compressobj(1), bytes(HUGE_SIDE // 8 + 2)
    lines = b"".join(packer.compress(row) for _ in range(HUGE_SIDE)) + packer.flush()
    header = struct.pack(">IIBBBBB", HUGE_SIDE, HUGE_SIDE, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", lines) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("kind", "mode", "tolerance"),
    [
        ("PNG", "RGB", 0),
        ("BMP", "RGB", 0),
        ("TIFF", "RGB", 0),
        ("WEBP", "RGB", 60),
        ("JPEG", "RGB", 60),
        ("JPEG", "CMYK", 80),
        ("TIFF", "CMYK", 80),
        ("GIF", "P", 60),
        ("PNG", "P", 60),
        ("TIFF", "LAB", 60),
    ],
)
def test_formats_and_colour_kinds(kind: str, mode: str, tolerance: int) -> None:
    source = gradient()
    if mode == "LAB":
        srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        picture = ImageCms.profileToProfile(source, srgb, lab, outputMode="LAB")
        assert picture is not None
    else:
        picture = source.convert(mode)
    photo = load_photo(encoded(picture, kind))
    assert photo.shape == (80, 96, 3)
    assert photo.dtype == np.uint8
    if mode != "LAB":
        assert np.abs(photo.astype(int) - np.asarray(source)).max() <= tolerance


def test_grey_and_sixteen_bit_grey_keep_their_brightness() -> None:
    grey = gradient("L")
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    for picture in (grey, deep):
        photo = load_photo(encoded(picture, "PNG"))
        np.testing.assert_array_equal(photo, np.repeat(np.asarray(grey)[..., None], 3, 2))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_lies_over_neutral_grey(mode: str) -> None:
    picture = gradient(mode)
    alpha = Image.new("L", picture.size, 255)
    alpha.paste(0, (0, 0, 48, 80))
    picture.putalpha(alpha)
    photo = load_photo(encoded(picture, "PNG"))
    assert (photo[:, :48] == BACKDROP).all()
    np.testing.assert_array_equal(photo[:, 48:], np.asarray(gradient(mode[:-1]).convert("RGB"))[:, 48:])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int, photo: Callable[[str], NDArray[np.uint8]]) -> None:
    upright = Image.fromarray(photo("admiral"))
    stored = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = upright if stored is None else upright.transpose(stored)
    np.testing.assert_array_equal(load_photo(encoded(picture, "PNG", exif=exif)), photo("admiral"))


def test_other_colour_profiles_become_srgb() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    plain = encoded(gradient(), "PNG")
    tagged = encoded(gradient(), "PNG", icc_profile=b"broken")
    np.testing.assert_array_equal(load_photo(tagged), load_photo(plain))
    assert load_photo(encoded(gradient(), "PNG", icc_profile=profile)).shape == (80, 96, 3)


def test_path_and_bytes_are_the_same(tmp_path: Path) -> None:
    path = tmp_path / "photo.without-its-ending"
    path.write_bytes((PORTRAITS / "admiral.jpg").read_bytes())
    np.testing.assert_array_equal(load_photo(path), load_photo(path.read_bytes()))
    np.testing.assert_array_equal(load_photo(str(path)), load_photo(path))


def bad_files() -> dict[str, tuple[bytes, str]]:
    jpeg = (PORTRAITS / "admiral.jpg").read_bytes()
    frames = [Image.new("RGB", (96, 96), colour) for colour in ("red", "blue")]
    drawing = Image.new("RGB", (MIN_SIDE - 1, 200))
    ImageDraw.Draw(drawing).line((0, 0, 60, 60))
    float_pixels = encoded(Image.fromarray(np.ones((80, 80), np.float32)), "TIFF")
    png = encoded(gradient(), "PNG")
    return {
        "empty": (b"", "empty"),
        "text named jpg": (b"this is not a picture\n" * 30, "text file"),
        "html": (b"<!doctype html><title>photo</title>", "text file"),
        "svg": (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        "heic": (b"\0\0\0\x18ftypheic" + bytes(64), "HEIC"),
        "random": (bytes(range(256)) * 8, "another kind"),
        "half a JPEG": (jpeg[: len(jpeg) // 2], "damaged or cut off"),
        "JPEG without a body": (jpeg[:30], "damaged"),
        "damaged PNG": (png[:60] + b"\0\0\0\0" + png[64:], "damaged"),
        "animated GIF": (encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]), "2 frames"),
        "animated WebP": (encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:]), "2 frames"),
        "TIFF of two pages": (encoded(frames[0], "TIFF", save_all=True, append_images=frames[1:]), "2 frames"),
        "too small": (encoded(drawing, "PNG"), f"at least {MIN_SIDE} pixels"),
        "float pixels": (float_pixels, "8 or 16 bits"),
    }


@pytest.mark.parametrize("name", bad_files())
def test_bad_files_are_refused_in_one_sentence(name: str) -> None:
    data, reason = bad_files()[name]
    with pytest.raises(StudioError, match=reason) as refusal:
        load_photo(data)
    text = str(refusal.value)
    assert text.startswith("`photo` should ")
    assert ";" in text, "a remedy follows the rule"
    assert text.count(". ") == 0
    assert text.endswith(".")


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.jpg", tmp_path, "bad\0name.jpg"):
        with pytest.raises(StudioError, match="choose another one"):
            load_photo(path)


def test_pixel_bombs_are_refused_without_decoding(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(huge_png())
    assert path.stat().st_size < 600_000
    program = (
        "import resource, sys\n"
        "from PIL import Image, PngImagePlugin\n"
        "from pipelines.portrait.load import load_photo\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n    load_photo(sys.argv[1])\n"
        "except ValueError as error:\n    sys.stdout.write(f'{error}|')\n"
        "sys.stdout.write(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before))\n"
    )
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, str(path)],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=True,
    )
    message, grown_kb = run.stdout.split("|")
    assert "at most 25 megapixels but has 13000 x 13000 = 169 megapixels" in message
    assert int(grown_kb) < 20_000
