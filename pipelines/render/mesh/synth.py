"""Teeth, gums, tongue and mouth cavity made up from the light and colour of a photo with closed lips.

Lengths in cm of the head frame (MediaPipe's canonical face is in cm). Tooth widths follow mean adult crowns, narrowed
towards the back as the dental arch turns away from the viewer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipelines.render.mesh.geometry import MeshGeometry, smoothstep

Floats = NDArray[np.float32]
CM_PER_UNIT = 8.89
"""One head unit, the distance of the outer eye corners of MediaPipe's canonical face."""
CHEEKS = (50, 280, 205, 425, 101, 330)
UPPER_WIDTHS_CM = (0.85, 0.66, 0.70, 0.52, 0.42, 0.34)
UPPER_HEIGHTS_CM = (1.08, 0.98, 1.04, 0.92, 0.82, 0.74)
LOWER_WIDTHS_CM = (0.53, 0.58, 0.64, 0.54, 0.46, 0.40)
LOWER_HEIGHTS_CM = (0.86, 0.88, 0.92, 0.82, 0.76, 0.70)
GUM_RED, TONGUE_RED, CAVITY_RED = (amount * np.array([1.6, -0.9, -0.7]) for amount in (0.10, 0.14, 0.20))
"""Shift of the cheek's hue towards mucosa."""
ROW_HEIGHT_CM = 2.0
"""Sprite height: crown plus gum above it."""
MARGIN_CM = 0.15
"""Empty rows beyond the biting edge, so that it fades out within the sprite."""
CANINE = 2


@dataclass(frozen=True)
class MouthColours:
    """RGB 0..255 of the parts of a mouth in the light of one photo."""

    tooth: Floats
    gum: Floats
    tongue: Floats
    cavity: Floats


def mouth_colours(image: NDArray[np.uint8], geometry: MeshGeometry) -> MouthColours:
    """Colours from the cheeks of the (H, W, 3) RGB `image`: grey stays grey, warm light stays warm.

    The factors were set on the open mouths of the clips d0, d3 and d6, drawn from a closed frame with the true
    landmarks: MAE 40, 27, 44 and bias -26, +26, -36 grey levels inside the inner lips. On d5 and d8, not used for it
    (d7 never opens): MAE 29 and 30, bias 0 and +6.
    """
    skin = _cheek_colour(image, geometry)
    light = float(skin.mean())
    chroma = skin / max(light, 1.0)
    colourful = min(float(np.ptp(chroma)) / 0.25, 1.0)
    bright = 10.0 + 1.05 * light
    return MouthColours(
        tooth=_tinted(chroma * (1.0 + colourful * np.array([0.07, 0.0, -0.05])), 0.52, 0.98 * bright),
        gum=_tinted(chroma * (1.0 + colourful * GUM_RED), 1.0, 0.72 * bright),
        tongue=_tinted(chroma * (1.0 + colourful * TONGUE_RED), 1.0, 0.62 * bright),
        cavity=_tinted(chroma * (1.0 + colourful * CAVITY_RED), 1.0, 0.31 * bright),
    )


def match_own_teeth(colours: MouthColours, interior: Floats) -> MouthColours:
    """The same mouth with the colour of the teeth that (n, 3) RGB pixels of an open mouth show, if they show any."""
    if len(interior) < 20:
        return colours
    grey = interior.mean(1)
    bright = np.median(interior[grey >= np.percentile(grey, 55)], axis=0)
    pale = bright[0] < 1.5 * max(float(bright[1]), 1.0) and bright.mean() > 0.7 * colours.tooth.mean()
    return replace(colours, tooth=bright.astype(np.float32)) if pale else colours


def _cheek_colour(image: NDArray[np.uint8], geometry: MeshGeometry) -> Floats:
    height, width = image.shape[:2]
    reach = max(1, round(0.02 * geometry.unit_px))
    patches = []
    for x, y in np.round(geometry.landmarks[list(CHEEKS), :2]).astype(int):
        x, y = min(max(x, 0), width - 1), min(max(y, 0), height - 1)
        patch = image[max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1]
        patches.append(np.median(patch.reshape(-1, 3), axis=0))
    ranked = sorted(patches, key=lambda colour: float(colour.sum()))
    return np.mean(ranked[2:], axis=0).astype(np.float32)


def _tinted(chroma: NDArray, share: float, level: float) -> Floats:
    """Colour of mean `level` whose hue is `share` of the way from grey to `chroma`."""
    tint = np.power(np.maximum(chroma, 0.05), share)
    return np.clip(tint / tint.mean() * level, 0.0, 250.0).astype(np.float32)


def teeth_row(colours: MouthColours, *, px_per_cm: float, lower: bool) -> tuple[Floats, float]:
    """One row of teeth with its gum.

    Returns:
        (h, w, 4) premultiplied RGB and alpha, middle of the row at w / 2, and the pixel row of the biting edge.
    """
    widths, heights = (LOWER_WIDTHS_CM, LOWER_HEIGHTS_CM) if lower else (UPPER_WIDTHS_CM, UPPER_HEIGHTS_CM)
    half = sum(widths)
    columns, rows = int(2 * half * px_per_cm) | 1, int(ROW_HEIGHT_CM * px_per_cm)
    x = (np.arange(columns) - columns // 2) / px_per_cm
    ends = np.cumsum(widths)
    tooth = np.minimum(np.searchsorted(ends, np.abs(x)), len(widths) - 1)
    width, height = np.array(widths)[tooth], np.array(heights)[tooth]
    across = (np.abs(x) - (ends - np.array(widths))[tooth]) / width * 2 - 1  # -1..1 within a tooth
    lift = 0.3 * (1 - height / max(heights)) * (0.2 if lower else 0.4)
    lift = lift + (0.035 if lower else 0.06) * np.abs(across) ** 3.5
    lift = lift + np.where(tooth == CANINE, 0.05 * np.abs(across) ** 1.5, 0.0)
    up = (rows - 1 - np.arange(rows))[:, None] / px_per_cm - MARGIN_CM
    over = up - lift[None]
    alpha = smoothstep(over / 0.13 + 0.5)
    crown = np.clip(over / height, 0.0, 1.5)
    shade = (1 - 0.08 * across**2) * (1 - 0.36 * smoothstep((np.abs(x) - 0.7) / 2.1))
    gap = np.exp(-(((1 - np.abs(across)) * width / 2 / 0.05) ** 2))
    value = shade * (1 - (0.07 if lower else 0.10) * gap)
    value = value * (0.90 + 0.10 * smoothstep(crown / 0.25)) * (1 - 0.10 * smoothstep((crown - 0.55) / 0.45))
    gum_line = smoothstep((crown - (0.97 - 0.13 * across**2)) / 0.06)[..., None]
    rgb = (0.93 if lower else 1.0) * colours.tooth * value[..., None]
    gum = colours.gum * (shade * (1 - 0.25 * smoothstep((crown - 1.0) / 0.5)))[..., None]
    rgb = rgb * (1 - gum_line) + gum * gum_line
    fade = smoothstep((half - np.abs(x)) / 0.35)
    alpha = (alpha * fade)[..., None]
    sprite = np.concatenate([rgb * alpha, alpha], 2).astype(np.float32)
    margin = MARGIN_CM * px_per_cm
    if lower:
        return np.ascontiguousarray(sprite[::-1]), margin
    return sprite, rows - 1 - margin
