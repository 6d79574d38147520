"""Engines without a GPU: real ahead-of-time builds, refusals, the cache, and the runner on a stand-in context.

What only a GPU can show (kernels, speed, memory) is `python -m pipelines engines selftest`.
"""

from __future__ import annotations

import argparse
import ctypes
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import onnx.helper
import pytest
import torch

from pipelines.errors import StudioError
from pipelines.motion.space import Motion
from pipelines.networks.bundle import Networks
from pipelines.render.export import graph_specs
from pipelines.render.neural import NeuralRenderer
from pipelines.render.neural_torch import TorchBackend
from pipelines.render.trt import package as package_module
from pipelines.render.trt.backend import EngineBackend
from pipelines.render.trt.build import build_engine
from pipelines.render.trt.cache import EngineCache, EngineKey
from pipelines.render.trt.commands import add_commands
from pipelines.render.trt.engines import build_engines, check_engines, deserialize, engine_key, weights_digest
from pipelines.render.trt.package import SHARED_NAMES, Package, Target, choose_target, has_driver, installed_packages
from pipelines.render.trt.runner import EngineRunner
from pipelines.render.trt.selftest import compare

from .neural_case import NETWORKS, exported, plain_portrait

SPECS = graph_specs(NETWORKS)
CAPABILITIES = ("SM80", "SM86", "SM89", "SM120")
KEY = EngineKey("render", "ab", "tensorrt_rtx", "1.7", "SM89", "mixed", "rewritten")


def graph(name: str) -> bytes:
    return exported(name, half=True).SerializeToString()


@pytest.fixture(scope="module")
def rtx() -> Package:
    for package in installed_packages():
        if package.is_rtx:
            return package
    pytest.skip("tensorrt-rtx is not installed (requirements-dev.txt has it)")


# ---- Real builds ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("capability", CAPABILITIES)
@pytest.mark.parametrize("name", SPECS)
def test_every_graph_builds_ahead_of_time(rtx: Package, name: str, capability: str) -> None:
    engine = build_engine(rtx, graph(name), title=name, capability=capability)
    assert len(engine) > 10_000


def test_unknown_gpu_is_refused(rtx: Package) -> None:
    with pytest.raises(StudioError, match=r"`capability` should be one of SM75, SM80, .* but is 'SM90'"):
        build_engine(rtx, graph("stitching"), title="stitching", capability="SM90")


def one_node_model(operator: str, types: tuple[int, int]) -> bytes:
    make = onnx.helper
    inputs = [make.make_tensor_value_info(name, kind, (2, 2)) for name, kind in zip("ab", types, strict=True)]
    output = make.make_tensor_value_info("c", types[0], (2, 2))
    nodes = [make.make_node(operator, ["a", "b"], ["c"])]
    model = make.make_model(make.make_graph(nodes, "g", inputs, [output]), opset_imports=[make.make_opsetid("", 20)])
    return model.SerializeToString()


def test_mixed_up_types_are_refused(rtx: Package) -> None:
    single, half = onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16
    with pytest.raises(StudioError, match=r"tensorrt_rtx .* probe"):
        build_engine(rtx, one_node_model("Add", (single, half)), title="probe", capability="SM89")
    assert build_engine(rtx, one_node_model("Add", (single, single)), title="probe", capability="SM89")


def test_unknown_operator_is_refused(rtx: Package) -> None:
    model = one_node_model("NoSuchOperator", (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT))
    with pytest.raises(StudioError, match=r"refuses the probe graph: .*NoSuchOperator"):
        build_engine(rtx, model, title="probe", capability="SM89")


def test_shared_names_exist(rtx: Package) -> None:
    for owner, names in SHARED_NAMES.items():
        missing = [name for name in names if not hasattr(getattr(rtx.module, owner), name)]
        assert not missing, f"{owner} lacks {missing}"


def test_nothing_else_of_the_package_is_used() -> None:
    """The sources call TensorRT only by names in the list, or by RTX's own two on the RTX-only path."""
    import ast

    listed = {name for names in SHARED_NAMES.values() for name in names}
    rtx_only = {"num_compute_capabilities", "set_compute_capability"}
    plain = {"create_execution_context", "desc", "name", "node_operator", "engine"}
    folder = Path(package_module.__file__).parent
    for source, owners in (
        ("build.py", {"builder", "network", "parser", "config"}),
        ("runner.py", {"engine", "context"}),
    ):
        for node in ast.walk(ast.parse((folder / source).read_text("utf-8"))):
            if not isinstance(node, ast.Attribute):
                continue
            owner = node.value.id if isinstance(node.value, ast.Name) else getattr(node.value, "attr", "")
            if owner in owners:
                assert node.attr in listed | rtx_only | plain, f"{source} uses {owner}.{node.attr}"


