"""Trilinear look-ups in a feature volume, natively and rewritten without a 5-D grid sample.

All of them equal `torch.nn.functional.grid_sample` with zero padding and align_corners=False. TensorRT 10,
OpenVINO and Apple's GPU have no 5-D grid sample; the rewritten forms run there too.
"""

from __future__ import annotations

import functools
import itertools
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
        return _sample_by_corners(volume, grid)
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


def _sample_by_corners(volume: Tensor, grid: Tensor) -> Tensor:
    """The eight neighbours of every point, gathered one by one and weighted in the order of `grid_sample`.

    Stacking the slices into one tall picture for a 4-D grid sample takes fewer operations, but its rows run into
    the thousands and round the place inside a pixel to 1e-4; whole-numbered indices lose nothing.
    """
    b, c, d, h, w = volume.shape
    rows = volume.flatten(2).mT.reshape(-1, c)  # (B D H W, C)
    first = torch.arange(b, device=volume.device)[:, None] * (d * h * w)  # (B, 1)
    points = grid.flatten(1, -2)  # (B, N, 3)
    z, y, x = (_neighbours(points[..., axis], n) for axis, n in ((2, d), (1, h), (0, w)))
    parts = []
    for (z_index, z_weight), (y_index, y_weight), (x_index, x_weight) in itertools.product(z, y, x):
        index = first + (z_index * h + y_index) * w + x_index  # (B, N)
        weight = x_weight * y_weight * z_weight  # (B, N)
        parts.append(rows.index_select(0, index.flatten()) * weight.reshape(-1, 1))  # (B N, C)
    total = functools.reduce(torch.add, parts)
    return total.reshape(b, -1, c).mT.reshape(b, c, *grid.shape[1:-1])  # (B, C, D', H', W')


def _neighbours(coordinate: Tensor, n: int) -> list[tuple[Tensor, Tensor]]:
    """Index and weight of the samples below and above (B, N) coordinates; beyond the ends the weight is zero."""
    at = _to_pixels(coordinate, n)
    below = at.floor()
    pairs = []
    for index, weight in ((below, below + 1 - at), (below + 1, at - below)):
        inside = (index >= 0) & (index <= n - 1)
        # clamped as an integer: a coordinate that is not a number must not become an address
        pairs.append((index.long().clamp(0, n - 1), weight * inside))
    return pairs
