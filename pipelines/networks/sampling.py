"""Trilinear look-ups in a feature volume, natively and rewritten without a 5-D grid sample.

All of them equal `torch.nn.functional.grid_sample` with zero padding and align_corners=False. TensorRT 10,
OpenVINO and Apple's GPU have no 5-D grid sample; the rewritten forms run there too.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Sampler = Literal["native", "rewritten"]


def identity_grid(depth: int, height: int, width: int, *, like: Tensor) -> Tensor:
    """(D, H, W, 3) coordinates x, y, z in [-1, 1], the end samples exactly on -1 and 1."""
    z, y, x = (axis_coordinates(n, like=like) for n in (depth, height, width))
    grid = torch.meshgrid(z, y, x, indexing="ij")
    return torch.stack(grid[::-1], -1)


def axis_coordinates(n: int, *, like: Tensor) -> Tensor:
    """(n,) coordinates from -1 to 1 in the device and precision of `like`."""
    return torch.arange(n, device=like.device, dtype=like.dtype) * (2.0 / (n - 1)) - 1.0


def sample_shifted(volume: Tensor, shift: Tensor, *, sampler: Sampler) -> Tensor:
    """The volume seen through the identity grid moved by each of K shifts.

    Args:
        volume: (B, C, D, H, W).
        shift: (B, K, 3) x, y, z in [-1, 1] coordinates.

    Returns:
        (B, K, C, D, H, W).
    """
    if sampler == "rewritten":
        return _sample_separably(volume, shift)
    _, _, depth, height, width = volume.shape
    n_shifts = shift.shape[1]
    grid = identity_grid(depth, height, width, like=volume) + shift[:, :, None, None, None]  # (B, K, D, H, W, 3)
    copies = volume.repeat_interleave(n_shifts, 0)  # (B K, C, D, H, W)
    seen = F.grid_sample(copies, grid.flatten(0, 1), align_corners=False)  # (B K, C, D, H, W)
    return seen.unflatten(0, (-1, n_shifts))


def sample_volume(volume: Tensor, grid: Tensor, *, sampler: Sampler) -> Tensor:
    """The volume (B, C, D, H, W) at the points of a (B, D', H', W', 3) grid: (B, C, D', H', W')."""
    if sampler == "rewritten":
        return _sample_by_slices(volume, grid)
    return F.grid_sample(volume, grid, align_corners=False)


def _to_pixels(coordinate: Tensor, n: int) -> Tensor:
    return ((coordinate + 1.0) * n - 1.0) * 0.5


def _hat_weights(pixels: Tensor, n: int) -> Tensor:
    """(..., out, n) weights of linear interpolation at (..., out) pixel positions, zero outside."""
    index = torch.arange(n, device=pixels.device, dtype=pixels.dtype)
    return F.relu(1.0 - (pixels[..., None] - index).abs())


def _sample_separably(volume: Tensor, shift: Tensor) -> Tensor:
    """A grid that is only shifted is a product of three axes, so the look-up is three matrix products."""
    _, c, d, h, w = volume.shape
    k = shift.shape[1]

    def weights(axis: int, n: int) -> Tensor:
        at = axis_coordinates(n, like=volume) + shift[..., axis, None]  # (B, K, n)
        return _hat_weights(_to_pixels(at, n), n)  # (B, K, n, n)

    x = volume.reshape(-1, 1, c * d * h, w) @ weights(0, w).mT  # (B, K, C D H, W)
    x = weights(1, h)[:, :, None] @ x.reshape(-1, k, c * d, h, w)  # (B, K, C D, H, W)
    x = weights(2, d)[:, :, None] @ x.reshape(-1, k, c, d, h * w)  # (B, K, C, D, H W)
    return x.reshape(-1, k, c, d, h, w)


def _sample_by_slices(volume: Tensor, grid: Tensor) -> Tensor:
    """One 4-D grid sample on a tall picture of neighbouring slice pairs, then a blend in z.

    Slab k of the picture holds slices k - 1 and k side by side in the channels (zeros beyond the ends), with
    a zero row above and below, so that an in-plane look-up never leaks into the next slab.
    """
    _, c, d, h, w = volume.shape
    _, d_out, h_out, w_out, _ = grid.shape
    before = F.pad(volume, (0, 0, 1, 1, 1, 0))  # (B, C, D + 1, H + 2, W)
    after = F.pad(volume, (0, 0, 1, 1, 0, 1))  # (B, C, D + 1, H + 2, W)
    rows = (d + 1) * (h + 2)
    tall = torch.cat([before, after], 1).reshape(-1, 2 * c, rows, w)

    y = _to_pixels(grid[..., 1], h).clamp(-1.0, float(h))  # (B, D', H', W'); rows -1 and H are the zero rows
    z = _to_pixels(grid[..., 2], d)
    z_below = z.floor()
    inside = ((z_below >= -1) & (z_below <= d - 1)).to(volume.dtype)
    row = (z_below + 1).clamp(0, d) * (h + 2) + y + 1.0
    plane = torch.stack([grid[..., 0], (2.0 * row + 1.0) / rows - 1.0], -1)  # (B, D', H', W', 2)

    pair = F.grid_sample(tall, plane.reshape(-1, d_out * h_out, w_out, 2), align_corners=False)
    pair = pair.reshape(-1, 2, c, d_out, h_out, w_out)
    blend = torch.stack([1.0 - (z - z_below), z - z_below], 1) * inside[:, None]  # (B, 2, D', H', W')
    return (pair * blend[:, :, None]).sum(1)  # (B, C, D', H', W')
