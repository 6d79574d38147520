"""Speech to motion with the model that ships: sound, features, diffusion, and what the visitor wants of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.motion.emotion import EMOTION_NAMES, N_EMOTIONS
from pipelines.motion.eyes import BLINK_LOWER, BLINK_UPPER, LOWER_LID, UPPER_LID
from pipelines.motion.pack import unpack
from pipelines.motion.space import FPS, N_EXP, N_KEYPOINTS, Motion
from pipelines.motion.track import Track
from pipelines.portrait.types import Portrait
from pipelines.speech.audio import SAMPLE_RATE, Audio
from pipelines.speech.blinks import SpokenBlinks
from pipelines.speech.conditions import FaceConditions, face_conditions
from pipelines.speech.diffusion import SamplerOptions
from pipelines.speech.embedded import EmbeddedGenerator, Progress, shipped_generator
from pipelines.speech.features.phonetic import CURVE_COLUMNS, LIVE, WHOLE, PhoneticStream, Windowing, phones_heard
from pipelines.speech.follower import Follower
from pipelines.speech.segments import STREAMED, SegmentOptions
from pipelines.speech.temperament import Temperament
from pipelines.speech.visemes import CURVES

if TYPE_CHECKING:
    from pipelines.speech.choice import Delivery

Floats = NDArray[np.float32]

OPEN_EYES = 0.35
"""The model's own lids close at most by this share of a blink."""
RETURN_S = 6.0
"""Time constant of the pull that brings the head back to where the photo holds it; what people do within a few seconds
stays. The model continues from its own last frame and would wander off over a minute."""
_BLOCK_S = 15.0
_PIECE_FRAMES = 80
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
    stream = SpeechStream.whole(portrait=portrait, delivery=delivery, n_frames=audio.n_frames, generator=generator)
    block = round(_BLOCK_S * SAMPLE_RATE)
    starts = range(0, len(audio.samples), block)
    parts, done = [Motion.identity(0)], 0
    for samples in [*(audio.samples[start : start + block] for start in starts), None]:
        if progress is not None:
            progress(done / audio.n_frames, "listening")
        for part in stream.moving(samples):
            parts.append(part)
            done += len(part)
            if progress is not None:
                progress(done / audio.n_frames, "moving the face")
    motion = Motion.joined(parts)
    return Track(motion, float(FPS), label=label, reference=Motion.identity())


class SpeechStream:
    """The same motion while the sound arrives, in flat memory; how the sound is cut does not change it."""

    def __init__(
        self,
        *,
        portrait: Portrait,
        delivery: Delivery,
        windowing: Windowing = LIVE,
        segments: SegmentOptions = STREAMED,
        n_frames: int | None = None,
        generator: EmbeddedGenerator | None = None,
    ) -> None:
        """
        Args:
            n_frames: length of the whole motion where it is known, for a mood that changes over it.
            generator: the shipped one if left out.
        """
        model = generator or shipped_generator()
        self._features = PhoneticStream(windowing)
        face = conditions_of(portrait, delivery, n_frames=n_frames)
        self._frames = model.stream(face, sampling_of(delivery), segments=segments)
        self._deliverer = Deliverer(delivery, model.head_gain)
        self._waiting = 0
        """Frames that are heard and not yet given."""
        self.look_ahead_s = windowing.look_ahead_s + self._frames.look_ahead / FPS

    @classmethod
    def whole(cls, **wanted: Any) -> SpeechStream:
        """For a voice that is there as a whole: the recogniser hears more at a time, segments overlap less."""
        return cls(windowing=WHOLE, segments=SegmentOptions(), **wanted)

    def push(self, samples: Floats) -> Motion:
        """Departure from the photo of the frames that are settled by now, perhaps none, for (n,) more samples."""
        return Motion.joined(list(self.moving(samples)))

    def finish(self) -> Motion:
        """The remaining frames."""
        return Motion.joined(list(self.moving(None)))

    def moving(self, samples: Floats | None) -> Iterator[Motion]:
        """`push` bit by bit, after every segment's worth of (n,) samples at 16 kHz; None for the end of the voice."""
        features = self._features.finish() if samples is None else self._features.push(samples)
        self._waiting += len(features)
        if samples is None:
            self._deliverer.end_after(self._waiting)
        for start in range(0, max(len(features), 1), _PIECE_FRAMES):
            yield self._deliver(*self._frames.push(features[start : start + _PIECE_FRAMES]))
        if samples is None:
            yield self._deliver(*self._frames.finish())

    def _deliver(self, frames: Floats, features: Floats) -> Motion:
        self._waiting -= len(frames)
        return self._deliverer.take(frames, features)


class Deliverer:
    """Motion relative to rest of frames as they come, in the regions and amounts that are wanted.

    Blinks come from the table, as in Ditto: they are too rare to be learnt from an hour of speech.
    """

    def __init__(self, delivery: Delivery, head_gain: Floats) -> None:
        self._reach = delivery.reach
        speaker = Temperament.of(delivery.seed)
        self._head = head_gain * speaker.head
        self._idle = delivery.idle
        self._astray = Follower(RETURN_S, channels=6)
        self._blinks = SpokenBlinks(speaker.blinks) if delivery.blinks else None

    def end_after(self, count: int) -> None:
        """The motion ends `count` frames from here, with open eyes."""
        if self._blinks is not None:
            self._blinks.end_after(count)

    def take(self, frames: Floats, features: Floats) -> Motion:
        """Motion of (m, 265) frames and their own (m, F) features."""
        motion = unpack(frames)
        exp = motion.exp.reshape(-1, N_EXP).copy()
        exp[:, UPPER_LID] = np.minimum(exp[:, UPPER_LID], OPEN_EYES * BLINK_UPPER)
        exp[:, LOWER_LID] = np.maximum(exp[:, LOWER_LID], OPEN_EYES * BLINK_LOWER)
        if self._blinks is not None:
            exp += self._blinks.take(phones_heard(features))
        spoken = np.ones(len(exp), np.float32) if self._idle else features[:, _SPEECH]
        pose = np.column_stack([motion.pitch_deg, motion.yaw_deg, motion.roll_deg, motion.t])
        pose = (pose - self._astray.take(pose)) * spoken[:, None]
        pitch, yaw, roll = self._head[:, None] * pose[:, :3].T
        return self._reach.on(
            Motion.of(
                exp=exp.reshape(-1, N_KEYPOINTS, 3),
                pitch_deg=pitch,
                yaw_deg=yaw,
                roll_deg=roll,
                t=self._head.mean() * pose[:, 3:],
            )
        )


def conditions_of(portrait: Portrait, delivery: Delivery, *, n_frames: int | None = None) -> FaceConditions:
    """The face in its mood; without `n_frames` in that of the start."""
    moods = np.array(delivery.moods if n_frames else (delivery.mood,), np.float32).reshape(-1, N_EMOTIONS)
    moods[:, _NEUTRAL] += np.maximum(0.0, 1.0 - moods.sum(-1))
    if len(moods) > 1 and n_frames:
        place = np.linspace(0, len(moods) - 1, n_frames)
        moods = np.stack([np.interp(place, np.arange(len(moods)), column) for column in moods.T], -1)
    return face_conditions(portrait).with_emotion(moods.astype(np.float32))


def sampling_of(delivery: Delivery) -> SamplerOptions:
    """How the model draws."""
    return SamplerOptions(steps=delivery.steps, guidance=delivery.guidance, seed=delivery.seed)
