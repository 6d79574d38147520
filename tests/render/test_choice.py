"""Which renderer draws: mesh wherever the neural one cannot draw live, and always with the reason."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.checkpoints.registry import FILES, RENDERING
from pipelines.checkpoints.store import FOLDER_VARIABLE
from pipelines.errors import StudioError
from pipelines.render.choice import VARIABLE, choose, fall_back, may_have_gpu


def put_weights(folder: Path) -> Path:
    """Files of the right names, all empty."""
    for name in RENDERING:
        path = folder / FILES[f"liveportrait/{name}"].path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return folder


def test_without_weights_the_mesh_draws_and_says_how_to_get_the_other(tmp_path: Path) -> None:
    choice = choose(folder=tmp_path)
    assert choice.renderer.name == "Mesh" and "no weights" in choice.renderer.reason and not choice.fallback
    assert choice.neural.command == "python -m pipelines checkpoints fetch neural"
    assert not choice.neural.has_weights


def test_without_weights_torch_is_never_imported(tmp_path: Path) -> None:
    script = "import sys; from pipelines.render.choice import choose; choose(); sys.exit('torch' in sys.modules)"
    environment = {FOLDER_VARIABLE: str(tmp_path), "PATH": ""}
    assert subprocess.run([sys.executable, "-c", script], env=environment).returncode == 0


@pytest.mark.skipif(may_have_gpu(), reason="this machine may have a GPU")
def test_weights_without_a_gpu_are_for_stills_and_not_read(tmp_path: Path) -> None:
    choice = choose(folder=put_weights(tmp_path))
    assert choice.renderer.name == "Mesh" and "needs a GPU" in choice.renderer.reason
    assert choice.neural.has_weights and choice.neural.renderer is None and not choice.fallback


def test_the_mesh_can_be_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "mesh")
    for choice in (choose(folder=put_weights(tmp_path)), choose("mesh", folder=tmp_path)):
        assert choice.renderer.name == "Mesh" and choice.renderer.reason == "It was asked for."


def test_asking_for_the_neural_one_without_weights_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match=r"`python -m pipelines checkpoints fetch neural` \(522 MB"):
        choose("neural", folder=tmp_path)


def test_asking_for_the_neural_one_with_bad_weights_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="fetch it again"):
        choose("neural", folder=put_weights(tmp_path))


def test_falling_back_says_why_in_one_line(tmp_path: Path) -> None:
    choice = fall_back(RuntimeError("CUDA error: out of memory\nmore lines"), folder=tmp_path)
    assert choice.fallback and choice.renderer.name == "Mesh"
    assert choice.renderer.reason == "The neural renderer does not start here: CUDA error: out of memory"
