"""Where weight files lie on this machine: find, fetch, verify, convert."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipelines.checkpoints.download import Progress, download
from pipelines.checkpoints.registry import FILES, RENDERING, CheckpointFile
from pipelines.errors import StudioError
from pipelines.files import file_sha256

State = Literal["missing", "present", "good", "bad"]
FOLDER_VARIABLE = "DITTO_CHECKPOINTS"
HUBERT_VARIABLE = "DITTO_HUBERT"
"""A folder or a Hugging Face name with HuBERT weights, instead of the graph of Ditto's release."""


@dataclass(frozen=True)
class Status:
    """What is known about one file on this machine."""

    file: CheckpointFile
    path: Path | None
    state: State
    note: str = ""
    """One sentence on what is wrong or how it was checked."""


def default_folder() -> Path:
    """`$DITTO_CHECKPOINTS`, or a folder in the user's cache."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "ditto-motion-studio" / "checkpoints"


def find(file: CheckpointFile, folder: Path) -> Path | None:
    """Where the file lies: as fetched, as laid out by the release, or flat; a converted copy comes first.

    So `$DITTO_CHECKPOINTS` may be the `pretrained_weights` or `checkpoints` folder of an existing installation.
    """
    inside = Path(file.path)
    for path in (folder / file.release / inside, folder / inside, folder / file.release / inside.name):
        for candidate in (path.with_suffix(".safetensors"), path):
            if candidate.is_file():
                return candidate
    return None


def status_of(file: CheckpointFile, folder: Path) -> Status:
    """Whether the file is there; nothing is read."""
    path = find(file, folder)
    return Status(file, path, "missing" if path is None else "present")


def missing_for_rendering(folder: Path) -> tuple[CheckpointFile, ...]:
    """LivePortrait files the neural renderer still needs, less those Ditto's release already gives."""
    return tuple(
        FILES[f"liveportrait/{name}"]
        for name in RENDERING
        if all(find(FILES[f"{release}/{name}"], folder) is None for release in ("liveportrait", "ditto"))
    )


def hubert_source(folder: Path) -> str | Path | None:
    """`$DITTO_HUBERT`, or the graph of Ditto's release; None if neither is there."""
    return os.environ.get(HUBERT_VARIABLE) or find(FILES["ditto/hubert"], folder)


def check_speech_files(folder: Path) -> None:
    """
    Raises:
        StudioError: a weight file of the full-size speech model is missing, with the command that fetches it.
    """
    have = {"ditto/transformer": find(FILES["ditto/transformer"], folder), "ditto/hubert": hubert_source(folder)}
    missing = [FILES[name] for name, source in have.items() if source is None]
    if missing:
        names = " ".join(file.name for file in missing)
        raise StudioError(
            f"The full-size speech model needs {len(missing)} more weight files ({said_size(missing)}): run"
            f" `python -m pipelines checkpoints fetch speech`, or put {names} in {folder}"
        )


def said_size(files: Iterable[CheckpointFile]) -> str:
    """The sum of the sizes, for a sentence."""
    total = sum(file.size or 0 for file in files)
    return f"{total / 1e6:,.0f} MB" if total >= 1e6 else f"{total / 1e3:,.0f} kB"


def fetch(file: CheckpointFile, folder: Path, *, progress: Progress | None = None) -> Path:
    """Download a file from its release, resuming what is there, and check it.

    Raises:
        StudioError: no room, no connection, no such file, or the file is not what the release says.
    """
    folder.mkdir(parents=True, exist_ok=True)
    room = shutil.disk_usage(folder).free
    if file.size is not None and room < file.size:
        raise StudioError(
            f"`{file.name}` needs {file.size / 1e6:,.0f} MB but only {room / 1e6:,.0f} MB are free: {folder}"
        )
    path = download(file, folder / file.release, progress=progress)
    status = verify(file, folder)
    if status.state == "bad":
        path.unlink(missing_ok=True)
        raise StudioError(f"{status.note} The damaged file was deleted.")
    return path


def verify(file: CheckpointFile, folder: Path) -> Status:
    """Check a file: size and hash where known, and that every network in it loads strictly."""
    from pipelines.checkpoints.loading import check_networks

    path = find(file, folder)
    if path is None:
        return Status(file, None, "missing")
    notes = []
    try:
        if path.suffix != ".safetensors":
            notes += _check_bytes(file, path)
        if file.networks:
            notes.append(check_networks(file, path))
        elif path.suffix == ".pkl":
            from pipelines.checkpoints.pickles import read_pickle

            read_pickle(path)
            notes.append("holds only arrays and plain containers")
    except StudioError as error:
        return Status(file, path, "bad", str(error))
    return Status(file, path, "good", ", ".join(notes) or "present, size unknown")


def _check_bytes(file: CheckpointFile, path: Path) -> list[str]:
    from pipelines.checkpoints.tensors import check_file

    check_file(path, size=file.size)
    have, notes = path.stat().st_size, []
    if file.size is not None:
        if have != file.size:
            raise StudioError(
                f"`{file.name}` should have {file.size:,} bytes but has {have:,}; fetch it again: {path}"
            )
        notes.append("size")
    if file.sha256 is not None:
        if file_sha256(path) != file.sha256:
            raise StudioError(f"`{file.name}` should have the hash its release publishes; fetch it again: {path}")
        notes.append("hash")
    return notes


def convert(file: CheckpointFile, folder: Path) -> Path:
    """Write a .safetensors copy beside a .pth file; from then on the copy is read.

    Raises:
        StudioError: the file is missing, is not a weight file, or is bad.
    """
    from safetensors.torch import save_file

    from pipelines.checkpoints.tensors import read_tensors

    path = find(file, folder)
    if path is None:
        raise StudioError(f"`{file.name}` is missing: run `python -m pipelines checkpoints fetch {file.name}`.")
    if not file.networks:
        raise StudioError(f"`{file.name}` is not a weight file, so there is nothing to convert.")
    if path.suffix == ".safetensors":
        return path
    checked = verify(file, folder)
    if checked.state == "bad":
        raise StudioError(checked.note)
    # Shared tensors, such as the transformer's rotary frequencies, must be apart in a safetensors file.
    tensors = {key: value.clone().contiguous() for key, value in read_tensors(path, size=file.size).items()}
    target, temporary = path.with_suffix(".safetensors"), path.with_suffix(".part")
    about = {"format": "pt", "source": json.dumps({"file": file.path, "sha256": file_sha256(path)})}
    try:
        save_file(tensors, temporary, metadata=about)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return target
