"""Everything that turns a voice into lips, measured alike: ours, loudness, and public peers where they are installed.

Our own lips are always measured on the landmarks that the 63 dims displace, never on the curves they came from.
"""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipelines.evaluation.speech_clips import Clip
from pipelines.evaluation.speech_measures import Lips
from pipelines.motion.space import FPS
from pipelines.motion.track import Track
from pipelines.speech.audio import SAMPLE_RATE, SAMPLES_PER_FRAME, Audio
from pipelines.speech.features import mel
from pipelines.speech.features.phonemes import RATE, phone_activations
from pipelines.speech.features.phonetic import (
    CURVE_COLUMNS,
    LIVE,
    RECOGNISER_LAG_S,
    SPECTRUM_LAG_S,
    WHOLE,
    Windowing,
    phonetic_features,
)
from pipelines.speech.visemes import (
    N_PHONES,
    PHONE_INDEX,
    PHONES,
    SILENCE,
    TARGETS,
    lip_curves,
    lip_measures,
    lips_to_expression,
)

Floats = NDArray[np.float32]
Predict = Callable[[Clip], Lips]


@dataclass(frozen=True)
class Predictor:
    """A way from a voice to lips."""

    name: str
    predict: Predict
    peer: bool = False


def predictors(*, stream: bool = False) -> list[Predictor]:
    """All that can run here, the weakest first."""
    rows = [Predictor("loudness", loudness)]
    rows += _peers()
    rows += [Predictor("spectral network", spectral), Predictor("phones and rule", by_rule)]
    rows += [Predictor("fused curves, stream", lambda clip: fused(clip, LIVE))] if stream else []
    return [*rows, Predictor("fused curves", lambda clip: fused(clip, WHOLE))]


@dataclass(frozen=True)
class StudioModel:
    """The model the studio would use, from sound to the motion of a portrait."""

    predictor: Predictor
    generate: Callable[[Clip, int], Track]
    """(clip, seed) -> motion."""


def studio_model() -> StudioModel | None:
    """The model that speaks in the studio on this machine, driving a portrait that ships; None without one.

    Its lips are measured end to end: on the landmarks that the motion it generates displaces.
    """
    from pipelines.assets import PORTRAITS
    from pipelines.portrait.load import load_photo
    from pipelines.portrait.register import register
    from pipelines.speech.choice import Delivery, choose_model

    model = choose_model()
    if model is None:
        return None
    portrait = register(load_photo(PORTRAITS / "astronaut.jpg"))

    def generate(clip: Clip, seed: int) -> Track:
        return model.make(
            Audio(clip.samples), portrait=portrait, delivery=Delivery(seed=seed), label=clip.name, progress=_silent
        )

    def predict(clip: Clip) -> Lips:
        track = generate(clip, 0)
        return Lips(*lip_measures(track.motion.folded().exp - track.reference.folded().exp))

    return StudioModel(Predictor(model.name, predict), generate)


def _silent(fraction: float, text: str) -> None:
    """Nobody watches."""


def loudness(clip: Clip) -> Lips:
    """Level of each frame in dB, as both height and width."""
    frames = clip.samples[: clip.frames * SAMPLES_PER_FRAME].reshape(-1, SAMPLES_PER_FRAME)
    level = np.log(np.sqrt((frames**2).mean(1)) + 1e-4).astype(np.float32)
    return Lips(level - level.min(), level, in_units=False)


def by_rule(clip: Clip) -> Lips:
    """The viseme rule on recognised phones alone."""
    curves = lip_curves(phone_activations(clip.samples), rate=RATE)
    return _through_atlas(curves[_places(clip, len(curves), RECOGNISER_LAG_S)])


def spectral(clip: Clip) -> Lips:
    """The spectral network alone."""
    spectra = mel.log_mel(clip.samples)
    shapes = mel.shapes_of(spectra)
    return _through_atlas(shapes[_places(clip, len(shapes), SPECTRUM_LAG_S)])


def fused(clip: Clip, windowing: Windowing) -> Lips:
    """Both, as the features carry them."""
    features = phonetic_features(clip.samples, windowing=windowing)
    return _through_atlas(features[: clip.frames, CURVE_COLUMNS])


