"""The parity oracle and its deterministic weights."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import nn


class Oracle:
    """Weights, inputs and expected outputs of the reference networks."""

    def __init__(self, folder: Path) -> None:
        spec = importlib.util.spec_from_file_location("oracle_fill", folder / "fill.py")
        assert spec is not None and spec.loader is not None
        self.folder = folder
        self.fill: ModuleType = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.fill)
        self._loaded: dict[str, nn.Module] = {}

    def load(self, net: nn.Module, name: str) -> nn.Module:
        """Load the oracle's weights strictly, once a session; keys must also come in the manifest's order."""
        if name in self._loaded:
            return self._loaded[name]
        arrays = self.fill.weights(name)
        assert list(net.state_dict()) == list(arrays)
        assert {k: tuple(v.shape) for k, v in net.state_dict().items()} == {k: v.shape for k, v in arrays.items()}
        net.load_state_dict({key: torch.from_numpy(np.asarray(value)) for key, value in arrays.items()}, strict=True)
        self._loaded[name] = net.eval().requires_grad_(False)
        return net

    def inputs(self, name: str) -> dict[str, torch.Tensor]:
        return {key: torch.from_numpy(value) for key, value in self.fill.inputs(name).items()}

    def golden(self, name: str) -> dict[str, np.ndarray]:
        with np.load(self.folder / f"golden_{name}.npz") as file:
            return dict(file)

    def check(
        self, golden: dict[str, np.ndarray], name: str, value: torch.Tensor | np.ndarray, tolerance: float
    ) -> None:
        """Largest difference over the largest golden number must stay within `tolerance`."""
        difference, scale = self.fill.compare(golden, name, np.asarray(value))
        assert difference <= tolerance * scale, f"{name}: {difference / scale:.1e} of the largest number"

    def check_parts(self, golden: dict[str, np.ndarray], net: nn.Module, tolerance: float) -> Watch:
        """Compare every sub-module the golden file recorded while the block runs."""
        return Watch(self, golden, net, tolerance)


class Watch:
    """Records the outputs of the sub-modules a golden file names `mid.<path>`."""

    def __init__(self, oracle: Oracle, golden: dict[str, np.ndarray], net: nn.Module, tolerance: float) -> None:
        self.oracle, self.golden, self.tolerance = oracle, golden, tolerance
        names = {k.removeprefix("mid.").removesuffix(".sample") for k in golden if k.startswith("mid.")}
        suffixes = (".stats", ".stride", ".shape")
        self.parts = {n: m for n, m in net.named_modules() if n in names and not n.endswith(suffixes)}
        self.seen: dict[str, torch.Tensor] = {}

    def __enter__(self) -> Watch:
        self.hooks = [
            module.register_forward_hook(lambda _m, _i, out, name=name: self.seen.__setitem__(name, out))
            for name, module in self.parts.items()
        ]
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self.hooks:
            hook.remove()
        assert self.seen
        for name, value in self.seen.items():
            self.oracle.check(self.golden, f"mid.{name}", value, self.tolerance)


@pytest.fixture(scope="session")
def oracle(shared: Path) -> Oracle:
    return Oracle(shared / "oracle")
