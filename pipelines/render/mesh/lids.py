"""Upper lids: what the stretched skin of a closing lid should look like, and its lash line.

A lid that closes is stretched to several times its height. Lashes and the crease would become streaks, so a
correction towards clean skin is stored in source space and faded in through the warp's own map.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.motion.eyes import WIDEST
from pipelines.render.mesh.anatomy import LID_ROWS_ABOVE_RIGHT, LID_ROWS_BELOW_RIGHT, LID_UPPER, both_sides
from pipelines.render.mesh.fill import push_pull
from pipelines.render.mesh.geometry import smoothstep
from pipelines.render.mesh.layer_kernels import add_through_flow, draw_lid_edge
from pipelines.render.mesh.opening import Opening, View, box_around
from pipelines.render.mesh.posed import PosedMesh

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
CLOSED_PER_DEG_DOWN, CLOSED_PER_DEG_UP = 0.011, 0.004
"""Share of the rest gap that closes per degree of gaze down, and opens per degree up."""
DROP_PER_DEG = 0.006
"""Share of the rest gap by which both lids move per degree: the upper lid goes some 0.8 of the way of the iris."""
LASH_REACH = 0.14
"""Eye widths above the open lid that lashes cover."""
FOLD_KEPT = 0.25
"""The lid's own crease stays from this share of the way between fold and brow on."""
FRAME_REACH, FRAME_DARK, FRAME_COLUMNS = 1.6, 0.26, 0.72
"""The frame of glasses: how far above the rows of the lid it is looked for, in their distance; how dark it is against
the skin; the share of the eye's width it crosses."""
FRAME_ENDS, FRAME_FADE = (0.5, 0.7, 0.88), 0.16
"""Eye widths from the middle of the eye from which a frame keeps its surroundings, stays in the skin, and is no longer
drawn over it; each over the second number."""
FRAME_INLAY = 0.16
"""Eye widths that ornaments on a frame may measure."""
FRAMED, FRAME_SLID = 0.14, 0.1
"""Closed share, and way of the skin around the eye in eye widths, over which the frame comes loose from the skin."""
REDRAWN, TAKEN_OUT = (0.0, 0.5), (0.25, 1.0)
"""Shares of that over which the frame is drawn in its place, and taken out of the skin: never half of both."""
CLEANED, LINED = (0.02, 0.42), (0.02, 0.5)
"""Closed shares of an eye over which the stretched skin is replaced, and over which the lash line is drawn."""
LASH_LENGTH = 0.11
"""Eye widths that lashes hang over the lower lid of a closed eye."""
LINE_WIDTH, LINE_DROP = 0.06, 0.9
"""Half width of the line of a closed eye in eye widths, and how far below the margin it lies in its own widths: lashes
hang over the lower lid."""
LINE_SHARE, THIN = 0.27, 0.55
"""The line is at most this share of the open eye's height, so that narrow eyes keep a slit; its width while the lid
has hardly closed, in widths of the closed eye's line."""
LID_SHADE = 0.14
"""How much darker a lowered lid is at its margin."""


@dataclass(frozen=True)
class Frame:
    """Upper frame of glasses over one lid, in source space."""

    box: tuple[int, int, int, int]
    """x0, y0, x1, y1 of the arrays in the picture."""
    removal: Floats
    """(h, w, 4) skin minus frame, as `Lid.correction`."""
    overlay: Floats
    """(h, w, 5) the frame itself, see `layer_kernels.add_through_flow`."""


@dataclass(frozen=True)
class Lid:
    """Source-space facts about one upper lid."""

    correction: Floats
    """(h, w, 4) clean skin minus photo, and its share 0..1; 0 away from the lid."""
    grain: Floats
    """(h, w, 5) grain of the skin below the eye, and nothing in front of it; see `layer_kernels.add_through_flow`."""
    frame: Frame | None
    """Upper frame of glasses, behind which the lid closes."""
    origin: tuple[int, int]
    """Picture x, y of the first pixel of `correction`."""
    lash_colour: Floats
    """(3,) RGB of the lash line."""
    outline: NDArray[np.integer]
    """Landmarks around the lid: bounds of what a closing lid can change."""
    outer_is_right: bool


