"""Upper lids: how they follow the gaze, and what a closing one draws: clean skin, its lash line, glasses in place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipelines.motion.eyes import WIDEST
from pipelines.render.mesh.head_frame import smoothstep
from pipelines.render.mesh.lid_kernels import draw_lid_edge, lay_through_flow
from pipelines.render.mesh.lid_skin import Lid
from pipelines.render.mesh.opening import CURVE_SAMPLES, Opening, View, box_around
from pipelines.render.mesh.pixel_kernels import fill_curve
from pipelines.render.mesh.posed import PosedMesh

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
CLOSED_PER_DEG_DOWN, CLOSED_PER_DEG_UP = 0.011, 0.004
"""Share of the rest gap that closes per degree of gaze down, and opens per degree up."""
DROP_PER_DEG = 0.006
"""Share of the rest gap by which both lids move per degree: the upper lid goes some 0.8 of the way of the iris."""
FRAMED, FRAME_SLID = 0.14, 0.1
"""Closed share, and way of the skin around the eye in eye widths, over which the frame comes loose from the skin."""
REDRAWN, TAKEN_OUT = (0.0, 0.5), (0.25, 1.0)
"""Shares of that over which the frame is drawn in its place, and taken out of the skin: never half of both."""
CLEANED, LINED = (0.02, 0.42), (0.02, 0.5)
"""Closed shares of an eye over which the stretched skin is replaced, and over which the lash line is drawn."""
LASH_LENGTH = 0.15
"""Eye widths that lashes hang over the lower lid of a closed eye."""
LINE_WIDTH, LINE_SHARE, THIN = 0.048, 0.26, 0.7
"""Half width of the line of a closed eye in eye widths; it is at most this share of the open eye's height, so that
narrow eyes keep a slit; its width while the lid has hardly closed, in widths of the closed eye's line."""
LINE_DROP = 0.75
"""How far below the margin the line of a closed eye lies, in its half widths: lashes hang over the lower lid."""
LID_SHADE, CREASE_SHADE = 0.14, 0.16
"""How much darker a lowered lid is at its margin, and the crease above it."""
CREASE_UP = 0.3
"""Where the skin folds, as a share of the way from the row of landmarks above the lid to the next."""
CREASE_WIDTH, CREASE_LEAST, CREASE_SOFT = 0.04, 0.09, 0.12
"""Half width of the crease, its least height above the margin, and over how much of it its line is smoothed; eye
widths."""


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


def draw_lid_skin(
    out: NDArray[np.uint8],
    lid: Lid,
    opening: Opening,
    view: View,
    flow: tuple[Floats, Floats, Floats],
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
        nothing = np.zeros((1, 1, 1), np.float32)
        whole = _box_of(fixed_from_out, lid.frame.box, out.shape[:2])
        lay_through_flow(
            out, whole, *flow, lid.origin, lid.frame.behind, nothing, fixed_from_out, _over(loose, TAKEN_OUT)
        )
    box = _lid_box(lid, opening, view, posed, out.shape[:2])
    lay_through_flow(out, box, *flow, lid.origin, lid.skin, lid.grain, fixed_from_out, cleaning)


def draw_lid_front(
    out: NDArray[np.uint8], lid: Lid, opening: Opening, view: View, posed: PosedMesh, *, lids: Floats
) -> None:
    """What lies in front of the eyeball: the lash line and shading of a lowered lid; `lids` of `eye_kernels`."""
    closed = _closed(opening, view)
    cleaning = _over(closed, CLEANED)
    if cleaning > 0.0:
        box = _lid_box(lid, opening, view, posed, out.shape[:2])
        _draw_edge(out, lid, opening, view, posed, box, lids, closed=closed, cleaning=cleaning)


def draw_frame(
    out: NDArray[np.uint8],
    lid: Lid,
    opening: Opening,
    view: View,
    flow: tuple[Floats, Floats, Floats],
    posed: PosedMesh,
) -> None:
    """Glasses that came loose from the skin, in their place before it."""
    loose = _loose(lid, opening, posed, closed=_closed(opening, view))
    if lid.frame is not None and loose > 0.0:
        nothing = np.zeros((1, 1, 4), np.float32)
        fixed_from_out = _fixed_from_out(lid, opening, view)
        whole = _box_of(fixed_from_out, lid.frame.box, out.shape[:2])
        lay_through_flow(
            out, whole, *flow, lid.origin, nothing, lid.frame.overlay, fixed_from_out, _over(loose, REDRAWN)
        )


def _closed(opening: Opening, view: View) -> float:
    return 1.0 - view.mean_gap / max(opening.mean_gap, 0.03 * opening.width)


def _lid_box(
    lid: Lid, opening: Opening, view: View, posed: PosedMesh, shape: tuple[int, int]
) -> tuple[int, int, int, int]:
    """Pixels that cleaning and lash line of a closing lid can change."""
    pad = (LASH_LENGTH + 4.0 * LINE_WIDTH) * opening.width * view.scale
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
    posed: PosedMesh,
    box: tuple[int, int, int, int],
    lids: Floats,
    *,
    closed: float,
    cleaning: float,
) -> None:
    width, lowered = opening.width, max(closed, 0.0)
    line = (THIN + (1.0 - THIN) * lowered**2) * min(LINE_WIDTH * width, LINE_SHARE * opening.mean_gap)
    ends = (view.ring_uv[:, 0].min(), view.ring_uv[:, 0].max(), 2.0 * lid.outer_is_right - 1.0)
    draw_lid_edge(
        out,
        box,
        view.uv_from_out,
        lids,
        _crease(lid, opening, view, posed),
        (opening.u_first, opening.u_step, view.scale),
        ends,
        lid.lash_colour,
        lid.shadow,
        (
            0.92 * _over(closed, LINED),
            max(line, 0.55 / view.scale),
            LASH_LENGTH * width,
            LID_SHADE * cleaning,
            CREASE_SHADE * cleaning,
            max(CREASE_WIDTH * width, 0.6 / view.scale),
            CREASE_LEAST * width,
            LINE_DROP * lowered**3,
        ),
    )


def _crease(lid: Lid, opening: Opening, view: View, posed: PosedMesh) -> Floats:
    """(CURVE_SAMPLES,) v of the crease above a lowered lid: the fold of the skin where the warp has put it."""
    fold, above = (posed.vertices[row, :2].astype(np.float64) for row in (lid.fold, lid.above))
    uv = (fold + CREASE_UP * (above - fold)) @ view.uv_from_out[:, :2].T + view.uv_from_out[:, 2]
    uv = uv[np.argsort(uv[:, 0])]
    corners = view.ring_uv[[opening.upper[0], opening.upper[-1]]]
    points = np.vstack([corners[:1], uv, corners[1:]])
    curve = np.empty(CURVE_SAMPLES, np.float32)
    fill_curve(points, opening.u_first, opening.u_step, -1.0, curve)
    half = max(round(0.5 * CREASE_SOFT * opening.width / opening.u_step), 1)
    kernel = np.bartlett(2 * half + 1)
    return np.convolve(np.pad(curve, half, "edge"), kernel / kernel.sum(), "valid").astype(np.float32)


def _over(value: float, span: tuple[float, float]) -> float:
    return float(smoothstep((value - span[0]) / (span[1] - span[0])))