@pytest.mark.skipif(has_driver(), reason="an NVIDIA driver is here, so loading may succeed")
def test_without_a_driver_loading_fails_in_one_sentence(rtx: Package) -> None:
    engine = build_engine(rtx, graph("stitching"), title="stitching", capability="SM89")
    with pytest.raises(StudioError, match=r"TensorRT does not (load the stitching engine|start) here: .*driver"):
        deserialize(Target(rtx, "SM89"), engine, title="stitching")
    target, reason = choose_target()
    assert target is None and reason == "No NVIDIA driver is on this machine."


# ---- The order of choice -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("driver", "capability", "packages", "chosen", "reason"),
    [
        (False, None, (), None, "No NVIDIA driver"),
        (True, None, (), None, "torch sees no GPU"),
        (True, "SM89", (), None, "TensorRT is not"),
        (True, "SM89", ("tensorrt", "tensorrt_rtx"), "tensorrt", "tensorrt 1.0 runs"),
        (True, "SM89", ("tensorrt_rtx",), "tensorrt_rtx", "tensorrt_rtx 1.0 runs"),
        (True, "SM90", ("tensorrt_rtx",), None, "but this GPU is SM90"),
        (True, "SM90", ("tensorrt", "tensorrt_rtx"), "tensorrt", "tensorrt 1.0 runs"),
    ],
)
def test_order_of_choice(
    monkeypatch: pytest.MonkeyPatch,
    driver: bool,
    capability: str | None,
    packages: tuple[str, ...],
    chosen: str | None,
    reason: str,
) -> None:
    known = SimpleNamespace(ComputeCapability=SimpleNamespace(__members__=dict.fromkeys(CAPABILITIES)))
    found = tuple(Package(name, "1.0", known) for name in packages)
    monkeypatch.setattr(package_module, "has_driver", lambda: driver)
    monkeypatch.setattr(package_module, "gpu_capability", lambda: capability)
    monkeypatch.setattr(package_module, "installed_packages", lambda: found)
    target, said = choose_target()
    assert (target.package.name if target else None) == chosen
    assert reason in said


# ---- The cache ---------------------------------------------------------------------------------------------------


