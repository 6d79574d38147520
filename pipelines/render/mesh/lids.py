"""Upper lids: what the stretched skin of a closing lid should look like, and its lash line.

A lid that closes is stretched to several times its height. Lashes and the crease would become streaks, so a
correction towards clean skin is stored in source space and faded in through the warp's own map.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.render.mesh.anatomy import LID_ROWS_ABOVE_RIGHT, LID_ROWS_BELOW_RIGHT, LID_UPPER, both_sides
from pipelines.render.mesh.fill import push_pull
from pipelines.render.mesh.geometry import smoothstep
from pipelines.render.mesh.layer_kernels import add_through_flow, draw_lash_line
from pipelines.render.mesh.opening import Opening, View, box_around

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Lid:
    """Source-space facts about one upper lid."""

    correction: Floats
    """(h, w, 4) clean skin minus photo, and its share 0..1; 0 away from the lid."""
    grain: Floats
    """(h, w, 3) grain of the skin below the eye."""
    origin: tuple[int, int]
    """Picture x, y of the first pixel of `correction`."""
    lash_colour: Floats
    """(3,) RGB of the lash line."""
    outline: NDArray[np.integer]
    """Landmarks around the lid: bounds of what a closing lid can change."""
    outer_is_right: bool


def build_lid(image: NDArray[np.uint8], landmarks: NDArray[np.float64], opening: Opening, *, side: int) -> Lid:
    """Lid of the eye on `side` (0 right, 1 left) of the (H, W, 3) RGB `image`."""
    width = opening.width
    fold, brow_side = (both_sides(row)[side] for row, _ in LID_ROWS_ABOVE_RIGHT)
    ring = opening.ring
    ends = landmarks[ring[[0, 8]], :2]
    middle = ends.mean(0)
    box = box_around(np.concatenate([landmarks[brow_side, :2], landmarks[ring, :2]]), 0.35 * width, image.shape[:2])
    x0, y0, x1, y1 = box
    photo = image[y0:y1, x0:x1].astype(np.float32)
    top = 0.45 * landmarks[fold, :2] + 0.55 * landmarks[brow_side, :2]
    upper, lower = landmarks[ring[1:8], :2], landmarks[ring[9:], :2]
    outer, inner = ends + np.array([[0.30], [0.12]]) * (ends - middle)
    lashes = upper + 0.14 * width * _unit(upper - middle)
    hole = np.concatenate([[outer], lashes, [inner], lower + 0.30 * (lower - middle)])
    clean = _clean_skin(
        photo, _polygon(hole, box), _polygon(np.concatenate([[outer], top, [inner], lower]), box), width
    )
    covered = np.concatenate([[outer], 0.5 * (lashes + top), [inner], lower + 0.25 * (lower - middle)])
    soft = cv2.GaussianBlur(_polygon(covered, box).astype(np.float32), (0, 0), max(0.8, 0.06 * width))
    weight = smoothstep(1.25 * soft)[..., None]
    clean *= (
        1.0 - 0.06 * smoothstep((np.hypot(*(_grid(box) - middle).transpose(2, 0, 1)) / width - 0.25) / 0.3)[..., None]
    )
    under = both_sides(LID_ROWS_BELOW_RIGHT[0][0])[side]
    calm = _polygon(np.concatenate([lower + 0.25 * (lower - middle), landmarks[under, :2]]), box) > 0
    return Lid(
        correction=np.concatenate([(clean - photo) * weight, weight], 2).astype(np.float32),
        grain=_grain(photo, calm),
        origin=(x0, y0),
        lash_colour=_lash_colour(image, landmarks[ring[LID_UPPER], :2], clean),
        outline=np.concatenate([ring, fold, brow_side]),
        outer_is_right=bool(landmarks[ring[0], 0] > landmarks[ring[8], 0]),
    )


def draw_lid(
    out: NDArray[np.uint8],
    lid: Lid,
    opening: Opening,
    view: View,
    flow: tuple[Floats, Floats],
    vertices: NDArray,
) -> None:
    """Clean the stretched skin and add the lash line, as far as the lid is closed."""
    closed = 1.0 - view.mean_gap / max(opening.mean_gap, 0.03 * opening.width)
    cleaning = float(smoothstep((closed - 0.04) / 0.55))
    if cleaning <= 0.0:
        return
    box = box_around(vertices[lid.outline, :2], 0.1 * opening.width * view.scale, out.shape[:2])
    grain_from_uv = np.concatenate([opening.axes.T, (opening.origin - np.array(lid.origin))[:, None]], 1)
    grain_from_out = grain_from_uv[:, :2] @ view.uv_from_out
    grain_from_out[:, 2] += grain_from_uv[:, 2]
    add_through_flow(out, box, flow[0], flow[1], lid.origin, lid.correction, lid.grain, grain_from_out, cleaning)
    line = 0.80 * float(smoothstep((closed - 0.3) / 0.65))
    if line > 0.0:
        ends = (view.ring_uv[opening.upper[0], 0], view.ring_uv[opening.upper[-1], 0], 2.0 * lid.outer_is_right - 1.0)
        draw_lash_line(
            out,
            box,
            view.uv_from_out,
            view.curves,
            (opening.u_first, opening.u_step, view.scale),
            ends,
            lid.lash_colour,
            line,
            max(0.033 * opening.width, 0.6 / view.scale),
        )


def _polygon(points: NDArray, box: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    mask = np.zeros((box[3] - box[1], box[2] - box[0]), np.uint8)
    cv2.fillPoly(mask, [np.round((points - box[:2]) * 16).astype(np.int32)], 1, cv2.LINE_8, 4)  # pyright: ignore
    return mask


def _grid(box: tuple[int, int, int, int]) -> NDArray[np.float64]:
    """(h, w, 2) picture x, y of the pixels of a box."""
    y, x = np.mgrid[box[1] : box[3], box[0] : box[2]].astype(np.float64)
    return np.stack([x, y], 2)


def _unit(vectors: NDArray) -> NDArray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)


def _clean_skin(photo: Floats, hole: NDArray[np.uint8], lid: NDArray[np.uint8], width: float) -> Floats:
    """(h, w, 3) skin of the lid and a narrow band around it, grown over lashes, crease and opening.

    The dark half of that skin (brow, hair, crease) is not trusted.
    """
    side = int(0.26 * width) | 1
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    band = (cv2.dilate(hole | lid, ellipse) > 0) & (hole == 0)
    if band.sum() < 12:
        return photo
    grey = photo.mean(2)
    dark, bright = np.percentile(grey[band], [45, 98])
    use = band & (grey >= dark) & (grey <= bright)
    filled = push_pull(photo, use.astype(np.float32))
    return np.asarray(cv2.GaussianBlur(filled, (0, 0), max(1.0, 0.05 * width)), np.float32)


def _grain(photo: Floats, calm: NDArray[np.bool_]) -> Floats:
    """(h, w, 3) soft grey noise as strong as the fine texture of `photo` where `calm`."""
    fine = (photo - cv2.GaussianBlur(photo, (0, 0), 1.5)).mean(2)
    strength = min(1.1 * float(np.median(np.abs(fine[calm]))), 3.0) if calm.any() else 0.0
    noise = np.random.default_rng(0).standard_normal(fine.shape).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), 0.8)
    noise *= strength / max(float(noise.std()), 1e-6)
    return np.repeat(np.clip(noise, -2.5 * strength, 2.5 * strength)[..., None], 3, axis=2)


def _lash_colour(image: NDArray[np.uint8], margin: NDArray, clean: Floats) -> Floats:
    """As dark as the darkest pixels of the open lid's margin, but never lighter than 70 % of the skin."""
    darkest = []
    for x, y in np.round(margin).astype(int):
        patch = image[max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3]
        if patch.size:
            darkest.append(patch.reshape(-1, 3)[patch.sum(2).argmin()])
    skin = np.median(clean.reshape(-1, 3), axis=0)
    if not darkest:
        return (0.4 * skin).astype(np.float32)
    return np.minimum(np.percentile(darkest, 40, axis=0), 0.7 * skin).astype(np.float32)
