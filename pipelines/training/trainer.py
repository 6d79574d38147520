"""Training of the motion diffusion transformer: Adan, EMA, adaptive weights, condition dropout, choice by lip sync.

Devices and processes are Accelerate's business: `accelerate launch -m pipelines train --config FILE` uses all GPUs;
processes on CPUs start with `ACCELERATE_USE_CPU=true torchrun --nproc-per-node N -m pipelines train --config FILE`.
One seed repeats on one machine, and a run that was stopped goes on as if it had not been.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipelines.errors import StudioError
from pipelines.motion.pack import EXPRESSION, unpack
from pipelines.networks.diffusion_step import cosine_schedule
from pipelines.networks.motion_transformer import N_TIMES, MotionTransformer, TransformerConfig
from pipelines.speech.diffusion import SamplerOptions
from pipelines.speech.embedded import EmbeddedGenerator
from pipelines.speech.embedded_motion import RETURN_S
from pipelines.speech.follower import Follower
from pipelines.speech.motion_scale import added_height
from pipelines.speech.visemes import lip_measures
from pipelines.training.checkpoint import load_state, save_state
from pipelines.training.dataset import Segments, Utterance, measure_scale, read_corpus
from pipelines.training.losses import FLOOR, MotionLoss

Progress = Callable[[float, str], None]

MOST_HEAD_GAIN = 3.0


@dataclass(frozen=True)
class TrainingConfig:
    """One run; a JSON file with these names."""

    corpus: str
    """Folder with the shards, see `pipelines.training.corpus`."""
    model: dict[str, int]
    """Sizes of the transformer, see `TransformerConfig`."""
    steps: int = 2000
    batch: int = 32
    rate: float = 1e-3
    warm_up: int = 100
    """Steps in which the rate rises; afterwards it falls to zero as a cosine."""
    weight_decay: float = 0.02
    condition_dropout: float = 0.2
    """Segments that learn without their conditions, for guidance."""
    loss_floor: float = FLOOR
    """Least running loss of a group that still lowers its weight, in variances; see `MotionLoss`."""
    ema: float = 0.995
    held_out: int = 16
    """Utterances kept for the choice of the checkpoint."""
    check_every: int = 250
    seed: int = 0

    @classmethod
    def read(cls, path: Path) -> TrainingConfig:
        """
        Raises:
            StudioError: not JSON, an unknown or a missing name.
        """
        try:
            values = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise StudioError(f"`config` should be a JSON file but cannot be read ({error}): {path}") from error
        names = {f.name for f in fields(cls)}
        if not isinstance(values, dict):
            raise StudioError(f"`config` should be a JSON object but is a {type(values).__name__}: {path}")
        if unknown := set(values) - names:
            raise StudioError(f"`config` should have only {', '.join(sorted(names))} but has {min(unknown)}.")
        try:
            return cls(**values)
        except TypeError as error:
            raise StudioError(f"`config` lacks a value: {error}.") from error

    def __post_init__(self) -> None:
        if not self.loss_floor > 0:
            raise StudioError(f"`loss_floor` should be above 0 but is {self.loss_floor}; {FLOOR} is usual.")

    def network(self) -> MotionTransformer:
        """The untrained transformer.

        Raises:
            StudioError: `model` names a size that does not exist.
        """
        try:
            return MotionTransformer(TransformerConfig(**self.model))
        except TypeError as error:
            raise StudioError(f"`model` should name sizes of the transformer: {error}.") from error


@dataclass
class Run:
    """Where a run stands."""

    step: int = 0
    best: float = -1.0
    """Lip sync of the best checkpoint."""
    losses: list[float] = field(default_factory=list)


def train(config: TrainingConfig, folder: Path, *, resume: bool = False, progress: Progress | None = None) -> Run:
    """Train into `folder`: `last.safetensors` to go on from, `model.safetensors` and `.json` of the best check.

    Raises:
        StudioError: no corpus, a bad configuration, or nothing to resume.
    """
    from accelerate import Accelerator
    from accelerate.utils import broadcast_object_list
    from adan_pytorch import Adan
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    folder.mkdir(parents=True, exist_ok=True)
    utterances = read_corpus(Path(config.corpus))
    held_out, rest = utterances[: config.held_out], utterances[config.held_out :] or utterances
    scale = measure_scale(rest)
    torch.manual_seed(config.seed)
    network = config.network()
    segments = Segments(rest, scale, length=network.config.n_frames, seed=config.seed)
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(config.ema))
    smooth = cast(MotionTransformer, average.module)
    optimiser = Adan(network.parameters(), lr=config.rate, weight_decay=cast(int, config.weight_decay))
    running, run = {}, Run()
    if resume:
        stood = load_state(folder, network=network, average=smooth, optimiser=optimiser)
        average.n_averaged.fill_(stood["step"])
        running, run = stood["running"], Run(stood["step"], stood["best"], stood["losses"])
    accelerator = Accelerator()

    def mean(values: Tensor) -> Tensor:
        return cast(Tensor, accelerator.reduce(values, "mean"))

    loss_of = MotionLoss(running, floor=config.loss_floor, mean=mean)
    prepared, prepared_optimiser = accelerator.prepare(network, optimiser)
    average.to(accelerator.device)

    def keep() -> None:
        found = check(EmbeddedGenerator(smooth.cpu(), scale), held_out)
        if found.lip_sync > run.best:
            run.best = found.lip_sync
            made_by = {"config": asdict(config), "step": run.step, "lip_sync": run.best}
            believed = replace(scale, height_share=found.height_share)
            EmbeddedGenerator(smooth, believed, head_gain=found.head_gain).save(folder / "model", made_by=made_by)
        stood = {**asdict(run), "running": loss_of.running}
        bare = accelerator.unwrap_model(prepared)
        save_state(folder, stood, network=bare, average=smooth, optimiser=optimiser)
        average.to(accelerator.device)

    share, rank = accelerator.num_processes, accelerator.process_index
    while run.step < config.steps:
        for group in optimiser.param_groups:
            group["lr"] = config.rate * _rate_share(run.step, config)
        batch = segments.batch(run.step * share + rank, config.batch)
        tensors = [t.to(accelerator.device) for t in (batch.motion, batch.reference, batch.conditions)]
        loss = diffusion_loss(prepared, loss_of, *tensors, config=config, step=run.step * share + rank)
        prepared_optimiser.zero_grad()
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(network.parameters(), 1.0)
        prepared_optimiser.step()
        average.update_parameters(accelerator.unwrap_model(prepared))
        run.step += 1
        run.losses.append(round(float(mean(loss.detach())), 6))
        if progress is not None and accelerator.is_main_process:
            progress(run.step / config.steps, f"step {run.step}, loss {run.losses[-1]:.4f}, lip sync {run.best:.3f}")
        if run.step % config.check_every == 0 or run.step == config.steps:
            if accelerator.is_main_process:
                keep()
            (run.best,) = broadcast_object_list([run.best])
    return run


def diffusion_loss(
    network: Any,
    loss_of: MotionLoss,
    motion: Tensor,
    reference: Tensor,
    conditions: Tensor,
    *,
    config: TrainingConfig,
    step: int,
) -> Tensor:
    """Loss of one batch whose noise, times and dropped conditions are drawn from the step's own seed."""
    rng = torch.Generator().manual_seed(config.seed * 1_000_003 + step)
    time = torch.randint(N_TIMES, (len(motion),), generator=rng)
    kept = torch.rand(len(motion), generator=rng) >= config.condition_dropout
    noise = torch.randn(motion.shape, generator=rng)
    left = cosine_schedule().alphas_cumprod[time][:, None, None]
    time, kept, noise, left = (t.to(motion.device) for t in (time, kept, noise, left))
    noisy = left.sqrt() * motion + (1 - left).sqrt() * noise  # (B, n, 265)
    return loss_of(network(noisy, reference, conditions, time, keep=kept), motion, reference)


