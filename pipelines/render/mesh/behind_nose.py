"""What the nose of a turned head hides of the far eye: eyeball and lash line are not drawn over it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.portrait.topology import EYE_INNER, EYE_OUTER
from pipelines.render.mesh.head_frame import smoothstep
from pipelines.render.mesh.opening import Opening, box_around

Floats = NDArray[np.float32]
BESIDE, BEYOND = 0.12, 0.24
"""Eye widths inside the inner corner from which a pixel of the photo may be, and from which it is the nose."""
REACH = 0.3
"""Eye widths around the lids within which an eye is drawn."""


@dataclass(frozen=True)
class NoseCover:
    """The picture before an eye was drawn, where the nose stands before it."""

    box: tuple[int, int, int, int]
    before: NDArray[np.uint8]
    """(h, w, 3) RGB."""
    cover: Floats
    """(h, w, 1) 0..1."""

    def lay_back(self, out: NDArray[np.uint8]) -> None:
        """Lay the nose over what was drawn in (H, W, 3) `out`, in place."""
        x0, y0, x1, y1 = self.box
        drawn = out[y0:y1, x0:x1]
        drawn[:] = np.round(drawn + self.cover * (self.before.astype(np.float32) - drawn)).astype(np.uint8)


def nose_cover(
    out: NDArray[np.uint8], opening: Opening, ring_px: Floats, ring: Floats, flow: tuple[Floats, Floats, Floats]
) -> NoseCover | None:
    """What stands before one eye in the frame `out`, or None where nothing does.

    The warp tells: where it shows a place of the photo that lies on the nose, the nose is in front.

    Args:
        out: (H, W, 3) RGB.
        ring_px, ring: (16, 2) lids in the photo and in this frame.
        flow: (H, W) source x and y and brightness of every pixel.
    """
    box = box_around(ring, REACH * float(np.ptp(ring[:, 0])), out.shape[:2])
    x0, y0, x1, y1 = box
    inward = (ring_px[EYE_INNER] - ring_px[EYE_OUTER]) / opening.width
    x, y = (axis[y0:y1, x0:x1] for axis in flow[:2])
    inside = ((x - ring_px[EYE_INNER, 0]) * inward[0] + (y - ring_px[EYE_INNER, 1]) * inward[1]) / opening.width
    if not inside.size or inside.max() <= BESIDE:
        return None
    cover = smoothstep((inside - BESIDE) / (BEYOND - BESIDE)).astype(np.float32)
    return NoseCover(box, out[y0:y1, x0:x1].copy(), cover[..., None])
