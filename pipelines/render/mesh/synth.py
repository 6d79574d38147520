"""Teeth, gums, tongue and mouth cavity made up from the light and colour of a photo with closed lips.

Lengths in cm of the head frame (MediaPipe's canonical face is in cm). Tooth widths follow mean adult crowns, narrowed
towards the back as the dental arch turns away from the viewer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipelines.portrait.topology import LIPS_INNER, LIPS_OUTER, MOUTH_BOTTOM, MOUTH_TOP
from pipelines.render.mesh.geometry import MeshGeometry
from pipelines.render.mesh.head_frame import smoothstep

Floats = NDArray[np.float32]
CM_PER_UNIT = 8.89
"""One head unit, the distance of the outer eye corners of MediaPipe's canonical face."""
CHEEKS = (50, 280, 205, 425, 101, 330)
UPPER_WIDTHS_CM = (0.85, 0.66, 0.70, 0.52, 0.42, 0.34)
UPPER_HEIGHTS_CM = (1.08, 0.98, 1.04, 0.92, 0.82, 0.74)
LOWER_WIDTHS_CM = (0.53, 0.58, 0.64, 0.54, 0.46, 0.40)
LOWER_HEIGHTS_CM = (0.86, 0.88, 0.92, 0.82, 0.76, 0.70)
GUM_RED, TONGUE_RED, CAVITY_RED = np.array([[0.16, -0.09, -0.07], [0.12, -0.07, -0.04], [0.22, -0.11, -0.09]])
"""Shift of the cheek's hue towards mucosa."""
LIPS_SHARE, MOST_RED = 0.4, 0.4
"""How far tongue and cavity take the hue of the photo's lips, and the most they may differ: paint is not mucosa."""
ENAMEL = np.array([0.08, 0.0, -0.10])
"""Shift of the cheek's hue towards teeth: less red than skin, but warm."""
SHADOW_RED = np.array([-0.25, 0.10, 0.15])
"""Light that reaches the depth of a mouth has been reflected by red walls: how much faster each channel fades."""
EVEN_LIPS, SHADED_LIPS, MOST_SHADE = 0.85, 0.55, 0.22
"""Brightness of the upper over the lower lip in even light and in light from above; what the mouth loses of it."""
DARKEST_CAVITY = 0.4
"""Least light in an open mouth as a share of what closed lips let expect."""
BESIDE_LIPS, MOST_TILT = 1.25, 0.5
"""Where the light on either side of the mouth is read, in radii of the outer lips; the most it may differ."""
ROW_HEIGHT_CM = 2.0
"""Sprite height: crown plus gum above it."""
MARGIN_CM = 0.15
"""Empty rows beyond the biting edge, so that it fades out within the sprite."""
CANINE = 2
GAP_CM, GAP_DARK = 0.06, 0.05
"""Width and depth of the shadow between two teeth; deeper lines look like piano keys."""


@dataclass(frozen=True)
class MouthColours:
    """RGB 0..255 of the parts of a mouth in the light of one photo."""

    tooth: Floats
    gum: Floats
    tongue: Floats
    cavity: Floats
    tilt: float
    """Growth of the light per mouth width towards image right, as a share of the light in the middle."""
    shadow: Floats
    """(3,) exponents by which the shadow of the lips dims R, G and B; all 1 in a grey photo."""


def mouth_colours(image: NDArray[np.uint8], geometry: MeshGeometry) -> MouthColours:
    """Colours from the cheeks and lips of the (H, W, 3) RGB `image`: grey stays grey, warm light stays warm.

    Brightness was set on the open mouths of the clips d0, d3 and d6, the loss of light from above on d3 and d20, the
    hue of tongue and cavity on d18. Drawn from the first frame with the true landmarks, the mean absolute error and
    bias in grey levels inside the inner lips are d0 26 and -6, d3 11 and 0, d6 37 and -18, d20 32 and +16, d18 28 and
    -9; on clips that set no constant, though they were watched all along, d5 31 and -2, d7 12 and -4, d8 22 and +9,
    d19 21 and -6.
    """
    skin = _cheek_colour(image, geometry)
    light = float(skin.mean())
    chroma = skin / max(light, 1.0)
    colourful = min(float(np.ptp(chroma)) / 0.25, 1.0)
    upper_lip, lower_lip = lip_colours(image, geometry)
    bright = (10.0 + 1.05 * light) * _light_from_below(upper_lip, lower_lip)
    lips = lower_lip / max(float(lower_lip.mean()), 1.0)
    mucosa = chroma + LIPS_SHARE * np.clip(lips - chroma, -MOST_RED, MOST_RED)
    return MouthColours(
        tooth=_tinted(chroma * (1.0 + colourful * ENAMEL), 0.56, 1.0 * bright),
        gum=_tinted(chroma * (1.0 + colourful * GUM_RED), 1.0, 0.72 * bright),
        tongue=_tinted(mucosa * (1.0 + colourful * TONGUE_RED), 1.0, 0.72 * bright),
        cavity=_tinted(mucosa * (1.0 + colourful * CAVITY_RED), 1.0, 0.40 * bright),
        tilt=_tilt_of_light(image, geometry),
        shadow=(1.0 + colourful * SHADOW_RED).astype(np.float32),
    )


