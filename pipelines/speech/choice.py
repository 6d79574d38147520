"""How speech is delivered, and which model turns a voice into motion on this machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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

if TYPE_CHECKING:
    from pipelines.speech.rule import RuleOptions

Progress = Callable[[float, str], None]

GENERATOR = ASSETS / "speech_model.safetensors"
"""Asked for before torch is imported, which takes seconds."""
MAX_SEED = 999_999
MAX_AMOUNT = 1.5
MAX_GUIDANCE = 4.0
STEPS = (5, 10, 25, 50)

SCOPES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "all": ("Whole face", "Everything the speech moves", REGIONS),
    "except_brows": ("All but brows", "The brows keep the photo", tuple(r for r in REGIONS if r != "brows")),
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
    blinks: bool = True
    idle: bool = True
    """Head and eyes go on moving a little in silence."""
    mood: tuple[float, ...] = (0.0,) * len(EMOTION_NAMES)
    """Shares of the eight emotions; what is left of 1 is neutral."""

    def __post_init__(self) -> None:
        _check_range("seed", self.seed, 0, MAX_SEED)
        _check_range("guidance", self.guidance, 1, MAX_GUIDANCE)
        _check_range("expression", self.expression, 0, MAX_AMOUNT)
        _check_range("head", self.head, 0, MAX_AMOUNT)
        for name, choices in (("steps", STEPS), ("scope", tuple(SCOPES))):
            if (value := getattr(self, name)) not in choices:
                listed = ", ".join(map(str, choices))
                raise StudioError(f"`{name}` should be one of {listed} but is {str(value)[:40]!r}; change it.")
        for share in self.mood:
            _check_range("mood", share, 0, 1)
        if sum(self.mood) > 1.001:
            raise StudioError(f"The shares of `mood` should sum to at most 1 but sum to {sum(self.mood):.2f}.")

    @property
    def regions(self) -> tuple[str, ...]:
        """Regions that may move."""
        return SCOPES[self.scope][2]


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


def choose_model() -> SpeechModel | None:
    """The best model whose parts are installed; None where speech cannot be turned into motion."""
    from pipelines.speech.features import phonemes

    if not phonemes.available():
        return None
    if GENERATOR.is_file():
        return SpeechModel(
            "Motion diffusion transformer", samples=True, make=_by_generator, stream=_stream_by_generator
        )
    return SpeechModel("Lips by rule, no generator", samples=False, make=_by_rule, stream=_stream_by_rule)


def _by_generator(audio: Audio, **wanted: Any) -> Track:
    from pipelines.speech.embedded_motion import speech_motion

    return speech_motion(audio, **wanted)


def _stream_by_generator(*, portrait: Portrait, delivery: Delivery) -> MotionStream:
    from pipelines.speech.embedded_motion import SpeechStream

    return SpeechStream(portrait=portrait, delivery=delivery)


def _by_rule(audio: Audio, *, portrait: Portrait, delivery: Delivery, label: str, progress: Progress) -> Track:
    from pipelines.speech.rule import rule_motion

    return rule_motion(audio, options=_rule_options(delivery), label=label, progress=progress)


def _stream_by_rule(*, portrait: Portrait, delivery: Delivery) -> MotionStream:
    from pipelines.speech.rule import RuleStream

    return RuleStream(_rule_options(delivery))


def _rule_options(delivery: Delivery) -> RuleOptions:
    from pipelines.speech.rule import RuleOptions

    return RuleOptions(
        seed=delivery.seed,
        expression=delivery.expression,
        head=delivery.head,
        blinks=delivery.blinks,
        idle=delivery.idle,
        regions=delivery.regions,
    )
