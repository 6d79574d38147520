"""Archives of numpy arrays from strangers: sizes are judged before anything is unpacked, and nothing is unpickled."""

from __future__ import annotations

import io
import math
import stat
import zipfile
from collections.abc import Mapping
from typing import IO, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipelines.errors import StudioError

MAX_MEMBERS = 64
MAX_BYTES = 512 << 20
_SUFFIX = ".npy"
_KINDS = "biufU"
"""Kinds of dtype that are plain numbers or text."""
_COMPRESSION = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def pack_npz(arrays: Mapping[str, ArrayLike]) -> bytes:
    """A compressed .npz of plain arrays; the same arrays give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in arrays.items():
            # a fixed date, which is also what a ZipInfo starts with
            member = zipfile.ZipInfo(name + _SUFFIX)
            member.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(member, "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.asarray(value), allow_pickle=False)
    return buffer.getvalue()


def read_npz(data: bytes, *, what: str, max_bytes: int = MAX_BYTES) -> dict[str, NDArray[Any]]:
    """The arrays of a .npz.

    Args:
        what: what the file should be, for the sentence of an error.
        max_bytes: most bytes of all arrays together once unpacked.

    Raises:
        StudioError: not an archive of plain arrays, damaged, or larger than allowed.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            check_members(members, what=what, max_bytes=max_bytes, max_members=MAX_MEMBERS)
            return {_array_name(member, what): _read_member(archive, member, what) for member in members}
    except StudioError:
        raise
    except Exception as error:
        # damaged data may raise anything from inside the zip reader, the inflater and the header's parser
        raise StudioError(f"{what} should be an archive of arrays but is damaged ({type(error).__name__}).") from error


def check_members(members: list[zipfile.ZipInfo], *, what: str, max_bytes: int, max_members: int) -> None:
    """Judge the directory of an archive before anything is unpacked.

    Raises:
        StudioError: too many or encrypted members, a link, too many bytes, an unknown compression, or a name twice.
    """
    if len(members) > max_members:
        raise StudioError(f"{what} should hold at most {max_members} parts but holds {len(members)}.")
    total = sum(member.file_size for member in members)
    if total > max_bytes:
        raise StudioError(f"{what} should unpack to at most {max_bytes >> 20} MB but asks for {total >> 20} MB.")
    if len({member.filename for member in members}) < len(members):
        raise StudioError(f"{what} should name each part once but names one twice; save it again.")
    if any(member.flag_bits & 1 or member.compress_type not in _COMPRESSION for member in members):
        raise StudioError(f"{what} should be a plain zip archive but is encrypted or packed in another way.")
    if any(stat.S_ISLNK(member.external_attr >> 16) for member in members):
        raise StudioError(f"{what} should hold its parts themselves but holds a link; save it again.")


def _array_name(member: zipfile.ZipInfo, what: str) -> str:
    if not member.filename.endswith(_SUFFIX) or "/" in member.filename or "\\" in member.filename:
        raise StudioError(f"{what} should hold arrays only but holds '{member.filename[:60]}'.")
    return member.filename.removesuffix(_SUFFIX)


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, what: str) -> NDArray[Any]:
    with archive.open(member) as file:
        # a size asked for bounds what is inflated, whatever the packed data would give
        body = io.BytesIO(file.read(member.file_size))
    shape, dtype = _header(body)
    if dtype.hasobject or dtype.kind not in _KINDS or dtype.fields is not None:
        raise StudioError(f"{what} should hold plain numbers but '{member.filename[:60]}' holds {dtype.kind!r} data.")
    if math.prod(shape) * dtype.itemsize != member.file_size - body.tell():
        raise StudioError(f"{what} should be complete but '{member.filename[:60]}' is cut off or too long.")
    body.seek(0)
    return np.lib.format.read_array(body, allow_pickle=False)


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    if any(side < 0 for side in shape):
        raise ValueError("negative side")
    return shape, dtype
