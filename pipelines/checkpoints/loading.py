"""From weight files to networks, strictly: every key, every shape, every number finite."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from pipelines.checkpoints.registry import FILES, RENDERING, CheckpointFile
from pipelines.checkpoints.store import default_folder, find, missing_for_rendering, said_size
from pipelines.checkpoints.tensors import part_of, read_tensors, restore_spectral_norm
from pipelines.errors import StudioError
from pipelines.networks.bundle import Networks
from pipelines.networks.motion_extractor import MotionExtractor
from pipelines.networks.motion_transformer import MotionTransformer, TransformerConfig

Net = TypeVar("Net", bound=nn.Module)
Progress = Callable[[float, str], None]

TITLES = {
    "appearance": "the appearance extractor",
    "motion": "the motion extractor",
    "warping": "the warping module",
    "decoder": "the decoder",
    "stitching": "the stitching network",
    "eye": "the eye retargeting network",
    "lip": "the lip retargeting network",
    "transformer": "the motion transformer",
}


def load_part(net: Net, network: str, path: Path, *, size: int | None = None) -> Net:
    """Load a network from a file, in place, in eval mode without gradients.

    Args:
        network: a name of `TITLES`; says which part of the file to take and what to call it.
        size: bytes the file should have, where known.

    Raises:
        StudioError: as `read_tensors`, or the file holds another network, another size, or non-finite numbers.
    """
    expected = net.state_dict()
    tensors = restore_spectral_norm(part_of(read_tensors(path, size=size), network), expected)
    _check_match(tensors, expected, network, path)
    net.load_state_dict(tensors, strict=True)
    return net.eval().requires_grad_(False)


def load_networks(
    folder: Path | None = None, *, transformer: bool = False, progress: Progress | None = None
) -> Networks:
    """The rendering networks from whichever release lies in `folder` (default: `default_folder()`).

    Args:
        transformer: Ditto's motion transformer too.

    Raises:
        StudioError: a file is missing, with the command that fetches it and its size, or a file is bad.
    """
    folder = folder or default_folder()
    missing = missing_for_rendering(folder)
    if missing:
        raise StudioError(
            f"The neural renderer needs {len(missing)} more weight files ({said_size(missing)}): run"
            f" `python -m pipelines checkpoints fetch neural`, or put them in {folder}"
        )
    transformer_path = _find_transformer(folder) if transformer else None
    networks = Networks.empty()
    for i, name in enumerate(RENDERING):
        if progress:
            progress(i / len(RENDERING), f"loading {TITLES[name]}")
        file, path = find_either(name, folder)
        size = file.size if path.suffix != ".safetensors" else None
        load_part(getattr(networks, name), name, path, size=size)
        if name == "stitching":
            networks = _load_retargeting(networks, path)
    if transformer_path is not None:
        networks = replace(networks, transformer=load_transformer(transformer_path))
    if progress:
        progress(1.0, "networks loaded")
    return networks


def load_motion_extractor(folder: Path | None = None) -> MotionExtractor:
    """Only the motion extractor.

    Raises:
        StudioError: its file is missing or bad.
    """
    file, path = find_either("motion", folder or default_folder())
    return load_part(MotionExtractor(), "motion", path, size=None if path.suffix == ".safetensors" else file.size)


def load_transformer(path: Path, sizes: TransformerConfig | None = None) -> MotionTransformer:
    """Ditto's motion transformer, or one of other sizes; the width of its condition is read from the file.

    Raises:
        StudioError: as `load_part`.
    """
    tensors = read_tensors(path)
    width = tensors["cond_projection.weight"].shape[1] if "cond_projection.weight" in tensors else None
    config = sizes or TransformerConfig()
    config = config if width is None else replace(config, cond_width=width)
    return load_part(MotionTransformer(config), "transformer", path)


def find_either(name: str, folder: Path) -> tuple[CheckpointFile, Path]:
    """The file of one rendering network, LivePortrait's before Ditto's (they hold the same network).

    Raises:
        StudioError: neither is there.
    """
    for release in ("liveportrait", "ditto"):
        file = FILES[f"{release}/{name}"]
        path = find(file, folder)
        if path is not None:
            return file, path
    file = FILES[f"liveportrait/{name}"]
    raise StudioError(
        f"The file of {TITLES[name]} ({said_size((file,))}) is missing: run `python -m pipelines checkpoints fetch"
        f" {file.name}`, or put it in {folder}"
    )


def _find_transformer(folder: Path) -> Path:
    file = FILES["ditto/transformer"]
    path = find(file, folder)
    if path is None:
        raise StudioError(
            f"The file of {TITLES['transformer']} ({said_size((file,))}) is missing: run"
            f" `python -m pipelines checkpoints fetch {file.name}`, or put it in {folder}"
        )
    return path


def read_network(tensors: Mapping[str, Tensor]) -> str | None:
    """Which network these tensors are, by names and shapes; None for none of ours."""
    for network, shapes in _known_shapes().items():
        part = part_of(tensors, network)
        if shapes == {key: tuple(part[key].shape) for key in part}:
            return network
    return None


def check_networks(file: CheckpointFile, path: Path) -> str:
    """Load every network the file should hold; returns how many tensors that was.

    Raises:
        StudioError: as `load_part`.
    """
    if "transformer" in file.networks:
        return f"loads ({len(load_transformer(path).state_dict())} tensors)"
    networks = Networks.empty().present()
    tensors = read_tensors(path)
    required = file.networks if file.release == "liveportrait" else file.networks[:1]
    count = 0
    for name in file.networks:
        if name in required or len(part_of(tensors, name)) < len(tensors):
            count += len(load_part(networks[name], name, path).state_dict())
    return f"loads ({count} tensors)"


def _load_retargeting(networks: Networks, path: Path) -> Networks:
    """Eye and lip retargeting where the stitching file has them; Ditto's need not."""
    tensors = read_tensors(path)
    for name, part in (("eye", "retarget_eye"), ("lip", "retarget_mouth")):
        if any(key.startswith(f"{part}.") for key in tensors):
            load_part(getattr(networks, name), name, path)
        else:
            networks = replace(networks, **{name: None})
    return networks


def _check_match(tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor], network: str, path: Path) -> None:
    title = TITLES[network]
    missing, extra = expected.keys() - tensors.keys(), tensors.keys() - expected.keys()
    if missing or extra:
        other = read_network(tensors)
        if other is not None and other != network:
            raise StudioError(f"The file should hold {title} but holds {TITLES[other]}: {path}")
        example = sorted(missing or extra)[0]
        raise StudioError(
            f"The file should hold {title} but {len(missing)} of its tensors are missing and {len(extra)} are unknown,"
            f" such as '{example}': {path}"
        )
    for key, value in expected.items():
        if tensors[key].shape != value.shape:
            raise StudioError(
                f"The file should hold {title} but '{key}' is {tuple(tensors[key].shape)} instead of"
                f" {tuple(value.shape)}: {path}"
            )
        if not bool(torch.isfinite(tensors[key]).all()):
            raise StudioError(
                f"The file of {title} has numbers that are not finite in '{key}'; fetch it again: {path}"
            )


@lru_cache(maxsize=1)
def _known_shapes() -> dict[str, dict[str, tuple[int, ...]]]:
    with torch.device("meta"):
        nets: dict[str, nn.Module] = {**Networks.empty().present(), "transformer": MotionTransformer()}
    return {name: {key: tuple(value.shape) for key, value in net.state_dict().items()} for name, net in nets.items()}
