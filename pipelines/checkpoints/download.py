"""One file from the Hugging Face hub; what has arrived stays beside its place, and the next attempt goes on there.

Since version 2 `huggingface_hub` throws away what an interrupted download has brought, so only its parts are used:
addresses, log-in, redirects and retries.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from pipelines.checkpoints.registry import CheckpointFile
from pipelines.errors import StudioError

Progress = Callable[[float, str], None]
REVISION_DIGITS = 16
"""So many digits of the hub's own hash tell the parts of two revisions apart."""


def download(file: CheckpointFile, folder: Path, *, progress: Progress | None = None) -> Path:
    """The file in `folder`, laid out as its repository is.

    Args:
        progress: what it raises ends the download; what has arrived stays.

    Raises:
        StudioError: no connection, or no such file.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.utils import WeakFileLock, build_hf_headers

    target = folder / file.path
    target.parent.mkdir(parents=True, exist_ok=True)
    if progress:
        progress(0.0, f"fetching {file.name}")
    with _plain_errors(file, folder), WeakFileLock(target.with_name(f".{target.name}.lock")):
        url, headers = hf_hub_url(file.repository, file.path), build_hf_headers()
        about = get_hf_file_metadata(url, headers=headers)
        part = _part_of(target, about.etag or "")
        _complete(part, url, headers=headers, size=about.size, bar=_progress_bar(file, progress))
        part.replace(target)
    if progress:
        progress(1.0, f"fetched {file.name}")
    return target


def _part_of(target: Path, revision: str) -> Path:
    """Where the file grows; parts of other revisions are deleted, for they cannot be continued."""
    digits = "".join(c for c in revision if c.isalnum())[:REVISION_DIGITS]
    part = target.with_name(f"{target.name}.{digits}.part")
    for other in target.parent.glob(f"{target.name}.*.part"):
        if other != part:
            other.unlink()
    return part


def _complete(part: Path, url: str, *, headers: dict[str, str], size: int | None, bar: type) -> None:
    """Append what is missing."""
    from huggingface_hub.file_download import http_get

    have = part.stat().st_size if part.is_file() else 0
    if size is not None and have > size:
        part.unlink()
        have = 0
    with part.open("ab") as stream:
        http_get(url, stream, resume_size=have, headers=headers, expected_size=size, tqdm_class=bar)


@contextmanager
def _plain_errors(file: CheckpointFile, folder: Path) -> Iterator[None]:
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError
    from huggingface_hub.utils import logging as hub_logging

    # The hub's error derives from that of the HTTP library it was built with, whichever that is, and from OSError.
    lost = cast("tuple[type[Exception], ...]", HfHubHTTPError.__bases__)
    # Its retries are logged one by one; the visitor gets one sentence at the end.
    verbosity = hub_logging.get_verbosity()
    hub_logging.set_verbosity_error()
    try:
        yield
    except LocalEntryNotFoundError as error:
        raise StudioError(_unreachable(file, folder)) from error
    except EntryNotFoundError as error:
        raise StudioError(f"`{file.name}` is no longer at {file.repository}/{file.path}.") from error
    except lost as error:
        raise StudioError(_unreachable(file, folder)) from error
    finally:
        hub_logging.set_verbosity(verbosity)


def _unreachable(file: CheckpointFile, folder: Path) -> str:
    address = f"https://huggingface.co/{file.repository}/blob/main/{file.path}"
    return (
        f"`{file.name}` could not be fetched because huggingface.co does not answer: try again later (what has arrived"
        f" is kept), or download {address} by hand to {folder / file.path}"
    )


def _progress_bar(file: CheckpointFile, progress: Progress | None) -> type:
    """A silent tqdm that tells `progress` how far the download is."""
    from tqdm.auto import tqdm

    class Bar(tqdm):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            options.pop("name", None)
            super().__init__(*arguments, **{**options, "disable": False, "file": io.StringIO()})

        def update(self, n: float | None = 1) -> bool | None:
            shown = super().update(n)
            total = self.total or file.size
            if progress and total:
                progress(min(0.999, self.n / total), f"fetching {file.name}: {self.n / 1e6:,.0f} MB")
            return shown

    return Bar
