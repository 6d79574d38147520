"""Take one eye of a photo apart: sclera without iris, completed iris, catchlight, and the rims of both lids.

The parts rebuild the photo exactly: photo = (sclera (1 - alpha) + iris + glint) shadow (1 - upper_alpha - lower_alpha)
+ upper + lower, where iris, upper and lower are premultiplied and the shadow of the upper lid is
`sclera.lid_shadow`. The rims are what lids and lashes hide; they move with the lids, so that neither a black slit nor
an arc stays behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.render.mesh.eye_kernels import (
    ALPHA,
    EYE_CHANNELS,
    GLINT,
    IRIS,
    LOWER,
    LOWER_CLEAN,
    SCLERA,
    SCLERA_CLEAN,
    UPPER,
    UPPER_CLEAN,
)
from pipelines.render.mesh.fill import push_pull
from pipelines.render.mesh.head_frame import smoothstep
from pipelines.render.mesh.opening import Opening, box_around
from pipelines.render.mesh.sclera import lid_shadow, local_light, sclera_model

Floats = NDArray[np.float32]
RIM_IN, RIM_OUT = 1.0, 1.30
"""The iris fades out between these multiples of its fitted radius; beyond, the sclera is clean."""
WHITE_FROM = 1.1
"""Iris radii from which a pixel may be white enough to tell the colour of the sclera."""
CORNER_FROM = 0.38
"""Eye widths from the middle from which the photo's own corner (tear duct) stays while the eye looks away."""
PROFILE_BINS = 48
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


def split_eye(
    region: EyeRegion, centre: NDArray[np.float64], radius: float, *, eye_width: float, skin: Floats
) -> Floats:
    """(h, w, EYE_CHANNELS) parts of an eye whose iris is the circle (`centre`, `radius`) in picture px.

    `skin` is the (3,) RGB around the eye, which bounds what its white can be.
    """
    distance = np.hypot(region.x - centre[0], region.y - centre[1]) / radius
    depth_up = smoothstep((region.below_upper - 0.6) / max(1.2, 0.05 * eye_width))
    depth_low = smoothstep((region.above_lower - 0.3) / max(1.0, 0.03 * eye_width))
    trust = (depth_up * depth_low).astype(np.float32)
    trust *= 1.0 - _lid_over_iris(region, trust, distance, radius)
    shadow = lid_shadow(region.below_upper, region.below_upper + region.above_lower, eye_width)[..., None]
    lit = region.photo / shadow
    glint = _catchlight(lit, trust, distance, radius)
    matt = lit - glint
    along = region.u / eye_width
    clean = (trust * smoothstep((distance - RIM_OUT + 0.12) / 0.12)).astype(np.float32)
    smooth = sclera_model(matt, shadow, (trust > 0.9) & (distance > WHITE_FROM), along, skin=skin)
    smooth = np.asarray(smooth * local_light(matt, smooth, clean, eye_width), np.float32)
    sclera = matt * clean[..., None] + smooth * (1 - clean[..., None])
    iris = _complete_iris(matt, trust, distance, radius)
    alpha = (1.0 - smoothstep((distance - RIM_IN) / (RIM_OUT - RIM_IN))).astype(np.float32)[..., None]
    edge = np.clip((distance - 0.92) / 0.2, 0, 1)[..., None]
    trusted = trust[..., None]
    rim = matt * trusted + (iris * (1 - edge) + sclera * edge) * (1 - trusted)
    premultiplied = np.where(alpha > 0, rim - sclera * (1 - alpha), 0.0)
    eye = (sclera * (1 - alpha) + premultiplied + glint) * shadow
    share = smoothstep((region.above_lower - region.below_upper) / max(2.0, 0.12 * eye_width) + 0.5)[..., None]
    hidden = 1.0 - trusted
    lid = region.photo - eye * trusted
    in_corner = (clean * smoothstep((np.abs(along) - CORNER_FROM) / 0.08))[..., None]
    parts = np.empty((*distance.shape, EYE_CHANNELS), np.float32)
    parts[..., SCLERA : SCLERA + 3] = sclera
    parts[..., SCLERA_CLEAN : SCLERA_CLEAN + 3] = matt * in_corner + smooth * (1 - in_corner)
    parts[..., IRIS : IRIS + 3] = premultiplied
    parts[..., ALPHA : ALPHA + 1] = alpha
    parts[..., GLINT : GLINT + 3] = glint
    parts[..., UPPER : UPPER + 4] = np.concatenate([lid, hidden], 2) * share
    parts[..., LOWER : LOWER + 4] = np.concatenate([lid, hidden], 2) * (1 - share)
    beside = smoothstep((distance - RIM_IN) / (RIM_OUT - RIM_IN))[..., None]
    u_iris = float(region.u.ravel()[distance.argmin()])
    for first, across, part in (
        (UPPER_CLEAN, region.below_upper, share),
        (LOWER_CLEAN, region.above_lower, 1 - share),
    ):
        bridged = _without_iris(region, across, u_iris, reach=RIM_OUT * radius)
        parts[..., first : first + 3] = (lid * beside + bridged * hidden * (1 - beside)) * part
    return parts


