"""How speech is delivered, and which model turns a voice into motion on this machine."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipelines.assets import ASSETS
from pipelines.errors import StudioError
from pipelines.motion.emotion import EMOTION_NAMES
from pipelines.motion.regions import REGIONS
from pipelines.motion.space import Motion
from pipelines.motion.track import Track
from pipelines.portrait.types import Portrait
from pipelines.speech.audio import Audio
from pipelines.speech.reach import AMOUNTS, Reach

if TYPE_CHECKING:
    from pipelines.speech.rule import RuleOptions

Progress = Callable[[float, str], None]

MODEL_VARIABLE = "DITTO_SPEECH_MODEL"
"""Names the model where nothing else does, for the studio too."""
MODELS = ("full", "embedded", "rule")
"""Ditto's own weights on this machine; the transformer that ships; lips by rule."""
GENERATOR = ASSETS / "speech_model.safetensors"
"""Asked for before torch is imported, which takes seconds."""
MAX_SEED = 999_999
MAX_AMOUNT = 1.5
MAX_GUIDANCE = 4.0
STEPS = (5, 10, 25, 50)
FULL_SIZE_STEPS = 50
"""Ditto's own for whole files."""
FULL_SIZE_LOOK_AHEAD_S = 0.885
"""Of its streams: 20 frames of features."""

SCOPES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "all": ("Whole face", "Everything the speech moves", REGIONS),
    "except_brows": ("All but brows", "The brows keep the photo", tuple(r for r in REGIONS if r != "brows")),
    "still_head": ("Still head", "The head keeps the photo", tuple(r for r in REGIONS if r != "head")),
    "lips_only": ("Lips only", "Mouth and jaw; eyes, brows and head keep the photo", ("mouth", "jaw")),
}
"""name -> (label, tip, regions that the generated motion may move)."""


@dataclass(frozen=True)
class Delivery:
    """What is wanted of the motion."""

    seed: int = 0
    """The same voice and seed give the same motion."""
    steps: int = 10
    """Denoising steps."""
    guidance: float = 2.0
    """How closely the motion follows the voice; 1 is loosest."""
    scope: str = "all"
    """Key of `SCOPES`."""
    expression: float = 1.0
    """Factor on everything but the head."""
    head: float = 1.0
    """Factor on the turn and place of the head."""
    lips: float = 1.0
    """Factors on parts of the face, besides `expression`; see `AMOUNTS`."""
    brows: float = 1.0
    eyes: float = 1.0
    cheeks: float = 1.0
    gaze: float = 0.0
    """Share of the head's turns that the eyes turn back; 1 keeps them on the camera."""
    blinks: bool = True
    idle: bool = True
    """Head and eyes go on moving a little in silence."""
    mood: tuple[float, ...] = (0.0,) * len(EMOTION_NAMES)
    """Shares of the eight emotions; what is left of 1 is neutral."""
    mood_middle: tuple[float, ...] | None = None
    """The mix half-way through and at the end, mixed linearly between; None keeps the one before. A stream, whose end
    nobody knows, stays with `mood`."""
    mood_end: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        _check_range("seed", self.seed, 0, MAX_SEED)
        _check_range("guidance", self.guidance, 1, MAX_GUIDANCE)
        for name in ("expression", "head", *AMOUNTS):
            _check_range(name, getattr(self, name), 0, MAX_AMOUNT)
        _check_range("gaze", self.gaze, 0, 1)
        for name, choices in (("steps", STEPS), ("scope", tuple(SCOPES))):
            if (value := getattr(self, name)) not in choices:
                listed = ", ".join(map(str, choices))
                raise StudioError(f"`{name}` should be one of {listed} but is {str(value)[:40]!r}; change it.")
        for mood in self.moods:
            for share in mood:
                _check_range("mood", share, 0, 1)
            if sum(mood) > 1.001:
                raise StudioError(f"The shares of `mood` should sum to at most 1 but sum to {sum(mood):.2f}.")

    @property
    def regions(self) -> tuple[str, ...]:
        """Regions that may move."""
        return SCOPES[self.scope][2]

    @property
    def moods(self) -> tuple[tuple[float, ...], ...]:
        """The mixes at equal distances from the first frame to the last: one, or start, middle and end."""
        if self.mood_middle is None and self.mood_end is None:
            return (self.mood,)
        middle = self.mood if self.mood_middle is None else self.mood_middle
        return (self.mood, middle, middle if self.mood_end is None else self.mood_end)

    @property
    def reach(self) -> Reach:
        """How far the generated motion reaches."""
        gains = dict.fromkeys(self.regions, self.expression) | {"head": self.head}
        for name, (_, _, regions) in AMOUNTS.items():
            gains |= {region: gains[region] * getattr(self, name) for region in regions if region in gains}
        return Reach.of({region: gain for region, gain in gains.items() if region in self.regions}, gaze=self.gaze)

    @property
    def unscaled(self) -> Delivery:
        """The same with the motion as it is generated, for a reach that is laid on later."""
        whole = dict.fromkeys(("expression", "head", *AMOUNTS), 1.0)
        return replace(self, scope="all", gaze=0.0, **whole)


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise StudioError(f"`{name}` should be from {low:g} to {high:g} but is {value:g}; change it.")