def match_own_mouth(colours: MouthColours, interior: Floats) -> MouthColours:
    """The same mouth with the teeth and the darkness that (n, 3) RGB pixels of an open mouth show, if any."""
    if len(interior) < 20:
        return colours
    grey = interior.mean(1)
    darkness = float(np.clip(np.percentile(grey, 10) / max(float(colours.cavity.mean()), 1.0), DARKEST_CAVITY, 1.0))
    colours = replace(colours, cavity=darkness * colours.cavity, tongue=darkness * colours.tongue)
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


def lip_colours(image: NDArray[np.uint8], geometry: MeshGeometry) -> tuple[Floats, Floats]:
    """(3,) RGB of the middle of the upper and of the lower lip."""
    outer, inner = geometry.landmarks[LIPS_OUTER, :2], geometry.landmarks[LIPS_INNER, :2]
    middle = np.round(0.5 * (outer + inner)).astype(int).clip(0, np.array(image.shape[1::-1]) - 1)
    rows = (middle[MOUTH_TOP - 2 : MOUTH_TOP + 3], middle[MOUTH_BOTTOM - 1 : MOUTH_BOTTOM + 2])
    upper, lower = (image[row[:, 1], row[:, 0]].mean(0).astype(np.float32) for row in rows)
    return upper, lower


def _tilt_of_light(image: NDArray[np.uint8], geometry: MeshGeometry) -> float:
    """Brightness of the skin around the right half of the mouth over that around the left, less one."""
    around = geometry.landmarks[LIPS_OUTER, :2]
    centre = around.mean(0)
    skin = np.round(centre + BESIDE_LIPS * (around - centre)).astype(int).clip(0, np.array(image.shape[1::-1]) - 1)
    grey = image[skin[:, 1], skin[:, 0]].mean(1)
    right = around[:, 0] > centre[0]
    return float(np.clip(np.median(grey[right]) / max(np.median(grey[~right]), 1.0) - 1.0, -MOST_TILT, MOST_TILT))


def _light_from_below(upper: Floats, lower: Floats) -> float:
    """Share of the usual light in the mouth: where light falls from above, the upper lip is far darker than the lower
    one, and so is what lies behind it."""
    even = float(upper.mean() / max(lower.mean(), 1.0))
    return 1.0 - MOST_SHADE * float(smoothstep((EVEN_LIPS - even) / (EVEN_LIPS - SHADED_LIPS)))


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
    turned = smoothstep((np.abs(x) - 0.6) / 2.2)
    shade = (1 - 0.07 * across**2) * (1 - 0.34 * turned) * np.where(tooth == CANINE, 0.96, 1.0)
    gap = np.exp(-(((1 - np.abs(across)) * width / 2 / GAP_CM) ** 2))
    value = shade * (1 - (GAP_DARK + (0.04 if lower else 0.12) * (1 - smoothstep(crown / 0.22))) * gap)
    value = value * (0.90 + 0.10 * smoothstep(crown / 0.25)) * (1 - 0.09 * smoothstep((crown - 0.5) / 0.5))
    gum_line = smoothstep((crown - (0.97 - 0.13 * across**2)) / 0.06)[..., None]
    # the biting edge is glassy and cool, the neck of a tooth warmer
    warmth = (0.5 - smoothstep(crown))[..., None] * np.array([-0.03, 0.0, 0.05]) * np.ptp(colours.shadow) / 0.4
    rgb = (0.95 if lower else 1.0) * colours.tooth * (1 + warmth) * value[..., None]
    gum = colours.gum * (shade * (1 - 0.25 * smoothstep((crown - 1.0) / 0.5)))[..., None]
    rgb = rgb * (1 - gum_line) + gum * gum_line
    fade = smoothstep((half - np.abs(x)) / 0.35)
    alpha = (alpha * fade)[..., None]
    sprite = np.concatenate([rgb * alpha, alpha], 2).astype(np.float32)
    margin = MARGIN_CM * px_per_cm
    if lower:
        return np.ascontiguousarray(sprite[::-1]), margin
    return sprite, rows - 1 - margin
