"""What the nose of a turned head hides of the far eye: eyeball and lash line are not drawn over it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.portrait.topology import EYE_INNER, EYE_OUTER
from pipelines.render.mesh.layer_kernels import lay_nose
from pipelines.render.mesh.opening import Opening, box_around

Floats = NDArray[np.float32]
BESIDE, BEYOND = 0.12, 0.24
"""Eye widths inside the inner corner from which a pixel of the photo may be, and from which it is the nose."""
REACH = 0.3
"""Eye widths around the lids within which an eye is drawn."""


@dataclass(frozen=True)
class BeforeEye:
    """The picture where one eye is about to be drawn."""

    box: tuple[int, int, int, int]
    pixels: NDArray[np.uint8]
    """(h, w, 3) RGB."""

    @classmethod
    def of(cls, out: NDArray[np.uint8], ring: Floats) -> BeforeEye:
        """Of (H, W, 3) `out` around an eye whose lids are (16, 2) `ring` there."""
        x0, y0, x1, y1 = box = box_around(ring, REACH * float(np.ptp(ring[:, 0])), out.shape[:2])
        return cls(box, out[y0:y1, x0:x1].copy())

    def lay_nose_back(
        self, out: NDArray[np.uint8], opening: Opening, ring_px: Floats, flow: tuple[Floats, Floats, Floats]
    ) -> None:
        """Lay the nose over the eye that was drawn in (H, W, 3) `out`, in place.

        The warp tells: where it shows a place of the photo that lies on the nose, the nose is in front.

        Args:
            ring_px: (16, 2) lids in the photo.
            flow: (H, W) source x and y and brightness of every pixel.
        """
        inner = ring_px[EYE_INNER].astype(np.float64)
        inward = (inner - ring_px[EYE_OUTER]) / opening.width**2
        lay_nose(out, self.box, self.pixels, flow[0], flow[1], inner, inward, BESIDE, BEYOND)
