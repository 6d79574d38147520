"""Motion transformer T ("LMDM"): predicts clean motion from noisy motion, a condition and a diffusion time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.motion.space import N_PACKED

TIME_WIDTH = 4
"""The time code is widened by this factor."""
TIME_TOKENS = 2
PERIOD = 10_000.0
N_TIMES = 1000
"""Diffusion times are whole numbers from 0 to 999."""


@dataclass(frozen=True)
class TransformerConfig:
    """Sizes of the motion transformer; the defaults are the official ones."""

    motion_width: int = N_PACKED
    cond_width: int = 1103
    """Numbers of the condition per frame: audio 1024, emotion 8, eye opening 2, eye ball 6, keypoints 63."""
    n_frames: int = 80
    width: int = 512
    hidden_width: int = 1024
    n_layers: int = 8
    n_cond_layers: int = 2
    n_heads: int = 8

    @classmethod
    def debug(cls) -> TransformerConfig:
        """A toy of the same class."""
        return cls(cond_width=95, n_frames=20, width=32, hidden_width=32, n_layers=2, n_cond_layers=1, n_heads=4)


class Rotary(nn.Module):
    """Rotary position code over neighbouring channel pairs, applied before the attention projections."""

    freqs: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        half = width // 2
        self.register_buffer("freqs", PERIOD ** (-torch.arange(half, dtype=torch.float64) / half).float())

    def forward(self, x: Tensor) -> Tensor:
        position = torch.arange(x.shape[1], device=x.device, dtype=x.dtype)  # (N,)
        angle = position[:, None] * self.freqs  # (N, C/2)
        a, b = x.unflatten(-1, (-1, 2)).unbind(-1)  # (B, N, C/2) twice
        cos, sin = angle.cos(), angle.sin()
        return torch.stack([a * cos - b * sin, b * cos + a * sin], -1).flatten(-2)  # (B, N, C)


class Attention(nn.Module):
    """Multi-head attention; the position code turns the inputs of queries and keys, never the values."""

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width).normal_(std=width**-0.5))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        self.n_heads = n_heads

    def forward(self, x: Tensor, memory: Tensor, rotary: Rotary) -> Tensor:
        weights, biases = self.in_proj_weight.chunk(3), self.in_proj_bias.chunk(3)
        inputs = (rotary(x), rotary(memory), memory)  # (B, N, C), (B, M, C), (B, M, C)
        q, k, v = (
            F.linear(value, weight, bias).unflatten(-1, (self.n_heads, -1)).transpose(1, 2)  # (B, heads, N, C/heads)
            for value, weight, bias in zip(inputs, weights, biases, strict=True)
        )
        out = F.scaled_dot_product_attention(q, k, v)  # (B, heads, N, C/heads)
        return self.out_proj(out.transpose(1, 2).flatten(-2))  # (B, N, C)


class Film(nn.Module):
    """Scale and shift of a whole sequence by one vector."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Mish(), nn.Linear(width, 2 * width))

    def forward(self, y: Tensor, vector: Tensor) -> Tensor:
        scale, shift = self.block(vector)[:, None].chunk(2, -1)  # (B, 1, C) twice
        return (1.0 + scale) * y + shift  # (B, N, C)


class EncoderLayer(nn.Module):
    """Pre-norm self-attention and perceptron over the condition."""

    def __init__(self, config: TransformerConfig, rotary: Rotary) -> None:
        super().__init__()
        self.self_attn = Attention(config.width, config.n_heads)
        self.linear1 = nn.Linear(config.width, config.hidden_width)
        self.linear2 = nn.Linear(config.hidden_width, config.width)
        self.norm1 = nn.LayerNorm(config.width)
        self.norm2 = nn.LayerNorm(config.width)
        self.rotary = rotary

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(x)  # (B, 80, 512)
        x = x + self.self_attn(y, y, self.rotary)  # (B, 80, 512)
        return x + self.linear2(F.gelu(self.linear1(self.norm2(x))))  # (B, 80, 512)


class DecoderLayer(nn.Module):
    """Pre-norm self-attention, cross-attention and perceptron; each result is modulated before it is added."""

    def __init__(self, config: TransformerConfig, rotary: Rotary) -> None:
        super().__init__()
        self.self_attn = Attention(config.width, config.n_heads)
        self.multihead_attn = Attention(config.width, config.n_heads)
        self.linear1 = nn.Linear(config.width, config.hidden_width)
        self.linear2 = nn.Linear(config.hidden_width, config.width)
        self.norm1 = nn.LayerNorm(config.width)
        self.norm2 = nn.LayerNorm(config.width)
        self.norm3 = nn.LayerNorm(config.width)
        self.film1 = Film(config.width)
        self.film2 = Film(config.width)
        self.film3 = Film(config.width)
        self.rotary = rotary

    def forward(self, x: Tensor, memory: Tensor, vector: Tensor) -> Tensor:
        y = self.norm1(x)  # (B, 80, 512)
        x = x + self.film1(self.self_attn(y, y, self.rotary), vector)  # (B, 80, 512)
        x = x + self.film2(self.multihead_attn(self.norm2(x), memory, self.rotary), vector)  # (B, 80, 512)
        y = self.linear2(F.gelu(self.linear1(self.norm3(x))))  # (B, 80, 512)
        return x + self.film3(y, vector)  # (B, 80, 512)