def _through_atlas(curves: Floats) -> Lips:
    return Lips(*lip_measures(lips_to_expression(curves)))


def _places(clip: Clip, length: int, lag_s: float) -> NDArray[np.intp]:
    return np.clip(np.arange(clip.frames) * (RATE // FPS) + round(lag_s * RATE), 0, length - 1)


_VISEME_PHONE = {
    "sil": SILENCE, "PP": "P", "FF": "F", "TH": "TH", "DD": "D", "kk": "K", "CH": "CH", "SS": "S", "nn": "N",
    "RR": "R", "aa": "AA", "E": "EH", "I": "IY", "O": "OW", "U": "UW",
}  # fmt: skip
"""Shape that stands for each of the 15 visemes of the peers."""
_PYLIPSYNC_PHONE = {"aa": "AA", "ee": "EH", "ih": "IY", "oh": "OW", "ou": "UW", "silence": SILENCE}


def missing_peers() -> tuple[str, ...]:
    """Packages of peers that are not installed."""
    return tuple(name for name in ("openfacefx", "pylipsync") if importlib.util.find_spec(name) is None)


def _peers() -> list[Predictor]:
    rows, missing = [], missing_peers()
    if "openfacefx" not in missing:
        rows.append(Predictor("openfacefx, loudness", _openfacefx_energy, peer=True))
        rows.append(Predictor("openfacefx, our phones", _openfacefx_phones, peer=True))
    if "pylipsync" not in missing:
        rows.append(Predictor("pylipsync", _pylipsync, peer=True))
    return rows


def _openfacefx_energy(clip: Clip) -> Lips:
    import openfacefx  # pyright: ignore
    import soundfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "voice.wav"
        soundfile.write(path, clip.samples, SAMPLE_RATE)
        track = openfacefx.generate_from_energy(str(path), fps=FPS)
    return _of_visemes(clip, track)


def _openfacefx_phones(clip: Clip) -> Lips:
    """Its coarticulation on the phones we recognise, each until halfway to the next."""
    import openfacefx  # pyright: ignore

    activations = phone_activations(clip.samples)
    peaks = np.flatnonzero(activations.max(1) > 0.3)
    heard = [(PHONES[activations[peak].argmax()], peak / RATE - RECOGNISER_LAG_S / 2) for peak in peaks]
    segments, reach = [], 0.09
    for index, (phone, time) in enumerate(heard):
        before = max((heard[index - 1][1] + time) / 2, time - reach) if index else time - reach
        after = min((heard[index + 1][1] + time) / 2, time + reach) if index + 1 < len(heard) else time + reach
        segments.append(openfacefx.PhonemeSegment(phone, max(0.0, before), max(0.01, after)))
    return _of_visemes(clip, openfacefx.generate_from_alignment(segments, fps=FPS))


def _of_visemes(clip: Clip, track: object) -> Lips:
    time = np.arange(clip.frames) / FPS
    weights = np.zeros((clip.frames, N_PHONES), np.float32)
    for channel in track.channels:  # pyright: ignore
        if channel.name in _VISEME_PHONE and channel.keys:
            times, values = [key.time for key in channel.keys], [key.value for key in channel.keys]
            weights[:, PHONE_INDEX[_VISEME_PHONE[channel.name]]] += np.interp(time, times, values)
    return _of_weights(weights)


def _pylipsync(clip: Clip) -> Lips:
    from pylipsync import PhonemeAnalyzer  # pyright: ignore

    segments = PhonemeAnalyzer().extract_phoneme_segments(clip.samples, SAMPLE_RATE, fps=FPS)
    weights = np.zeros((clip.frames, N_PHONES), np.float32)
    for frame, segment in enumerate(segments[: clip.frames]):
        for phone in segment.phonemes:
            if phone.name in _PYLIPSYNC_PHONE:
                weights[frame, PHONE_INDEX[_PYLIPSYNC_PHONE[phone.name]]] += phone.target
    return _of_weights(weights)


def _of_weights(weights: Floats) -> Lips:
    shapes = weights @ TARGETS[:, :2]
    return Lips(shapes[:, 0], shapes[:, 1], in_units=False)
