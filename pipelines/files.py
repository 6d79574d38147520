"""Reading files that are not too large, and writing them so that a reader never sees half of one."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipelines.errors import StudioError

PICTURE_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}


def read_file(path: Path, *, what: str, max_bytes: int) -> bytes:
    """Bytes of a file, judged by its size first.

    Raises:
        StudioError: it cannot be read or is too large.
    """
    try:
        size = path.stat().st_size
        if size > max_bytes:
            raise StudioError(f"{what} should have at most {max_bytes >> 20} MB but has {size >> 20} MB: {path}")
        return path.read_bytes()
    except OSError as error:
        raise StudioError(f"{what} should be a file that can be read: {error.strerror}: {path}") from error


def file_sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_atomic(path: Path, data: bytes) -> Path:
    """Write `data` under a temporary name beside `path`, then rename.

    Raises:
        StudioError: the folder does not exist or cannot be written.
    """
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=path.suffix)
    except OSError as error:
        raise StudioError(f"`output` should be in a folder that can be written: {error.strerror}: {path}") from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def encode_picture(rgb: NDArray[np.uint8], suffix: str, *, quality: int = 95) -> bytes:
    """Bytes of an (H, W, 3) or (H, W, 4) uint8 picture in the format of a file ending such as ".png".

    Raises:
        StudioError: the ending is not a picture format we write.
    """
    name = PICTURE_FORMATS.get(suffix.lower())
    if name is None:
        raise StudioError(f"`output` should end in {', '.join(PICTURE_FORMATS)} but ends in '{suffix}'.")
    buffer = io.BytesIO()
    options = {
        "PNG": {"compress_level": 4},
        "JPEG": {"quality": quality, "subsampling": 0},
        "WEBP": {"quality": quality},
    }
    Image.fromarray(rgb).save(buffer, name, **options[name])
    return buffer.getvalue()


def write_picture(path: Path, rgb: NDArray[np.uint8], *, quality: int = 95) -> Path:
    """Write a picture atomically; the ending chooses the format (see `encode_picture`)."""
    return write_atomic(path, encode_picture(rgb, path.suffix, quality=quality))
