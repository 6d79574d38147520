"""Building, checking and loading the engines of a set of networks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from pipelines.errors import StudioError
from pipelines.networks.bundle import Networks
from pipelines.networks.sampling import Sampler
from pipelines.render.export import GraphSpec, export_graph, graph_hash, graph_specs
from pipelines.render.neural import Backend
from pipelines.render.trt.backend import EngineBackend
from pipelines.render.trt.build import build_engine
from pipelines.render.trt.cache import EngineCache, EngineKey, Freshness
from pipelines.render.trt.package import Target, make_logger
from pipelines.render.trt.runner import EngineRunner

Progress = Callable[[float, str], None]
_SOURCES = (
    *("blocks", "sampling", "appearance", "motion_extractor", "warping", "spade", "stitching"),
    *("motion_transformer", "diffusion_step"),
)
_PARTS = {"render": ("warping", "decoder")}
"""Networks inside a graph of another name."""


@dataclass(frozen=True)
class EngineStatus:
    """One graph and whether its engine is ready."""

    spec: GraphSpec
    key: EngineKey
    state: Freshness


def weights_digest(networks: Networks, graph: str) -> str:
    """SHA-256 of a graph's weights and of the code that turns them into a graph."""
    digest = hashlib.sha256()
    for source in _sources():
        digest.update(source.read_bytes())
    for name in _PARTS.get(graph, (graph,)):
        for key, tensor in getattr(networks, name).state_dict().items():
            digest.update(key.encode())
            digest.update(tensor.detach().cpu().contiguous().numpy().data)
    return digest.hexdigest()


def _sources() -> list[Path]:
    """The files that decide what a graph looks like."""
    render = Path(__file__).parent.parent
    networks = render.parent / "networks"
    return [*(networks / f"{name}.py" for name in _SOURCES), render / "export.py", render / "graph_modules.py"]


def engine_key(
    networks: Networks, spec: GraphSpec, target: Target, *, half: bool = True, sampler: Sampler = "rewritten"
) -> EngineKey:
    """The key of a graph's engine for a target."""
    return EngineKey(
        graph=spec.name,
        weights=weights_digest(networks, spec.name),
        package=target.package.name,
        version=target.package.version,
        capability=target.capability,
        precision="mixed" if half and spec.mixed else "single",
        sampler=sampler,
    )


def check_engines(networks: Networks, target: Target, cache: EngineCache, *, half: bool = True) -> list[EngineStatus]:
    """Which engines are ready, stale or missing."""
    statuses = []
    for spec in graph_specs(networks).values():
        key = engine_key(networks, spec, target, half=half)
        statuses.append(EngineStatus(spec, key, cache.freshness(key)))
    return statuses


def build_engines(
    networks: Networks,
    target: Target,
    cache: EngineCache,
    *,
    half: bool = True,
    again: bool = False,
    progress: Progress | None = None,
) -> list[EngineStatus]:
    """Export and build whatever is not fresh; a callback that raises stops between two graphs.

    Raises:
        StudioError: a graph is refused or a build fails.
    """
    statuses = check_engines(networks, target, cache, half=half)
    todo = [status for status in statuses if again or status.state != "fresh"]
    for i, status in enumerate(todo):
        spec = status.spec
        if progress:
            progress(i / len(todo), f"exporting the {spec.title}")
        model = export_graph(networks, spec, half=half).SerializeToString()
        if progress:
            progress((i + 0.5) / len(todo), f"building the {spec.title} engine")
        engine = build_engine(target.package, model, title=spec.title, capability=target.capability)
        cache.save(status.key, engine, onnx_sha256=graph_hash(model))
        cache.drop_superseded(status.key)
    if progress:
        progress(1.0, "engines are ready")
    return check_engines(networks, target, cache, half=half)


def load_backend(
    networks: Networks,
    target: Target,
    cache: EngineCache,
    *,
    half: bool = True,
    fallback: Callable[[], Backend] | None = None,
) -> EngineBackend:
    """The engines of these networks, ready to run.

    Raises:
        StudioError: an engine is missing or stale, or the driver refuses it.
    """
    device = torch.device("cuda")
    engines = {}
    for status in check_engines(networks, target, cache, half=half):
        data = cache.load(status.key)
        if data is None:
            raise StudioError(
                f"The {status.spec.title} engine is {status.state}: run `python -m pipelines engines build`."
            )
        engines[status.spec.name] = deserialize(target, data, title=status.spec.title)
    stream = torch.cuda.Stream(device)
    runners: Mapping[str, EngineRunner] = {
        name: EngineRunner(engine, device=device, stream=stream) for name, engine in engines.items()
    }
    title = f"Neural, {target.package.name} {target.package.version} on {torch.cuda.get_device_name(device)}"
    return EngineBackend(runners, title=title, device=device, fallback=fallback)


def deserialize(target: Target, data: bytes, *, title: str) -> Any:
    """An `ICudaEngine` from bytes this machine signed.

    Raises:
        StudioError: TensorRT refuses it, such as without a driver.
    """
    log = make_logger(target.package)
    try:
        runtime = target.package.module.Runtime(log)
        engine = runtime.deserialize_cuda_engine(data)
    except RuntimeError as error:
        raise StudioError(f"TensorRT does not start here: {error}") from error
    if engine is None:
        cause = log.errors[0].split("(")[-1].strip(") ") if log.errors else "no reason was given"
        raise StudioError(f"TensorRT does not load the {title} engine here: {cause}.")
    return engine