def lids_of_gaze(closure: Doubles, up_deg: Doubles) -> tuple[Doubles, Doubles]:
    """Lids follow the eyes: down with a lowered gaze, a little up with a raised one; a shut eye stays shut.

    Args:
        closure: (2,) closure [right, left] that the expression asks for, see `pipelines.motion.eyes`.
        up_deg: (2,) gaze above rest.

    Returns:
        (2,) closure, and (2,) share of the rest gap by which both lids of an eye move down together.
    """
    free = 1.0 - np.clip(closure, 0.0, 1.0)
    shut = -np.where(up_deg < 0.0, CLOSED_PER_DEG_DOWN, CLOSED_PER_DEG_UP) * up_deg
    return np.maximum(closure + free * shut, -WIDEST), -DROP_PER_DEG * up_deg * free


def build_lid(image: NDArray[np.uint8], landmarks: NDArray[np.float64], opening: Opening, *, side: int) -> Lid:
    """Lid of the eye on `side` (0 right, 1 left) of the (H, W, 3) RGB `image`."""
    width, ring = opening.width, opening.ring
    fold, brow_side = (both_sides(row)[side] for row, _ in LID_ROWS_ABOVE_RIGHT)
    ends = landmarks[ring[[0, 8]], :2]
    middle = ends.mean(0)
    box = box_around(np.concatenate([landmarks[brow_side, :2], landmarks[ring, :2]]), 0.35 * width, image.shape[:2])
    x0, y0, x1, y1 = box
    photo = image[y0:y1, x0:x1].astype(np.float32)
    upper, lower = landmarks[ring[1:8], :2], landmarks[ring[9:], :2]
    outer, inner = ends + np.array([[0.30], [0.12]]) * (ends - middle)
    lashes = upper + LASH_REACH * width * _unit(upper - middle)
    above = landmarks[fold, :2] + FOLD_KEPT * (landmarks[brow_side, :2] - landmarks[fold, :2])
    higher = np.linalg.norm(above - middle, axis=1) > np.linalg.norm(lashes - middle, axis=1)
    covered = np.where(higher[:, None], above, lashes)
    wing = outer + np.array([[0.05], [-0.16]]) * width * opening.axes[1]
    hole = np.concatenate([wing, lashes, [inner], lower + 0.30 * (lower - middle)])
    skin = np.concatenate([[outer], landmarks[brow_side, :2], [inner], lower])
    roof = landmarks[brow_side, :2] + FRAME_REACH * (landmarks[brow_side, :2] - landmarks[fold, :2])
    zone = _polygon(np.concatenate([roof, lashes[::-1]]), box)
    along = np.abs((_grid(box) - middle) @ opening.axes[0]) / width
    front = _frame(photo, zone, _polygon(skin, box) > 0, along < 0.4)
    clean = _clean_skin(photo, _polygon(hole, box) | (front > 0.02), _polygon(skin, box), width)
    whole = np.concatenate([wing, covered, [inner], lower + 0.25 * (lower - middle)])
    soft = cv2.GaussianBlur(_polygon(whole, box).astype(np.float32), (0, 0), max(0.8, 0.05 * width))
    weight = smoothstep(1.35 * soft)[..., None]
    frame = _loose_frame(photo, clean, front, along, box=box, width=width) if front.any() else None
    if frame is not None:
        photo = photo + frame.removal[..., :3]
    under = both_sides(LID_ROWS_BELOW_RIGHT[0][0])[side]
    calm = _polygon(np.concatenate([lower + 0.25 * (lower - middle), landmarks[under, :2]]), box) > 0
    return Lid(
        correction=np.concatenate([(clean - photo) * weight, weight], 2).astype(np.float32),
        grain=np.pad(_grain(photo, calm), ((0, 0), (0, 0), (0, 4))).astype(np.float32),
        frame=frame,
        origin=(x0, y0),
        lash_colour=_lash_colour(image, landmarks[ring[LID_UPPER], :2], clean),
        outline=np.concatenate([ring, fold, brow_side]),
        outer_is_right=bool(landmarks[ring[0], 0] > landmarks[ring[8], 0]),
    )


