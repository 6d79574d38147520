"""What is traced into a graph: one network, or two fused, with plain tensors in and out."""

from __future__ import annotations

from torch import Tensor, nn

from pipelines.networks.spade import SpadeDecoder
from pipelines.networks.warping import WarpingModule


class Apply(nn.Module):
    """A network through one of its named methods."""

    def __init__(self, net: nn.Module, method: str) -> None:
        super().__init__()
        self.net = net
        self.method = method

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return getattr(self.net, self.method)(a, b)


class Warp(nn.Module):
    """Warping alone; only the feature map comes out."""

    def __init__(self, warping: WarpingModule) -> None:
        super().__init__()
        self.warping = warping

    def forward(self, feature_3d: Tensor, kp_source: Tensor, kp_driving: Tensor) -> Tensor:
        return self.warping(feature_3d, kp_source, kp_driving).feature.float()  # (B, 256, 64, 64)


class Decode(nn.Module):
    """The decoder alone."""

    def __init__(self, decoder: SpadeDecoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, feature: Tensor) -> Tensor:
        return self.decoder(feature)  # (B, 3, 512, 512)


class Render(nn.Module):
    """Warping and decoder as one graph: the feature map never leaves half precision in between."""

    def __init__(self, warping: WarpingModule, decoder: SpadeDecoder) -> None:
        super().__init__()
        self.warping = warping
        self.decoder = decoder

    def forward(self, feature_3d: Tensor, kp_source: Tensor, kp_driving: Tensor) -> Tensor:
        return self.decoder(self.warping(feature_3d, kp_source, kp_driving).feature)  # (B, 3, 512, 512)
