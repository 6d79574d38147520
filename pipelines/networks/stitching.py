"""The three small networks on keypoints: stitching, eye retargeting, lip retargeting."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from pipelines.motion.space import N_EXP, N_KEYPOINTS


@dataclass(frozen=True)
class PerceptronConfig:
    """Widths of a perceptron; `stitching`, `eye` and `lip` are the official ones."""

    width_in: int
    hidden: tuple[int, ...]
    width_out: int = N_EXP

    @classmethod
    def stitching(cls, *, debug: bool = False) -> PerceptronConfig:
        """Source and driving keypoints to 63 offsets and one shift of x and y."""
        return cls(2 * N_EXP, (8,) if debug else (128, 128, 64), N_EXP + 2)

    @classmethod
    def eye(cls, *, debug: bool = False) -> PerceptronConfig:
        """Source keypoints and three eye ratios to 63 offsets."""
        return cls(N_EXP + 3, (8,) if debug else (256, 256, 128, 128, 64))

    @classmethod
    def lip(cls, *, debug: bool = False) -> PerceptronConfig:
        """Source keypoints and two lip ratios to 63 offsets."""
        return cls(N_EXP + 2, (8,) if debug else (128, 128, 64))


class Perceptron(nn.Module):
    """Linear layers with ReLU between, none at the end."""

    def __init__(self, config: PerceptronConfig) -> None:
        super().__init__()
        self.config = config
        widths = [config.width_in, *config.hidden, config.width_out]
        self.mlp = nn.Sequential(nn.Linear(widths[0], widths[1]))
        for a, b in pairwise(widths[1:]):
            self.mlp.extend([nn.ReLU(), nn.Linear(a, b)])

    def forward(self, x: Tensor) -> Tensor:
        return self.mlp(x)  # (B, width_in) -> (B, width_out)


class Stitching(Perceptron):
    """Keeps shoulders and crop border still: moves the driving keypoints a little, given the source's."""

    def __init__(self, config: PerceptronConfig | None = None) -> None:
        super().__init__(config or PerceptronConfig.stitching())

    def stitch(self, kp_source: Tensor, kp_driving: Tensor) -> Tensor:
        """(B, 21, 3) driving keypoints after stitching; z gets no common shift."""
        out = self(torch.cat([kp_source.flatten(1), kp_driving.flatten(1)], 1))  # (B, 65)
        offset = out[:, :N_EXP].unflatten(1, (N_KEYPOINTS, 3))  # (B, 21, 3)
        shift = nn.functional.pad(out[:, None, N_EXP:], (0, 1))  # (B, 1, 3)
        return kp_driving + offset + shift  # (B, 21, 3)


class EyeRetargeting(Perceptron):
    """Keypoint offsets that bring the eyes to a wanted ratio."""

    def __init__(self, config: PerceptronConfig | None = None) -> None:
        super().__init__(config or PerceptronConfig.eye())

    def offsets(self, kp_source: Tensor, ratios: Tensor) -> Tensor:
        """(B, 21, 3) from (B, 21, 3) keypoints and (B, 3) ratios [source right eye, source left eye, wanted]."""
        return self(torch.cat([kp_source.flatten(1), ratios], 1)).unflatten(1, (N_KEYPOINTS, 3))


class LipRetargeting(Perceptron):
    """Keypoint offsets that bring the lips to a wanted ratio."""

    def __init__(self, config: PerceptronConfig | None = None) -> None:
        super().__init__(config or PerceptronConfig.lip())

    def offsets(self, kp_source: Tensor, ratios: Tensor) -> Tensor:
        """(B, 21, 3) from (B, 21, 3) keypoints and (B, 2) ratios [source, wanted]."""
        return self(torch.cat([kp_source.flatten(1), ratios], 1)).unflatten(1, (N_KEYPOINTS, 3))
