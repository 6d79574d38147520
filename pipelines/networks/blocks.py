"""Convolution blocks that several networks share; keys are `conv` and `norm` as in the official files."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class ConvBlock(nn.Module):
    """Conv 3x3, batch norm, leaky ReLU (slope 0 is a plain ReLU)."""

    def __init__(self, width_in: int, width_out: int, *, slope: float = 0.0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width_in, width_out, 3, padding=1)
        self.norm = nn.BatchNorm2d(width_out)
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(self.norm(self.conv(x)), self.slope)  # (B, C_in, H, W) -> (B, C_out, H, W)


class DownBlock2d(nn.Module):
    """Conv 3x3, batch norm, ReLU, halve height and width by averaging."""

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width_in, width_out, 3, padding=1)
        self.norm = nn.BatchNorm2d(width_out)

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(F.relu(self.norm(self.conv(x))), 2)  # (B, C_in, H, W) -> (B, C_out, H/2, W/2)


class DownBlock3d(nn.Module):
    """Conv 3x3x3, batch norm, ReLU, halve height and width by averaging; depth stays."""

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(width_in, width_out, 3, padding=1)
        self.norm = nn.BatchNorm3d(width_out)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm(self.conv(x)))  # (B, C_out, D, H, W)
        # Pooling slice by slice is the same as (1, 2, 2) in 3-D, and exists in half precision on a CPU.
        return F.avg_pool2d(x.flatten(1, 2), 2).unflatten(1, x.shape[1:3])  # (B, C_out, D, H/2, W/2)


class UpBlock3d(nn.Module):
    """Double height and width by repeating, conv 3x3x3, batch norm, ReLU; depth stays."""

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(width_in, width_out, 3, padding=1)
        self.norm = nn.BatchNorm3d(width_out)

    def forward(self, x: Tensor) -> Tensor:
        x = F.interpolate(x, scale_factor=(1.0, 2.0, 2.0))  # (B, C_in, D, 2H, 2W)
        return F.relu(self.norm(self.conv(x)))  # (B, C_out, D, 2H, 2W)


class ResBlock3d(nn.Module):
    """Pre-activation residual block: norm, ReLU, conv, twice; nothing after the sum."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(width, width, 3, padding=1)
        self.conv2 = nn.Conv3d(width, width, 3, padding=1)
        self.norm1 = nn.BatchNorm3d(width)
        self.norm2 = nn.BatchNorm3d(width)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(F.relu(self.norm1(x)))  # (B, C, D, H, W)
        return x + self.conv2(F.relu(self.norm2(y)))  # (B, C, D, H, W)
