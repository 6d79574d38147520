"""ONNX graphs against torch, and what may and may not be in them. Debug-size networks: the same operators."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch

from pipelines.errors import StudioError
from pipelines.networks.bundle import Networks
from pipelines.networks.diffusion_step import cosine_schedule
from pipelines.render.export import (
    OPSET,
    example_inputs,
    export_graph,
    graph_hash,
    graph_module,
    graph_specs,
)

from .neural_case import NETWORKS, SPECS, exported


def run_onnx(model: onnx.ModelProto, name: str) -> list[np.ndarray]:
    import onnxruntime

    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    inputs = {key: value.numpy() for key, value in example_inputs(SPECS[name]).items()}
    return [np.asarray(value) for value in session.run(list(SPECS[name].outputs), inputs)]


def run_torch(name: str) -> list[np.ndarray]:
    with torch.inference_mode():
        out = graph_module(NETWORKS, name, sampler="native")(*example_inputs(SPECS[name]).values())
    return [value.numpy() for value in ((out,) if isinstance(out, torch.Tensor) else out)]


@pytest.mark.parametrize("name", SPECS)
def test_equal_to_torch(name: str) -> None:
    for got, expected in zip(run_onnx(exported(name), name), run_torch(name), strict=True):
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", SPECS)
def test_openvino_equals_torch(name: str) -> None:
    """Where it is installed; the project itself does not need it."""
    openvino = pytest.importorskip("openvino")
    core = openvino.Core()
    model = core.read_model(exported(name).SerializeToString())
    out = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(
        {key: value.numpy() for key, value in example_inputs(SPECS[name]).items()}
    )
    for key, expected in zip(SPECS[name].outputs, run_torch(name), strict=True):
        np.testing.assert_allclose(out[key], expected, rtol=0, atol=1e-4)


def test_native_look_ups_equal_to_torch() -> None:
    model = exported("render", sampler="native")
    np.testing.assert_allclose(run_onnx(model, "render")[0], run_torch("render")[0], rtol=0, atol=1e-4)
    assert 5 in grid_sample_ranks(model)


def grid_sample_ranks(model: onnx.ModelProto) -> list[int]:
    inferred = onnx.shape_inference.infer_shapes(model).graph
    values = (*inferred.value_info, *inferred.input, *inferred.output, *inferred.initializer)
    ranks = {v.name: len(v.dims if isinstance(v, onnx.TensorProto) else v.type.tensor_type.shape.dim) for v in values}
    return [ranks[node.input[0]] for node in inferred.node if node.op_type == "GridSample"]


ALLOWED = {
    *(
        "Abs",
        "Add",
        "And",
        "AveragePool",
        "BatchNormalization",
        "Cast",
        "Clip",
        "Concat",
        "Conv",
        "DepthToSpace",
        "Div",
    ),
    *("Einsum", "Exp", "Expand", "Floor", "Gather", "Gelu", "Gemm", "GreaterOrEqual", "InstanceNormalization"),
    *("LayerNormalization", "LeakyRelu", "LessOrEqual", "MatMul", "Mish", "Mul", "Pad", "Pow", "ReduceMean"),
    *("ReduceSum", "Relu", "Reshape", "Resize", "Sigmoid", "Slice", "Softmax", "Split", "Sqrt", "Squeeze", "Sub"),
    *("Transpose", "Unsqueeze", "Where"),
}
"""Deterministic and of fixed shape; TensorRT 10 and 11, TensorRT for RTX, OpenVINO and onnxruntime have them all."""


@pytest.mark.parametrize("name", SPECS)
def test_operators(name: str) -> None:
    """Plain ONNX of one opset, static shapes, names as released, nothing random, no grid sample of any rank."""
    model = exported(name)
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", OPSET)]
    assert not model.functions
    assert {node.domain for node in model.graph.node} == {""}
    assert {node.op_type for node in model.graph.node} <= ALLOWED
    assert not grid_sample_ranks(model), "look-ups are gathers and matrix products"
    for tensor, shape in zip(model.graph.input, SPECS[name].inputs.items(), strict=True):
        assert tensor.name == shape[0]
        assert tuple(dim.dim_value for dim in tensor.type.tensor_type.shape.dim) == shape[1]
        kind = onnx.TensorProto.INT64 if shape[0] in SPECS[name].integers else onnx.TensorProto.FLOAT
        assert tensor.type.tensor_type.elem_type == kind
    assert tuple(tensor.name for tensor in model.graph.output) == SPECS[name].outputs


def test_mixed_precision_stays_close() -> None:
    got, expected = run_onnx(exported("render", half=True), "render")[0], run_torch("render")[0]
    assert got.dtype == np.float32
    error = np.sqrt(np.mean((got - expected) ** 2)) / np.ptp(expected)
    assert -20 * np.log10(error) > 45


def test_coordinates_stay_in_single_precision() -> None:
    """Look-ups, soft-max and their inputs are float32; the big convolutions are float16."""
    inferred = onnx.shape_inference.infer_shapes(exported("render", half=True)).graph
    types = {v.name: v.type.tensor_type.elem_type for v in (*inferred.value_info, *inferred.input, *inferred.output)}
    types |= {v.name: v.data_type for v in inferred.initializer}
    single, half = onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16
    for node in inferred.node:
        if node.op_type in ("Softmax", "Floor", "Exp"):
            assert {types[name] for name in node.input} == {single}, node.name
        if node.op_type == "Gather":
            assert types[node.input[0]] != half, node.name
    convolutions = [types[node.input[0]] for node in inferred.node if node.op_type == "Conv"]
    assert convolutions.count(half) == len(convolutions) - 1, "only the compressing convolution is in float32"


def test_export_leaves_the_networks_alone() -> None:
    before = {key: value.clone() for key, value in NETWORKS.decoder.state_dict().items()}
    exported("render", half=True)
    assert list(NETWORKS.decoder.state_dict()) == list(before)
    assert NETWORKS.warping.sampler == "native"
    assert all(torch.equal(value, before[key]) for key, value in NETWORKS.decoder.state_dict().items())


def test_hash_follows_the_weights() -> None:
    own = graph_hash(exported("stitching").SerializeToString())
    assert own == graph_hash(export_graph(NETWORKS, SPECS["stitching"]).SerializeToString())
    other = export_graph(Networks.seeded(1, debug=True), SPECS["stitching"])
    assert own != graph_hash(other.SerializeToString())


def test_retargeting_is_optional() -> None:
    assert "eye" not in graph_specs(replace(NETWORKS, eye=None, lip=None))


def test_transformer_comes_only_where_asked() -> None:
    plain = Networks.seeded(debug=True)
    assert "transformer" not in graph_specs(plain)
    with pytest.raises(StudioError, match="`graph` should be one of appearance, motion"):
        graph_module(plain, "transformer")


@pytest.mark.parametrize("time", [0, 19, 99, 499, 999])
def test_transformer_at_other_times(time: int) -> None:
    """The time is an input, not a constant of the trace. The noise is the clean motion's error over `noise_ratio`:
    at the first times hundreds of times as large, so there it is judged in units of motion."""
    import onnxruntime

    inputs = {**example_inputs(SPECS["transformer"]), "time_cond": torch.tensor([time])}
    with torch.inference_mode():
        noise, start = graph_module(NETWORKS, "transformer")(*inputs.values())
    model = exported("transformer").SerializeToString()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    got = session.run(["pred_noise", "x_start"], {key: value.numpy() for key, value in inputs.items()})
    ratio = min(1.0, float(cosine_schedule().sqrt_recipm1_alphas_cumprod[time]))
    np.testing.assert_allclose(np.asarray(got[1]), start, rtol=0, atol=1e-4)
    np.testing.assert_allclose(ratio * np.asarray(got[0]), ratio * noise, rtol=0, atol=1e-4)
    if ratio > 0.1:
        np.testing.assert_allclose(np.asarray(got[0]), noise, rtol=1e-4, atol=1e-4)


def test_unknown_graph() -> None:
    with pytest.raises(StudioError, match="`graph` should be one of appearance, motion"):
        graph_module(NETWORKS, "nonsense")
