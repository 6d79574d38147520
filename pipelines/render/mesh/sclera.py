"""The white of an eye without iris, lashes and lids: a smooth model of its light, and the lid's shadow on it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.render.mesh.head_frame import smoothstep

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
LID_SHADOW, SHADOW_REACH = 0.38, 0.11
"""Share of the light that the open upper lid takes at its margin, and eye widths over which that fades."""
SHADOW_FROM = 0.2
"""Distance of the lids, in eye widths, from which the shadow has its whole strength."""
CORNER_SHADE = 0.4
LEAST_LIGHT, MOST_LIGHT = 0.7, 2.2
"""Brightness of an eye's white as a share of the skin around it. Darker pixels are lids and lashes, not white."""
MOST_CHROMA = 0.95
"""An eye's white has at most this share of the skin's saturation (in the exponent); paintings come near it."""
LOCAL_REACHES, LOCAL_DOUBT = (0.25, 0.07), 0.06
"""Eye widths over which the photo's own light on the white is smoothed, coarse first, and the share of clean pixels
there at which it counts by half."""
LEAST_LOCAL, MOST_LOCAL = 0.3, 1.15
"""Bounds of that light, of the modelled white's."""
PRIOR_PIXELS = 4.0
"""So many pixels of evidence weigh as much as the expectation."""


def lid_shadow(below_lid: Floats, gap: Floats, eye_width: float) -> Floats:
    """(...) light that the upper lid of the photo leaves, all lengths in one unit.

    Args:
        below_lid: distance below the upper lid's margin.
        gap: distance of the lids there; where they meet at the corners, lashes are short and the shadow is weak.
        eye_width: distance of the corners.
    """
    fall = np.exp(-np.maximum(below_lid, 0.0) / (SHADOW_REACH * eye_width))
    full = np.clip(gap / (SHADOW_FROM * eye_width), 0.0, 1.0)
    return (1.0 - LID_SHADOW * full * fall).astype(np.float32)


def sclera_model(lit: Floats, shadow: Floats, clean: NDArray[np.bool_], along: Floats, *, skin: Floats) -> Floats:
    """White of one eye everywhere in its region.

    Args:
        lit: (h, w, 3) RGB with the lid's shadow taken out.
        shadow: (h, w, 1) that shadow.
        clean: (h, w) bool, pixels that may show the white.
        along: (h, w) place along the corner axis in eye widths, 0 in the middle.
        skin: (3,) RGB of the skin around the eye.

    Returns:
        (h, w, 3) RGB without the lid's shadow, smooth, darker towards the corners; may exceed 255.
    """
    corner = 1.0 - CORNER_SHADE * smoothstep((np.abs(along) - 0.22) / 0.34)
    flat = (lit / corner[..., None]).astype(np.float32)
    use = clean & (np.abs(along) < 0.46)
    white, slope = _expected_white(skin), 0.0
    if use.sum() >= 4:
        brightest = float(np.quantile((lit * shadow)[use].mean(1), 0.95))
        white, slope = _measured_white(flat[use], along[use], white, skin=skin, brightest=brightest)
    tilt = np.clip(1.0 + slope * along, 0.75, 1.25)
    return (white * tilt[..., None] * np.power(corner[..., None], _warm(skin))).astype(np.float32)


def local_light(matt: Floats, white: Floats, clean: Floats, eye_width: float) -> Floats:
    """(h, w, 1) light on the modelled `white` beside the iris, as far as `clean` pixels of the photo show it.

    A corner in the shade of the brow stays in it: white that is drawn there would look pasted.
    """
    light = np.ones(clean.shape, np.float32)
    shown = np.clip(matt.mean(2) / np.maximum(white.mean(2), 1.0), LEAST_LOCAL, MOST_LOCAL)
    for reach in LOCAL_REACHES:
        evidence = np.stack([(shown - light) * clean, clean], 2).astype(np.float32)
        spread = cv2.GaussianBlur(evidence, (0, 0), max(1.0, reach * eye_width))
        light += spread[..., 0] / (spread[..., 1] + LOCAL_DOUBT)
    return light[..., None]


def _warm(skin: Floats) -> Floats:
    """(3,) how much of a shade each channel takes: light that skin has thrown into a corner is of its colour."""
    tint = np.maximum(skin, 1.0)
    return np.sqrt(tint.mean() / tint).clip(0.6, 1.5).astype(np.float32)


def _expected_white(skin: Floats) -> Doubles:
    level = max(float(skin.mean()), 1.0)
    tint = np.power(np.maximum(skin / level, 0.05), 0.4)
    return tint / tint.mean() * 0.9 * level


def _measured_white(
    pixels: Floats, along: Floats, expected: Doubles, *, skin: Floats, brightest: float
) -> tuple[Doubles, float]:
    """Colour of the brightest of `pixels` (n, 3), kept within what an eye can be, and its slope along the eye."""
    grey = pixels.mean(1)
    bright = np.quantile(grey, 0.85)
    weight = smoothstep((grey / max(float(bright), 1.0) - 0.72) / 0.25)
    if weight.sum() <= 0.0:  # all black: no white is seen
        return expected, 0.0
    seen = (pixels * weight[:, None]).sum(0) / weight.sum()
    level, skin_level = max(float(seen.mean()), 1.0), max(float(skin.mean()), 1.0)
    chroma, limit = seen / level, np.power(np.maximum(skin / skin_level, 0.05), MOST_CHROMA)
    excess = float(np.ptp(chroma)) / max(float(np.ptp(limit)), 0.02)
    if excess > 1.0:
        chroma = 1.0 + (chroma - 1.0) / excess
    # darker than the skin: lids and veins have got into it
    pure = float(smoothstep((level / skin_level - 0.6) / 0.3))
    chroma = pure * chroma + (1.0 - pure) * expected / expected.mean()
    level = float(np.clip(min(level, brightest), LEAST_LIGHT * skin_level, MOST_LIGHT * skin_level))
    trust = weight.sum() / (weight.sum() + PRIOR_PIXELS)
    white = trust * chroma * level + (1.0 - trust) * expected
    pale = smoothstep((grey / max(float(bright), 1.0) - 0.35) / 0.3)
    place = along - (along * pale).sum() / pale.sum()
    slope = float((pale * place * grey).sum() / level / ((pale * place**2).sum() + 0.02 * len(along)))
    return white, float(np.clip(slope, -0.6, 0.6))
