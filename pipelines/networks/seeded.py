"""Reproducible random weights: for tests, for measuring speed and for building engines before weights are there."""

from __future__ import annotations

import zlib
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Net = TypeVar("Net", bound=nn.Module)

_SMALL_HEADS = {"fc_exp": 0.03, "fc_t": 0.05, "fc_kp": 0.25, "fc_scale": 0.1, "final_layer": 0.03}
_SMALL_OUTPUTS = ("Stitching", "EyeRetargeting", "LipRetargeting")


def seed_weights(net: Net, seed: int = 0) -> Net:
    """Fill a network in place so that activations keep their size and keypoints stay in the picture.

    The same seed gives the same weights on every machine: each tensor is drawn from its own key.
    """
    with torch.no_grad():
        for key, tensor in net.state_dict().items():
            if tensor.is_floating_point() and not key.endswith("freqs"):
                tensor.copy_(_draw(key, tensor, seed))
        for key, tensor in net.state_dict().items():
            if key.endswith("weight_v"):
                weight = net.get_parameter(key.replace("weight_v", "weight_orig"))
                u = net.get_buffer(key.replace("weight_v", "weight_u"))
                tensor.copy_(nn.functional.normalize(weight.flatten(1).T @ u, dim=0))
        if type(net).__name__ in _SMALL_OUTPUTS:
            list(net.parameters())[-2].mul_(0.02)
    return net.eval()


def _draw(key: str, tensor: Tensor, seed: int) -> Tensor:
    last = key.rsplit(".", 1)[-1]
    noise = torch.from_numpy(_noise(f"{seed}/{key}", tuple(tensor.shape)))
    head = next((gain for name, gain in _SMALL_HEADS.items() if name in key), 1.0)
    if last == "running_var":
        return 1.0 + 0.2 * noise
    if last == "weight_u":
        return nn.functional.normalize(noise, dim=0)
    if last in ("bias", "beta", "running_mean", "in_proj_bias"):
        return 0.05 * head * noise + (1.2 if "fc_scale" in key else 0.0)
    if tensor.ndim == 1:
        return 1.0 + 0.1 * noise
    if last == "gamma":
        return 0.5 * noise
    return noise * (1.4 * head / np.sqrt(tensor[0].numel()))


def _noise(label: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Uniform numbers of variance 1; sums of many of them are as good as normal ones here."""
    rng = np.random.default_rng(zlib.crc32(label.encode()))
    return ((rng.random(shape) - 0.5) * np.sqrt(12.0)).astype(np.float32)
