"""The opening between two lids or two lips, seen in the frame of the rigid head.

Frame (u, v): origin between the two corners, u along the corner axis towards image right, v across it and down,
in pixels of the source picture. The opening lies between two curves v = upper(u) and v = lower(u).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.render.mesh.pixel_kernels import ring_curves

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
CURVE_SAMPLES = 256
REACH = 1.25
"""The curves are sampled this many widths to both sides of the middle: a wide smile moved sideways stays inside."""


@dataclass(frozen=True)
class View:
    """One frame's look at an opening. Arrays belong to the caller of `Opening.view` and are not reused."""

    uv_from_out: Doubles
    """(2, 3) affine from output pixels to (u, v)."""
    ring_uv: Doubles
    """(n, 2) posed ring in (u, v)."""
    curves: Floats
    """(2, CURVE_SAMPLES) upper and lower v, sampled from `Opening.u_first` by `Opening.u_step`."""
    mean_gap: float
    """Mean distance of the two curves between the corners, source px."""
    scale: float
    """Output pixels per source pixel."""


@dataclass(frozen=True)
class Opening:
    """Fixed facts about one opening of the source picture."""

    ring: NDArray[np.int32]
    """(n,) landmark indices, every one once."""
    upper: NDArray[np.int32]
    """(k,) places in `ring` of the upper curve, image left to right, corners included."""
    lower: NDArray[np.int32]
    """(m,) places in `ring` of the lower curve, image left to right, corners included."""
    origin: Doubles
    axes: Doubles
    """(2, 2) rows: u axis, v axis, in source pixels."""
    width: float
    """Corner to corner, source px."""
    u_first: float
    u_step: float
    fit: Doubles
    """(3, n) least-squares operator: ring positions to affine coefficients."""
    curves: Floats
    """(2, CURVE_SAMPLES) source curves."""
    mean_gap: float

    @property
    def onward(self) -> int:
        """+1 if the ring goes along the upper edge towards image right, else -1."""
        return _onward(self.upper, len(self.ring))

    @classmethod
    def of(cls, landmarks: Doubles, ring: NDArray[np.integer]) -> Opening:
        """Opening of a closed landmark ring.

        Args:
            landmarks: (478, 2 or 3) source pixels.
            ring: (n,) indices around the opening, n even, from one corner along the upper edge to the other and back.
        """
        n = len(ring)
        points = landmarks[ring, :2].astype(np.float64)
        upper, lower = np.arange(n // 2 + 1), np.array([0, *range(n - 1, n // 2 - 1, -1)])
        if points[0, 0] > points[n // 2, 0]:
            upper, lower = upper[::-1].copy(), lower[::-1].copy()
        first, last = points[upper[0]], points[upper[-1]]
        width = max(float(np.hypot(*(last - first))), 1e-3)
        u_axis = (last - first) / width
        axes = np.array([u_axis, [-u_axis[1], u_axis[0]]])
        origin = (first + last) / 2
        u_first, u_step = -REACH * width, 2 * REACH * width / (CURVE_SAMPLES - 1)
        curves = np.empty((2, CURVE_SAMPLES), np.float32)
        mean_gap = ring_curves((points - origin) @ axes.T, _onward(upper, n), u_first, u_step, curves)
        return cls(
            ring=ring.astype(np.int32),
            upper=upper.astype(np.int32),
            lower=lower.astype(np.int32),
            origin=origin,
            axes=axes,
            width=width,
            u_first=u_first,
            u_step=u_step,
            fit=np.linalg.pinv(np.c_[points, np.ones(n)]),
            curves=curves,
            mean_gap=mean_gap,
        )

    def view(self, posed_ring: Floats, rigid_ring: Floats) -> View:
        """The opening of one frame.

        Args:
            posed_ring: (n, 2) ring in output pixels, expression included.
            rigid_ring: (n, 2) the same landmarks moved by the rigid head alone.
        """
        affine = self.fit @ rigid_ring.astype(np.float64)  # (3, 2): out = [x, y, 1] @ affine
        determinant = affine[0, 0] * affine[1, 1] - affine[0, 1] * affine[1, 0]
        if abs(determinant) < 1e-4:
            determinant = 1e-4
        inverse = np.array([[affine[1, 1], -affine[1, 0]], [-affine[0, 1], affine[0, 0]]]) / determinant
        linear = self.axes @ inverse
        shift = self.axes @ (-inverse @ affine[2] - self.origin)
        uv_from_out = np.concatenate([linear, shift[:, None]], 1)
        ring_uv = posed_ring.astype(np.float64) @ linear.T + shift
        curves = np.empty((2, CURVE_SAMPLES), np.float32)
        gap = ring_curves(ring_uv, self.onward, self.u_first, self.u_step, curves)
        return View(
            uv_from_out=uv_from_out,
            ring_uv=ring_uv,
            curves=curves,
            mean_gap=gap,
            scale=float(np.sqrt(abs(determinant))),
        )

    def sample_curves(self, u: Floats) -> tuple[Floats, Floats]:
        """Source upper and lower v at any `u`, same shape."""
        grid = self.u_first + self.u_step * np.arange(CURVE_SAMPLES)
        upper, lower = (np.interp(u.ravel(), grid, curve).reshape(u.shape) for curve in self.curves)
        return upper.astype(np.float32), lower.astype(np.float32)


def box_around(points: NDArray[np.floating], pad: float, shape: tuple[int, int]) -> tuple[int, int, int, int]:
    """(x0, y0, x1, y1) pixel box around (n, 2) points, clipped to a picture of `shape` (H, W); may be empty."""
    low, high = np.floor(points.min(0) - pad), np.ceil(points.max(0) + pad) + 1
    x0, y0 = np.clip(low, 0, (shape[1], shape[0])).astype(int)
    x1, y1 = np.clip(high, 0, (shape[1], shape[0])).astype(int)
    return int(x0), int(y0), int(x1), int(y1)


def _onward(upper: NDArray[np.integer], n: int) -> int:
    return 1 if int(upper[1] - upper[0]) % n == 1 else -1
