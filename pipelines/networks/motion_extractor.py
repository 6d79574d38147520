"""Motion extractor M: a ConvNeXt V2 with seven linear heads."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.motion.space import N_BINS, N_EXP

EPS = 1e-6


@dataclass(frozen=True)
class MotionExtractorConfig:
    """Sizes of the motion extractor; the defaults are ConvNeXt V2 Tiny, the official ones."""

    image_size: int = 256
    depths: tuple[int, ...] = (3, 3, 9, 3)
    widths: tuple[int, ...] = (96, 192, 384, 768)

    @classmethod
    def debug(cls) -> MotionExtractorConfig:
        """A toy of the same class: 64 px in, the same seven heads out."""
        return cls(image_size=64, depths=(1, 1, 2, 1), widths=(4, 6, 8, 12))


class MotionFeatures(NamedTuple):
    """What the network says about a face; field order is the output order of the official graphs."""

    pitch: Tensor
    """(B, 66) logits of the head's pitch; bin i stands for 3 i - 97.5 degrees."""
    yaw: Tensor
    """(B, 66) logits."""
    roll: Tensor
    """(B, 66) logits."""
    t: Tensor
    """(B, 3) translation."""
    exp: Tensor
    """(B, 63) expression, keypoint by keypoint."""
    scale: Tensor
    """(B, 1)."""
    kp: Tensor
    """(B, 63) canonical keypoints."""


class ChannelNorm(nn.Module):
    """Layer norm over the channels of a (B, C, H, W) tensor."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        x = F.layer_norm(x.movedim(1, -1), self.weight.shape, self.weight, self.bias, EPS)  # (B, H, W, C)
        return x.movedim(-1, 1)  # (B, C, H, W)


class ResponseNorm(nn.Module):
    """Global response norm of ConvNeXt V2 on a channels-last tensor."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1, 1, 1, width))
        self.beta = nn.Parameter(torch.zeros(1, 1, 1, width))

    def forward(self, x: Tensor) -> Tensor:
        energy = x.square().sum((1, 2), keepdim=True).sqrt()  # (B, 1, 1, C)
        share = energy / (energy.mean(-1, keepdim=True) + EPS)  # (B, 1, 1, C)
        return self.gamma * (x * share) + self.beta + x  # (B, H, W, C)


class Block(nn.Module):
    """ConvNeXt V2 block: depthwise 7x7, then a two-layer perceptron per pixel, added to the input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, eps=EPS)
        self.pwconv1 = nn.Linear(width, 4 * width)
        self.grn = ResponseNorm(4 * width)
        self.pwconv2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        y = self.dwconv(x).movedim(1, -1)  # (B, H, W, C)
        y = F.gelu(self.pwconv1(self.norm(y)))  # (B, H, W, 4C)
        y = self.pwconv2(self.grn(y))  # (B, H, W, C)
        return x + y.movedim(-1, 1)  # (B, C, H, W)


class Detector(nn.Module):
    """The ConvNeXt V2 trunk and its heads."""

    def __init__(self, config: MotionExtractorConfig) -> None:
        super().__init__()
        widths = config.widths
        self.downsample_layers = nn.ModuleList([nn.Sequential(nn.Conv2d(3, widths[0], 4, 4), ChannelNorm(widths[0]))])
        for a, b in pairwise(widths):
            self.downsample_layers.append(nn.Sequential(ChannelNorm(a), nn.Conv2d(a, b, 2, 2)))
        self.stages = nn.ModuleList(
            nn.Sequential(*(Block(width) for _ in range(depth)))
            for width, depth in zip(widths, config.depths, strict=True)
        )
        self.norm = nn.LayerNorm(widths[-1], eps=EPS)
        self.fc_kp = nn.Linear(widths[-1], N_EXP)
        self.fc_scale = nn.Linear(widths[-1], 1)
        self.fc_pitch = nn.Linear(widths[-1], N_BINS)
        self.fc_yaw = nn.Linear(widths[-1], N_BINS)
        self.fc_roll = nn.Linear(widths[-1], N_BINS)
        self.fc_t = nn.Linear(widths[-1], 3)
        self.fc_exp = nn.Linear(widths[-1], N_EXP)

    def forward(self, image: Tensor) -> MotionFeatures:
        x = image  # (B, 3, 256, 256)
        for downsample, stage in zip(self.downsample_layers, self.stages, strict=True):
            x = stage(downsample(x))  # (B, 96, 64, 64) ... (B, 768, 8, 8)
        x = self.norm(x.mean((2, 3)))  # (B, 768)
        return MotionFeatures(
            pitch=self.fc_pitch(x),  # (B, 66)
            yaw=self.fc_yaw(x),  # (B, 66)
            roll=self.fc_roll(x),  # (B, 66)
            t=self.fc_t(x),  # (B, 3)
            exp=self.fc_exp(x),  # (B, 63)
            scale=self.fc_scale(x),  # (B, 1)
            kp=self.fc_kp(x),  # (B, 63)
        )


class MotionExtractor(nn.Module):
    """RGB picture in [0, 1], (B, 3, 256, 256), to `MotionFeatures`."""

    def __init__(self, config: MotionExtractorConfig | None = None) -> None:
        super().__init__()
        self.config = config or MotionExtractorConfig()
        self.detector = Detector(self.config)

    def forward(self, image: Tensor) -> MotionFeatures:
        return self.detector(image)
