"""From an ONNX graph to a serialised engine."""

from __future__ import annotations

from typing import Any

from pipelines.errors import StudioError
from pipelines.render.trt.package import Package, make_logger

WORKSPACE_BYTES = 4 << 30


def build_engine(package: Package, model: bytes, *, title: str, capability: str | None = None) -> bytes:
    """Serialised engine of an ONNX model; types stay as the graph has them.

    Args:
        title: the graph's name for messages.
        capability: which GPU to build for, such as "SM89" (TensorRT for RTX only, and then no GPU is needed);
            None builds for the GPU at hand.

    Raises:
        StudioError: the package cannot build for that GPU, refuses the graph, or fails.
    """
    trt = package.module
    log = make_logger(package)
    builder = trt.Builder(log)
    network = builder.create_network(_strongly_typed(trt))
    parser = trt.OnnxParser(network, log)
    if not parser.parse(model):
        errors = [_said(parser.get_error(i)) for i in range(parser.num_errors)] or log.errors
        raise StudioError(f"{package.name} {package.version} refuses the {title} graph: {'; '.join(errors[:3])}")
    config = builder.create_builder_config()
    if not package.is_rtx:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, WORKSPACE_BYTES)
    elif capability is not None:
        _aim(package, config, capability)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise StudioError(
            f"{package.name} {package.version} could not build the {title} engine: {'; '.join(log.errors[-2:])}"
        )
    return bytes(plan)


def _strongly_typed(trt: Any) -> int:
    """Flags that make types binding: needed by TensorRT 10; later ones and RTX are always so."""
    flag = getattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    return 0 if flag is None else 1 << int(flag)


def _aim(package: Package, config: Any, capability: str) -> None:
    known = package.capabilities()
    if capability not in known:
        raise StudioError(f"`capability` should be one of {', '.join(known)} but is '{capability}'.")
    config.num_compute_capabilities = 1
    config.set_compute_capability(getattr(package.module.ComputeCapability, capability), 0)


def _said(error: Any) -> str:
    """One parser error as "what (operator)"."""
    operator = getattr(error, "node_operator", None)
    text = str(error.desc() if hasattr(error, "desc") else error)
    return f"{text} ({operator()})" if callable(operator) else text
