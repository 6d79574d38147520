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


class _Trainer:
    """All that a run holds while it goes: data, network, its average, optimiser, devices."""

    def __init__(self, config: TrainingConfig, folder: Path, *, resume: bool) -> None:
        from accelerate import Accelerator
        from adan_pytorch import Adan
        from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

        self.config, self.folder = config, folder
        utterances = read_corpus(Path(config.corpus))
        self.held_out, rest = utterances[: config.held_out], utterances[config.held_out :] or utterances
        self.scale = measure_scale(rest)
        torch.manual_seed(config.seed)
        self.network = config.network()
        self.segments = Segments(rest, self.scale, length=self.network.config.n_frames, seed=config.seed)
        self.average = AveragedModel(self.network, multi_avg_fn=get_ema_multi_avg_fn(config.ema))
        self.smooth = cast(MotionTransformer, self.average.module)
        self.optimiser = Adan(self.network.parameters(), lr=config.rate, weight_decay=cast(int, config.weight_decay))
        running, self.run = self._stood() if resume else ({}, Run())
        self.accelerator = Accelerator()
        self.loss_of = MotionLoss(running, floor=config.loss_floor, mean=self.mean)
        self.prepared, self.prepared_optimiser = self.accelerator.prepare(self.network, self.optimiser)
        self.average.to(self.accelerator.device)

    def _stood(self) -> tuple[dict[str, float], Run]:
        stood = load_state(self.folder, network=self.network, average=self.smooth, optimiser=self.optimiser)
        self.average.n_averaged.fill_(stood["step"])
        return stood["running"], Run(stood["step"], stood["best"], stood["losses"])

    def mean(self, values: Tensor) -> Tensor:
        """Over the processes that train together."""
        return cast(Tensor, self.accelerator.reduce(values, "mean"))

    def step(self) -> None:
        """One batch of each process."""
        config, run = self.config, self.run
        for group in self.optimiser.param_groups:
            group["lr"] = config.rate * _rate_share(run.step, config)
        number = run.step * self.accelerator.num_processes + self.accelerator.process_index
        batch = self.segments.batch(number, config.batch)
        tensors = [t.to(self.accelerator.device) for t in (batch.motion, batch.reference, batch.conditions)]
        loss = diffusion_loss(self.prepared, self.loss_of, *tensors, config=config, step=number)
        self.prepared_optimiser.zero_grad()
        self.accelerator.backward(loss)
        self.accelerator.clip_grad_norm_(self.network.parameters(), 1.0)
        self.prepared_optimiser.step()
        self.average.update_parameters(self.accelerator.unwrap_model(self.prepared))
        run.step += 1
        run.losses.append(round(float(self.mean(loss.detach())), 6))

    def keep(self) -> None:
        """Check the average on what was held out, write it if it is the best, and write where the run stands."""
        run, scale = self.run, self.scale
        found = check(EmbeddedGenerator(self.smooth.cpu(), scale), self.held_out)
        if found.lip_sync > run.best:
            run.best = found.lip_sync
            made_by = {"config": asdict(self.config), "step": run.step, "lip_sync": run.best}
            believed = replace(scale, height_share=found.height_share)
            best = EmbeddedGenerator(self.smooth, believed, head_gain=found.head_gain)
            best.save(self.folder / "model", made_by=made_by)
        stood = {**asdict(run), "running": self.loss_of.running}
        bare = self.accelerator.unwrap_model(self.prepared)
        save_state(self.folder, stood, network=bare, average=self.smooth, optimiser=self.optimiser)
        self.average.to(self.accelerator.device)


def train(config: TrainingConfig, folder: Path, *, resume: bool = False, progress: Progress | None = None) -> Run:
    """Train into `folder`: `last.safetensors` to go on from, `model.safetensors` and `.json` of the best check.

    Raises:
        StudioError: no corpus, a bad configuration, or nothing to resume.
    """
    from accelerate.utils import broadcast_object_list

    folder.mkdir(parents=True, exist_ok=True)
    trainer = _Trainer(config, folder, resume=resume)
    run, is_main = trainer.run, trainer.accelerator.is_main_process
    while run.step < config.steps:
        trainer.step()
        if progress is not None and is_main:
            progress(run.step / config.steps, f"step {run.step}, loss {run.losses[-1]:.4f}, lip sync {run.best:.3f}")
        if run.step % config.check_every == 0 or run.step == config.steps:
            if is_main:
                trainer.keep()
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
    """Loss of one batch whose noise, times and dropped conditions are drawn from the step's own seed.

    Args:
        motion: (B, n, 265) as the model sees it.
        reference: (B, 265) the frame before.
        conditions: (B, n, C).
    """
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
