"""Does what a control's name says grow with its slider? Found again in the drawn faces by the landmarker."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pipelines.evaluation.renderer_clips import find_landmarks
from pipelines.evaluation.renderer_measures import Points
from pipelines.evaluation.renderer_stills import Still
from pipelines.motion.controls import CONTROL_BY_KEY, Control
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
    OVAL,
)

MONOTONE_STEPS = 9


@dataclass(frozen=True)
class Sweep:
    """One control from rest to the end of its slider and the measure found again in the drawn faces."""

    key: str
    span: float
    """Change of the measure from rest to the end, > 0 where it goes the way its name says."""
    backward_pct: float
    """Longest way back, % of the span."""


def control_sweeps(still: Still) -> list[Sweep]:
    """Every named control, angle and gaze: does what is found again grow with the slider?"""
    sweeps = []
    for key, measure in MEASURES.items():
        values = [measure(landmarks) for landmarks in _swept(still, CONTROL_BY_KEY[key])]
        span = values[-1] - values[0] if len(values) > 1 else float("nan")
        back = max((a - b for a, b in pairwise(values)), default=float("nan"))
        sweeps.append(Sweep(key, span, 100 * max(back, 0.0) / max(abs(span), 1e-9)))
    return sweeps


def _swept(still: Still, control: Control) -> Iterator[Points]:
    """Landmarks of the faces found again from rest to the upper end of the slider, or of the limit that cuts it."""
    end = control.limit[1] if control.limit else control.hi
    for value in np.linspace(0, min(end, control.hi), MONOTONE_STEPS):
        landmarks = find_landmarks(still.draw({control.key: float(value)}))
        if landmarks is not None:
            yield landmarks


def _in_head(landmarks: Points) -> NDArray[np.float64]:
    return head_pose(landmarks).to_mesh(landmarks)


def _width(landmarks: Points) -> float:
    head = _in_head(landmarks)
    return float(np.linalg.norm(head[LIPS_OUTER[MOUTH_LEFT]] - head[LIPS_OUTER[MOUTH_RIGHT]]))


def _height(ring: NDArray[np.integer]) -> Callable[[Points], float]:
    return lambda landmarks: float(
        _in_head(landmarks)[ring[MOUTH_BOTTOM], 1] - _in_head(landmarks)[ring[MOUTH_TOP], 1]
    )


def _mean_of(rows: Iterable[int], *, axis: int, sign: float = 1.0) -> Callable[[Points], float]:
    chosen = list(rows)
    return lambda landmarks: sign * float(_in_head(landmarks)[chosen, axis].mean())


def _corner_drop(landmarks: Points) -> float:
    head = _in_head(landmarks)[LIPS_OUTER]
    return float(head[[MOUTH_LEFT, MOUTH_RIGHT], 1].mean() - head[[MOUTH_TOP, MOUTH_BOTTOM], 1].mean())


def _brow_gap(landmarks: Points) -> float:
    right, left = (_in_head(landmarks)[ring[list(BROW_INNER)], 0].mean() for ring in BROWS)
    return float(right - left)


def _gaze(axis: int, sign: float) -> Callable[[Points], float]:
    def measure(landmarks: Points) -> float:
        head = _in_head(landmarks)
        corners = [ring[[EYE_OUTER, EYE_INNER]] for ring in EYES]
        offsets = [head[iris[0]] - head[pair].mean(0) for iris, pair in zip(IRISES, corners, strict=True)]
        return sign * float(np.mean(offsets, axis=0)[axis])

    return measure


def _angle(which: int) -> Callable[[Points], float]:
    return lambda landmarks: euler_deg(head_pose(landmarks).rotation)[which]


MEASURES: Mapping[str, Callable[[Points], float]] = {
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
