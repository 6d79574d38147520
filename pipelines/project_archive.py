"""The project file as an archive: a zip of parts with names we choose, bounded in number and bytes."""

from __future__ import annotations

import io
import zipfile

from pipelines.errors import StudioError
from pipelines.npz import check_members
from pipelines.project_parts import PHOTO_SUFFIXES, SOUND_SUFFIXES

JSON, TRACK = "document.json", "track.npz"
MAX_BYTES = 512 << 20
WHAT = "The project file"
_PARTS = frozenset({JSON, TRACK, *("photo" + s for s in PHOTO_SUFFIXES), *("sound" + s for s in SOUND_SUFFIXES)})


def zipped(parts: dict[str, bytes]) -> bytes:
    """The parts by name as one archive; the same parts give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in parts.items():
            # only the JSON gets smaller: the track and the media are packed already
            member = zipfile.ZipInfo(name)
            member.compress_type = zipfile.ZIP_DEFLATED if name == JSON else zipfile.ZIP_STORED
            archive.writestr(member, data)
    return buffer.getvalue()


def unzip(data: bytes) -> dict[str, bytes]:
    """Parts of the archive by name; only names we choose are read, and none is ever a path."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            check_members(members, what=WHAT, max_bytes=MAX_BYTES, max_members=len(_PARTS))
            for member in members:
                if member.filename not in _PARTS:
                    raise StudioError(f"{WHAT} should hold only our own parts but holds '{member.filename[:60]}'.")
            parts = {}
            for member in members:
                with archive.open(member) as file:
                    # a size asked for bounds what is inflated, whatever the packed data would give
                    parts[member.filename] = file.read(member.file_size)
    except StudioError:
        raise
    except Exception as error:
        # damaged data may raise anything from inside the zip reader and the inflater
        raise StudioError(f"{WHAT} should be complete but is damaged ({type(error).__name__}).") from error
    if JSON not in parts:
        raise StudioError(f"{WHAT} should hold `{JSON}` but does not; choose a file this studio saved.")
    return parts
