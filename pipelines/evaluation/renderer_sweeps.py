"""Does what a control's name says grow with its slider? Found again in the drawn faces by the landmarker."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.evaluation.renderer_clips import find_landmarks
from pipelines.evaluation.renderer_measures import Picture, Points
from pipelines.evaluation.renderer_stills import Still
from pipelines.motion.control import Control
from pipelines.motion.controls import CONTROL_BY_KEY
from pipelines.motion.edit import Edit, apply_edit
from pipelines.portrait.eyes import eye_ratio
from pipelines.portrait.pose import euler_deg, head_pose
from pipelines.portrait.topology import (
    BROW_INNER,
    BROWS,
    EYE_INNER,
    EYE_OUTER,
    EYES,
    IRISES,
    LIPS_INNER,
    LIPS_OUTER,
    MOUTH_BOTTOM,
    MOUTH_LEFT,
    MOUTH_RIGHT,
    MOUTH_TOP,
    N_LANDMARKS,
    OVAL,
)
from pipelines.render.mesh.posed import PosedMesh

Measure = Callable[[Points], float]

GAZE_AXES = ("gaze_x_deg", "gaze_y_deg")
MONOTONE_STEPS = 9
REPEATS = 8
"""Readings of one picture behind the repeatability of a measure."""
SHIFT_PX, GRAIN_LEVELS = 1.0, 1.0
"""What sets the readings apart: the picture is shifted by up to this much and gets noise of this deviation."""
ALLOWED_DEVIATIONS = 2.0
"""A difference of two readings may go back by this many of its own standard deviations."""
AS_DRAWN_PCT = 0.1
"""A measure of the drawn mesh may go back by this share of its span: float32."""


@dataclass(frozen=True)
class Sweep:
    """One control from rest to the end of its slider and the measure found again in the drawn faces."""

    key: str
    span: float
    """Change of the measure from rest to the end, > 0 where it goes the way its name says."""
    backward: float
    """Longest way back from one value of the slider to the next."""
    allowed: float
    """What the landmarker's own repeatability makes of such a way back, measured on the picture half way."""
    drawn_backward_pct: float
    """Longest way back of the same measure on the mesh as it was drawn, % of its span there."""

    @property
    def backward_pct(self) -> float:
        """Longest way back, % of the span."""
        return 100 * self.backward / max(abs(self.span), 1e-9)

    @property
    def allowed_pct(self) -> float:
        """What is allowed of it."""
        return 100 * self.allowed / max(abs(self.span), 1e-9)

    @property
    def monotone(self) -> bool:
        """It never goes back by more than the landmarker's noise; False where no face was found."""
        return self.span > -self.allowed and self.backward <= self.allowed

    @property
    def monotone_as_drawn(self) -> bool:
        """The drawn mesh never goes back."""
        return self.drawn_backward_pct <= AS_DRAWN_PCT

    @property
    def seen(self) -> bool:
        """The landmarker tells the end of the slider from rest at all."""
        return self.span > self.allowed


def control_sweeps(still: Still) -> list[Sweep]:
    """Every named control, angle and gaze: does what is found again grow with the slider?"""
    return [_sweep(still, CONTROL_BY_KEY[key], measure) for key, measure in MEASURES.items()]


def _sweep(still: Still, control: Control, measure: Measure) -> Sweep:
    """From rest to the upper end of the slider, or of the limit that cuts it."""
    end = min(control.limit[1], control.hi) if control.limit else control.hi
    found, drawn = [], []
    for value in np.linspace(0, end, MONOTONE_STEPS):
        posed = _posed(still, {control.key: float(value)})
        drawn.append(_as_drawn(posed, control, measure))
        landmarks = find_landmarks(still.renderer.draw(still.handle, posed))
        if landmarks is not None:
            found.append(measure(landmarks))
    deviation = repeatability(still.draw({control.key: 0.5 * float(end)}), measure)
    span = found[-1] - found[0] if len(found) > 1 else float("nan")
    return Sweep(
        control.key,
        span,
        backward=_way_back(found),
        allowed=ALLOWED_DEVIATIONS * float(np.sqrt(2.0)) * deviation,
        drawn_backward_pct=100 * _way_back(drawn) / max(drawn[-1] - drawn[0], 1e-9),
    )