class MotionStream(Protocol):
    """Departures from the photo, frame by frame, while the sound arrives."""

    look_ahead_s: float
    """Sound that must be known beyond the start of a frame before it is given."""

    def push(self, samples: NDArray[np.float32]) -> Motion:
        """Frames that are settled by now, perhaps none, for (n,) more samples at 16 kHz."""
        ...

    def finish(self) -> Motion:
        """The remaining frames."""
        ...


@dataclass(frozen=True)
class SpeechModel:
    """What turns a voice into motion."""

    name: str
    """Shown to the visitor."""
    samples: bool
    """It draws from a diffusion model: steps, guidance and mood mean something."""
    make: Callable[..., Track]
    """(audio, portrait=, delivery=, label=, progress=) -> the track."""
    stream: Callable[..., MotionStream]
    """(portrait=, delivery=) -> the same while the sound arrives."""
    whole: Callable[..., MotionStream]
    """(portrait=, delivery=, n_frames=) -> the motion of `make` piece by piece, for voices of any length."""
    file_steps: int = Delivery.steps
    """Denoising steps for a whole file when nobody says how many."""
    look_ahead_s: float | None = None
    """Sound a stream hears ahead; None: as the model that ships."""


def choose_model(name: str | None = None) -> SpeechModel | None:
    """The model of that name; without one the best that ships. None where speech cannot be turned into motion.

    Args:
        name: one of `MODELS`; `$DITTO_SPEECH_MODEL` if left out.

    Raises:
        StudioError: no such name, or the files of the model that was asked for are missing. No weights are read.
    """
    name = name or os.environ.get(MODEL_VARIABLE) or None
    if name not in (None, *MODELS):
        raise StudioError(f"`{MODEL_VARIABLE}` should be one of {', '.join(MODELS)} but is {name[:40]!r}; change it.")
    if name == "full":
        return _full_size()
    return _shipped(name)


def _shipped(name: str | None) -> SpeechModel | None:
    from pipelines.speech.features import phonemes

    if not phonemes.available():
        return None
    if name == "embedded" and not GENERATOR.is_file():
        raise StudioError(f"The speech model that ships is missing; restore it from the repository: {GENERATOR}")
    if name != "rule" and GENERATOR.is_file():
        return SpeechModel(
            "Motion diffusion transformer",
            samples=True,
            make=_by_generator,
            stream=_stream_by_generator,
            whole=_whole_by_generator,
        )
    return SpeechModel(
        "Lips by rule, no generator", samples=False, make=_by_rule, stream=stream_by_rule, whole=_whole_by_rule
    )


def choose_model_or_say() -> tuple[SpeechModel | None, str]:
    """The model that `choose_model` takes; where it cannot be had the one that ships, and a sentence why."""
    try:
        return choose_model(), ""
    except StudioError as error:
        return _shipped(None), str(error)


def _full_size() -> SpeechModel:
    from pipelines.checkpoints.store import check_speech_files, default_folder

    check_speech_files(default_folder())
    return SpeechModel(
        "Ditto's motion diffusion transformer",
        samples=True,
        make=_by_full_size,
        stream=_stream_by_full_size,
        whole=_whole_by_full_size,
        file_steps=FULL_SIZE_STEPS,
        look_ahead_s=FULL_SIZE_LOOK_AHEAD_S,
    )


def _by_full_size(audio: Audio, **wanted: Any) -> Track:
    from pipelines.speech.full_size import full_size_motion

    return full_size_motion(audio, **wanted)


def _stream_by_full_size(*, portrait: Portrait, delivery: Delivery) -> MotionStream:
    from pipelines.speech.full_size import FullSizeStream

    return FullSizeStream(portrait=portrait, delivery=delivery)


def _whole_by_full_size(**wanted: Any) -> MotionStream:
    from pipelines.speech.full_size import FILES, FullSizeStream

    return FullSizeStream(way=FILES, **wanted)


def _by_generator(audio: Audio, **wanted: Any) -> Track:
    from pipelines.speech.embedded_motion import speech_motion

    return speech_motion(audio, **wanted)


def _stream_by_generator(*, portrait: Portrait, delivery: Delivery) -> MotionStream:
    from pipelines.speech.embedded_motion import SpeechStream

    return SpeechStream(portrait=portrait, delivery=delivery)


def _whole_by_generator(**wanted: Any) -> MotionStream:
    from pipelines.speech.embedded_motion import SpeechStream

    return SpeechStream.whole(**wanted)


def _by_rule(audio: Audio, *, portrait: Portrait, delivery: Delivery, label: str, progress: Progress) -> Track:
    from pipelines.speech.rule import rule_motion

    track = rule_motion(audio, options=rule_options(delivery), label=label, progress=progress)
    return replace(track, motion=delivery.reach.on(track.motion))


def stream_by_rule(*, portrait: Portrait, delivery: Delivery) -> MotionStream:
    """Motion by rule while the sound arrives, whatever model ships."""
    from pipelines.speech.rule import RuleStream

    return RuleStream(rule_options(delivery), reach=delivery.reach)


def _whole_by_rule(*, portrait: Portrait, delivery: Delivery, n_frames: int) -> MotionStream:
    from pipelines.speech.features.phonetic import WHOLE
    from pipelines.speech.rule import RuleStream

    return RuleStream(rule_options(delivery), windowing=WHOLE, reach=delivery.reach)


def rule_options(delivery: Delivery) -> RuleOptions:
    """What the rule knows of a delivery; how far it reaches is laid on afterwards."""
    from pipelines.speech.rule import RuleOptions

    return RuleOptions(seed=delivery.seed, blinks=delivery.blinks, idle=delivery.idle)