def draw_lid_skin(
    out: NDArray[np.uint8],
    lid: Lid,
    opening: Opening,
    view: View,
    flow: tuple[Floats, Floats],
    posed: PosedMesh,
) -> None:
    """Clean the stretched skin as far as the lid is closed, and take a frame out of it that is drawn in its place."""
    closed = _closed(opening, view)
    cleaning = _over(closed, CLEANED)
    loose = _loose(lid, opening, posed, closed=closed)
    if cleaning <= 0.0 and loose <= 0.0:
        return
    fixed_from_out = _fixed_from_out(lid, opening, view)
    if lid.frame is not None:
        nothing = np.zeros((1, 1, 5), np.float32)
        whole = _box_of(fixed_from_out, lid.frame.box, out.shape[:2])
        add_through_flow(
            out, whole, *flow, lid.origin, lid.frame.removal, nothing, fixed_from_out, _over(loose, TAKEN_OUT)
        )
    box = _lid_box(lid, opening, view, posed, out.shape[:2])
    add_through_flow(out, box, *flow, lid.origin, lid.correction, lid.grain, fixed_from_out, cleaning)


def draw_lid_front(
    out: NDArray[np.uint8],
    lid: Lid,
    opening: Opening,
    view: View,
    flow: tuple[Floats, Floats],
    posed: PosedMesh,
) -> None:
    """What lies in front of the eyeball: the lash line and shading of a lowered lid, and glasses in their place."""
    closed = _closed(opening, view)
    cleaning = _over(closed, CLEANED)
    if cleaning > 0.0:
        box = _lid_box(lid, opening, view, posed, out.shape[:2])
        _draw_edge(out, lid, opening, view, box, closed=closed, cleaning=cleaning)
    loose = _loose(lid, opening, posed, closed=closed)
    if lid.frame is not None and loose > 0.0:
        nothing = np.zeros((1, 1, 4), np.float32)
        fixed_from_out = _fixed_from_out(lid, opening, view)
        whole = _box_of(fixed_from_out, lid.frame.box, out.shape[:2])
        add_through_flow(
            out, whole, *flow, lid.origin, nothing, lid.frame.overlay, fixed_from_out, _over(loose, REDRAWN)
        )


def _closed(opening: Opening, view: View) -> float:
    return 1.0 - view.mean_gap / max(opening.mean_gap, 0.03 * opening.width)


def _lid_box(
    lid: Lid, opening: Opening, view: View, posed: PosedMesh, shape: tuple[int, int]
) -> tuple[int, int, int, int]:
    """Pixels that cleaning and lash line of a closing lid can change."""
    pad = (LASH_LENGTH + (2.6 + LINE_DROP) * LINE_WIDTH) * opening.width * view.scale
    return box_around(posed.vertices[lid.outline, :2], pad, shape)


def _fixed_from_out(lid: Lid, opening: Opening, view: View) -> Doubles:
    """(2, 3) affine from output pixels to the arrays of a lid, for what follows the head and not the skin."""
    fixed_from_uv = np.concatenate([opening.axes.T, (opening.origin - np.array(lid.origin))[:, None]], 1)
    fixed_from_out = fixed_from_uv[:, :2] @ view.uv_from_out
    fixed_from_out[:, 2] += fixed_from_uv[:, 2]
    return fixed_from_out


def _loose(lid: Lid, opening: Opening, posed: PosedMesh, *, closed: float) -> float:
    """0, or how far the frame has come loose from the skin, which a closing lid or a brow moves under it."""
    if lid.frame is None:
        return 0.0
    slid = float(np.abs(posed.vertices[lid.outline, :2] - posed.rigid[lid.outline]).max()) / opening.width
    return max(closed / FRAMED, slid / FRAME_SLID, 0.0)


def _box_of(
    source_from_out: Doubles, box: tuple[int, int, int, int], shape: tuple[int, int]
) -> tuple[int, int, int, int]:
    """Pixel box of the output that shows a `box` of the source, whose first pixel the affine takes to (0, 0)."""
    width, height = box[2] - box[0] - 1, box[3] - box[1] - 1
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]]) - source_from_out[:, 2]
    return box_around(corners @ np.linalg.pinv(source_from_out[:, :2]).T, 0.0, shape)


def _draw_edge(
    out: NDArray[np.uint8],
    lid: Lid,
    opening: Opening,
    view: View,
    box: tuple[int, int, int, int],
    *,
    closed: float,
    cleaning: float,
) -> None:
    lowered = max(closed, 0.0)
    line = min(LINE_WIDTH * opening.width, LINE_SHARE * opening.mean_gap)
    ends = (view.ring_uv[opening.upper[0], 0], view.ring_uv[opening.upper[-1], 0], 2.0 * lid.outer_is_right - 1.0)
    draw_lid_edge(
        out,
        box,
        view.uv_from_out,
        view.curves,
        (opening.u_first, opening.u_step, view.scale),
        ends,
        lid.lash_colour,
        (
            0.9 * _over(closed, LINED),
            max((THIN + (1.0 - THIN) * lowered**2) * line, 0.55 / view.scale),
            LASH_LENGTH * opening.width,
            LID_SHADE * cleaning,
            max(opening.mean_gap, 0.1 * opening.width),
            LINE_DROP * lowered**3,
        ),
    )


