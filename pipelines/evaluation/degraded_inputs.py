"""Photos made difficult on purpose: what visitors send that no portrait collection holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.evaluation.renderer_measures import Picture
from pipelines.motion.edit import Edit, apply_edit
from pipelines.portrait.crop import invert, transform
from pipelines.portrait.topology import BROWS, LIPS_OUTER, MOUTH_LEFT, OVAL
from pipelines.portrait.types import Portrait
from pipelines.render.mesh.renderer import MeshRenderer

Points = NDArray[np.float64]

TINY_FACE_PX = 60
DARK_GAMMA, DARK_GAIN, DARK_NOISE = 2.2, 0.35, 6.0
WORST_JPEG = 10
TONE_STEP = 36
CUT_SHARE = 0.35
"""Share of the face box that the picture's edge cuts off at the side."""
TURN_DEG = 30.0
CLOTH = (58, 52, 70)


def tiny(portrait: Portrait) -> Picture:
    """The face 60 px tall."""
    box = portrait.faces[portrait.face_index]
    ratio = TINY_FACE_PX / max(box.right - box.left, box.bottom - box.top)
    return _picture(cv2.resize(portrait.photo, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA))


def low_light(portrait: Portrait) -> Picture:
    """Dark, with the noise of a small sensor."""
    dark = 255 * DARK_GAIN * (portrait.photo / 255.0) ** DARK_GAMMA
    return _clipped(dark + np.random.default_rng(0).normal(0, DARK_NOISE, dark.shape))


def jpeg(portrait: Portrait) -> Picture:
    """Saved as JPEG of quality 10."""
    _, data = cv2.imencode(".jpg", portrait.photo, [cv2.IMWRITE_JPEG_QUALITY, WORST_JPEG])
    return _picture(cv2.imdecode(data, cv2.IMREAD_COLOR))


def grey(portrait: Portrait) -> Picture:
    """Black and white."""
    return _picture(cv2.cvtColor(cv2.cvtColor(portrait.photo, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB))


def cartoon(portrait: Portrait) -> Picture:
    """Flat colours and drawn outlines."""
    flat = portrait.photo
    for _ in range(3):
        flat = cv2.bilateralFilter(flat, 9, 40, 9)
    flat = _clipped(TONE_STEP * (flat // TONE_STEP) + 0.5 * TONE_STEP)
    outline = cv2.adaptiveThreshold(
        cv2.medianBlur(cv2.cvtColor(portrait.photo, cv2.COLOR_RGB2GRAY), 5),
        255,
        cv2.ADAPTIVE_THRESH_MEAN_C,
        cv2.THRESH_BINARY,
        11,
        5,
    )
    return _picture(cv2.bitwise_and(flat, flat, mask=outline))


def painting(portrait: Portrait) -> Picture:
    """Broad brush strokes."""
    return _picture(cv2.stylization(portrait.photo, sigma_s=40, sigma_r=0.5))


def hand(portrait: Portrait) -> Picture:
    """Fingers of the face's own colour over cheek and corner of the mouth."""
    points, unit = _landmarks(portrait)
    skin = np.median(portrait.image[240:280, 240:280].reshape(-1, 3), 0) * 0.9
    corner = points[LIPS_OUTER[MOUTH_LEFT]]
    layer, mask = np.empty(portrait.photo.shape, np.uint8), np.zeros(portrait.photo.shape[:2], np.uint8)
    layer[:] = skin
    for finger in range(4):
        tip = corner + unit * np.array([0.05 + 0.16 * finger, -0.28 + 0.05 * finger**2])
        base = tip + unit * np.array([0.45 - 0.03 * finger, 0.85])
        thickness = max(2, round(0.14 * unit))
        cv2.line(mask, _pixel(tip), _pixel(base), 255, thickness)
        cv2.line(layer, _pixel(tip), _pixel(base), (0.75 * skin).tolist(), max(1, thickness // 12))
    return _laid_over(portrait.photo, layer, mask, blur_px=0.015 * unit)


def hat(portrait: Portrait) -> Picture:
    """A brim down to the brows."""
    points, unit = _landmarks(portrait)
    brows, top = points[np.concatenate(BROWS)].mean(0), points[OVAL[0]]
    up = (top - brows) / np.linalg.norm(top - brows)
    tilt = float(np.degrees(np.arctan2(up[0], -up[1])))
    layer, mask = np.empty(portrait.photo.shape, np.uint8), np.zeros(portrait.photo.shape[:2], np.uint8)
    layer[:] = CLOTH
    for middle, half in ((0.38, (1.35, 0.22)), (1.0, (0.95, 0.75))):
        axes = (round(half[0] * unit), round(half[1] * unit))
        cv2.ellipse(mask, _pixel(brows + middle * unit * up), axes, tilt, 0, 360, 255, -1)
    return _laid_over(portrait.photo, layer, mask, blur_px=0.01 * unit)


def cut_off(portrait: Portrait) -> Picture:
    """The edge of the picture through the cheek and the chin."""
    box = portrait.faces[portrait.face_index]
    right = round(box.right - CUT_SHARE * (box.right - box.left))
    bottom = round(box.bottom - 0.5 * CUT_SHARE * (box.bottom - box.top))
    return np.ascontiguousarray(portrait.photo[: max(bottom, 64), : max(right, 64)])


def turned_away(portrait: Portrait) -> Picture:
    """Turned further to its side by the renderer itself."""
    renderer = MeshRenderer()
    sign = 1.0 if float(portrait.motion.yaw_deg[0]) >= 0 else -1.0
    edit = Edit.of({"yaw_deg": sign * TURN_DEG, "limit_strength": 0.0})
    return renderer.render(renderer.prepare(portrait), apply_edit(portrait, portrait.motion, edit))


INPUTS: Mapping[str, Callable[[Portrait], Picture]] = {
    "tiny face": tiny,
    "low light": low_light,
    "JPEG 10": jpeg,
    "grey": grey,
    "cartoon": cartoon,
    "painting": painting,
    "hand": hand,
    "hat": hat,
    "cut off": cut_off,
    "turned away": turned_away,
}
"""name -> difficult version of a portrait's photo."""


def _landmarks(portrait: Portrait) -> tuple[Points, float]:
    """(478, 2) landmarks in photo pixels and half the face height there."""
    points = transform(invert(portrait.crop_from_photo), portrait.landmarks_in_crop)[:, :2]
    return points, 0.5 * float(np.linalg.norm(points[OVAL[0]] - points[OVAL[18]]))


def _laid_over(photo: Picture, layer: Picture, mask: Picture, *, blur_px: float) -> Picture:
    share = cv2.GaussianBlur(mask, (0, 0), max(blur_px, 0.5)).astype(np.float32)[..., None] / 255
    return _clipped(photo * (1 - share) + layer * share)


def _pixel(point: NDArray[np.floating]) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))


def _clipped(values: NDArray[np.floating]) -> Picture:
    return np.clip(np.round(values), 0, 255).astype(np.uint8)


def _picture(values: object) -> Picture:
    return np.ascontiguousarray(values, np.uint8)
