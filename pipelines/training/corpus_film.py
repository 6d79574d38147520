"""Films of people who talk as examples of the corpus. The shipped weights are not made from films; yours may be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import StudioError
from pipelines.motion.emotion import EMOTION_NAMES, emotion_vector
from pipelines.motion.pack import pack
from pipelines.motion.space import Motion
from pipelines.portrait.video_motion import FaceMotion, MotionExtractor, read_motion
from pipelines.speech.audio import load_audio
from pipelines.speech.features.phonetic import phonetic_features
from pipelines.training.corpus import Progress, write_shard

Floats = NDArray[np.float32]

LEAST_SEEN = 0.9
"""Share of the frames that must show the face."""
LID_DISTANCES = 3
"""The opening that the models are told is a sum of this many lid distances over the eye width."""


def build_film_corpus(
    folder: Path,
    films: Sequence[Path],
    extractor: MotionExtractor,
    *,
    emotion: str = "neutral",
    progress: Progress | None = None,
) -> int:
    """Write films as shards, beside others in the folder; returns the number of frames.

    Args:
        films: one utterance each.
        emotion: what all of them show.

    Raises:
        StudioError: as `film_example`, with the film's name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    frames = 0
    for number, path in enumerate(films):
        try:
            made = film_example(path, extractor, emotion=emotion)
        except StudioError as error:
            raise StudioError(f"{path.name}: {error}") from error
        write_shard(folder / f"film_{number:04d}.npz", [made])
        frames += len(made["motion"])
        if progress is not None:
            progress((number + 1) / len(films), f"{number + 1} of {len(films)} films")
    return frames


def film_example(path: Path, extractor: MotionExtractor, *, emotion: str = "neutral") -> dict[str, Floats]:
    """The arrays of `corpus.example`, T frames at 25 fps, from a film with sound; motion is relative to
    the film's first face.

    Args:
        emotion: what the speaker shows, one of `EMOTION_NAMES`.

    Raises:
        StudioError: no sound, no face, a face that is out of view too often, or an unknown emotion.
    """
    if emotion not in EMOTION_NAMES:
        raise StudioError(f"`emotion` should be one of {', '.join(EMOTION_NAMES)} but is '{emotion}'.")
    features = phonetic_features(load_audio(path).samples)
    face = read_motion(path, extractor)
    seen = float(face.seen.mean())
    if seen < LEAST_SEEN:
        raise StudioError(
            f"`video` should show the face in {LEAST_SEEN:.0%} of its frames but does in {seen:.0%}; cut it."
        )
    motion = pack(departure(face))
    frames = min(len(features), len(motion))
    return {
        "features": features[:frames],
        "motion": motion[:frames],
        "emotion": emotion_vector(EMOTION_NAMES.index(emotion)),
        "eye_open": (LID_DISTANCES * np.median(face.eye_ratio, axis=0)).astype(np.float32),
        "eye_ball": np.zeros(6, np.float32),
        "kp": np.asarray(face.kp_canonical, np.float32).reshape(-1),
    }


def departure(face: FaceMotion) -> Motion:
    """The motion of a film less its reference, as the generator learns it."""
    motion, rest = face.motion, face.reference
    moved = {name: getattr(motion, name) - getattr(rest, name) for name in ("exp", "side", "gaze_deg", "t")}
    turned = {name: getattr(motion, name) - getattr(rest, name) for name in ("pitch_deg", "yaw_deg", "roll_deg")}
    return Motion.of(**moved, **turned, scale=motion.scale / rest.scale)
