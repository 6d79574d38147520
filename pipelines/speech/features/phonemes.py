"""Which phones are heard: hama's phoneme recogniser (Apache-2.0, model inside its wheel), 50 frames a second.

hama is a CTC recogniser: a phone is a spike of one or two frames, about 34 ms after its centre, and blank between.
Its 191 IPA tokens are summed into 39 English phones; blank, word marks and tones are left out.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipelines.speech.audio import SAMPLE_RATE
from pipelines.speech.visemes import N_PHONES, PHONE_INDEX

if TYPE_CHECKING:
    from hama import ASRModel

Floats = NDArray[np.float32]

RATE = 50
HOP = SAMPLE_RATE // RATE
SHORTEST = 1600
"""Samples the recogniser needs; shorter sounds are padded with silence."""

IPA: dict[str, str] = {
    "AA": "ɑ ɒ a ä à å ã",
    "AE": "æ",
    "AH": "ʌ ə ɐ ɘ ɤ ᵊ ɜ ɵ wʌ jʌ",
    "AO": "ɔ",
    "AW": "aʊ",
    "AY": "aɪ",
    "EH": "ɛ e eə ẽ",
    "EY": "eɪ",
    "ER": "ɝ ɚ",
    "IH": "ɪ ɪə ɨ ʏ",
    "IY": "i ì ĩ ǐ y wi",
    "OW": "oʊ o õ",
    "OY": "ɔɪ",
    "UH": "ʊ",
    "UW": "u ũ ʉ ɯ ju",
    "P": "p pʰ p͈",
    "B": "b ɓ ʙ β",
    "M": "m ɱ",
    "F": "f ɸ",
    "V": "v ʋ",
    "W": "w ɰ ʷ",
    "TH": "θ",
    "DH": "ð",
    "T": "t tʰ t͈ ɾ ʈ",
    "D": "d ɖ ɗ",
    "N": "n ɲ ɴ ñ",
    "L": "l ɫ ʎ",
    "S": "s s͈ ɕ",
    "Z": "z ʑ",
    "SH": "ʃ ʂ",
    "ZH": "ʒ ʐ",
    "CH": "t͡ʃ t͡ɕ t͡ɕʰ t͡ɕ͈",
    "JH": "d͡ʒ ɟ",
    "R": "ɹ r ɻ ɽ ʀ ʁ",
    "K": "k kʰ k͈ c x χ",
    "G": "ɡ g ɣ",
    "NG": "ŋ",
    "HH": "h ɦ ħ",
    "Y": "j ʝ ja je jo",
}
"""Phone to hama's tokens."""


def available() -> bool:
    """Whether hama is installed with an engine for this machine (Linux and macOS wheels carry one)."""
    try:
        from hama import _engine
    except ImportError:
        return False
    return _engine.available()


def phone_activations(samples: Floats) -> Floats:
    """(ceil(N / 320), 40) phone activations, silence first and always 0.

    The recogniser attends to everything it is given: time grows faster than length, so cut long sounds into windows.
    """
    model = _model()
    length = -(-len(samples) // HOP)
    padded = np.zeros(max(length * HOP, SHORTEST), np.float32)
    padded[: len(samples)] = np.clip(samples, -1, 1)
    feeds = {"waveform": padded[None], "waveform_lengths": np.array([len(padded)])}
    log_probs = model.session.run(["log_probs"], feeds)[0][0]
    activations = (np.exp(log_probs) @ _token_to_phone()).astype(np.float32)
    if len(activations) < length:
        activations = np.pad(activations, ((0, length - len(activations)), (0, 0)), mode="edge")
    return activations[:length]


@lru_cache(maxsize=1)
def _model() -> ASRModel:
    from hama import ASRModel

    return ASRModel()


@lru_cache(maxsize=1)
def _token_to_phone() -> Floats:
    tokens = _model().decoder_tokens
    matrix = np.zeros((len(tokens), N_PHONES), np.float32)
    for phone, names in IPA.items():
        for name in names.split():
            matrix[tokens.index(name), PHONE_INDEX[phone]] = 1
    return matrix
