"""Appearance extractor F: one picture to a 3-D feature volume."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn

from pipelines.networks.blocks import ConvBlock, DownBlock2d, ResBlock3d


@dataclass(frozen=True)
class AppearanceConfig:
    """Sizes of the appearance extractor; the defaults are the official ones."""

    image_size: int = 256
    """Side of the input picture in pixels; the network itself takes any multiple of 4."""
    width: int = 64
    """Channels after the first convolution; each halving doubles them."""
    volume_width: int = 32
    """Channels of the feature volume."""
    depth: int = 16
    """Depth slices of the feature volume."""
    n_down: int = 2
    n_blocks: int = 6

    @property
    def volume_size(self) -> int:
        """Height and width of the feature volume."""
        return self.image_size // 2**self.n_down

    @classmethod
    def debug(cls) -> AppearanceConfig:
        """A toy of the same class: 64 px in, (4, 4, 16, 16) volume out."""
        return cls(image_size=64, width=4, volume_width=4, depth=4, n_blocks=1)


class AppearanceExtractor(nn.Module):
    """RGB picture in [0, 1], (B, 3, S, S), to the feature volume, (B, C, D, S/4, S/4)."""

    def __init__(self, config: AppearanceConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or AppearanceConfig()
        widths = [config.width * 2**i for i in range(config.n_down + 1)]
        self.first = ConvBlock(3, widths[0])
        self.down_blocks = nn.ModuleList(DownBlock2d(a, b) for a, b in pairwise(widths))
        self.second = nn.Conv2d(widths[-1], config.volume_width * config.depth, 1)
        self.resblocks_3d = nn.Sequential()
        for i in range(config.n_blocks):
            self.resblocks_3d.add_module(f"3dr{i}", ResBlock3d(config.volume_width))

    def forward(self, image: Tensor) -> Tensor:
        x = self.first(image)  # (B, 64, 256, 256)
        for block in self.down_blocks:
            x = block(x)  # (B, 128, 128, 128), (B, 256, 64, 64)
        x = self.second(x)  # (B, 512, 64, 64)
        volume = x.unflatten(1, (self.config.volume_width, self.config.depth))  # (B, 32, 16, 64, 64)
        return self.resblocks_3d(volume)  # (B, 32, 16, 64, 64)
