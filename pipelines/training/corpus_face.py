"""What a face does besides its lips while it talks: head, brows, gaze, blinks, emotion, by published statistics.

Head: the filmed faces of LivePortrait's public motion templates turn with a standard deviation of 0.8-4.5 (pitch),
0.1-2.3 (yaw) and 0.2-4.8 degrees (roll), half of the power below 0.2-0.9 Hz. Blinks: people who talk blink 15-25 times
a minute. Only such figures enter here, no recording does.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from pipelines.motion.atlas import load_atlas
from pipelines.motion.edit import Edit, Source, apply_edit
from pipelines.motion.emotion import EMOTION_NAMES, N_EMOTIONS, emotion_vector
from pipelines.motion.semantic import EMOTIONS
from pipelines.motion.space import FPS, N_EXP, Motion
from pipelines.speech.blinks import BLINK_FRAMES, blink_table

Floats = NDArray[np.float32]

PITCH_STD_DEG, YAW_STD_DEG, ROLL_STD_DEG = (0.9, 2.6), (0.8, 2.8), (0.5, 2.0)
HEAD_CUTOFF_HZ = (0.25, 0.7)
SHIFT_STD = 0.006
BLINK_GAP_S = (1.2, 5.5)
BROW_DIMS, BROW_STD = (7, 4), (-2.5e-3, 1.0e-3)
GAZE_DIMS, GAZE_STD = (33, 45), (0.6e-3, 1.3e-3)
GAZE_HOLD_S = (0.6, 2.5)
NEUTRAL_SHARE = 0.5
EMOTION_STRENGTH = (0.5, 1.0)
ONSET_S = 0.6
"""Time in which an emotion comes over the face."""
OPENS_MOUTH = ("jaw_open", "lip_opening")
SPOKEN_NOD_DEG = (0.0, 2.5)
"""Nod with an opening mouth: stressed syllables take the head along."""


@dataclass(frozen=True)
class FaceCase:
    """Conditions of one utterance that do not come from its sound."""

    emotion: Floats
    """(8,)."""
    eye_open: Floats
    """(2,)."""
    eye_ball: Floats
    """(6,)."""
    kp: Floats
    """(63,)."""


def draw_case(rng: np.random.Generator) -> FaceCase:
    """A random face: half of them neutral; eyes and keypoints as people's vary."""
    label = EMOTION_NAMES.index("neutral") if rng.random() < NEUTRAL_SHARE else int(rng.integers(N_EMOTIONS))
    atlas = load_atlas()
    both = rng.uniform(0.65, 1.1)
    ball = rng.normal((0.008, -0.012, -0.004, -0.004, -0.01, -0.01), 0.004)
    return FaceCase(
        emotion=emotion_vector(label),
        eye_open=np.asarray(both + rng.normal(0, 0.03, 2), np.float32),
        eye_ball=np.asarray(ball, np.float32),
        kp=np.asarray(atlas.kp_mean + rng.normal(0, 0.01, atlas.kp_mean.shape), np.float32).reshape(-1),
    )


def face_motion(case: FaceCase, lips: Floats, aperture: Floats, rng: np.random.Generator) -> Motion:
    """Motion of T frames relative to rest.

    Args:
        lips: (T, 63) expression of the speech alone.
        aperture: (T,) how far the mouth is open, 0..1; the head nods along.
    """
    n = len(lips)
    cutoff_hz = rng.uniform(*HEAD_CUTOFF_HZ)
    head = [rng.uniform(*std) * _wander(n, cutoff_hz, rng) for std in (PITCH_STD_DEG, YAW_STD_DEG, ROLL_STD_DEG)]
    head[0] += rng.uniform(*SPOKEN_NOD_DEG) * _lowpass(aperture - aperture.mean(), 2.0)
    exp = lips.astype(np.float64) + _blinks(n, rng)
    exp[:, BROW_DIMS] += np.multiply.outer(_wander(n, 0.8, rng), BROW_STD)
    exp[:, GAZE_DIMS] += np.multiply.outer(_saccades(n, rng), GAZE_STD)
    onset = np.clip(np.arange(n) / (ONSET_S * FPS), 0, 1)
    onset = onset * onset * (3 - 2 * onset) * rng.uniform(*EMOTION_STRENGTH)
    exp += onset[:, None] * emotion_expression()[int(case.emotion.argmax())]
    shift = SHIFT_STD * np.column_stack([_wander(n, cutoff_hz, rng), _wander(n, cutoff_hz, rng), np.zeros(n)])
    return Motion.of(
        exp=exp.reshape(n, -1, 3), pitch_deg=head[0], yaw_deg=head[1], roll_deg=head[2], t=shift, scale=np.ones(n)
    )


@lru_cache(maxsize=1)
def emotion_expression() -> NDArray[np.float64]:
    """(8, 63) expression of each emotion's preset on a face at rest; opening the mouth is left to the speech."""
    rest = Source(Motion.identity(), np.array([0.3, 0.3], np.float32))
    rows = []
    for preset in EMOTIONS.values():
        edit = Edit.of({name: value for name, value in preset.items() if name not in OPENS_MOUTH})
        rows.append(apply_edit(rest, rest.motion, edit).folded().exp.reshape(N_EXP))
    return np.stack(rows).astype(np.float64)


def _lowpass(values: NDArray, cutoff_hz: float) -> NDArray[np.float64]:
    return np.asarray(sosfilt(butter(2, cutoff_hz, fs=FPS, output="sos"), values))


def _wander(n: int, cutoff_hz: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """(n,) noise of about unit deviation that starts at rest."""
    gain = np.sqrt(FPS / (2.2 * cutoff_hz))
    return gain * _lowpass(rng.standard_normal(n), cutoff_hz)


def _blinks(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    exp = np.zeros((n + BLINK_FRAMES, N_EXP))
    frame = int(rng.uniform(0, BLINK_GAP_S[1]) * FPS)
    while frame < n:
        exp[frame : frame + BLINK_FRAMES] += rng.uniform(0.8, 1.0) * blink_table()
        frame += BLINK_FRAMES + int(rng.uniform(*BLINK_GAP_S) * FPS)
    return exp[:n]


def _saccades(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(n,) places that the eyes jump between and hold."""
    out = np.zeros(n)
    frame = int(rng.uniform(*GAZE_HOLD_S) * FPS)
    while frame < n:
        out[frame:] = rng.normal()
        frame += int(rng.uniform(*GAZE_HOLD_S) * FPS)
    return out
