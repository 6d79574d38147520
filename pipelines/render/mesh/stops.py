"""What holds lids and lips: lids close by a share of their gap, lips meet but never cross."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipelines.portrait.topology import EYE_INNER, EYE_OUTER
from pipelines.render.mesh.anatomy import (
    LID_LOWER,
    LID_ROWS_ABOVE_RIGHT,
    LID_ROWS_BELOW_RIGHT,
    LID_UPPER,
    LIPS_LOWER,
    LIPS_UPPER,
    both_sides,
)
from pipelines.render.mesh.geometry import MeshGeometry
from pipelines.render.mesh.photo_view import PhotoView

Doubles = NDArray[np.float64]

UPPER_LID_SHARE = 0.9
"""Share of a blink done by the upper lid."""
CORNER_SHARE = np.array([[0.22], [0.12]])
"""Share of the mean way of an upper lid that the outer and the inner corner go with it."""
RAISED_POWER = 2.8
"""The skin above an upper lid lags behind it by this power of the usual when the lid goes up: there is no fold to take
it in."""
LIP_ROUNDS = 2
LIP_REACH = 0.045
"""Height in head units over which a lip follows its inner edge when the two lips meet."""
TOUCHING = 0.006
"""Gap in head units (0.9 px in a 512 crop) up to which lips touch."""


class LidRows:
    """One eye's lids and the skin rows that follow them."""

    def __init__(self, head: Doubles, geometry: MeshGeometry, *, side: int) -> None:
        ring = geometry.eye_rings[side]
        self._upper, self._lower = ring[LID_UPPER], ring[LID_LOWER]
        self._corners = ring[[EYE_OUTER, EYE_INNER]]
        self._gap = head[self._lower] - head[self._upper]
        self._above = [(both_sides(row)[side], share) for row, share in LID_ROWS_ABOVE_RIGHT]
        self._below = [(both_sides(row)[side], share) for row, share in LID_ROWS_BELOW_RIGHT]

    def apply(self, displacement: Doubles, closure: float, *, drop: float = 0.0) -> None:
        """Close by a share of the rest gap, both lids lowered by `drop` of it; the skin above and below follows."""
        if closure == 0.0 and drop == 0.0:
            return
        down = (UPPER_LID_SHARE * closure + drop) * self._gap
        up = (drop - (1.0 - UPPER_LID_SHARE) * closure) * self._gap
        displacement[self._upper] += down
        displacement[self._lower] += up
        displacement[self._corners] += CORNER_SHARE * (UPPER_LID_SHARE * closure + drop) * self._gap.mean(0)
        # a lid that opens wider pushes the skin above it together, one that closes pulls it smooth
        raised = UPPER_LID_SHARE * closure + drop < 0.0
        for row, share in self._above:
            displacement[row] += (1.0 - (1.0 - share) ** RAISED_POWER if raised else share) * down
        for row, share in self._below:
            displacement[row] += share * up

    def least(self, values: Doubles) -> float:
        """The smallest of (478,) values on the edges of the two lids."""
        return float(min(values[self._upper].min(), values[self._lower].min()))

    def meet(self, displacement: Doubles, closure: float) -> None:
        """Set the gap that the closure asks for after the skin was smoothed."""
        gap = self._gap + displacement[self._lower] - displacement[self._upper]
        miss = gap - (1.0 - closure) * self._gap
        displacement[self._upper] += UPPER_LID_SHARE * miss
        displacement[self._lower] -= (1.0 - UPPER_LID_SHARE) * miss


class LipStop:
    """Lips meet but never cross, neither on the face nor in the picture of it.

    A gap below the least pushes both back. The least is zero, but lips that touch in the photo (or cross a little, by
    the error of the landmarks) touch already: what lies between them is their shadow and stays as wide as it is.
    """

    def __init__(self, head: Doubles, view: PhotoView) -> None:
        self._view = view
        self._gap = head[LIPS_LOWER, 1] - head[LIPS_UPPER, 1]
        self._least = _least_gap(self._gap)
        down = view.down
        self._down = down / (down @ down)
        self._seen_gap = (view.rest[LIPS_LOWER, :2] - view.rest[LIPS_UPPER, :2]) @ self._down
        self._least_seen = _least_gap(self._seen_gap)
        self._upper = self._followers(head, LIPS_UPPER, sign=-1.0)
        self._lower = self._followers(head, LIPS_LOWER, sign=1.0)

    @staticmethod
    def _followers(head: Doubles, row: NDArray, *, sign: float) -> Doubles:
        """(478, 9) weights by which vertices behind an inner lip move with it; the inner lip itself with weight 1."""
        offset = head[:, None, :2] - head[row][None, :, :2]
        width = np.abs(np.diff(head[row, 0])).mean()
        across = np.clip(1.0 - np.abs(offset[..., 0]) / width, 0.0, 1.0)
        behind = sign * offset[..., 1]
        along = np.exp(-0.5 * (behind / LIP_REACH) ** 2) * (behind > 0.0)
        along *= np.abs(head[:, None, 2] - head[row][None, :, 2]) < 0.2
        weights = across * along
        weights[LIPS_UPPER] = 0.0
        weights[LIPS_LOWER] = 0.0
        weights[row, np.arange(len(row))] = 1.0
        return weights

    def apply(self, displacement: Doubles) -> None:
        """Push lips that would cross apart, (478, 3) `displacement` changed in place."""
        # the push itself changes the view a little: what is left after the second round is below a hundredth
        for _ in range(LIP_ROUNDS):
            gap = self._gap + displacement[LIPS_LOWER, 1] - displacement[LIPS_UPPER, 1]
            seen = self._view.seen(displacement)
            seen_gap = self._seen_gap + (seen[LIPS_LOWER, :2] - seen[LIPS_UPPER, :2]) @ self._down
            lack = np.maximum(np.maximum(self._least - gap, self._least_seen - seen_gap), 0.0)
            if not lack.any():
                return
            displacement[:, 1] += self._lower @ (0.5 * lack) - self._upper @ (0.5 * lack)


def _least_gap(rest: Doubles) -> Doubles:
    """What lips may close to from their gap at rest: none of it where they touch, all where they are apart."""
    return np.minimum(rest, np.maximum(2.0 * TOUCHING - rest, 0.0))
