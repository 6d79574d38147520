"""What the motion model is told per frame: speech, emotion, eyes and the identity's canonical keypoints.

Channel order of a packed frame: audio F | emotion 8 | eye opening 2 | eye ball 6 | canonical keypoints 63.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipelines.errors import StudioError
from pipelines.motion.emotion import N_EMOTIONS, emotion_vector
from pipelines.motion.space import N_EXP

if TYPE_CHECKING:
    from pipelines.portrait.types import Portrait

Floats = NDArray[np.float32]

N_EYE_OPEN = 2
N_EYE_BALL = 6
FACE_WIDTH = N_EMOTIONS + N_EYE_OPEN + N_EYE_BALL + N_EXP
"""Numbers of a packed frame that do not come from the audio: 79."""
NEUTRAL = 4
"""Ditto's default emotion."""

EmotionSpec = int | Sequence[int] | Sequence[Sequence[int]] | NDArray[np.floating]


@dataclass(frozen=True)
class Conditions:
    """Conditions of T frames; float32."""

    audio: Floats
    """(T, F) speech features."""
    emotion: Floats
    """(T, 8) soft scores in the order of `EMOTION_NAMES`."""
    eye_open: Floats
    """(T, 2) sum of three lid distances over eye width, [right, left] of the subject."""
    eye_ball: Floats
    """(T, 6) displacement of the pupils as x, y, z of [right, left]."""
    kp: Floats
    """(63,) canonical keypoints."""

    def packed(self) -> Floats:
        """(T, F + 79) frames in the network's channel order."""
        kp = np.broadcast_to(self.kp, (len(self.audio), N_EXP))
        parts = (self.audio, self.emotion, self.eye_open, self.eye_ball, kp)
        return np.concatenate(parts, -1, dtype=np.float32)


@dataclass(frozen=True)
class FaceConditions:
    """The part of the conditions that does not come from the audio.

    Emotion repeats after its own length; eyes of a video go back and forth over its frames; frames before the
    first (the warm-up of a stream) see the first.
    """

    emotion: Floats
    """(m, 8) soft scores: one row for a whole clip, more for a mix over time."""
    eye_open: Floats
    """(s, 2) per source frame."""
    eye_ball: Floats
    """(s, 6)."""
    kp: Floats
    """(63,)."""

    def at(self, audio: Floats, *, start: int = 0) -> Conditions:
        """Conditions of (T, F) audio features whose first frame is global frame `start`."""
        frames = np.maximum(np.arange(start, start + len(audio)), 0)
        eyes = mirror_index(frames, len(self.eye_open))
        return Conditions(
            audio=np.asarray(audio, np.float32),
            emotion=self.emotion[frames % len(self.emotion)],
            eye_open=self.eye_open[eyes],
            eye_ball=self.eye_ball[eyes],
            kp=self.kp,
        )

    def with_emotion(self, emotion: EmotionSpec) -> FaceConditions:
        """The same face in another emotion, as `emotion_rows` reads it."""
        return FaceConditions(emotion_rows(emotion), self.eye_open, self.eye_ball, self.kp)


def face_conditions(portrait: Portrait, emotion: EmotionSpec = NEUTRAL) -> FaceConditions:
    """Conditions of a photo: its eyes as they are, its keypoints, one emotion."""
    from pipelines.portrait.eyes import eye_state
    from pipelines.portrait.types import CROP_SIZE

    eye_open, eye_ball = eye_state(portrait.landmarks_in_crop / CROP_SIZE)
    return FaceConditions(emotion_rows(emotion), eye_open[None], eye_ball[None], portrait.kp_canonical.reshape(-1))


def emotion_rows(emotion: EmotionSpec) -> Floats:
    """(m, 8) rows of an emotion: an index, a list mixed into one row, a list of lists (a row each), or (m, 8) scores.

    Raises:
        StudioError: an index outside 0..7, an empty list, scores of another width or not finite.
    """
    if isinstance(emotion, np.ndarray) and emotion.dtype.kind == "f":
        rows = np.atleast_2d(np.asarray(emotion, np.float32))
        if rows.ndim != 2 or rows.shape[-1] != N_EMOTIONS or not len(rows) or not np.isfinite(rows).all():
            raise StudioError(
                f"`emotion` should be finite scores of shape (frames, {N_EMOTIONS}) but is {emotion.shape}."
            )
        return rows
    if isinstance(emotion, int | np.integer):
        return emotion_vector(int(emotion))[None]
    labels = np.array(emotion, int) if _all_numbers(emotion) else None
    if labels is not None and len(labels):
        return emotion_vector(labels.tolist())[None]
    if not len(emotion):
        raise StudioError("`emotion` should name at least one emotion but the list is empty.")
    return np.stack([emotion_vector(np.array(row, int).tolist()) for row in emotion])


def _all_numbers(emotion: Iterable[object]) -> bool:
    return all(isinstance(label, int | np.integer) for label in emotion)


def mirror_index(frames: ArrayLike, length: int) -> NDArray[np.intp]:
    """Source frame of each frame, back and forth: 0 .. n-1, n-1 .. 0, and so on (oracle `mirror_index`)."""
    i = np.asarray(frames, np.intp)
    turn, place = np.divmod(i, length)
    return np.where(turn % 2 == 0, place, length - 1 - place)
