"""ONNX graphs of the networks, for onnxruntime and TensorRT.

Opset 20 from the dynamo exporter, batch 1, static shapes. The look-ups are rewritten so that no 5-D grid sample
remains (TensorRT before 11.2, TensorRT for RTX before 1.6 and OpenVINO have none); native ones are a switch.
Names of inputs and outputs are those of Ditto's released graphs.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pipelines.errors import StudioError
from pipelines.motion.space import N_KEYPOINTS
from pipelines.networks.motion_extractor import MotionFeatures
from pipelines.networks.sampling import Sampler

if TYPE_CHECKING:
    import onnx
    from torch import Tensor, nn

    from pipelines.networks.bundle import Networks
    from pipelines.networks.motion_transformer import TransformerConfig

OPSET = 20
Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class GraphSpec:
    """One graph: what goes in and out, with batch 1. Every tensor is float32 but the inputs listed as int64."""

    name: str
    title: str
    inputs: dict[str, tuple[int, ...]]
    outputs: tuple[str, ...]
    mixed: bool = False
    """Whether its heavy parts may compute in half precision; the switch is written into the graph."""
    integers: tuple[str, ...] = ()
    """Inputs that are int64."""


def graph_specs(networks: Networks) -> dict[str, GraphSpec]:
    """The graphs these networks give: four for a renderer, more where retargeting or the transformer is there."""
    f = networks.appearance.config
    image, kp = (1, 3, f.image_size, f.image_size), (1, N_KEYPOINTS, 3)
    volume = (1, f.volume_width, f.depth, f.volume_size, f.volume_size)
    both = {"kp_source": kp, "kp_driving": kp}
    specs = [
        GraphSpec("appearance", "appearance extractor", {"image": image}, ("pred",)),
        GraphSpec("motion", "motion extractor", {"image": image}, MotionFeatures._fields),
        GraphSpec("stitching", "stitching", both, ("out",)),
        GraphSpec("render", "warping and decoder", {"feature_3d": volume, **both}, ("output",), mixed=True),
    ]
    for name, count in (("eye", 3), ("lip", 2)):
        if getattr(networks, name) is not None:
            inputs = {"kp_source": kp, "ratios": (1, count)}
            specs.append(GraphSpec(name, f"{name} retargeting", inputs, ("out",)))
    if networks.transformer is not None:
        specs.append(_transformer_spec(networks.transformer.config))
    return {spec.name: spec for spec in specs}


def _transformer_spec(config: TransformerConfig) -> GraphSpec:
    """One guided step of the diffusion; in single precision, for its errors add up over the steps."""
    inputs = {
        "x": (1, config.n_frames, config.motion_width),
        "cond_frame": (1, config.motion_width),
        "cond": (1, config.n_frames, config.cond_width),
        "time_cond": (1,),
    }
    outputs = ("pred_noise", "x_start")
    return GraphSpec("transformer", "motion transformer", inputs, outputs, integers=("time_cond",))


def split_specs(networks: Networks) -> dict[str, GraphSpec]:
    """Warping and decoder as two graphs, as Ditto releases them, for comparing one at a time."""
    render = graph_specs(networks)["render"]
    config, side = networks.warping.config, networks.appearance.config.volume_size
    feature = {"feature": (1, config.out_width, side, side)}
    return {
        "warping": replace(render, name="warping", title="warping module", outputs=("out",)),
        "decoder": GraphSpec("decoder", "decoder", feature, ("output",), mixed=True),
    }


def graph_module(networks: Networks, name: str, *, half: bool = False, sampler: Sampler = "rewritten") -> nn.Module:
    """The torch module a graph is traced from: spectral norms folded, precision and look-ups as asked.

    Works on copies, so the networks given stay as they are.

    Raises:
        StudioError: there is no such graph, or its network is not there.
    """
    from pipelines.networks.diffusion_step import GuidedStep
    from pipelines.render.graph_modules import Apply, Decode, Render, Warp

    if name == "stitching":
        return Apply(copy.deepcopy(networks.stitching), "stitch")
    if name in ("eye", "lip"):
        return Apply(copy.deepcopy(getattr(networks, name)), "offsets")
    if name == "transformer" and networks.transformer is not None:
        return GuidedStep(copy.deepcopy(networks.transformer))
    if name in ("appearance", "motion"):
        return copy.deepcopy(getattr(networks, name))
    warping = copy.deepcopy(networks.warping).use_sampler(sampler) if name in ("render", "warping") else None
    decoder = copy.deepcopy(networks.decoder).fold() if name in ("render", "decoder") else None
    if half:
        for part, to_half in ((warping, "to_mixed"), (decoder, "half")):
            if part is not None:
                getattr(part, to_half)()
    if warping is not None and decoder is not None:
        return Render(warping, decoder)
    if warping is not None:
        return Warp(warping)
    if decoder is not None:
        return Decode(decoder)
    raise StudioError(f"`graph` should be one of {', '.join(graph_specs(networks))} but is '{name}'.")


def example_inputs(spec: GraphSpec) -> dict[str, Tensor]:
    """Plausible inputs of a graph by name, in the shapes it states, the same every time: a picture, keypoints a little
    apart, small ratios, motion halfway through the diffusion."""
    import torch

    from pipelines.networks.motion_transformer import N_TIMES

    generator = torch.Generator().manual_seed(len(spec.name))
    inputs = {name: torch.rand(shape, generator=generator) for name, shape in spec.inputs.items()}
    for name in ("kp_source", "feature_3d", "feature", "x", "cond_frame", "cond"):
        if name in inputs:
            inputs[name] = (inputs[name] - 0.5) * 1.6
    if "kp_driving" in inputs:
        inputs["kp_driving"] = inputs["kp_source"] + 0.1 * (inputs["kp_driving"] - 0.5)
    for name in spec.integers:
        inputs[name] = torch.full(spec.inputs[name], N_TIMES // 2)
    return inputs


def export_graph(
    networks: Networks, spec: GraphSpec, *, half: bool = False, sampler: Sampler = "rewritten"
) -> onnx.ModelProto:
    """One network as a checked ONNX model.

    Args:
        half: heavy parts in half precision, where the graph allows it (`spec.mixed`).

    Raises:
        StudioError: the exporter's packages are not installed.
    """
    import torch

    try:
        import onnx
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise StudioError("ONNX export needs two more packages: run `pip install onnx onnxscript`.") from error
    module = graph_module(networks, spec.name, half=half and spec.mixed, sampler=sampler).eval()
    inputs = example_inputs(spec)
    with _quiet(), torch.inference_mode():
        program = torch.onnx.export(
            module,
            tuple(inputs.values()),
            dynamo=True,
            opset_version=OPSET,
            external_data=False,
            input_names=list(inputs),
            output_names=list(spec.outputs),
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    onnx.checker.check_model(model)
    return model


def graph_hash(model: bytes) -> str:
    """SHA-256 of a serialised graph, weights included."""
    return hashlib.sha256(model).hexdigest()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter talks on stdout and warns about its own internals; none of that is for a visitor."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
