"""Reading the tensors of a weight file, whatever wrapped them, and saying plainly what is wrong with it."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pipelines.errors import StudioError

LFS_POINTER = b"version https://git-lfs.github.com/spec/"
WRAPPERS = ("model_state_dict", "state_dict")
STITCHING_PARTS = {"retarget_shoulder": "stitching", "retarget_eye": "eye", "retarget_mouth": "lip"}


def read_tensors(path: Path, *, size: int | None = None) -> dict[str, Tensor]:
    """Every tensor of a .safetensors or .pth file under one flat name, wrapper keys and `module.` removed.

    The three parts of a stitching file keep their part's name in front, such as "retarget_eye.mlp.0.weight".

    Args:
        size: bytes the file should have, where known.

    Raises:
        StudioError: the file is missing, a Git LFS pointer, a web page, truncated, or holds more than tensors.
    """
    check_file(path, size=size)
    content: Mapping[str, Any] = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    for wrapper in WRAPPERS:
        inside = content.get(wrapper)
        if isinstance(inside, Mapping):
            content = inside
    tensors = {key.replace("module.", ""): value for key, value in _flatten(content)}
    if not tensors:
        raise StudioError(f"The weight file should hold named tensors but holds none: {path}")
    return tensors


def check_file(path: Path, *, size: int | None = None) -> None:
    """Refuse what is plainly not a weight file, before anything parses it.

    Raises:
        StudioError: as `read_tensors`.
    """
    try:
        have = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        raise StudioError(f"The weight file should be readable: {error.strerror}: {path}") from error
    if head.startswith(LFS_POINTER):
        raise StudioError(
            "The weight file is only a Git LFS pointer: run `git lfs pull` in its folder, or"
            f" `python -m pipelines checkpoints fetch`: {path}"
        )
    if head.lstrip()[:1] == b"<":
        raise StudioError(f"The weight file is a web page, so the download went wrong; fetch it again: {path}")
    cut_zip = head.startswith(b"PK") and not zipfile.is_zipfile(path)
    if path.suffix != ".safetensors" and (cut_zip or (size is not None and have < size)):
        whole = f" of {size:,}" if size else ""
        raise StudioError(f"The weight file is cut short at {have:,}{whole} bytes; fetch it again: {path}")


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise StudioError(f"The weight file is damaged or cut short; fetch it again: {path}") from error


def _read_torch(path: Path) -> Mapping[str, Any]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise StudioError(f"The weight file holds more than weights, so it is not opened: {path}") from error
    except (RuntimeError, EOFError, ValueError, KeyError) as error:
        raise StudioError(f"The weight file is damaged; fetch it again: {path}") from error
    if not isinstance(content, Mapping):
        raise StudioError(f"The weight file should hold named tensors but holds a {type(content).__name__}: {path}")
    return content


def _flatten(content: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Tensor]]:
    flat: list[tuple[str, Tensor]] = []
    for key, value in content.items():
        if isinstance(value, Tensor):
            flat.append((f"{prefix}{key}", value))
        elif isinstance(value, Mapping):
            flat.extend(_flatten(value, f"{prefix}{key}."))
    return flat


def part_of(tensors: Mapping[str, Tensor], network: str) -> dict[str, Tensor]:
    """The tensors of one network out of a file that may hold three (the stitching file)."""
    for part, name in STITCHING_PARTS.items():
        if name == network and any(key.startswith(f"{part}.") for key in tensors):
            return {k.removeprefix(f"{part}."): v for k, v in tensors.items() if k.startswith(f"{part}.")}
    return dict(tensors)


def restore_spectral_norm(tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors with every spectral norm as `weight_orig`, `weight_u`, `weight_v`.

    Understands the newer spelling (`parametrizations.weight.original`, `.0._u`, `.0._v`) and weights somebody
    has already folded, which get a u and v that divide by one.
    """
    restored = dict(tensors)
    for key in expected:
        if not key.endswith("weight_orig") or key in restored:
            continue
        stem = key.removesuffix("weight_orig")
        new = f"{stem}parametrizations.weight."
        if f"{new}original" in restored:
            for old, name in (("weight_orig", "original"), ("weight_u", "0._u"), ("weight_v", "0._v")):
                if f"{new}{name}" in restored:
                    restored[f"{stem}{old}"] = restored.pop(f"{new}{name}")
        elif f"{stem}weight" in restored:
            weight = restored.pop(f"{stem}weight")
            flat = weight.float().flatten(1)
            u = torch.nn.functional.normalize(torch.ones(len(flat)), dim=0)
            back = flat.T @ u
            restored |= {key: weight, f"{stem}weight_u": u, f"{stem}weight_v": back / back.square().sum()}
    return restored