def test_cache_returns_what_it_saved(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    assert cache.freshness(KEY) == "missing" and cache.load(KEY) is None
    cache.save(KEY, b"engine", onnx_sha256="00")
    assert cache.freshness(KEY) == "fresh" and cache.load(KEY) == b"engine"
    assert (tmp_path / "signing.key").stat().st_mode & 0o777 == 0o600
    entry = next(iter(cache.entries()))
    assert entry.key == KEY and entry.signed_here and entry.size == 6
    assert EngineCache(tmp_path).load(KEY) == b"engine"
    assert cache.clear() == 1 and not list(cache.entries())


@pytest.mark.parametrize("field", ["weights", "package", "version", "capability", "precision", "sampler"])
def test_any_change_makes_the_engine_stale(tmp_path: Path, field: str) -> None:
    cache = EngineCache(tmp_path)
    cache.save(KEY, b"engine", onnx_sha256="00")
    other = replace(KEY, **{field: "other"})
    assert cache.freshness(other) == "stale" and cache.load(other) is None


def test_a_newer_engine_replaces_the_old_one(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    kept = [replace(KEY, graph="motion"), replace(KEY, capability="SM120"), replace(KEY, precision="single")]
    for key in (KEY, *kept):
        cache.save(key, b"engine", onnx_sha256="00")
    newer = replace(KEY, weights="cd", version="1.8")
    cache.save(newer, b"engine", onnx_sha256="00")
    assert cache.drop_superseded(newer) == 1
    assert {entry.key for entry in cache.entries()} == {newer, *kept}


def test_foreign_and_damaged_engines_are_never_loaded(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path / "here")
    path = cache.save(KEY, b"engine", onnx_sha256="00")
    path.write_bytes(b"engin3")
    assert cache.freshness(KEY) == "foreign" and cache.load(KEY) is None
    elsewhere = EngineCache(tmp_path / "there")
    theirs = elsewhere.save(KEY, b"engine", onnx_sha256="00")
    for file in (theirs, theirs.with_suffix(".json")):
        (cache.folder / file.name).write_bytes(file.read_bytes())
    assert cache.load(KEY) is None
    assert [entry.signed_here for entry in cache.entries()] == [False]
    path.with_suffix(".json").write_text("{")
    assert cache.load(KEY) is None and not list(cache.entries())


def test_digest_follows_the_weights() -> None:
    assert weights_digest(NETWORKS, "render") == weights_digest(Networks.seeded(debug=True), "render")
    other = Networks.seeded(debug=True)
    assert other.decoder.fc.bias is not None
    with torch.no_grad():
        other.decoder.fc.bias[0] += 1e-3
    assert weights_digest(NETWORKS, "render") != weights_digest(other, "render")
    assert weights_digest(NETWORKS, "motion") == weights_digest(other, "motion")


def test_build_then_nothing_left_to_do(rtx: Package, tmp_path: Path) -> None:
    cache, target = EngineCache(tmp_path), Target(rtx, "SM89")
    only = replace(NETWORKS, eye=None, lip=None)
    texts: list[str] = []
    states = build_engines(only, target, cache, progress=lambda _, text: texts.append(text))
    assert {status.state for status in states} == {"fresh"} and len(texts) == 2 * len(states) + 1
    texts.clear()
    build_engines(only, target, cache, progress=lambda _, text: texts.append(text))
    assert texts == ["engines are ready"]
    assert {status.state for status in check_engines(only, Target(rtx, "SM120"), cache)} == {"stale"}
    assert engine_key(only, SPECS["render"], target).precision == "mixed"
    assert engine_key(only, SPECS["motion"], target).precision == "single"


# ---- The runner on a stand-in for the GPU ------------------------------------------------------------------------


class OnnxEngine:
    """An `ICudaEngine` that lies in main memory and computes with onnxruntime."""

    def __init__(self, model: bytes, spoil: Callable[[np.ndarray], np.ndarray] = lambda x: x) -> None:
        import onnxruntime

        self.session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        self.spoil = spoil
        # Outputs first: whoever binds by index instead of by name fails.
        self.tensors = {t.name: t for t in (*self.session.get_outputs(), *self.session.get_inputs())}
        self.num_io_tensors = len(self.tensors)

    def get_tensor_name(self, index: int) -> str:
        return list(self.tensors)[index]

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return tuple(self.tensors[name].shape)

    def get_tensor_dtype(self, name: str) -> SimpleNamespace:
        return SimpleNamespace(name={"tensor(float)": "FLOAT", "tensor(int64)": "INT64"}[self.tensors[name].type])

    def get_tensor_mode(self, name: str) -> SimpleNamespace:
        return SimpleNamespace(name="INPUT" if name in {t.name for t in self.session.get_inputs()} else "OUTPUT")

    def create_execution_context(self) -> OnnxContext:
        return OnnxContext(self)


class OnnxContext:
    """An `IExecutionContext` that follows raw addresses, as the real one does."""

    def __init__(self, engine: OnnxEngine) -> None:
        self.engine = engine
        self.addresses: dict[str, int] = {}
        self.streams: list[int] = []

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        return shape == self.engine.get_tensor_shape(name)

    def set_tensor_address(self, name: str, address: int) -> bool:
        self.addresses[name] = address
        return address != 0

    def execute_async_v3(self, stream: int) -> bool:
        self.streams.append(stream)
        session = self.engine.session
        inputs = {tensor.name: self._memory(tensor.name) for tensor in session.get_inputs()}
        for tensor, value in zip(session.get_outputs(), session.run(None, inputs), strict=True):
            self._memory(tensor.name)[...] = self.engine.spoil(np.asarray(value))
        return True

    def _memory(self, name: str) -> np.ndarray:
        shape = self.engine.get_tensor_shape(name)
        dtype = np.dtype({"INT64": np.int64, "FLOAT": np.float32}[self.engine.get_tensor_dtype(name).name])
        memory = ctypes.c_uint8 * (dtype.itemsize * int(np.prod(shape)))
        return np.ctypeslib.as_array(memory.from_address(self.addresses[name])).view(dtype).reshape(shape)


CPU = torch.device("cpu")


def runner(name: str, **options: Any) -> EngineRunner:
    return EngineRunner(OnnxEngine(graph(name), **options), device=CPU)


def engine_renderer(**render_options: Any) -> NeuralRenderer:
    runners = {name: runner(name, **(render_options if name == "render" else {})) for name in SPECS}
    single = lambda: TorchBackend(Networks.seeded(debug=True))  # noqa: E731
    return NeuralRenderer(EngineBackend(runners, title="Neural, stand-in", device=CPU, fallback=single))


@pytest.mark.parametrize("name", SPECS)
def test_runner_agrees_with_torch(name: str) -> None:
    report = compare(NETWORKS, SPECS[name], runner(name), half=True)
    assert report["ok"], report
    assert report["engine_ms"] > 0 and report["buffers_mb"] >= 0


def test_buffers_are_allocated_once() -> None:
    engine = runner("stitching")
    addresses = dict(engine.context.addresses)
    x = torch.rand(1, 21, 3)
    first = engine.run({"kp_source": x, "kp_driving": x})["out"].clone()
    again = engine.run({"kp_source": x, "kp_driving": x})["out"]
    assert engine.context.addresses == addresses and torch.equal(first, again)
    assert engine.context.streams == [0, 0]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kp_source": torch.zeros(1, 21, 3)}, "takes .'kp_driving', 'kp_source'. but was given"),
        ({"kp_source": torch.zeros(1, 21, 3), "kp_driving": torch.zeros(1, 20, 3)}, "`kp_driving` should have shape"),
    ],
)
def test_wrong_inputs_are_refused(values: dict[str, torch.Tensor], message: str) -> None:
    with pytest.raises(StudioError, match=message):
        runner("stitching").run(values)


