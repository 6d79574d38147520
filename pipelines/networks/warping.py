"""Warping module W: moves the feature volume from the source keypoints to the driving keypoints."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.motion.space import N_KEYPOINTS
from pipelines.networks.blocks import ConvBlock, DownBlock3d, UpBlock3d
from pipelines.networks.sampling import Sampler, identity_grid, sample_shifted, sample_volume

KEYPOINT_VARIANCE = 0.01


@dataclass(frozen=True)
class WarpingConfig:
    """Sizes of the warping module; the defaults are the official ones."""

    volume_width: int = 32
    """Channels of the feature volume."""
    depth: int = 16
    """Depth slices of the feature volume."""
    out_width: int = 256
    """Channels of the warped feature map."""
    compressed_width: int = 4
    """Channels each sparse motion is tried on."""
    hourglass_width: int = 32
    max_width: int = 1024
    n_down: int = 5
    mask_kernel: int = 7

    @classmethod
    def debug(cls) -> WarpingConfig:
        """A toy of the same class for a (4, 4, 16, 16) volume."""
        return cls(volume_width=4, depth=4, out_width=16, compressed_width=1, hourglass_width=4, max_width=8, n_down=2)


class Warped(NamedTuple):
    """What the warping module gives the decoder, and how it got there."""

    feature: Tensor
    """(B, 256, 64, 64) feature map after occlusion."""
    occlusion: Tensor
    """(B, 1, 64, 64) visible share in (0, 1)."""
    deformation: Tensor
    """(B, 16, 64, 64, 3) where each voxel looks in the source volume, x, y, z in [-1, 1]."""


class Encoder(nn.Module):
    """The hourglass' way down; keeps every size."""

    def __init__(self, widths: list[int]) -> None:
        super().__init__()
        self.down_blocks = nn.ModuleList(DownBlock3d(a, b) for a, b in pairwise(widths))

    def forward(self, x: Tensor) -> list[Tensor]:
        sizes = [x]  # (B, 110, 16, 64, 64)
        for block in self.down_blocks:
            sizes.append(block(sizes[-1]))  # (B, 64, 16, 32, 32) ... (B, 1024, 16, 2, 2)
        return sizes


class Decoder(nn.Module):
    """The hourglass' way up; what the encoder had at a size is appended after that size's own channels."""

    def __init__(self, widths: list[int], width_out: int) -> None:
        super().__init__()
        ups = [width_out, *widths[1:]]
        width_in = widths[-1]
        self.up_blocks = nn.ModuleList()
        for i in range(len(widths) - 1, 0, -1):
            self.up_blocks.append(UpBlock3d(width_in, ups[i - 1]))
            width_in = ups[i - 1] + widths[i - 1]
        self.conv = nn.Conv3d(width_in, width_in, 3, padding=1)
        self.norm = nn.BatchNorm3d(width_in)

    def forward(self, sizes: list[Tensor]) -> Tensor:
        x = sizes[-1]  # (B, 1024, 16, 2, 2)
        for block, skip in zip(self.up_blocks, sizes[-2::-1], strict=True):
            x = torch.cat([block(x), skip], 1)  # (B, 1024, 16, 4, 4) ... (B, 142, 16, 64, 64)
        return F.relu(self.norm(self.conv(x)))  # (B, 142, 16, 64, 64)


class Hourglass(nn.Module):
    """U-shaped 3-D network over the tried motions."""

    def __init__(self, width_in: int, config: WarpingConfig) -> None:
        super().__init__()
        width, limit = config.hourglass_width, config.max_width
        widths = [width_in, *(min(limit, width * 2 ** (i + 1)) for i in range(config.n_down))]
        self.encoder = Encoder(widths)
        self.decoder = Decoder(widths, width)
        self.width_out = width + width_in

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.encoder(x))  # (B, 110, 16, 64, 64) -> (B, 142, 16, 64, 64)


