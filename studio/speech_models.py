"""Which model turns a voice into motion on this machine: the generator that ships, else the rule."""

from __future__ import annotations

from pipelines.motion.track import Track
from pipelines.portrait.types import Portrait
from pipelines.speech.audio import Audio
from pipelines.speech.features import phonemes
from pipelines.video import Progress
from studio.speech import Recording, SpeechDesk, SpeechModel
from studio.speech_order import SCOPES, SpeechOrder

RECORDINGS: tuple[Recording, ...] = ()


def speech_desk() -> SpeechDesk:
    """The desk with the best model that is here."""
    return SpeechDesk(recordings=RECORDINGS, model=_best_model())


def _best_model() -> SpeechModel | None:
    if not phonemes.available():
        return None
    return SpeechModel("Lips by rule, no generator", _by_rule, samples=False)


def _by_rule(audio: Audio, *, portrait: Portrait, order: SpeechOrder, label: str, progress: Progress) -> Track:
    from pipelines.speech.rule import RuleOptions, rule_motion

    options = RuleOptions(
        seed=order.seed,
        expression=order.expression,
        head=order.head,
        blinks=order.blinks,
        idle=order.idle,
        regions=SCOPES[order.scope][2],
    )
    return rule_motion(audio, options=options, label=label, progress=progress)
