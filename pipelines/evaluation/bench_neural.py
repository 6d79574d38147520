"""`python -m pipelines bench neural`: CPU time of every network, by the library that computes it.

Seeded random weights: the arithmetic costs the same whatever the numbers are.
"""

from __future__ import annotations

import importlib.util
import statistics
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipelines.networks.bundle import Networks
    from pipelines.render.export import GraphSpec

REPEATS = 3
ORDER = ("appearance", "motion", "warping", "decoder", "stitching", "eye", "lip", "transformer")


def bench_neural(
    *,
    debug: bool = False,
    repeats: int = REPEATS,
    names: tuple[str, ...] = ORDER,
    progress: Callable[[float, str], None] | None = None,
) -> dict[str, list[dict[str, Any]]]:
    """Process CPU milliseconds (all threads added) of one pass, and floating point operations, by title.

    Args:
        debug: measure the toy sizes instead, in seconds rather than minutes.
    """
    from pipelines.networks.bundle import Networks
    from pipelines.render.export import graph_specs, split_specs

    networks = Networks.seeded(debug=debug, transformer=True)
    specs = {**graph_specs(networks), **split_specs(networks)}
    report = {}
    for i, name in enumerate(names):
        if progress:
            progress(i / len(names), f"measuring the {specs[name].title}")
        report[f"Neural, {specs[name].title}"] = _bench_graph(networks, specs[name], repeats)
    if progress:
        progress(1.0, "networks measured")
    return report


def _bench_graph(networks: Networks, spec: GraphSpec, repeats: int) -> list[dict[str, Any]]:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from pipelines.render.export import example_inputs, export_graph, graph_module

    inputs = example_inputs(spec)
    module = graph_module(networks, spec.name, sampler="native").eval()
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        module(*inputs.values())
    with torch.inference_mode():
        torch_ms = _cpu_ms(lambda: module(*inputs.values()), repeats)
    rows = [
        _figure("operations", counter.get_total_flops() / 1e9, "GFLOP"),
        _figure("torch", torch_ms, "ms CPU"),
    ]
    model = export_graph(networks, spec, sampler="native").SerializeToString()
    arrays = {name: value.numpy() for name, value in inputs.items()}
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    rows.append(_figure("onnxruntime", _cpu_ms(lambda: session.run(None, arrays), repeats), "ms CPU"))
    if importlib.util.find_spec("openvino") is not None:
        # OpenVINO has no 5-D grid sample, so it gets the rewritten look-ups.
        run = _openvino(export_graph(networks, spec, sampler="rewritten").SerializeToString())
        rows.append(_figure("openvino", _cpu_ms(lambda: run(arrays), repeats), "ms CPU"))
    return rows


def _openvino(model: bytes) -> Callable[[dict[str, Any]], object]:
    openvino = importlib.import_module("openvino")
    core = openvino.Core()
    # left to itself it computes in bfloat16 where the processor has it
    return core.compile_model(core.read_model(model), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


def _cpu_ms(work: Callable[[], object], repeats: int) -> float:
    """Median CPU milliseconds of the whole process, after one warm pass."""
    work()
    costs = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        costs.append(1e3 * (time.process_time() - start))
    return statistics.median(costs)


def _figure(name: str, value: float, unit: str) -> dict[str, Any]:
    return {"figure": name, "value": round(float(value), 2), "unit": unit, "bar": ""}
