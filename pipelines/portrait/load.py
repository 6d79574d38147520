"""Reading a photo that a stranger sent: the header is judged before a pixel is decoded."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import StudioError

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 25_000_000
MAX_BYTES = 64_000_000
MIN_SIDE = 64
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
FORMATS_TEXT = "JPEG, PNG, WebP, BMP, TIFF or GIF"
BACKDROP = 128
"""Neutral grey laid behind transparent pixels: it tints neither dark nor light hair."""

_HEADER_BYTES = 512
_DECODED_MODES = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV")
_WIDE_GREY = ("I;16", "I;16L", "I;16B", "I;16N", "I")


def load_photo(source: str | Path | bytes) -> NDArray[np.uint8]:
    """(H, W, 3) RGB of a photo, upright (EXIF applied), in sRGB, transparency laid over neutral grey.

    Args:
        source: path of the file, or its bytes.

    Raises:
        StudioError: not one still picture in a format we read, damaged, too large or too small; says what to do.
    """
    from PIL import Image, ImageOps

    file = _open(source)
    with file:
        try:
            picture = Image.open(file, formats=FORMATS)
        except Image.DecompressionBombError as error:
            raise StudioError(_too_large("over 170")) from error
        except Exception as error:
            # Pillow's readers raise many kinds of errors on damaged data, here and while decoding
            raise StudioError(_not_a_picture(file)) from error
        with picture:
            _check_header(picture)
            try:
                picture.load()
                upright = ImageOps.exif_transpose(picture)
                return _to_rgb(upright)
            except StudioError:
                raise
            except Exception as error:
                raise StudioError(
                    f"`photo` should be a complete {picture.format} file but is damaged or cut off; "
                    "save or download it again."
                ) from error


def photo_suffix(data: bytes) -> str:
    """File ending of a photo that `load_photo` reads, such as ".jpg"."""
    from PIL import Image

    with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
        return {"TIFF": ".tif", "PNG": ".png", "WEBP": ".webp", "BMP": ".bmp", "GIF": ".gif"}.get(
            picture.format or "", ".jpg"
        )


def _open(source: str | Path | bytes) -> io.BytesIO:
    try:
        size = len(source) if isinstance(source, bytes) else Path(source).stat().st_size
        if size > MAX_BYTES:
            raise StudioError(
                f"`photo` should be at most {MAX_BYTES // 1_000_000} MB but has {size / 1e6:.0f} MB; save it as JPEG."
            )
        return io.BytesIO(source if isinstance(source, bytes) else Path(source).read_bytes())
    except StudioError:
        raise
    except (OSError, ValueError) as error:
        raise StudioError(f"`photo` should be a file that can be read; choose another one: {source!r}") from error


def _check_header(picture: Image.Image) -> None:
    width, height = picture.size
    if width * height > MAX_PIXELS:
        raise StudioError(_too_large(f"{width} x {height} = {width * height / 1e6:.0f}"))
    if min(width, height) < MIN_SIDE:
        raise StudioError(
            f"`photo` should be at least {MIN_SIDE} pixels on each side but is {width} x {height}; use a larger one."
        )
    # phones store a preview beside the photo in one MPO file; its first picture is the photo
    frames = 1 if picture.format == "MPO" else getattr(picture, "n_frames", 1)
    if frames > 1:
        raise StudioError(
            f"`photo` should be one still picture but this {picture.format} holds {frames} frames; "
            "save one frame as PNG or JPEG."
        )
    if picture.mode not in _DECODED_MODES + _WIDE_GREY:
        raise StudioError(
            f"`photo` should have 8 or 16 bits per colour but is of kind '{picture.mode}'; save it as PNG or JPEG."
        )


def _too_large(pixels: str) -> str:
    limit = MAX_PIXELS // 1_000_000
    return f"`photo` should have at most {limit} megapixels but has {pixels} megapixels; scale it down first."


def _not_a_picture(file: io.BytesIO) -> str:
    file.seek(0)
    head = file.read(_HEADER_BYTES)
    text = head.lstrip().lower()
    if not head:
        found = "is an empty file"
    elif head[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypavif"):
        found = "is a HEIC or AVIF picture"
    elif b"<svg" in text:
        found = "is an SVG drawing"
    elif text.startswith((b"<", b"{")) or (b"\0" not in head and head.isascii()):
        found = "is a text file"
    elif head.startswith((b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"RIFF")):
        found = "has a damaged header"
    else:
        found = "is another kind of file"
    return f"`photo` should be a {FORMATS_TEXT} picture but {found}; export it as JPEG or PNG and try again."


def _to_rgb(picture: Image.Image) -> NDArray[np.uint8]:
    from PIL import Image

    if picture.mode in _WIDE_GREY:
        # Pillow's own conversion clips 16-bit grey instead of scaling it
        grey = np.clip(np.asarray(picture), 0, 65535).astype(np.uint16)
        return np.repeat((grey >> 8).astype(np.uint8)[..., None], 3, axis=2)
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        backdrop = Image.new("RGBA", layer.size, (BACKDROP, BACKDROP, BACKDROP, 255))
        picture = Image.alpha_composite(backdrop, layer).convert("RGB")
    else:
        picture = _to_srgb(picture)
    return np.array(picture, np.uint8)


def _to_srgb(picture: Image.Image) -> Image.Image:
    """RGB in sRGB; a missing or broken colour profile counts as sRGB."""
    from PIL import ImageCms

    profile = picture.info.get("icc_profile")
    if profile and picture.mode in ("RGB", "CMYK", "L"):
        try:
            own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if "sRGB" not in ImageCms.getProfileDescription(own):
                converted = ImageCms.profileToProfile(picture, own, ImageCms.createProfile("sRGB"), outputMode="RGB")
                if converted is not None:
                    return converted
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass
    return picture.convert("RGB")
