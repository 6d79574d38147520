"""Fill holes of a picture from their surroundings: push-pull pyramids, and grain that matches the photo."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
COMMON_AROUND, COMMON_LEVELS = 0.025, 25.0
"""Standard deviation of what counts as around a pixel, as a share of the side, and grey levels off its colour at which
a pixel counts by half."""


def push_pull(image: Floats, weight: Floats) -> Floats:
    """Smooth completion of (H, W, C) `image` where (H, W) `weight` is 0; kept where it is 1.

    Gortler et al. 1996, "The Lumigraph": average known pixels down a pyramid, then fill from coarse to fine.
    """
    pyramid: list[tuple[Floats, Floats]] = [(image * weight[..., None], weight)]
    while min(pyramid[-1][1].shape) > 2:
        colour, known = pyramid[-1]
        height, width = known.shape
        half = ((width + 1) // 2, (height + 1) // 2)
        pyramid.append((averaged_down(colour, half), averaged_down(known, half)))
    colour, known = pyramid.pop()
    filled = _normalised(colour, known)
    seen = known > 1e-6
    if seen.any():
        filled[~seen] = filled[seen].mean(0)
    while pyramid:
        colour, known = pyramid.pop()
        height, width = known.shape
        coarse = cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR)
        share = np.minimum(known, 1.0)[..., None]
        filled = np.asarray(_normalised(colour, known) * share + coarse * (1.0 - share), np.float32)
    return filled


def commonness(image: Floats, known: NDArray[np.bool_]) -> Floats:
    """(H, W) 0..1 how much a pixel of (H, W, C) `image` looks like most of what is `known` around it; 0 elsewhere.

    A filling is the mean of its surroundings: beside a flag with stars it would be neither the cloth nor a star.
    """
    height, width = known.shape
    small = max(width // 4, 1), max(height // 4, 1)
    colour, seen = averaged_down(image, small), averaged_down(known.astype(np.float32), small)
    sigma = COMMON_AROUND * height / 4
    weight = seen
    for _ in range(3):
        around = np.asarray(
            cv2.GaussianBlur(np.dstack([colour * weight[..., None], weight]), (0, 0), sigma), np.float32
        )
        usual = _normalised(around[..., :-1], around[..., -1])
        off = np.abs(colour - usual).max(2) / COMMON_LEVELS
        weight = np.asarray(seen / (1.0 + off * off), np.float32)
    share = cv2.resize(weight / np.maximum(seen, 1e-6), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(share * known, np.float32)


def _normalised(colour: Floats, known: Floats) -> Floats:
    return np.asarray(colour / np.maximum(known, 1e-6)[..., None], np.float32)


def averaged_down(image: Floats | NDArray[np.uint8], size: tuple[int, int]) -> Floats:
    """(h, w, ...) means of `image` over the pixels of a coarser grid of `size` (w, h)."""
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32)


def matched_grain(image: Floats, known: NDArray[np.bool_], *, seed: int = 0) -> Floats:
    """(H, W, C) noise with the strength and softness of the grain of `image` where `known`, zero mean.

    A fill without it looks polished beside film grain or canvas. Rows of real grain are shuffled in blocks, so its
    spectrum and the correlation of its channels are the photo's own.
    """
    grain = image - cv2.GaussianBlur(image, (0, 0), 1.6)
    sample = np.abs(grain[::2, ::2][known[::2, ::2]])
    limit = 3.0 * float(np.median(sample)) / 0.6745 if len(sample) else 0.0
    if limit <= 0.0:
        return np.zeros_like(image)
    block = max(8, image.shape[0] // 32)
    low, high = ((sign * limit,) * image.shape[2] for sign in (-1, 1))
    calm = (cv2.inRange(grain, low, high) > 0) & known
    share = cv2.boxFilter(calm.astype(np.float32), -1, (block, block))
    rows, columns = np.nonzero(share[block // 2 :: block, block // 2 :: block] > 0.9)
    down, across = known.shape[0] // block, known.shape[1] // block
    whole = (rows < down) & (columns < across)
    if not whole.any():
        return np.zeros_like(image)
    blocks = grain[: down * block, : across * block].reshape(down, block, across, block, -1).swapaxes(1, 2)
    pick = np.random.default_rng(seed).integers(int(whole.sum()), size=(down, across))
    shuffled = blocks[rows[whole][pick], columns[whole][pick]].swapaxes(1, 2)
    out = np.zeros_like(image)
    out[: down * block, : across * block] = shuffled.reshape(down * block, across * block, -1)
    return np.clip(out, -limit, limit)