def test_engine_failures_are_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.zeros(1, 21, 3)
    engine = runner("stitching")
    monkeypatch.setattr(OnnxContext, "execute_async_v3", lambda *_: False)
    with pytest.raises(StudioError, match="engine failed while running: rebuild it"):
        engine.run({"kp_source": x, "kp_driving": x})
    monkeypatch.setattr(OnnxEngine, "create_execution_context", lambda _: None)
    with pytest.raises(StudioError, match="memory may be full"):
        runner("stitching")


def test_same_picture_as_torch() -> None:
    portrait = plain_portrait()
    motion: Motion = portrait.motion.with_(yaw_deg=portrait.motion.yaw_deg + np.float32(7))
    engines, reference = engine_renderer(), NeuralRenderer(TorchBackend(Networks.seeded(debug=True)))
    frames = [r.render(r.prepare(portrait), motion) for r in (engines, reference)]
    assert frames[0].std() > 1
    # The render graph is in mixed precision, so a step or two of 255 may differ.
    assert np.abs(frames[0].astype(int) - frames[1]).max() <= 3
    assert engines.reason == "Neural, stand-in was asked for."


def test_handles_do_not_share_buffers() -> None:
    """A second portrait must not overwrite the features of the first."""
    renderer, portrait = engine_renderer(), plain_portrait()
    motion = portrait.motion.with_(pitch_deg=portrait.motion.pitch_deg + np.float32(6))
    first = renderer.prepare(portrait)
    before = renderer.render(first, motion)
    renderer.prepare(replace(portrait, image=np.ascontiguousarray(portrait.image[::-1])))
    np.testing.assert_array_equal(renderer.render(first, motion), before)


def test_not_finite_falls_back_for_good() -> None:
    renderer, portrait = engine_renderer(spoil=lambda x: x * np.float32("nan")), plain_portrait()
    motion = portrait.motion.with_(yaw_deg=portrait.motion.yaw_deg + np.float32(7))
    frame = renderer.render(renderer.prepare(portrait), motion)
    assert frame.std() > 1 and renderer.backend.title == "Neural, CPU"


def test_missing_engine_is_named() -> None:
    with pytest.raises(StudioError, match="engines motion, render are missing: run"):
        runners = {name: runner(name) for name in ("appearance", "stitching")}
        EngineBackend(runners, title="", device=CPU)


# ---- The command line --------------------------------------------------------------------------------------------


def run(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser()
    add_commands(parser.add_subparsers(required=True))
    options = parser.parse_args(["engines", *arguments])
    options.run(options)


def test_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    EngineCache(tmp_path).save(KEY, b"engine", onnx_sha256="00")
    run(["list", "--folder", str(tmp_path), "--json"])
    listed = json.loads(capsys.readouterr().out)["engines"]
    assert listed[0]["graph"] == "render" and listed[0]["signed_here"] is True
    run(["clear", "--folder", str(tmp_path), "--json"])
    assert json.loads(capsys.readouterr().out) == {"deleted": 1}


@pytest.mark.skipif(has_driver(), reason="an NVIDIA driver is here")
@pytest.mark.parametrize("action", ["build", "check", "selftest"])
def test_commands_without_a_gpu_give_the_reason(action: str, tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="No NVIDIA driver is on this machine"):
        run([action, "--folder", str(tmp_path)])
    with pytest.raises(StudioError, match="SM90"):
        run(["build", "--target", "SM90", "--folder", str(tmp_path)])
