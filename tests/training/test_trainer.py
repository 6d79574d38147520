"""The real trainer at toy size: it learns, repeats, resumes, and what it writes can be used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pipelines.cli import main
from pipelines.errors import StudioError
from pipelines.motion.pack import ROLL, YAW, unpack
from pipelines.speech.diffusion import SamplerOptions
from pipelines.speech.embedded import MODEL, EmbeddedGenerator
from pipelines.speech.motion_scale import MotionScale
from pipelines.training.dataset import Segments, Utterance, measure_scale, read_corpus
from pipelines.training.losses import GROUPS, MotionLoss
from pipelines.training.trainer import TrainingConfig, train
from tests.conftest import REPO

from .toy import SIZES, write_corpus


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture
def config(corpus: Path) -> TrainingConfig:
    return TrainingConfig(
        corpus=str(corpus), model=SIZES, steps=24, batch=8, warm_up=4, held_out=2, check_every=12, ema=0.9
    )


def _last(folder: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(folder / "last.safetensors")


def test_it_learns_and_writes_a_model_that_moves_a_face(config: TrainingConfig, corpus: Path, tmp_path: Path) -> None:
    seen: list[float] = []
    run = train(config, tmp_path, progress=lambda done, _: seen.append(done))
    assert seen[-1] == 1 and seen == sorted(seen)
    generator = EmbeddedGenerator.load(tmp_path / "model")
    about = json.loads((tmp_path / "model.json").read_text())
    assert about["made_by"]["lip_sync"] == run.best > 0.5 and 0 <= about["height_share"] <= 1
    utterance = read_corpus(corpus)[0]
    frames = generator.frames(utterance.conditions, SamplerOptions(steps=5, seed=1))
    assert frames.shape == utterance.motion.shape and np.isfinite(frames).all()


def test_loss_falls(corpus: Path) -> None:
    from pipelines.training.trainer import diffusion_loss

    utterances = read_corpus(corpus)
    scale = measure_scale(utterances)
    config = TrainingConfig(corpus=str(corpus), model=SIZES)
    torch.manual_seed(0)
    network = config.network()
    optimiser = torch.optim.Adam(network.parameters(), 3e-3)
    batch = Segments(utterances, scale, length=20, seed=0).batch(0, 6)
    loss_of = MotionLoss(dict.fromkeys(GROUPS, 1.0))
    losses = []
    for _ in range(40):
        # one batch with one noise: the loss of a network that learns must fall
        loss_of.running = dict.fromkeys(GROUPS, 1.0)
        loss = diffusion_loss(network, loss_of, batch.motion, batch.reference, batch.conditions, config=config, step=0)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]


def test_a_resumed_run_equals_an_uninterrupted_one(config: TrainingConfig, tmp_path: Path) -> None:
    train(config, tmp_path / "whole")

    class Stop(Exception):
        pass

    def stop(done: float, _: str) -> None:
        if done > 0.6:
            raise Stop

    with pytest.raises(Stop):
        train(config, tmp_path / "parts", progress=stop)
    train(config, tmp_path / "parts", resume=True)
    whole, parts = _last(tmp_path / "whole"), _last(tmp_path / "parts")
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_two_processes_train_one_model_and_go_on_together(config: TrainingConfig, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    config = replace(config, steps=6, batch=4, check_every=3, held_out=1)
    (tmp_path / "config.json").write_text(json.dumps(asdict(config)))
    # on CPUs that talk through gloo, as Accelerate expects them to be started
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*start, "-m", "tests.training.together", str(tmp_path / "config.json"), str(tmp_path)],
        env={**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"},
        cwd=REPO,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    one, other = (load_file(tmp_path / "whole" / f"of_{rank}_in_2.safetensors") for rank in range(2))
    assert all(torch.isfinite(value).all() for value in one.values())
    assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
    assert json.loads((tmp_path / "half" / "stopped.json").read_text())["step"] == 3
    again = [load_file(tmp_path / "half" / f"of_{rank}_in_2.safetensors") for rank in range(2)]
    assert json.loads((tmp_path / "half" / "last.json").read_text())["step"] == 6
    assert all(torch.equal(one[name], resumed[name]) for resumed in again for name in one)


def test_the_shipped_recipe_names_the_loss_floor_the_weights_were_made_with() -> None:
    config = TrainingConfig.read(REPO / "assets/training/embedded.json")
    made_by = json.loads(MODEL.with_suffix(".json").read_text())["made_by"]["config"]
    assert config.loss_floor == 1e-4 and asdict(config) == made_by


def test_the_loss_floor_decides_how_far_a_learnt_group_takes_over() -> None:
    target = torch.zeros(1, 4, 265)
    predicted = target.clone()
    predicted[..., GROUPS["lips"]] = 1.0
    running = {**dict.fromkeys(GROUPS, 1e-3), "lips": 1.0}
    low, high = (MotionLoss(running, floor=floor)(predicted, target, target[:, 0]).item() for floor in (1e-4, 0.05))
    # the lips are not learnt yet; with a low floor the learnt groups leave them next to nothing
    assert low < 0.1 * high


def test_another_seed_gives_another_model(config: TrainingConfig, tmp_path: Path) -> None:
    short = replace(config, steps=4, check_every=4)
    for folder, seed in (("a", 0), ("b", 0), ("c", 1)):
        train(replace(short, seed=seed), tmp_path / folder)
    a, b, c = (_last(tmp_path / folder) for folder in "abc")
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert any(not torch.equal(a[name], c[name]) for name in a)


def test_flipping_twice_is_the_identity_and_turns_the_head_the_other_way(corpus: Path) -> None:
    utterance = read_corpus(corpus)[0]
    flipped = utterance.flipped()
    again = flipped.flipped()
    assert np.array_equal(again.motion, utterance.motion)
    assert np.array_equal(again.conditions.packed(), utterance.conditions.packed())
    one, other = unpack(utterance.motion), unpack(flipped.motion)
    np.testing.assert_allclose(other.yaw_deg, -one.yaw_deg, atol=1e-3)
    np.testing.assert_allclose(other.roll_deg, -one.roll_deg, atol=1e-3)
    np.testing.assert_allclose(other.pitch_deg, one.pitch_deg, atol=1e-4)
    assert np.abs(utterance.motion[:, YAW]).max() > 0 and np.abs(utterance.motion[:, ROLL]).max() > 0


def test_segments_repeat_and_carry_the_frame_before(corpus: Path) -> None:
    utterances = read_corpus(corpus)
    segments = Segments(utterances, measure_scale(utterances), length=20, seed=3)
    first, again, other = segments.batch(5, 8), segments.batch(5, 8), segments.batch(6, 8)
    assert torch.equal(first.motion, again.motion) and not torch.equal(first.motion, other.motion)
    assert first.motion.shape == (8, 20, 265) and first.conditions.shape == (8, 20, SIZES["cond_width"])
    jump = (first.motion[:, 0] - first.reference).abs().mean()
    step = (first.motion[:, 1:] - first.motion[:, :-1]).abs().mean()
    assert jump < 3 * step


def test_scale_is_undone_and_constants_are_not_believed(corpus: Path) -> None:
    utterance: Utterance = read_corpus(corpus)[1]
    scale: MotionScale = measure_scale([utterance])
    features = utterance.conditions.audio
    values = scale.encode(utterance.motion, features)
    np.testing.assert_allclose(scale.decode(values, features), utterance.motion, atol=2e-4)
    constant = np.flatnonzero(scale.std == 0)
    wrong = values.copy()
    wrong[:, constant] += 5
    np.testing.assert_array_equal(scale.decode(wrong, features), scale.decode(values, features))


def test_groups_weigh_alike_however_large_their_losses() -> None:
    covered = sorted(index for dims in GROUPS.values() for index in dims)
    assert covered == list(range(265))
    target = torch.zeros(2, 6, 265)
    predicted = target.clone().requires_grad_()
    with torch.no_grad():
        predicted[..., GROUPS["pitch"]] = 10.0
        predicted[..., GROUPS["lips"]] = 1.0
    MotionLoss()(predicted, target, target[:, 0]).backward()
    assert predicted.grad is not None
    pull = {name: (predicted * predicted.grad)[..., GROUPS[name]].sum().item() for name in ("pitch", "lips")}
    assert pull["pitch"] == pytest.approx(pull["lips"], rel=0.1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ('{"corpus": "c", "model": {}, "speed": 1}', r"`config` should have only .* but has speed"),
        ('{"model": {}}', r"`config` lacks a value.*corpus"),
        ("[1]", r"`config` should be a JSON object but is a list"),
        ("{", r"`config` should be a JSON file"),
        ('{"corpus": "c", "model": {}, "loss_floor": 0}', r"`loss_floor` should be above 0 but is 0; 0.05 is usual"),
    ],
)
def test_a_bad_configuration_is_one_sentence(change: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(change)
    with pytest.raises(StudioError, match=message):
        TrainingConfig.read(tmp_path / "config.json")


def test_missing_corpus_model_and_run_are_one_sentence(config: TrainingConfig, tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="`corpus` should be a folder with shards"):
        train(replace(config, corpus=str(tmp_path)), tmp_path)
    with pytest.raises(StudioError, match="`model` should name sizes"):
        train(replace(config, model={"height": 3}), tmp_path)
    with pytest.raises(StudioError, match="There is no run to resume"):
        train(config, tmp_path, resume=True)


def test_the_command_trains(config: TrainingConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"corpus": config.corpus, "model": SIZES, "steps": 2, "batch": 2, "held_out": 1}))
    assert main(["train", "--config", str(path), "-o", str(tmp_path / "run")]) == 0
    assert "2 steps" in capsys.readouterr().out and (tmp_path / "run" / "model.safetensors").is_file()
    assert main(["train", "--config", str(path)]) == 2
    assert "`--output` should be given" in capsys.readouterr().err