@dataclass(frozen=True)
class Check:
    """How a model does on whole utterances it has not seen."""

    lip_sync: float
    """Mean correlation of generated with true inner-lip height."""
    head_gain: tuple[float, ...]
    """Factors on pitch, yaw and roll by which generated heads move too little (see `EmbeddedGenerator`)."""
    height_share: float
    """See `MotionScale`."""


def check(generator: EmbeddedGenerator, utterances: list[Utterance]) -> Check:
    """Generate every utterance and compare."""
    scores, spreads, agreeing, added = [], [], 0.0, 0.0
    for number, utterance in enumerate(utterances):
        made = generator.frames(utterance.conditions, SamplerOptions(seed=number))
        seen, true = (lip_measures(frames[:, EXPRESSION])[0] for frames in (made, utterance.motion))
        if seen.std() > 0 and true.std() > 0:
            scores.append(np.corrcoef(seen, true)[0, 1])
        head, wandering = (_head_deg(frames) for frames in (utterance.motion, made))
        spreads.append([head.std(0), (wandering - Follower(RETURN_S, channels=3).take(wandering)).std(0)])
        seen, true = (added_height(frames, utterance.conditions.audio) for frames in (made, utterance.motion))
        agreeing += float(((seen - seen.mean()) * (true - true.mean())).sum())
        added += float(((seen - seen.mean()) ** 2).sum())
    true, made = np.sqrt(np.square(spreads).mean(0))
    gain = np.clip(true / np.maximum(made, 1e-6), 1.0, MOST_HEAD_GAIN)
    share = round(float(np.clip(agreeing / max(added, 1e-12), 0, 1)), 2)
    return Check(float(np.mean(scores)) if scores else 0.0, tuple(np.round(gain, 3).tolist()), share)


def _head_deg(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """(T, 3) pitch, yaw and roll."""
    motion = unpack(frames)
    return np.stack([motion.pitch_deg, motion.yaw_deg, motion.roll_deg], -1)


def _rate_share(step: int, config: TrainingConfig) -> float:
    rise = min((step + 1) / max(config.warm_up, 1), 1.0)
    return rise * 0.5 * (1 + np.cos(np.pi * step / config.steps))
