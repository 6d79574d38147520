"""Take one eye of a photo apart: sclera without iris, completed iris, catchlight, and the rims of both lids.

The parts rebuild the photo exactly: photo = (sclera (1 - alpha) + iris + glint) shadow (1 - upper_alpha - lower_alpha)
+ upper + lower, where iris, upper and lower are premultiplied and the shadow of the upper lid is
`sclera.lid_shadow`. The rims are what lids and lashes hide; they move with the lids, so that neither a black slit nor
an arc stays behind.
"""

from __future__ import annotations

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
from pipelines.render.mesh.iris import EyeRegion
from pipelines.render.mesh.sclera import lid_shadow, local_light, sclera_model

Floats = NDArray[np.float32]
RIM_IN, RIM_OUT = 1.0, 1.30
"""Multiples of its fitted radius between which an iris ends; beyond, the sclera is clean."""
CORE, FARTHEST = (0.92, 1.02), (1.0, 1.26)
"""Iris radii over which a pixel is iris whatever its colour, and over which it no longer can be."""
DRAWN_EDGE = (0.96, 1.1)
"""Iris radii over which an iris ends where a lid hides its edge."""
MATTE = (0.12, 0.85)
"""Way from the colour of the white to that of the iris's edge over which a pixel becomes iris."""
MATTE_SMOOTH = 0.06
"""Iris radii over which that is smoothed: an edge has no notches."""
LEAST_CONTRAST = 40.0
"""Distance in RGB from which white and iris are told apart."""
WHITE_FROM = 1.1
"""Iris radii from which a pixel may be white enough to tell the colour of the sclera."""
LASH_REACH, LASH_FADE = 0.07, 0.05
"""Eye widths below the landmarks of the upper lid in which lashes and lid may still be, and over which that ends."""
LASH_DARK = (0.2, 0.42)
"""Shares of its light that white or iris lose to lashes, over which a pixel is one."""
CORNER_FROM = 0.38
"""Eye widths from the middle from which the photo's own corner (tear duct) stays while the eye looks away."""
GLINT_END = (0.72, 0.9)
"""Iris radii over which bright spots are no longer catchlights."""
GLINT_BRIGHT = (0.7, 0.95)
"""Shares of the brightness of the white over which a spot on the iris becomes a catchlight."""
PROFILE_BINS = 48


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
    along = region.u / eye_width
    white = _white(lit, shadow, trust, distance, along, skin=skin, eye_width=eye_width)
    trust *= 1.0 - _lashes_before(lit, white, region, distance, eye_width=eye_width)
    glint = _catchlight(lit, white, trust, distance, radius)
    matt = lit - glint
    white = _white(matt, shadow, trust, distance, along, skin=skin, eye_width=eye_width)
    alpha = _iris_share(matt, white, trust, distance, radius, depth=region.below_upper / eye_width)[..., None]
    clean = trust[..., None] * (1.0 - smoothstep(4.0 * alpha))
    sclera = matt * clean + white * (1 - clean)
    iris = _complete_iris(matt, alpha[..., 0], trust, distance, radius)
    trusted = trust[..., None]
    rim = matt * trusted + (iris * alpha + sclera * (1 - alpha)) * (1 - trusted)
    premultiplied = np.where(alpha > 0, rim - sclera * (1 - alpha), 0.0)
    eye = (sclera * (1 - alpha) + premultiplied + glint) * shadow
    share = smoothstep((region.above_lower - region.below_upper) / max(2.0, 0.12 * eye_width) + 0.5)[..., None]
    hidden = 1.0 - trusted
    lid = region.photo - eye * trusted
    in_corner = clean * smoothstep((np.abs(along) - CORNER_FROM) / 0.08)[..., None]
    parts = np.empty((*distance.shape, EYE_CHANNELS), np.float32)
    parts[..., SCLERA : SCLERA + 3] = sclera
    parts[..., SCLERA_CLEAN : SCLERA_CLEAN + 3] = matt * in_corner + white * (1 - in_corner)
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


def _white(
    lit: Floats, shadow: Floats, trust: Floats, distance: Floats, along: Floats, *, skin: Floats, eye_width: float
) -> Floats:
    """(h, w, 3) the white of the eye everywhere, smooth and without lids, in the photo's own light."""
    clean = (trust * smoothstep((distance - RIM_OUT + 0.12) / 0.12)).astype(np.float32)
    smooth = sclera_model(lit, shadow, (trust > 0.9) & (distance > WHITE_FROM), along, skin=skin)
    return np.asarray(smooth * local_light(lit, smooth, clean, eye_width), np.float32)


def _lashes_before(lit: Floats, white: Floats, region: EyeRegion, distance: Floats, *, eye_width: float) -> Floats:
    """(h, w) 0..1 where the upper lid really reaches lower than its landmarks: far darker than the white behind it.

    Before the iris the two are not told apart.
    """
    depth = region.below_upper / eye_width
    dark = 1.0 - lit.mean(2) / np.maximum(white.mean(2), 1.0)
    lash = smoothstep((dark - LASH_DARK[0]) / np.ptp(LASH_DARK))
    lash *= smoothstep((distance - FARTHEST[1]) / 0.1) * (1.0 - smoothstep((depth - LASH_REACH) / LASH_FADE))
    return np.asarray(cv2.GaussianBlur(lash.astype(np.float32), (0, 0), 0.6), np.float32)


