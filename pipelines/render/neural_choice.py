"""Which neural renderer this machine can run, why, and what would give a better one.

The order is TensorRT, TensorRT for RTX, torch on an NVIDIA or Apple GPU, and torch on the CPU for stills only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pipelines.checkpoints.registry import RENDERING
from pipelines.checkpoints.store import default_folder, missing_for_rendering, said_size
from pipelines.errors import StudioError
from pipelines.render.neural import NeuralRenderer

if TYPE_CHECKING:
    import torch

    from pipelines.networks.bundle import Networks
    from pipelines.render.neural_torch import TorchBackend
    from pipelines.render.trt.cache import EngineCache
    from pipelines.render.trt.package import Target

Progress = Callable[[float, str], None]
FETCH = "python -m pipelines checkpoints fetch neural"
BUILD = "python -m pipelines engines build"
Action = Literal["fetch", "build"]


@dataclass(frozen=True)
class NeuralChoice:
    """The best neural renderer of this machine."""

    renderer: NeuralRenderer | None
    """None where weights are missing."""
    live: bool
    """Fast enough to edit with; False means stills at about ten seconds each."""
    reason: str
    """One sentence for the page."""
    action: Action | None = None
    """What the page may offer: fetching weights or building engines."""
    command: str | None = None
    """The same as a command."""
    cost: str | None = None
    """What the action costs, such as "522 MB to download"."""

    @property
    def has_weights(self) -> bool:
        """Whether stills can be drawn, at least."""
        return self.action != "fetch"


def survey(folder: Path | None = None) -> NeuralChoice | None:
    """What is missing before any neural renderer can be loaded; None when the weights are here. Reads no weights."""
    folder = folder or default_folder()
    missing = missing_for_rendering(folder)
    if not missing:
        return None
    here = len(RENDERING) - len(missing)
    reason = f"{f'Only {here} of {len(RENDERING)}' if here else 'No'} neural weight files are on this machine."
    return NeuralChoice(None, False, reason, "fetch", FETCH, f"{said_size(missing)} to download")


def choose_neural(
    folder: Path | None = None, *, cache: EngineCache | None = None, progress: Progress | None = None
) -> NeuralChoice:
    """Load the best neural renderer this machine can run now.

    Raises:
        StudioError: a weight file is there but bad.
    """
    missing = survey(folder)
    if missing is not None:
        return missing
    from pipelines.checkpoints.loading import load_networks
    from pipelines.render.neural_torch import choose_device
    from pipelines.render.trt.package import choose_target

    networks = load_networks(folder, progress=progress)
    device = choose_device()
    if device.type == "mps":
        return _torch_choice(networks, device, live=True, reason="The weights are here and torch sees an Apple GPU.")
    target, reason = choose_target()
    if target is None:
        return _torch_choice(networks, device, live=device.type == "cuda", reason=reason)
    return _engine_choice(networks, device, target, cache)


def _engine_choice(
    networks: Networks, device: torch.device, target: Target, cache: EngineCache | None
) -> NeuralChoice:
    from pipelines.render.trt.cache import EngineCache
    from pipelines.render.trt.engines import check_engines, load_backend

    cache = cache or EngineCache()
    states = {status.state for status in check_engines(networks, target, cache)}
    if states == {"fresh"}:
        try:
            backend = load_backend(
                networks, target, cache, fallback=lambda: _torch_backend(networks, device, half=False)
            )
        except StudioError as error:
            return _torch_choice(networks, device, live=True, reason=str(error), action="build")
        reason = f"{target.package.name} {target.package.version} has engines for this GPU."
        return NeuralChoice(NeuralRenderer(backend, reason=reason), True, reason)
    why = "are stale" if "stale" in states else "are not built yet"
    return _torch_choice(
        networks, device, live=True, reason=f"TensorRT is here but its engines {why}.", action="build"
    )


def _torch_backend(networks: Networks, device: torch.device, *, half: bool) -> TorchBackend:
    from pipelines.render.neural_torch import TorchBackend

    return TorchBackend(networks, device=device, half=half)


def _torch_choice(
    networks: Networks, device: torch.device, *, live: bool, reason: str, action: Action | None = None
) -> NeuralChoice:
    from pipelines.render.neural_torch import half_is_safe

    backend = _torch_backend(networks, device, half=half_is_safe(device))
    renderer = NeuralRenderer(backend, reason=reason)
    if action is None:
        return NeuralChoice(renderer, live, reason)
    return NeuralChoice(renderer, live, reason, action, BUILD, "A few minutes, about 0.4 GB of disk")
