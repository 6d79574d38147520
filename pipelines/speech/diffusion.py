"""DDIM sampling of motion segments from the diffusion transformer.

Song et al. (2021) with eta 1 on Ditto's times; equal to the parity oracle's `ddim10` and `ddim50`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipelines.errors import StudioError
from pipelines.networks.diffusion_step import GUIDANCE_WEIGHT, N_TIMES, GuidedStep, cosine_schedule
from pipelines.networks.motion_transformer import MotionTransformer

Floats = NDArray[np.float32]

MAX_STEPS = 250
MAX_GUIDANCE = 10.0
SMALL_WIDTH = 256
"""Narrower transformers draw on one thread: their steps are too short to share, and waiting threads burn the other
core."""
_STEP_NOISE = 1 << 40
"""Stream number of the step noise, beyond any segment."""


@dataclass(frozen=True)
class SamplerOptions:
    """How a segment is drawn from noise."""

    steps: int = 10
    """Denoising steps; Ditto uses 50 offline and 10 online."""
    guidance: float = GUIDANCE_WEIGHT
    """Strength of the condition; 1 is none and costs half."""
    eta: float = 1.0
    """Share of fresh noise per step; 0 is deterministic after the start noise."""
    seed: int = 0
    reuse_noise: bool = True
    """Step noise is drawn once and serves every segment, as in Ditto; only the start noise is fresh."""

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= MAX_STEPS:
            raise StudioError(f"`steps` should be between 1 and {MAX_STEPS} but is {self.steps}.")
        if not 0 <= self.guidance <= MAX_GUIDANCE:
            raise StudioError(f"`guidance` should be between 0 and {MAX_GUIDANCE:g} but is {self.guidance:g}.")
        if not 0 <= self.eta <= 1:
            raise StudioError(f"`eta` should be between 0 and 1 but is {self.eta:g}.")
        if not 0 <= self.seed < 2**63:
            raise StudioError(f"`seed` should be a whole number from 0 to 2^63 - 1 but is {self.seed}.")


def ddim_times(steps: int) -> list[int]:
    """The steps + 1 times visited, 999 down to -1 (the clean motion)."""
    times = torch.linspace(-1, N_TIMES - 1, steps + 1).int().tolist()
    return times[::-1]


@dataclass(frozen=True)
class _Step:
    time: int
    keep: float
    """Weight of the clean motion."""
    noise: float
    """Weight of the predicted noise."""
    sigma: float
    """Weight of the fresh noise."""


def _plan(steps: int, eta: float) -> list[_Step]:
    left = cosine_schedule().alphas_cumprod
    times = ddim_times(steps)
    plan = []
    for time, after in pairwise(times):
        if after < 0:
            plan.append(_Step(time, 1.0, 0.0, 0.0))
            continue
        a, b = left[time], left[after]
        sigma = eta * ((1 - a / b) * (1 - b) / (1 - a)).sqrt()
        # from pure noise the rest is 0, which rounding may put below
        rest = (1 - b - sigma**2).clamp(min=0).sqrt()
        plan.append(_Step(time, float(b.sqrt()), float(rest), float(sigma)))
    return plan


class DdimSampler:
    """Draws segments; one seed repeats, whatever was drawn before."""

    def __init__(self, transformer: MotionTransformer, options: SamplerOptions | None = None) -> None:
        self.options = options or SamplerOptions()
        self.shape = (transformer.config.n_frames, transformer.config.motion_width)
        self._device = next(transformer.parameters()).device
        self._step = GuidedStep(transformer, self.options.guidance).eval().to(self._device)
        self._plan = _plan(self.options.steps, self.options.eta)
        self._alone = transformer.config.width < SMALL_WIDTH
        self._shared_noise = self._draw(_STEP_NOISE, len(self._plan)) if self.options.reuse_noise else None

    def segment(self, index: int, cond_frame: Floats, cond: Floats) -> Floats:
        """(80, 265) motion of segment `index`; the same index, seed and inputs give the same motion.

        Args:
            cond_frame: (265,) reference motion.
            cond: (80, C) packed conditions.
        """
        step_noise = self._shared_noise
        if step_noise is None:
            step_noise = self._draw(_STEP_NOISE + 1 + index, len(self._plan))
        with _one_thread() if self._alone else contextlib.nullcontext():
            out = self.sample(
                torch.from_numpy(np.asarray(cond_frame, np.float32))[None].to(self._device),
                torch.from_numpy(np.asarray(cond, np.float32))[None].to(self._device),
                start_noise=self._draw(index, 1),
                step_noise=list(step_noise[:, None]),
            )
        return out[0].cpu().numpy()

    @torch.inference_mode()
    def sample(self, cond_frame: Tensor, cond: Tensor, *, start_noise: Tensor, step_noise: Sequence[Tensor]) -> Tensor:
        """Clean motion (B, 80, 265).

        Args:
            cond_frame: (B, 265).
            cond: (B, 80, C).
            start_noise: (B, 80, 265) the motion at time 999.
            step_noise: (B, 80, 265) per step; the last is not used.
        """
        x, tokens = start_noise, self._step.transformer.encode(cond)
        for step, fresh in zip(self._plan, step_noise, strict=True):
            time = torch.full((len(x),), step.time, device=x.device)
            noise, clean = self._step.of_tokens(x, cond_frame, tokens, time)
            x = clean if step.keep == 1.0 else step.keep * clean + step.noise * noise + step.sigma * fresh
        return x

    def _draw(self, stream: int, count: int) -> Tensor:
        rng = np.random.default_rng([self.options.seed, stream])
        return torch.from_numpy(rng.standard_normal((count, *self.shape), np.float32)).to(self._device)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
