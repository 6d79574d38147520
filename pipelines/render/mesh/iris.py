"""Where the iris of an eye lies in a photo, and how far its lids' landmarks are off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.render.mesh.opening import Opening, box_around

Floats = NDArray[np.float32]
RADII = np.linspace(0.72, 1.76, 53)
ANGLES = np.radians(np.r_[-40:41:8, 140:221:8, 50:131:10])
SHIFTS = np.array([(i, j) for i in np.linspace(-0.45, 0.45, 13) for j in np.linspace(-0.3, 0.3, 7)])
"""Candidate circles in landmark radii; rays of the arcs (image right, left, below) that lids rarely hide."""
ARCS = (slice(0, 11), slice(11, 22), slice(22, None))
EDGE_STEP = 3
"""An edge is measured over twice this many steps of `RADII`."""
LEAST_CONTRAST = 40.0
"""Distance in RGB from which iris and skin are told apart."""
MIN_STEP = 6.0
"""Score (0..100) below which an eye is taken to have no visible iris edge."""


@dataclass(frozen=True)
class EyeRegion:
    """One eye's pixels with their place in the eye. Fields (h, w) unless said otherwise; lengths in source px."""

    photo: Floats
    """(h, w, 3) RGB."""
    below_upper: Floats
    """Distance below the upper lid margin, negative on the lid."""
    above_lower: Floats
    """Distance above the lower lid margin, negative on the lid."""
    u: Floats
    """Place along the corner axis, 0 in the middle."""
    x: Floats
    y: Floats
    """Picture coordinates."""


def eye_region(image: NDArray[np.uint8], opening: Opening, iris: tuple[NDArray[np.float64], float]) -> EyeRegion:
    """The part of the (H, W, 3) RGB `image` around an eye whose landmark iris is (centre px, radius px)."""
    centre, radius = iris
    corners = opening.origin + np.array([[-0.5], [0.5]]) * opening.width * opening.axes[0]
    reach = np.concatenate([corners, centre + 2.2 * radius * np.array([[-1, -1], [1, 1]])])
    x0, y0, x1, y1 = box_around(reach, 0.25 * opening.width, image.shape[:2])
    y, x = np.mgrid[y0:y1, x0:x1].astype(np.float32)
    offset_x, offset_y = x - opening.origin[0], y - opening.origin[1]
    u = (offset_x * opening.axes[0, 0] + offset_y * opening.axes[0, 1]).astype(np.float32)
    v = (offset_x * opening.axes[1, 0] + offset_y * opening.axes[1, 1]).astype(np.float32)
    upper, lower = opening.sample_curves(u)
    return EyeRegion(image[y0:y1, x0:x1].astype(np.float32), v - upper, lower - v, u, x, y)


def fit_irises(
    regions: Sequence[EyeRegion], centres: Sequence[NDArray[np.float64]], radii: Sequence[float]
) -> list[tuple[NDArray[np.float64], float]]:
    """Circles of both iris edges: strongest dark-to-light step over the visible arcs near the landmark circles.

    Both irises share one correction of the landmark radius, which the better lit eye then decides.
    Source: Daugman's integro-differential operator. Falls back to the landmarks where an eye has no clear edge.

    Args:
        regions: one per eye.
        centres: (2,) landmark centres, picture px.
        radii: landmark radii, px.

    Returns:
        (centre, radius) per eye, picture px.
    """
    scores = [_edge_scores(*eye) for eye in zip(regions, centres, radii, strict=True)]
    joint = np.sum([score.max(0).clip(0) for score in scores], axis=0)
    if max(score.max() for score in scores) < MIN_STEP:
        return [(centre, 1.04 * radius) for centre, radius in zip(centres, radii, strict=True)]
    best = int(joint.argmax())
    fitted = []
    for score, centre, radius in zip(scores, centres, radii, strict=True):
        found = radius * RADII[best + EDGE_STEP]
        shift = SHIFTS[score[:, best].argmax()] * radius if score[:, best].max() >= MIN_STEP else np.zeros(2)
        fitted.append((centre + shift, float(found)))
    return fitted


