"""A mouth photographed open: whether its inside shows, the picture of it, and what of it moves with the jaw."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from pipelines.render.mesh.fill import push_pull
from pipelines.render.mesh.opening import Opening, box_around

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
SHOWN_SHARE = 0.15
"""Share of teeth and dark cavity between the landmarks of narrower lips from which the photo shows an interior. On
filmed mouths 0.2 to 0.5 cm open it is 0.17 to 0.98, on one blurred clip 0.00 to 0.22; 0.10 where painted lips merely
shine."""
PALE, DARK = 0.9, 0.5
"""Brightness over that of the lips of the darkest tooth and of the brightest cavity."""
ROWS = 48
"""Samples from the upper to the lower lip in which teeth are looked for."""
BRIGHT = 0.5
"""Brightness over that of the brightest upper teeth, or of the lips where they are brighter, at which the dark of the
mouth begins."""
ROSY = 0.65
"""Share of the lips' redness that upper teeth may have: in the shade of the lip they are lit by it."""
TOP_SHARE = 0.6
"""Upper teeth begin within this share of the opening; above them may be gum, or lip that the landmarks missed."""
MIDDLE, TOOTHED = 0.3, 0.5
"""Half the part of the mouth, in widths, in which at least that share of columns must show upper teeth."""
SMOOTH_SHARE = 0.08
"""Width, in widths of the mouth, over which the top of what follows the jaw is smoothed."""
FITS, OFF_SHARE = 5, 0.03
"""Rounds of the fit of the biting edge, an arc; columns further off it than that share of the width count little."""
COLOURLESS = 6.0
"""Grey levels between the channels of lips in a photo without colour."""


def shows_interior(pixels: Floats, lips: Floats) -> bool:
    """Whether enough of (n, 3) RGB pixels between the lips are no more lip of (3,) colour `lips`: as bright but nearer
    to grey, which is a tooth, or much darker, which is the cavity."""
    if len(pixels) == 0:
        return False
    brightness = pixels.mean(1) / max(float(lips.mean()), 1.0)
    tooth = (brightness > PALE) & _pale(pixels, lips, share=0.5)
    return float((tooth | (brightness < DARK)).mean()) > SHOWN_SHARE


def own_interior(
    image: NDArray[np.uint8], ring_px: Floats, opening: Opening
) -> tuple[Floats, Doubles, NDArray[np.bool_]]:
    """The photo's open mouth.

    Returns:
        (h, w, 6) RGB as it is and RGB grown over the lips from the inside; picture x, y of the first pixel; and
        (h, w) where the interior really shows.
    """
    box = box_around(ring_px, 0.35 * opening.width, image.shape[:2])
    x0, y0, x1, y1 = box
    photo = image[y0:y1, x0:x1].astype(np.float32)
    mask = np.zeros(photo.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round((ring_px - (x0, y0)) * 16).astype(np.int32)], 1, cv2.LINE_8, 4)  # pyright: ignore
    inner = cv2.erode(mask, np.ones((3, 3), np.uint8))
    grown = push_pull(photo, inner.astype(np.float32)) if inner.any() else photo
    # the row of pixels along the lips is half lip: drawn out, it would be a line across the mouth
    rim = cv2.GaussianBlur(inner.astype(np.float32), (0, 0), 0.8)[..., None]
    grown = photo * rim + grown * (1 - rim)
    return np.concatenate([photo, grown], 2).astype(np.float32), np.array([x0, y0], np.float64), inner > 0


def bite_curves(image: NDArray[np.uint8], opening: Opening, lips: Floats) -> Floats:
    """Where the photo's upper teeth end and where what follows the jaw begins; the dark of the mouth lies between.

    Without upper teeth the first is the upper lip, without a dark gap the second is the lower one.

    Args:
        image: (H, W, 3) RGB.
        lips: (3,) RGB of the lips.

    Returns:
        (2, CURVE_SAMPLES) v of both over the u of `opening.curves`.
    """
    upper, lower = opening.curves.astype(np.float64)
    u = opening.u_first + opening.u_step * np.arange(len(upper), dtype=np.float64)
    within = np.flatnonzero((np.abs(u) < 0.5 * opening.width) & (lower > upper))
    if len(within) == 0:
        return np.stack([opening.curves[0], opening.curves[0]])
    t = (np.arange(ROWS) + 0.5)[:, None] / ROWS
    v = upper[within] + t * (lower - upper)[within]
    x, y = np.moveaxis(opening.origin + u[within][:, None] * opening.axes[0] + v[..., None] * opening.axes[1], -1, 0)
    seen = cv2.remap(image, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR).astype(np.float32)
    grey = seen.mean(2)
    light = max(float(np.percentile(grey[: ROWS // 2], 90)), float(lips.mean()))
    dark = grey < BRIGHT * light
    # a photo without colour tells teeth by their brightness alone
    tooth = ~dark & (_pale(seen, lips, share=ROSY) | (np.ptp(lips) < COLOURLESS))
    first = tooth.argmax(0)
    has_teeth = tooth.any(0) & (first < TOP_SHARE * ROWS)
    middle = has_teeth[np.abs(u[within]) < MIDDLE * opening.width]
    if middle.sum() <= TOOTHED * len(middle):
        bite = upper
    else:
        row = np.arange(ROWS)[:, None]
        end = _at_row(v, np.where(~tooth & (row > first), row, ROWS).min(0))
        places = within[has_teeth]
        arc = _arc(u[places] / opening.width, end[has_teeth] / opening.width)
        reach = np.clip(u, u[places[0]], u[places[-1]]) / opening.width
        bite = np.clip(np.polyval(arc, reach) * opening.width, upper, np.maximum(upper, lower))
    below = dark & (v > bite[within])
    last = ROWS - below[::-1].argmax(0)
    rise = np.where(below.any(0), _at_row(v, last), lower[within])
    rise = gaussian_filter1d(np.interp(u, u[within], rise), SMOOTH_SHARE * opening.width / opening.u_step)
    return np.stack([bite, np.clip(rise, bite, np.maximum(bite, lower))]).astype(np.float32)


def _arc(x: Doubles, y: Doubles) -> Doubles:
    """Coefficients of the parabola through most of the points, whatever the others do."""
    weight = np.ones_like(x)
    arc = np.zeros(3)
    for _ in range(FITS):
        arc = np.polyfit(x, y, 2, w=weight)
        weight = 1 / (1 + ((y - np.polyval(arc, x)) / OFF_SHARE) ** 2)
    return arc


def _at_row(v: Doubles, row: NDArray[np.integer]) -> Doubles:
    """`v` (ROWS, n) at the upper end of a row of every column; the row ROWS is the lower end of the last."""
    half = 0.5 * (v[1] - v[0])
    return np.take_along_axis(v, np.minimum(row, ROWS - 1)[None], 0)[0] + np.where(row == ROWS, half, -half)


def _pale(pixels: Floats, lips: Floats, *, share: float) -> NDArray[np.bool_]:
    """Which of (..., 3) RGB pixels have at most that share of the redness of the (3,) lips."""
    red, lip_red = (each[..., 0] / np.maximum(each[..., 1], 1.0) for each in (pixels, lips))
    return red < 1 + share * (lip_red - 1)