class DenseMotion(nn.Module):
    """From sparse keypoint motions to one dense deformation and an occlusion map."""

    def __init__(self, config: WarpingConfig) -> None:
        super().__init__()
        n_motions = N_KEYPOINTS + 1
        self.hourglass = Hourglass(n_motions * (config.compressed_width + 1), config)
        width, kernel = self.hourglass.width_out, config.mask_kernel
        self.mask = nn.Conv3d(width, n_motions, kernel, padding=kernel // 2)
        self.compress = nn.Conv3d(config.volume_width, config.compressed_width, 1)
        self.norm = nn.BatchNorm3d(config.compressed_width)
        self.occlusion = nn.Conv2d(width * config.depth, 1, kernel, padding=kernel // 2)
        self.sampler: Sampler = "native"

    def forward(self, volume: Tensor, kp_source: Tensor, kp_driving: Tensor) -> tuple[Tensor, Tensor]:
        f = F.relu(self.norm(self.compress(volume)))  # (B, 4, 16, 64, 64)
        grid = identity_grid(*f.shape[2:], like=f)  # (16, 64, 64, 3)
        shift = F.pad(kp_source - kp_driving, (0, 0, 1, 0))  # (B, 22, 3); the first motion is the background's: none
        seen = sample_shifted(f, shift, sampler=self.sampler)  # (B, 22, 4, 16, 64, 64)
        heat = _gaussians(kp_driving, grid) - _gaussians(kp_source, grid)  # (B, 21, 16, 64, 64)
        heat = F.pad(heat, (0, 0, 0, 0, 0, 0, 1, 0))  # (B, 22, 16, 64, 64)
        x = torch.cat([heat[:, :, None], seen], 2).flatten(1, 2)  # (B, 110, 16, 64, 64)
        x = self.hourglass(x.to(self.mask.weight.dtype))  # (B, 142, 16, 64, 64)
        mask = self.mask(x).float().softmax(1)  # (B, 22, 16, 64, 64)
        # The masks sum to one, so the mixture of shifted grids is the grid plus the mixture of shifts.
        moved = torch.einsum("bkdhw,bkc->bdhwc", mask, shift)  # (B, 16, 64, 64, 3)
        occlusion = self.occlusion(x.flatten(1, 2)).float().sigmoid()  # (B, 1, 64, 64)
        return grid + moved, occlusion


class WarpingModule(nn.Module):
    """Feature volume and two keypoint sets, (B, 32, 16, 64, 64) and twice (B, 21, 3), to `Warped`.

    The order is source, then driving, as in Ditto. After `to_mixed` the heavy convolutions compute in half
    precision while coordinates, soft-max and both look-ups stay in single precision.
    """

    def __init__(self, config: WarpingConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or WarpingConfig()
        self.dense_motion_network = DenseMotion(config)
        self.third = ConvBlock(config.volume_width * config.depth, config.out_width, slope=0.01)
        self.fourth = nn.Conv2d(config.out_width, config.out_width, 1)
        self.sampler: Sampler = "native"

    def forward(self, volume: Tensor, kp_source: Tensor, kp_driving: Tensor) -> Warped:
        deformation, occlusion = self.dense_motion_network(volume, kp_source, kp_driving)
        x = sample_volume(volume, deformation, sampler=self.sampler)  # (B, 32, 16, 64, 64)
        x = x.flatten(1, 2).to(self.fourth.weight.dtype)  # (B, 512, 64, 64)
        x = self.fourth(self.third(x))  # (B, 256, 64, 64)
        return Warped(x * occlusion.to(x.dtype), occlusion, deformation)  # (B, 256, 64, 64)

    def use_sampler(self, sampler: Sampler) -> WarpingModule:
        """Choose the native 5-D look-ups or the rewritten ones, in place."""
        self.sampler = self.dense_motion_network.sampler = sampler
        return self

    def to_mixed(self) -> WarpingModule:
        """Half precision where it is safe, in place."""
        dense = self.dense_motion_network
        for part in (dense.hourglass, dense.mask, dense.occlusion, self.third, self.fourth):
            part.half()
        return self


def _gaussians(kp: Tensor, grid: Tensor) -> Tensor:
    """(B, 21, 16, 64, 64) bell around each keypoint, over all three coordinates."""
    squared = (grid - kp[:, :, None, None, None]).square().sum(-1)  # (B, 21, 16, 64, 64)
    return torch.exp(squared * (-0.5 / KEYPOINT_VARIANCE))
