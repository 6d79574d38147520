"""Eight emotions: expression presets that act on a still, and the condition vector of the speech network."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import StudioError
from pipelines.motion.controls import N_SLOTS, SLOT_BY_KEY, resolve
from pipelines.motion.semantic import EMOTIONS

EMOTION_NAMES: tuple[str, ...] = tuple(EMOTIONS)
"""Angry, disgust, fear, happy, neutral, sad, surprise, contempt: Ditto's indices 0..7."""
N_EMOTIONS = len(EMOTION_NAMES)
EMOTION_SLOTS = np.array([SLOT_BY_KEY[f"emotion_{name}"].index for name in EMOTION_NAMES])
INTENSITY_SLOT = SLOT_BY_KEY["emotion_intensity"].index


def _presets() -> NDArray[np.float32]:
    table = np.zeros((N_EMOTIONS, N_SLOTS), np.float32)
    for row, preset in enumerate(EMOTIONS.values()):
        for name, value in preset.items():
            table[row, [slot.index for slot in resolve(name)]] = value
    table.flags.writeable = False
    return table


EMOTION_PRESETS: NDArray[np.float32] = _presets()
"""(8, N_SLOTS) value of every slot at weight 1."""


def emotion_shares(vector: NDArray) -> NDArray:
    """(..., 8) effective weights of an edit vector: shares above 1 in sum are scaled back, then times intensity."""
    weights = vector[..., EMOTION_SLOTS]
    return weights * (vector[..., INTENSITY_SLOT, None] / np.maximum(1, weights.sum(-1, keepdims=True)))


def emotion_vector(labels: int | Iterable[int]) -> NDArray[np.float32]:
    """(8,) soft scores of one or several emotion indices: logits 8 at the labels, 0 elsewhere, soft-maxed.

    Raises:
        StudioError: an index outside 0..7, or none, or all eight.
    """
    chosen = {labels} if isinstance(labels, int) else set(labels)
    if not 1 <= len(chosen) < N_EMOTIONS or not all(0 <= index < N_EMOTIONS for index in chosen):
        raise StudioError(f"`labels` should be 1 to 7 emotion indices between 0 and 7 but is {sorted(chosen)}.")
    logits = np.zeros(N_EMOTIONS)
    logits[list(chosen)] = 8.0
    weights = np.exp(logits - 8.0)
    return (weights / weights.sum()).astype(np.float32)