def repeatability(picture: Picture, measure: Measure, *, seed: int = 0) -> float:
    """Standard deviation of a measure over readings of (H, W, 3) `picture` that differ by less than a pixel of shift
    and by a grey level of grain; NaN where no face is found."""
    rng = np.random.default_rng(seed)
    readings = []
    for _ in range(REPEATS):
        shift = np.array([[1, 0, 0], [0, 1, 0]], np.float64)
        shift[:, 2] = rng.uniform(-SHIFT_PX, SHIFT_PX, 2)
        moved = cv2.warpAffine(picture, shift, picture.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
        grainy = moved + rng.normal(0.0, GRAIN_LEVELS, moved.shape)
        landmarks = find_landmarks(np.clip(np.round(grainy), 0, 255).astype(np.uint8))
        if landmarks is not None:
            readings.append(measure(landmarks))
    return float(np.std(readings, ddof=1)) if len(readings) > 1 else float("nan")


def _posed(still: Still, values: Mapping[str, float]) -> PosedMesh:
    return still.handle.rig.pose(apply_edit(still.portrait, still.portrait.motion, Edit.of(values)))


def _as_drawn(posed: PosedMesh, control: Control, measure: Measure) -> float:
    """The measure on the mesh itself; eyeballs are no part of it and have their angle."""
    if control.kind == "gaze":
        return float(posed.gaze_deg[:, GAZE_AXES.index(control.key)].mean())
    return measure(posed.vertices[:N_LANDMARKS].astype(np.float64))


def _way_back(values: list[float]) -> float:
    return max((max(a - b, 0.0) for a, b in pairwise(values)), default=float("nan"))


def _in_head(landmarks: Points) -> NDArray[np.float64]:
    return head_pose(landmarks).to_mesh(landmarks)


def _width(landmarks: Points) -> float:
    head = _in_head(landmarks)
    return float(np.linalg.norm(head[LIPS_OUTER[MOUTH_LEFT]] - head[LIPS_OUTER[MOUTH_RIGHT]]))


def _height(ring: NDArray[np.integer]) -> Measure:
    return lambda landmarks: float(
        _in_head(landmarks)[ring[MOUTH_BOTTOM], 1] - _in_head(landmarks)[ring[MOUTH_TOP], 1]
    )


def _mean_of(rows: Iterable[int], *, axis: int, sign: float = 1.0) -> Measure:
    chosen = list(rows)
    return lambda landmarks: sign * float(_in_head(landmarks)[chosen, axis].mean())


def _corner_drop(landmarks: Points) -> float:
    head = _in_head(landmarks)[LIPS_OUTER]
    return float(head[[MOUTH_LEFT, MOUTH_RIGHT], 1].mean() - head[[MOUTH_TOP, MOUTH_BOTTOM], 1].mean())


def _brow_gap(landmarks: Points) -> float:
    right, left = (_in_head(landmarks)[ring[list(BROW_INNER)], 0].mean() for ring in BROWS)
    return float(right - left)


def _gaze(axis: int, sign: float) -> Measure:
    def measure(landmarks: Points) -> float:
        head = _in_head(landmarks)
        corners = [ring[[EYE_OUTER, EYE_INNER]] for ring in EYES]
        offsets = [head[iris[0]] - head[pair].mean(0) for iris, pair in zip(IRISES, corners, strict=True)]
        return sign * float(np.mean(offsets, axis=0)[axis])

    return measure


def _angle(which: int) -> Measure:
    return lambda landmarks: euler_deg(head_pose(landmarks).rotation)[which]


MEASURES: Mapping[str, Measure] = {
    "jaw_open": _mean_of([OVAL[18]], axis=1),
    "lip_opening": _height(LIPS_INNER),
    "smile": _width,
    "corners_down": _corner_drop,
    "pucker": lambda landmarks: -_width(landmarks),
    "lip_press": lambda landmarks: -_height(LIPS_OUTER)(landmarks),
    "mouth_sideways": _mean_of(LIPS_OUTER.tolist(), axis=0),
    "upper_lip_raise": _mean_of([int(LIPS_OUTER[MOUTH_TOP])], axis=1, sign=-1.0),
    "brow_raise": _mean_of(np.concatenate(BROWS).tolist(), axis=1, sign=-1.0),
    "brow_knit": _brow_gap,
    "squint": lambda landmarks: -float(eye_ratio(landmarks).mean()),
    "blink": lambda landmarks: -float(eye_ratio(landmarks).mean()),
    "eye_wide": lambda landmarks: float(eye_ratio(landmarks).mean()),
    "pitch_deg": _angle(0),
    "yaw_deg": _angle(1),
    "roll_deg": _angle(2),
    "gaze_x_deg": _gaze(0, 1.0),
    "gaze_y_deg": _gaze(1, -1.0),
}
"""What is found again for each control, in the head frame; grows with the slider."""
