"""What a visitor may ask of generated motion: the choices of the Speech panel and the checked order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.errors import StudioError
from pipelines.motion.emotion import EMOTION_NAMES
from pipelines.motion.regions import REGIONS

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
class SpeechOrder:
    """What the visitor wants of the motion. Build it with `SpeechOrder.of`."""

    seed: int = 0
    steps: int = 10
    guidance: float = 2.0
    scope: str = "all"
    expression: float = 1.0
    """Factor on everything but the head."""
    head: float = 1.0
    """Factor on the turn and place of the head."""
    blinks: bool = True
    idle: bool = True
    """Head and eyes go on moving a little in silence."""
    mood: tuple[float, ...] = (0.0,) * len(EMOTION_NAMES)
    """Shares of the eight emotions; what is left of 1 is neutral."""

    @classmethod
    def of(cls, values: object) -> SpeechOrder:
        """Checked order from the page's {"speech_<name>": value}.

        Raises:
            StudioError: not an object, or a value out of its range.
        """
        if not isinstance(values, Mapping):
            raise StudioError("`options` of the speech should be an object; reload the page.")
        read = _Reader(values)
        mood = tuple(read.number(f"emotion_{name}", 0.0, 0.0, 1.0) for name in EMOTION_NAMES)
        if sum(mood) > 1.001:
            raise StudioError(f"The shares of the mood should sum to at most 1 but sum to {sum(mood):.2f}.")
        return cls(
            seed=int(read.number("seed", cls.seed, 0, MAX_SEED)),
            steps=int(read.choice("steps", cls.steps, STEPS)),
            guidance=read.number("guidance", cls.guidance, 1.0, MAX_GUIDANCE),
            scope=read.choice("scope", cls.scope, tuple(SCOPES)),
            expression=read.number("expression", cls.expression, 0.0, MAX_AMOUNT),
            head=read.number("head", cls.head, 0.0, MAX_AMOUNT),
            blinks=read.choice("blinks", cls.blinks, (True, False)),
            idle=read.choice("idle", cls.idle, (True, False)),
            mood=mood,
        )


@dataclass(frozen=True)
class _Reader:
    """Checked entries of what the page sent."""

    values: Mapping[Any, Any]

    def number(self, name: str, default: float, low: float, high: float) -> float:
        value = self.values.get(f"speech_{name}", default)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not low <= value <= high:
            raise StudioError(f"`{name}` should be from {low:g} to {high:g} but is {str(value)[:40]}; change it.")
        return float(value)

    def choice(self, name: str, default: Any, choices: tuple[Any, ...]) -> Any:
        value = self.values.get(f"speech_{name}", default)
        if value not in choices:
            listed = ", ".join(str(choice) for choice in choices)
            raise StudioError(f"`{name}` should be one of {listed} but is {str(value)[:40]!r}; change it.")
        return value


def speech_choices(*, samples: bool = True) -> dict[str, Any]:
    """The options as the page shows them: sliders, choices and defaults.

    Args:
        samples: with those of a diffusion model.
    """
    rest = SpeechOrder()
    amount = {"lo": 0.0, "hi": MAX_AMOUNT, "step": 0.01, "unit": "%"}
    return {
        "scopes": [{"key": key, "label": label, "tip": tip} for key, (label, tip, _) in SCOPES.items()],
        "sliders": [
            {"key": "speech_expression", "label": "Expression", "tip": "How much the face moves", **amount},
            {"key": "speech_head", "label": "Head motion", "tip": "How much the head turns and nods", **amount},
        ],
        "samples": samples,
        "guidance": {
            "key": "speech_guidance",
            "label": "Guidance",
            "tip": "How closely the motion follows the voice: 1 is loose and varied, more is stricter",
            "lo": 1.0,
            "hi": MAX_GUIDANCE,
            "step": 0.1,
            "unit": "",
        },
        "steps": list(STEPS),
        "max_seed": MAX_SEED,
        "defaults": {
            f"speech_{name}": getattr(rest, name)
            for name in ("seed", "steps", "guidance", "scope", "expression", "head", "blinks", "idle")
        },
    }
