"""Proof on a machine with a GPU: engines against torch, milliseconds per frame, memory."""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from pipelines.networks.bundle import Networks
from pipelines.render.export import GraphSpec, example_inputs, graph_module, graph_specs
from pipelines.render.trt.cache import EngineCache
from pipelines.render.trt.engines import build_engines, load_backend
from pipelines.render.trt.package import Target
from pipelines.render.trt.runner import EngineRunner

Progress = Callable[[float, str], None]
LIMIT_SINGLE = 5e-3
"""Largest difference over the largest number; TensorRT may use TF32 for single precision."""
LIMIT_MIXED = 5e-2
REPEATS = 30


def selftest(
    networks: Networks, target: Target, cache: EngineCache, *, half: bool = True, progress: Progress | None = None
) -> dict[str, Any]:
    """Build what is missing, then compare and time every engine.

    Returns:
        `machine` (name to value) and `graphs`, one record each: error over the largest number, limit, ok,
        median milliseconds of torch in single precision and of the engine, megabytes of bound buffers.

    Raises:
        StudioError: an engine cannot be built or loaded.
    """
    build_engines(networks, target, cache, half=half, progress=progress)
    backend = load_backend(networks, target, cache, half=half)
    rows = []
    for spec in graph_specs(networks).values():
        rows.append(compare(networks, spec, backend.runners[spec.name], half=half))
        torch.cuda.empty_cache()
    free, total = torch.cuda.mem_get_info()
    machine = {
        "gpu": torch.cuda.get_device_name(),
        "capability": target.capability,
        "package": f"{target.package.name} {target.package.version}",
        "torch": torch.__version__,
        "system": platform.platform(),
        "memory_used_mb": round((total - free) / 1e6),
        "memory_total_mb": round(total / 1e6),
    }
    return {"machine": machine, "graphs": rows}


def compare(networks: Networks, spec: GraphSpec, runner: EngineRunner, *, half: bool) -> dict[str, Any]:
    """One graph's engine against torch in single precision on the same device."""
    inputs = {name: value.to(runner.device) for name, value in example_inputs(spec).items()}
    module = graph_module(networks, spec.name, sampler="native").to(runner.device).eval()
    limit = LIMIT_MIXED if half and spec.mixed else LIMIT_SINGLE
    with torch.inference_mode():
        expected = module(*inputs.values())
        got = runner.run(inputs)
        error = max(
            float((got[name].float() - value).abs().max() / value.abs().max())
            for name, value in zip(spec.outputs, _as_tuple(expected), strict=True)
        )
        torch_ms = _median_ms(lambda: module(*inputs.values()), runner.device)
        engine_ms = _median_ms(lambda: runner.run(inputs), runner.device)
    return {
        "graph": spec.name,
        "error": float(f"{error:.2e}"),
        "limit": limit,
        "ok": error <= limit,
        "torch_ms": round(torch_ms, 2),
        "engine_ms": round(engine_ms, 2),
        "buffers_mb": round(runner.buffer_bytes / 1e6, 1),
    }


def _as_tuple(value: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return (value,) if isinstance(value, Tensor) else tuple(value)


def _median_ms(work: Callable[[], object], device: torch.device) -> float:
    """Median wall milliseconds; the device is idle before and after each."""
    times = []
    for _ in range(REPEATS):
        _wait(device)
        start = time.perf_counter()
        work()
        _wait(device)
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