def _over(value: float, span: tuple[float, float]) -> float:
    return float(smoothstep((value - span[0]) / (span[1] - span[0])))


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
    """(h, w, 3) skin of the lid and a narrow band around it, grown over lashes and opening.

    The dark part of that skin (brow, hair, crease, frame of glasses) is not trusted.
    """
    side = int(0.22 * width) | 1
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    band = (cv2.dilate(hole | lid, ellipse) > 0) & (hole == 0)
    if band.sum() < 12:
        return photo
    grey = photo.mean(2)
    dark, bright = np.percentile(grey[band], [35, 98])
    use = (band & (grey >= dark) & (grey <= bright)).astype(np.float32)
    filled = push_pull(photo, cv2.GaussianBlur(use, (0, 0), 0.6) * use)
    return np.asarray(cv2.GaussianBlur(filled, (0, 0), max(1.0, 0.05 * width)), np.float32)


def _frame(photo: Floats, zone: NDArray[np.uint8], lid: NDArray[np.bool_], between: NDArray[np.bool_]) -> Floats:
    """(h, w) alpha of the dark upper frame of glasses within `zone`; 0 where there is none.

    A frame is far darker than the skin `lid` and crosses nearly every column `between` the corners of the eye: 0.85
    and 0.81 of them on the one portrait with glasses, 0.45 at most on the brows of ten without.
    """
    grey = photo.mean(2)
    if not (lid.any() and between.any()):
        return np.zeros(grey.shape, np.float32)
    share = grey / max(float(np.percentile(grey[lid], 70)), 1.0)
    crossed = ((share < FRAME_DARK) & (zone > 0) & between).any(0)[between.any(0)]
    if crossed.mean() < FRAME_COLUMNS:
        return np.zeros(grey.shape, np.float32)
    dark = smoothstep((FRAME_DARK + 0.25 - share) / 0.15) * zone
    return np.asarray(cv2.GaussianBlur(dark.astype(np.float32), (0, 0), 0.7), np.float32)


def _loose_frame(
    photo: Floats, clean: Floats, dark: Floats, along: Floats, *, box: tuple[int, int, int, int], width: float
) -> Frame:
    """The frame of which (h, w) `dark` is the alpha of the dark part; `along` is the distance from the middle of the
    eye in eye widths."""
    side = int(FRAME_INLAY * width) | 1
    whole = cv2.morphologyEx(dark, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    wider = cv2.GaussianBlur(cv2.dilate(whole, np.ones((5, 5), np.uint8)), (0, 0), 0.8)
    share = smoothstep(1.6 * wider)
    # beyond the corners no skin is known to put beside the frame: what surrounds it stays with it, then all of it
    # becomes one with the skin of the temple again
    surrounded, kept, bound = (smoothstep((along - start) / FRAME_FADE) for start in FRAME_ENDS)
    alpha = (np.maximum(dark, share * surrounded) * (1.0 - bound))[..., None]
    share = (share * (1.0 - kept))[..., None]
    return Frame(
        box=box,
        removal=np.concatenate([(clean - photo) * share, share], 2).astype(np.float32),
        overlay=np.concatenate([0 * alpha, photo * alpha, alpha], 2).astype(np.float32),
    )


def _grain(photo: Floats, calm: NDArray[np.bool_]) -> Floats:
    """(h, w, 1) soft noise as strong as the fine texture of `photo` where `calm`."""
    fine = (photo - cv2.GaussianBlur(photo, (0, 0), 1.5)).mean(2)
    strength = min(1.1 * float(np.median(np.abs(fine[calm]))), 3.0) if calm.any() else 0.0
    noise = np.random.default_rng(0).standard_normal(fine.shape).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), 0.8)
    noise *= strength / max(float(noise.std()), 1e-6)
    return np.clip(noise, -2.5 * strength, 2.5 * strength)[..., None]


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