def _lid_over_iris(region: EyeRegion, trust: Floats, distance: Floats, radius: float) -> Floats:
    """(h, w) 0..1 where the lower lid really reaches higher than its landmarks: far redder than the iris beside it."""
    red = region.photo[..., 0] - region.photo[..., 1]
    free = (trust > 0.9) & (distance < 0.9) & (region.above_lower > 0.45 * radius)
    if free.sum() < 8:
        return np.zeros_like(trust)
    low = smoothstep((0.45 - region.above_lower / radius) / 0.1) * (distance < RIM_IN)
    lid = smoothstep((red - np.median(red[free]) - 14.0) / 16.0) * low
    return cv2.GaussianBlur(lid.astype(np.float32), (0, 0), 0.7).astype(np.float32)


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


def _without_iris(region: EyeRegion, across: Floats, u_iris: float, *, reach: float) -> Floats:
    """(h, w, 3) what a lid's margin looks like where no iris is behind it: bridged from either side of the iris.

    Works in rows at equal distance `across` the lid margin, so that a lash line stays a line.
    """
    left, right = u_iris - reach, u_iris + reach
    share = np.clip((region.u - left) / max(right - left, 1e-3), 0, 1)[..., None]
    row_end = []
    for edge in (left, right):
        near = np.abs(region.u - edge) <= 1.0
        rows = np.round(across[near]).astype(np.intp)
        low = int(rows.min()) if rows.size else 0
        count = np.bincount(rows - low) if rows.size else np.zeros(1, np.intp)
        known = np.flatnonzero(count)
        if not known.size:
            return region.photo
        colours = []
        for c in range(3):
            mean = np.bincount(rows - low, region.photo[..., c][near])[known] / count[known]
            colours.append(np.interp(across.ravel(), known + low, mean).reshape(across.shape))
        row_end.append(np.stack(colours, 2))
    return (row_end[0] * (1 - share) + row_end[1] * share).astype(np.float32)


def _catchlight(photo: Floats, trust: Floats, distance: Floats, radius: float) -> Floats:
    side = max(3, round(0.6 * radius) | 1)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    top_hat = photo - cv2.GaussianBlur(cv2.morphologyEx(photo, cv2.MORPH_OPEN, kernel), (0, 0), 0.8)
    height = top_hat.mean(2)
    bright = smoothstep((height - 25.0) / 30.0) * (1 - smoothstep((distance - 0.8) / 0.15)) * (trust > 0.3)
    mask = cv2.GaussianBlur(bright.astype(np.float32), (0, 0), 0.6) * (trust > 0.3)
    return np.clip(top_hat, 0.0, None) * mask[..., None]


def _complete_iris(matt: Floats, trust: Floats, distance: Floats, radius: float) -> Floats:
    """Iris with the parts under the lids drawn in from its mean colour at the same distance from the centre."""
    bins = np.clip(distance * PROFILE_BINS / RIM_OUT, 0, PROFILE_BINS - 1).astype(np.intp)
    use = (trust > 0.9) & (distance < RIM_OUT)
    count = np.bincount(bins[use], minlength=PROFILE_BINS)
    known = np.flatnonzero(count)
    if len(known) < 3:
        return np.broadcast_to(np.percentile(matt.reshape(-1, 3), 10, axis=0), matt.shape).astype(np.float32)
    profile = np.empty((PROFILE_BINS, 3), np.float32)
    for c in range(3):
        total = np.bincount(bins[use], matt[..., c][use], PROFILE_BINS)
        profile[:, c] = np.interp(np.arange(PROFILE_BINS), known, total[known] / count[known])
    profile = cv2.GaussianBlur(profile, (1, 5), 0)
    hidden = profile[bins]
    near = push_pull(matt, (use & (distance < 0.95)).astype(np.float32))
    blend = np.clip(cv2.distanceTransform((trust <= 0.9).astype(np.uint8), cv2.DIST_L2, 3) / (0.4 * radius), 0, 1)
    guess = near * (1 - blend[..., None]) + hidden * blend[..., None]
    return (matt * trust[..., None] + guess * (1 - trust[..., None])).astype(np.float32)
