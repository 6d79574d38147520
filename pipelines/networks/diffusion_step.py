"""One guided step of the motion diffusion: what Ditto's released graph of its transformer computes.

The schedule is the cosine one of Nichol and Dhariwal (2021); the network predicts clean motion and the noise follows
from it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pipelines.networks.motion_transformer import N_TIMES, MotionTransformer

OFFSET = 0.008
MAX_BETA = 0.999
GUIDANCE_WEIGHT = 2.0
"""Ditto's own strength of the condition."""


@dataclass(frozen=True)
class Schedule:
    """Noise by diffusion time, each (1000,). All but `betas` (float64) are float32, as the released tables."""

    betas: Tensor
    alphas_cumprod: Tensor
    """How much of the clean motion's variance is left; falls from 1 towards 0."""
    sqrt_recip1m_alphas_cumprod: Tensor
    """sqrt(1 / (1 - alphas_cumprod)): weight of the noisy motion in the noise."""
    sqrt_recipm1_alphas_cumprod: Tensor
    """sqrt(1 / alphas_cumprod - 1): noise over clean motion; the clean motion is divided by it."""


def cosine_schedule() -> Schedule:
    """The tables of all 1000 times."""
    i = torch.arange(N_TIMES + 1, dtype=torch.float64)
    left = (((i / N_TIMES + OFFSET) / (1 + OFFSET)) * (torch.pi / 2)).cos() ** 2
    betas = (1 - left[1:] / left[:-1]).clamp(0, MAX_BETA)
    alphas_cumprod = (1 - betas.float()).cumprod(0)
    return Schedule(
        betas=betas,
        alphas_cumprod=alphas_cumprod,
        sqrt_recip1m_alphas_cumprod=(1 / (1 - alphas_cumprod)).sqrt(),
        sqrt_recipm1_alphas_cumprod=(1 / alphas_cumprod - 1).sqrt(),
    )


class GuidedStep(nn.Module):
    """The transformer with classifier-free guidance and the noise that follows from its prediction.

    Args:
        weight: strength of the condition; 0 ignores it, 1 is no guidance.
    """

    noisy_weight: Tensor
    noise_ratio: Tensor

    def __init__(self, transformer: MotionTransformer, weight: float = GUIDANCE_WEIGHT) -> None:
        super().__init__()
        self.transformer = transformer
        self.weight = weight
        schedule = cosine_schedule()
        self.register_buffer("noisy_weight", schedule.sqrt_recip1m_alphas_cumprod, persistent=False)
        self.register_buffer("noise_ratio", schedule.sqrt_recipm1_alphas_cumprod, persistent=False)

    def forward(self, x: Tensor, cond_frame: Tensor, cond: Tensor, time_cond: Tensor) -> tuple[Tensor, Tensor]:
        """Predicted noise and clean motion, (B, 80, 265) each.

        Args:
            x: noisy motion (B, 80, 265).
            cond_frame: reference frame (B, 265).
            cond: condition (B, 80, 1103).
            time_cond: diffusion time (B,) int64, 0 to 999.
        """
        return self.of_tokens(x, cond_frame, self.transformer.encode(cond), time_cond)

    def of_tokens(self, x: Tensor, cond_frame: Tensor, tokens: Tensor, time_cond: Tensor) -> tuple[Tensor, Tensor]:
        """As the call itself, of a condition that was encoded before: a sampler does so once for all its steps."""
        x_start = self.transformer.guided(x, cond_frame, tokens, time_cond, weight=self.weight)  # (B, 80, 265)
        noisy_weight = self.noisy_weight.index_select(0, time_cond)[:, None, None]  # (B, 1, 1)
        noise_ratio = self.noise_ratio.index_select(0, time_cond)[:, None, None]  # (B, 1, 1)
        pred_noise = noisy_weight * x - x_start / noise_ratio  # (B, 80, 265)
        return pred_noise, x_start
