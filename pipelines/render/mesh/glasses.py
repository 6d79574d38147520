"""Glasses whose upper frame crosses a lid: the frame taken out of the skin, to be drawn in its place."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.render.mesh.head_frame import smoothstep

Floats = NDArray[np.float32]
FRAME_REACH, FRAME_DARK, FRAME_COLUMNS = 1.6, 0.26, 0.72
"""The frame of glasses: how far above the rows of the lid it is looked for, in their distance; how dark it is against
the skin; the share of the eye's width it crosses."""
FRAME_ENDS, FRAME_FADE = (0.5, 0.7, 0.88), 0.16
"""Eye widths from the middle of the eye from which a frame keeps its surroundings, stays in the skin, and is no longer
drawn over it; each over the second number."""
FRAME_INLAY = 0.16
"""Eye widths that ornaments on a frame may measure."""


@dataclass(frozen=True)
class Frame:
    """Upper frame of glasses over one lid, in source space."""

    box: tuple[int, int, int, int]
    """x0, y0, x1, y1 of the arrays in the picture."""
    behind: Floats
    """(h, w, 4) skin in place of the frame, as `Lid.skin`."""
    overlay: Floats
    """(h, w, 5) the frame itself, see `lid_kernels.lay_through_flow`."""


def find_frame(photo: Floats, zone: NDArray[np.uint8], lid: NDArray[np.bool_], between: NDArray[np.bool_]) -> Floats:
    """(h, w) alpha of the dark upper frame of glasses within `zone`; 0 where there is none.

    A frame is far darker than the skin `lid` and crosses nearly every column `between` the corners of the eye: 0.85
    and 0.81 of them on the one portrait with glasses, 0.45 at most on the brows of ten without.
    """
    grey = photo.mean(2)
    if not (lid.any() and between.any()):
        return np.zeros(grey.shape, np.float32)
    share = grey / max(float(np.percentile(grey[lid], 70)), 1.0)
    crossed = ((share < FRAME_DARK) & (zone > 0) & between).any(0)[between.any(0)]
    if crossed.mean() < FRAME_COLUMNS:
        return np.zeros(grey.shape, np.float32)
    dark = smoothstep((FRAME_DARK + 0.25 - share) / 0.15) * zone
    return np.asarray(cv2.GaussianBlur(dark.astype(np.float32), (0, 0), 0.7), np.float32)


def loose_frame(
    photo: Floats, clean: Floats, dark: Floats, along: Floats, *, box: tuple[int, int, int, int], width: float
) -> Frame:
    """The frame of which (h, w) `dark` is the alpha of the dark part; `along` is the distance from the middle of the
    eye in eye widths."""
    side = int(FRAME_INLAY * width) | 1
    whole = cv2.morphologyEx(dark, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    wider = cv2.GaussianBlur(cv2.dilate(whole, np.ones((5, 5), np.uint8)), (0, 0), 0.8)
    share = smoothstep(1.6 * wider)
    # beyond the corners no skin is known to put beside the frame: what surrounds it stays with it, then all of it
    # becomes one with the skin of the temple again
    surrounded, kept, bound = (smoothstep((along - start) / FRAME_FADE) for start in FRAME_ENDS)
    alpha = (np.maximum(dark, share * surrounded) * (1.0 - bound))[..., None]
    share = (share * (1.0 - kept))[..., None]
    return Frame(
        box=box,
        behind=np.concatenate([clean, share], 2).astype(np.float32),
        overlay=np.concatenate([0 * alpha, photo * alpha, alpha], 2).astype(np.float32),
    )