class DecoderStack(nn.Module):
    """The decoder layers, one after the other."""

    def __init__(self, config: TransformerConfig, rotary: Rotary) -> None:
        super().__init__()
        self.stack = nn.ModuleList(DecoderLayer(config, rotary) for _ in range(config.n_layers))

    def forward(self, x: Tensor, memory: Tensor, vector: Tensor) -> Tensor:
        for layer in self.stack:
            x = layer(x, memory, vector)  # (B, 80, 512)
        return x


class TimeCode(nn.Module):
    """Sinusoidal code of the diffusion time, sines first, from a table.

    Angles go up to 999, so a runtime whose exponential is off by one bit would be off by 1e-4 in the sines.
    """

    table: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        k = torch.arange(width // 2, dtype=torch.float32)
        frequency = torch.exp(k * (-math.log(PERIOD) / (len(k) - 1)))  # (C/2,)
        angle = torch.arange(N_TIMES, dtype=torch.float32)[:, None] * frequency  # (1000, C/2)
        self.register_buffer("table", torch.cat([angle.sin(), angle.cos()], -1), persistent=False)

    def forward(self, time: Tensor) -> Tensor:
        return self.table.index_select(0, time)  # (B,) -> (B, C)


class MotionTransformer(nn.Module):
    """Noisy motion (B, 80, 265), reference frame (B, 265), condition (B, 80, 1103), time (B,) to clean motion."""

    def __init__(self, config: TransformerConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or TransformerConfig()
        width, wide = config.width, config.width * TIME_WIDTH
        self.null_cond_embed = nn.Parameter(torch.randn(1, config.n_frames, width))
        self.null_cond_hidden = nn.Parameter(torch.randn(1, width))
        self.rotary = Rotary(width)
        self.time_mlp = nn.Sequential(TimeCode(width), nn.Linear(width, wide), nn.Mish())
        self.to_time_cond = nn.Sequential(nn.Linear(wide, width))
        self.to_time_tokens = nn.Sequential(
            nn.Linear(wide, TIME_TOKENS * width), nn.Unflatten(-1, (TIME_TOKENS, width))
        )
        self.norm_cond = nn.LayerNorm(width)
        self.input_projection = nn.Linear(2 * config.motion_width, width)
        self.cond_encoder = nn.Sequential(*(EncoderLayer(config, self.rotary) for _ in range(config.n_cond_layers)))
        self.cond_projection = nn.Linear(config.cond_width, width)
        self.non_attn_cond_projection = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width)
        )
        self.seqTransDecoder = DecoderStack(config, self.rotary)
        self.final_layer = nn.Linear(width, config.motion_width)

    def forward(
        self, x: Tensor, cond_frame: Tensor, cond: Tensor, time: Tensor, *, keep: Tensor | None = None
    ) -> Tensor:
        """Predicted clean motion, (B, 80, 265).

        Args:
            keep: (B,) bool, which rows see the condition; the others see the learned empty one. None keeps all.
        """
        return self.denoise(x, cond_frame, self.encode(cond), time, keep=keep)

    def encode(self, cond: Tensor) -> Tensor:
        """Tokens (B, 80, 512) of a condition; they are the same at every diffusion time."""
        return self.cond_encoder(self.cond_projection(cond))

    def denoise(
        self, x: Tensor, cond_frame: Tensor, tokens: Tensor, time: Tensor, *, keep: Tensor | None = None
    ) -> Tensor:
        """As the call itself, of a condition that was encoded before."""
        reference = cond_frame[:, None].expand(-1, x.shape[1], -1)  # (B, 80, 265)
        x = self.input_projection(torch.cat([x, reference], -1))  # (B, 80, 512)
        if keep is not None:
            tokens = torch.where(keep[:, None, None], tokens, self.null_cond_embed)  # (B, 80, 512)
        hidden = self.non_attn_cond_projection(tokens.mean(1))  # (B, 512)
        if keep is not None:
            hidden = torch.where(keep[:, None], hidden, self.null_cond_hidden)  # (B, 512)
        time_hidden = self.time_mlp(time)  # (B, 2048)
        vector = self.to_time_cond(time_hidden) + hidden  # (B, 512)
        memory = torch.cat([tokens, self.to_time_tokens(time_hidden)], 1)  # (B, 82, 512)
        x = self.seqTransDecoder(x, self.norm_cond(memory), vector)  # (B, 80, 512)
        return self.final_layer(x)  # (B, 80, 265)

    def guided(self, x: Tensor, cond_frame: Tensor, tokens: Tensor, time: Tensor, *, weight: float) -> Tensor:
        """Clean motion with classifier-free guidance: without + weight * (with - without), in one batch."""
        n = len(x)
        keep = torch.arange(2 * n, device=x.device) >= n
        twice = [torch.cat([value, value]) for value in (x, cond_frame, tokens, time)]
        without, with_cond = self.denoise(*twice, keep=keep).chunk(2)  # (B, 80, 265) twice
        return without + weight * (with_cond - without)
