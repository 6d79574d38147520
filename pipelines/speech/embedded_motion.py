"""Speech to motion with the model that ships: sound, features, diffusion, and what the visitor wants of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipelines.motion.emotion import EMOTION_NAMES, N_EMOTIONS
from pipelines.motion.eyes import BLINK_LOWER, BLINK_UPPER, LOWER_LID, UPPER_LID
from pipelines.motion.pack import unpack
from pipelines.motion.regions import HEAD, MEMBERSHIP, REGIONS
from pipelines.motion.space import FPS, N_EXP, N_KEYPOINTS, Motion
from pipelines.motion.track import Track
from pipelines.portrait.types import Portrait
from pipelines.speech.audio import SAMPLE_RATE, Audio
from pipelines.speech.conditions import FaceConditions, face_conditions
from pipelines.speech.diffusion import SamplerOptions
from pipelines.speech.embedded import EmbeddedGenerator, Progress, shipped_generator
from pipelines.speech.features.phonetic import CURVE_COLUMNS, LIVE, WHOLE, PhoneticStream, Windowing
from pipelines.speech.visemes import CURVES

if TYPE_CHECKING:
    from pipelines.speech.choice import Delivery

Floats = NDArray[np.float32]

HEARD = 0.6
"""Share of the work after which all features are there."""
OPEN_EYES = 0.35
"""Where nobody shall blink, lids close at most by this share of a blink."""
_BLOCK_S = 15.0
_SPEECH = CURVE_COLUMNS.start + CURVES.index("speech")
_NEUTRAL = EMOTION_NAMES.index("neutral")


def speech_motion(
    audio: Audio,
    *,
    portrait: Portrait,
    delivery: Delivery,
    label: str = "",
    progress: Progress | None = None,
    generator: EmbeddedGenerator | None = None,
) -> Track:
    """The track of a voice; the same voice and seed give the same track.

    Args:
        label: what the visitor reads.
        progress: gets a fraction and a text; what it raises ends the work.
        generator: the shipped one if left out.
    """
    told = progress or (lambda done, text: None)
    features = _features(audio, lambda done, text: told(HEARD * done, text))
    conditions = _face(portrait, delivery).at(features)
    frames = (generator or shipped_generator()).frames(
        conditions, _sampling(delivery), progress=lambda done, text: told(HEARD + (1 - HEARD) * done, text)
    )
    return Track(delivered(frames, features, delivery), float(FPS), label=label, reference=Motion.identity())


class SpeechStream:
    """The same motion while the sound arrives, in flat memory; how the sound is cut does not change it."""

    def __init__(
        self,
        *,
        portrait: Portrait,
        delivery: Delivery,
        windowing: Windowing = LIVE,
        generator: EmbeddedGenerator | None = None,
    ) -> None:
        self._delivery = delivery
        self._features = PhoneticStream(windowing)
        self._frames = (generator or shipped_generator()).stream(_face(portrait, delivery), _sampling(delivery))
        self.look_ahead_s = windowing.look_ahead_s + self._frames.look_ahead / FPS

    def push(self, samples: Floats) -> Motion:
        """Departure from the photo of the frames that are settled by now, perhaps none, for (n,) more samples."""
        return delivered(*self._frames.push(self._features.push(samples)), self._delivery)

    def finish(self) -> Motion:
        """The remaining frames."""
        last = self._frames.push(self._features.finish())
        rest = self._frames.finish()
        frames, features = (np.concatenate(pair) for pair in zip(last, rest, strict=True))
        return delivered(frames, features, self._delivery)


def delivered(frames: Floats, features: Floats, delivery: Delivery) -> Motion:
    """Motion relative to rest of (T, 265) frames, in the regions and amounts that are wanted."""
    motion = unpack(frames)
    kept = np.zeros(len(REGIONS), np.float32)
    kept[[REGIONS.index(region) for region in delivery.regions]] = 1
    exp = motion.exp.reshape(-1, N_EXP).copy()
    if not delivery.blinks:
        exp[:, UPPER_LID] = np.minimum(exp[:, UPPER_LID], OPEN_EYES * BLINK_UPPER)
        exp[:, LOWER_LID] = np.maximum(exp[:, LOWER_LID], OPEN_EYES * BLINK_LOWER)
    exp *= np.float32(delivery.expression) * (MEMBERSHIP @ kept)
    head = np.full(len(exp), delivery.head * kept[HEAD], np.float32)
    if not delivery.idle:
        head *= features[:, _SPEECH]
    return Motion.of(
        exp=exp.reshape(-1, N_KEYPOINTS, 3),
        pitch_deg=head * motion.pitch_deg,
        yaw_deg=head * motion.yaw_deg,
        roll_deg=head * motion.roll_deg,
        t=head[:, None] * motion.t,
    )


def _features(audio: Audio, progress: Progress) -> Floats:
    stream, block = PhoneticStream(WHOLE), round(_BLOCK_S * SAMPLE_RATE)
    parts = []
    for start in range(0, len(audio.samples), block):
        progress(start / len(audio.samples), "listening")
        parts.append(stream.push(audio.samples[start : start + block]))
    return np.concatenate([*parts, stream.finish()])


def _face(portrait: Portrait, delivery: Delivery) -> FaceConditions:
    mood = np.array(delivery.mood, np.float32).reshape(1, N_EMOTIONS)
    mood[:, _NEUTRAL] += max(0.0, 1.0 - float(mood.sum()))
    return face_conditions(portrait).with_emotion(mood)


def _sampling(delivery: Delivery) -> SamplerOptions:
    return SamplerOptions(steps=delivery.steps, guidance=delivery.guidance, seed=delivery.seed)
