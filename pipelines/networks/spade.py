"""SPADE decoder G: the warped feature map to a picture, normalised everywhere by that same map."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SLOPE = 0.2


@dataclass(frozen=True)
class SpadeConfig:
    """Sizes of the decoder; the defaults are the official ones."""

    label_width: int = 256
    """Channels of the input feature map."""
    width: int = 64
    """Channels before the last convolution; the middle blocks have eight times as many."""
    hidden_width: int = 128
    """Channels between the label map and the two modulations."""
    n_middle: int = 6
    upscale: int = 2
    """Pixel shuffle after the last convolution."""

    @property
    def scale(self) -> int:
        """Output size over input size."""
        return 4 * self.upscale

    @classmethod
    def debug(cls) -> SpadeConfig:
        """A toy of the same class for a (16, 16, 16) feature map: a 128 px picture out."""
        return cls(label_width=16, width=4, hidden_width=4, n_middle=1)


class SpectralConv2d(nn.Module):
    """Convolution whose weight is divided by its spectral norm, from the stored vectors u and v as they are."""

    bias: nn.Parameter | None
    weight_u: Tensor
    weight_v: Tensor

    def __init__(self, width_in: int, width_out: int, kernel: int, *, bias: bool = True) -> None:
        super().__init__()
        self.register_parameter("bias", nn.Parameter(torch.zeros(width_out)) if bias else None)
        self.weight_orig = nn.Parameter(torch.ones(width_out, width_in, kernel, kernel))
        self.register_buffer("weight_u", F.normalize(torch.ones(width_out), dim=0))
        self.register_buffer("weight_v", F.normalize(torch.ones(width_in * kernel**2), dim=0))

    @property
    def weight(self) -> Tensor:
        """(C_out, C_in, k, k) weight_orig / (u . W v)."""
        sigma = self.weight_u @ (self.weight_orig.flatten(1) @ self.weight_v)
        return self.weight_orig / sigma

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight
        return F.conv2d(x, weight, self.bias, padding=weight.shape[-1] // 2)

    def folded(self) -> nn.Conv2d:
        """The plain convolution this one computes; state dicts of the official files no longer load into it."""
        weight = self.weight.detach()
        conv = nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[-1], padding=weight.shape[-1] // 2)
        conv.weight = nn.Parameter(weight, requires_grad=False)
        conv.bias = self.bias
        return conv.to(weight.device)


class SpadeNorm(nn.Module):
    """Instance norm, then scale and shift computed from the label map at every pixel."""

    def __init__(self, width: int, config: SpadeConfig) -> None:
        super().__init__()
        self.param_free_norm = nn.InstanceNorm2d(width)
        self.mlp_shared = nn.Sequential(nn.Conv2d(config.label_width, config.hidden_width, 3, padding=1), nn.ReLU())
        self.mlp_gamma = nn.Conv2d(config.hidden_width, width, 3, padding=1)
        self.mlp_beta = nn.Conv2d(config.hidden_width, width, 3, padding=1)

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        label = F.interpolate(label, size=x.shape[2:])  # (B, 256, H, W), nearest
        hidden = self.mlp_shared(label)  # (B, 128, H, W)
        return self.param_free_norm(x) * (1.0 + self.mlp_gamma(hidden)) + self.mlp_beta(hidden)  # (B, C, H, W)


class SpadeBlock(nn.Module):
    """Residual block of two SPADE-normalised convolutions; the short cut is normalised too when widths differ."""

    def __init__(self, width_in: int, width_out: int, config: SpadeConfig) -> None:
        super().__init__()
        middle = min(width_in, width_out)
        self.learned_shortcut = width_in != width_out
        self.conv_0 = SpectralConv2d(width_in, middle, 3)
        self.conv_1 = SpectralConv2d(middle, width_out, 3)
        if self.learned_shortcut:
            self.conv_s = SpectralConv2d(width_in, width_out, 1, bias=False)
        self.norm_0 = SpadeNorm(width_in, config)
        self.norm_1 = SpadeNorm(middle, config)
        if self.learned_shortcut:
            self.norm_s = SpadeNorm(width_in, config)

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        y = self.conv_0(F.leaky_relu(self.norm_0(x, label), SLOPE))  # (B, min(C_in, C_out), H, W)
        y = self.conv_1(F.leaky_relu(self.norm_1(y, label), SLOPE))  # (B, C_out, H, W)
        shortcut = self.conv_s(self.norm_s(x, label)) if self.learned_shortcut else x  # (B, C_out, H, W)
        return shortcut + y  # (B, C_out, H, W)


class SpadeDecoder(nn.Module):
    """Warped feature map, (B, 256, 64, 64), to an RGB picture in (0, 1), (B, 3, 512, 512), in single precision."""

    def __init__(self, config: SpadeConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or SpadeConfig()
        middle = 8 * config.width
        self.fc = nn.Conv2d(config.label_width, middle, 3, padding=1)
        for i in range(config.n_middle):
            self.add_module(f"G_middle_{i}", SpadeBlock(middle, middle, config))
        self.up_0 = SpadeBlock(middle, middle // 2, config)
        self.up_1 = SpadeBlock(middle // 2, config.width, config)
        last = nn.Conv2d(config.width, 3 * config.upscale**2, 3, padding=1)
        self.conv_img = nn.Sequential(last, nn.PixelShuffle(config.upscale))

    def forward(self, feature: Tensor) -> Tensor:
        feature = feature.to(self.fc.weight.dtype)
        x = self.fc(feature)  # (B, 512, 64, 64)
        for i in range(self.config.n_middle):
            x = self.get_submodule(f"G_middle_{i}")(x, feature)  # (B, 512, 64, 64)
        x = self.up_0(F.interpolate(x, scale_factor=2.0), feature)  # (B, 256, 128, 128)
        x = self.up_1(F.interpolate(x, scale_factor=2.0), feature)  # (B, 64, 256, 256)
        return self.conv_img(F.leaky_relu(x, SLOPE)).float().sigmoid()  # (B, 3, 512, 512)

    def fold(self) -> SpadeDecoder:
        """Fold every spectral norm into its weight, in place and once; load the official file before."""
        for block in self.modules():
            for name, part in list(block.named_children()):
                if isinstance(part, SpectralConv2d):
                    setattr(block, name, part.folded())
        return self