def _by_distance(values: Floats, use: NDArray[np.bool_], distance: Floats) -> Floats | None:
    """(h, w, C) mean of (h, w, C) `values` in use at the same distance from the iris's centre; None if too few are."""
    bins = np.clip(distance * PROFILE_BINS / RIM_OUT, 0, PROFILE_BINS - 1).astype(np.intp)
    use = use & (distance < RIM_OUT)
    count = np.bincount(bins[use], minlength=PROFILE_BINS)
    known = np.flatnonzero(count)
    if len(known) < 3:
        return None
    profile = np.empty((PROFILE_BINS, values.shape[2]), np.float32)
    for c in range(values.shape[2]):
        total = np.bincount(bins[use], values[..., c][use], PROFILE_BINS)
        profile[:, c] = np.interp(np.arange(PROFILE_BINS), known, total[known] / count[known])
    soft = np.asarray(cv2.GaussianBlur(profile, (1, 5), 0), np.float32)
    return soft.reshape(PROFILE_BINS, -1)[bins]


def _iris_share(
    matt: Floats, white: Floats, trust: Floats, distance: Floats, radius: float, *, depth: Floats
) -> Floats:
    """(h, w) alpha of the iris: by its colour where its edge is seen, or white beside it would go along with it."""
    hidden = 1.0 - smoothstep((distance - DRAWN_EDGE[0]) / (DRAWN_EDGE[1] - DRAWN_EDGE[0]))
    edge = (trust > 0.9) & (distance > 0.7) & (distance < 0.9)
    if edge.sum() < 8:
        return hidden.astype(np.float32)
    way = np.median(matt[edge], axis=0) - white
    square = (way**2).sum(2)
    along = ((matt - white) * way).sum(2) / np.maximum(square, 1.0)
    along = cv2.GaussianBlur(along.astype(np.float32), (0, 0), max(0.6, MATTE_SMOOTH * radius))
    told = smoothstep((np.sqrt(square) - LEAST_CONTRAST) / LEAST_CONTRAST)
    colour = smoothstep((along - MATTE[0]) / (MATTE[1] - MATTE[0]))
    core = 1.0 - smoothstep((distance - CORE[0]) / (CORE[1] - CORE[0]))
    # beside the upper lid what is dark may be lashes
    reach = LASH_REACH + (FARTHEST[1] - FARTHEST[0] - LASH_REACH) * smoothstep((depth - LASH_REACH) / LASH_FADE)
    farthest = 1.0 - smoothstep((distance - FARTHEST[0]) / reach)
    seen = np.maximum(core, colour * farthest)
    share = hidden + (seen - hidden) * told * trust
    return share.astype(np.float32)


def _lid_over_iris(region: EyeRegion, trust: Floats, distance: Floats, radius: float) -> Floats:
    """(h, w) 0..1 where the lower lid really reaches higher than its landmarks: far redder than the iris beside it."""
    red = region.photo[..., 0] - region.photo[..., 1]
    free = (trust > 0.9) & (distance < 0.9) & (region.above_lower > 0.45 * radius)
    if free.sum() < 8:
        return np.zeros_like(trust)
    low = smoothstep((0.45 - region.above_lower / radius) / 0.1) * (distance < RIM_IN)
    lid = smoothstep((red - np.median(red[free]) - 14.0) / 16.0) * low
    return cv2.GaussianBlur(lid.astype(np.float32), (0, 0), 0.7).astype(np.float32)


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


def _catchlight(lit: Floats, white: Floats, trust: Floats, distance: Floats, radius: float) -> Floats:
    """(h, w, 3) light that mirrors on the eye add: small and nearly as bright as the white, unlike a pale iris."""
    side = max(3, round(0.6 * radius) | 1)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    top_hat = lit - cv2.GaussianBlur(cv2.morphologyEx(lit, cv2.MORPH_OPEN, kernel), (0, 0), 0.8)
    bright = smoothstep((top_hat.mean(2) - 25.0) / 30.0) * (trust > 0.3)
    bright *= smoothstep((lit.mean(2) / np.maximum(white.mean(2), 1.0) - GLINT_BRIGHT[0]) / np.ptp(GLINT_BRIGHT))
    bright *= 1.0 - smoothstep((distance - GLINT_END[0]) / np.ptp(GLINT_END))
    # its halo goes with it, or would stay on the iris as a ring
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * (side // 4) + 3,) * 2)
    mask = cv2.GaussianBlur(cv2.dilate(bright.astype(np.float32), around), (0, 0), 0.6) * (trust > 0.3)
    return np.clip(top_hat, 0.0, None) * mask[..., None]


def _complete_iris(matt: Floats, alpha: Floats, trust: Floats, distance: Floats, radius: float) -> Floats:
    """Iris with the parts under the lids drawn in from its mean colour at the same distance from the centre."""
    use = (trust > 0.9) & (alpha > 0.7)
    hidden = _by_distance(matt, use, distance)
    if hidden is None:
        return np.broadcast_to(np.percentile(matt.reshape(-1, 3), 10, axis=0), matt.shape).astype(np.float32)
    near = push_pull(matt, (use & (distance < 0.95)).astype(np.float32))
    blend = np.clip(cv2.distanceTransform((trust <= 0.9).astype(np.uint8), cv2.DIST_L2, 3) / (0.4 * radius), 0, 1)
    guess = near * (1 - blend[..., None]) + hidden * blend[..., None]
    return (matt * trust[..., None] + guess * (1 - trust[..., None])).astype(np.float32)
