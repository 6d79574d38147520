"""Which neural renderer is chosen and what the page may offer."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pipelines.checkpoints import loading
from pipelines.checkpoints.registry import FILES, RENDERING
from pipelines.evaluation.bench_neural import bench_neural
from pipelines.networks.bundle import Networks
from pipelines.render import neural_choice, neural_torch
from pipelines.render.neural_choice import choose_neural, survey
from pipelines.render.trt import package as package_module
from pipelines.render.trt.cache import EngineCache
from pipelines.render.trt.package import Package, Target

from .neural_case import NETWORKS


def test_nothing_here_offers_the_download(tmp_path: Path) -> None:
    choice = choose_neural(tmp_path)
    assert choice.renderer is None and not choice.live
    assert choice.reason == "No neural weight files are on this machine."
    assert (choice.action, choice.command) == ("fetch", "python -m pipelines checkpoints fetch neural")
    assert choice.cost == "522 MB to download"


@pytest.mark.parametrize(("there", "reason"), [(1, "Only 1 of 5"), (4, "Only 4 of 5")])
def test_some_here_counts_the_rest(tmp_path: Path, there: int, reason: str) -> None:
    for name in RENDERING[:there]:
        path = tmp_path / FILES[f"ditto/{name}"].path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    choice = survey(tmp_path)
    assert choice is not None and choice.reason.startswith(reason)


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with weights: the loader gives debug networks."""
    for name in RENDERING:
        path = tmp_path / FILES[f"liveportrait/{name}"].path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    monkeypatch.setattr(loading, "load_networks", lambda *_, **__: Networks.seeded(debug=True))
    return tmp_path


def test_cpu_draws_stills(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neural_torch, "choose_device", lambda: torch.device("cpu"))
    monkeypatch.setattr(package_module, "has_driver", lambda: False)
    choice = choose_neural(weights)
    assert choice.renderer is not None and not choice.live and choice.action is None
    assert choice.renderer.reason == "No NVIDIA driver is on this machine."
    assert survey(weights) is None


def test_gpu_without_engines_offers_to_build(tmp_path: Path) -> None:
    target = Target(Package("tensorrt_rtx", "1.7", None), "SM89")
    choice = neural_choice._engine_choice(NETWORKS, torch.device("cpu"), target, EngineCache(tmp_path))
    assert choice.renderer is not None and choice.live
    assert choice.action == "build" and choice.command == "python -m pipelines engines build"
    assert choice.reason == "TensorRT is here but its engines are not built yet."


def test_bench_measures_each_library() -> None:
    report = bench_neural(debug=True, repeats=1, names=("stitching", "lip"))
    assert list(report) == ["Neural, stitching", "Neural, lip retargeting"]
    for rows in report.values():
        assert [row["figure"] for row in rows][:3] == ["operations", "torch", "onnxruntime"]
        assert all(row["value"] >= 0 for row in rows)
