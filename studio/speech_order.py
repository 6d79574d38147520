"""The Speech panel's options: what the page offers, and what it sends as a checked delivery."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.errors import StudioError
from pipelines.motion.emotion import EMOTION_NAMES
from pipelines.speech.choice import MAX_AMOUNT, MAX_GUIDANCE, MAX_SEED, SCOPES, STEPS, Delivery
from pipelines.speech.reach import AMOUNTS

OPTIONS = ("seed", "steps", "guidance", "scope", "expression", "head", *AMOUNTS, "gaze", "blinks", "idle")
MOMENTS = ("", "middle_", "end_")
"""Of the mood: what stands before `emotion_<name>` in the page's names."""
MOOD_CHANGES = "speech_mood_changes"
"""Whether the moods of the middle and the end count."""
_KINDS: dict[str, tuple[type, ...]] = {"scope": (str,), "blinks": (bool,), "idle": (bool,), "mood_changes": (bool,)}
_WHOLE = ("seed", "steps")


def read_delivery(values: object) -> Delivery:
    """A delivery from the page's {"speech_<name>": value}; what is left out keeps its default.

    Raises:
        StudioError: not an object, a value of the wrong kind or out of its range.
    """
    if not isinstance(values, Mapping):
        raise StudioError("`options` of the speech should be an object; reload the page.")
    given = {name: _checked(name, values[f"speech_{name}"]) for name in OPTIONS if f"speech_{name}" in values}
    start, middle, end = (_mood(values, moment) for moment in MOMENTS)
    if not _checked("mood_changes", values.get(MOOD_CHANGES, False)):
        return Delivery(**given, mood=start)
    return Delivery(**given, mood=start, mood_middle=middle, mood_end=end)


def _mood(values: Mapping[str, Any], moment: str) -> tuple[float, ...]:
    names = (f"speech_{moment}emotion_{name}" for name in EMOTION_NAMES)
    return tuple(float(_checked("mood", values.get(name, 0.0))) for name in names)


def _checked(name: str, value: Any) -> Any:
    """The value if it is of the right kind; `Delivery` checks its range."""
    kinds = _KINDS.get(name, (int, float))
    is_right = isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))
    if not is_right or (name in _WHOLE and value != value // 1):
        raise StudioError(f"`{name}` of the speech has no value like {str(value)[:40]!r}; change it.")
    return int(value) if name in _WHOLE else value


def speech_choices(*, samples: bool = True) -> dict[str, Any]:
    """The options as the page shows them: sliders, choices and defaults.

    Args:
        samples: with those of a diffusion model.
    """
    rest = Delivery()
    amount = {"lo": 0.0, "hi": MAX_AMOUNT, "step": 0.01, "unit": "%"}
    return {
        "scopes": [{"key": key, "label": label, "tip": tip} for key, (label, tip, _) in SCOPES.items()],
        "sliders": [
            {"key": "speech_expression", "label": "Expression", "tip": "How much the face moves", **amount},
            {"key": "speech_head", "label": "Head motion", "tip": "How much the head turns and nods", **amount},
            *(
                {"key": f"speech_{name}", "label": label, "tip": tip, **amount}
                for name, (label, tip, _) in AMOUNTS.items()
            ),
            {
                "key": "speech_gaze",
                "label": "Eyes on camera",
                "tip": "How far the eyes turn back when the head turns",
                **amount,
                "hi": 1.0,
            },
        ],
        "moments": [
            {"key": key, "label": label} for key, label in zip(MOMENTS, ("Start", "Middle", "End"), strict=True)
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
        "defaults": {f"speech_{name}": getattr(rest, name) for name in OPTIONS} | {MOOD_CHANGES: False},
    }
