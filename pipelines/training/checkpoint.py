"""Where a training run stands, as safetensors and JSON: written under a temporary name, read without pickles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pipelines.errors import StudioError
from pipelines.files import write_atomic

TENSORS, STOOD = "last.safetensors", "last.json"


def save_state(
    folder: Path, stood: dict[str, Any], *, network: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer
) -> None:
    """Write the two files of a run."""
    from safetensors.torch import save

    tensors: dict[str, Tensor] = {}
    numbers: dict[str, float] = {}
    for prefix, module in (("network", network), ("average", average)):
        tensors |= {f"{prefix}.{name}": value for name, value in _unique(module).items()}
    for index, values in optimiser.state_dict()["state"].items():
        for name, value in values.items():
            key = f"optimiser.{index}.{name}"
            if isinstance(value, Tensor):
                tensors[key] = value
            else:
                numbers[key] = value
    data = save({name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()})
    write_atomic(folder / TENSORS, data)
    write_atomic(folder / STOOD, json.dumps({**stood, "numbers": numbers}).encode())


def load_state(
    folder: Path, *, network: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer
) -> dict[str, Any]:
    """Bring the run back; returns what was given to `save_state`.

    Raises:
        StudioError: there is nothing to resume, or it belongs to another model.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(folder / TENSORS)
        stood = json.loads((folder / STOOD).read_text())
    except (OSError, ValueError, SafetensorError) as error:
        raise StudioError(f"There is no run to resume; start without --resume: {folder} ({error})") from error
    for prefix, module in (("network", network), ("average", average)):
        state = {name.removeprefix(f"{prefix}."): t for name, t in tensors.items() if name.startswith(f"{prefix}.")}
        try:
            module.load_state_dict(state, strict=False)
        except RuntimeError as error:
            raise StudioError(f"The run to resume has another model: {folder}") from error
    moments: dict[int, dict[str, Any]] = {}
    for key, value in [*tensors.items(), *stood.pop("numbers").items()]:
        if key.startswith("optimiser."):
            _, index, name = key.split(".", 2)
            moments.setdefault(int(index), {})[name] = value
    known: dict[str, Any] = optimiser.state_dict()
    optimiser.load_state_dict({**known, "state": moments})
    return stood


def _unique(module: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers, each once though modules share some."""
    return dict([*module.named_parameters(), *module.named_buffers()])