def _edge_scores(region: EyeRegion, centre: NDArray[np.float64], radius: float) -> NDArray[np.float64]:
    """(shifts, radii) step of whiteness across each candidate circle, 0..100, balanced over both sides."""
    margin = np.minimum(region.below_upper, region.above_lower)
    origin = np.array([region.x[0, 0], region.y[0, 0]])
    rays = RADII[None, :, None] * radius * np.stack([np.cos(ANGLES), np.sin(ANGLES)], 1)[:, None]  # (A, R, 2)
    points = (rays[None] + (SHIFTS * radius + centre - origin)[:, None, None]).astype(np.float32)  # (S, A, R, 2)
    x, y = (points[..., i].reshape(len(SHIFTS), -1) for i in (0, 1))
    white, depth = (
        cv2.remap(field, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).reshape(points.shape[:3])
        for field in (_whiteness(region.photo, margin), margin)
    )
    seen = depth > max(1.0, 0.12 * radius)
    outside = slice(2 * EDGE_STEP, None)
    both = seen[..., outside] & seen[..., : -2 * EDGE_STEP]
    step = both * (white[..., outside] - white[..., : -2 * EDGE_STEP])
    beyond = np.cumsum((seen * white)[..., ::-1], -1)[..., ::-1], np.cumsum(seen[..., ::-1], -1)[..., ::-1]
    pure = beyond[0].sum(1)[:, outside] / np.maximum(beyond[1].sum(1)[:, outside], 1)
    arcs = []
    for arc in ARCS:
        count = both[:, arc].sum(1)
        arcs.append(np.where(count >= 2, step[:, arc].sum(1) / np.maximum(count, 1), 0.0))
    likely = np.exp(-0.5 * (np.log(RADII[EDGE_STEP:-EDGE_STEP] / 1.03) / 0.35) ** 2)
    balanced = 0.5 * np.minimum(arcs[0], arcs[1]) + 0.25 * (arcs[0] + arcs[1]) + 0.2 * arcs[2]
    score = 100.0 * likely * balanced * (0.3 + 0.7 * pure)
    drift = SHIFTS**2 @ (1.0, 3.0)
    return score - drift[:, None] * max(float(score.max()), 0.0)


def _whiteness(photo: Floats, margin: Floats) -> Floats:
    """(h, w) likeness 0..1 to the sclera's colour, taken from the brightest pixels between the lids."""
    opened = photo[margin > 1.0]
    if len(opened) < 12:
        opened = photo.reshape(-1, 3)
    grey = opened.mean(1)
    white = np.median(opened[grey >= np.percentile(grey, 80)], axis=0)
    unlike = np.linalg.norm(photo - white, axis=2) / max(0.5 * float(np.linalg.norm(white)), 1.0)
    return (1.0 - np.clip(unlike, 0.0, 1.0)).astype(np.float32)


def iris_below_lid(region: EyeRegion, centre: NDArray[np.float64], radius: float, *, skin: Floats) -> float:
    """How far the iris reaches below the landmarks of the lower lid, px: those of large drawn eyes lie too high.

    `skin` is the (3,) RGB around the eye.
    """
    distance = np.hypot(region.x - centre[0], region.y - centre[1]) / radius
    known = (distance > 0.5) & (distance < 0.9) & (region.above_lower > 1.0) & (region.below_upper > 0.5 * radius)
    below = (distance < 1.0) & (region.above_lower < 0.0) & (np.abs(region.x - centre[0]) < 0.5 * radius)
    if known.sum() < 8 or below.sum() < 8:
        return 0.0
    iris = np.median(region.photo[known], axis=0)
    contrast = skin - iris
    if float(np.linalg.norm(contrast)) < LEAST_CONTRAST:
        return 0.0
    skin_share = (region.photo[below] - iris) @ contrast / float(contrast @ contrast)
    depth = np.floor(-region.above_lower[below]).astype(np.intp)
    count = np.maximum(np.bincount(depth), 1)
    is_iris = np.bincount(depth, skin_share < 0.5) / count > 0.5
    return float(len(is_iris) if is_iris.all() else is_iris.argmin())
