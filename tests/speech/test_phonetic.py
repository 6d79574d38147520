"""Features of a voice: phones, curves, loudness; files and streams."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipelines.assets import ASSETS
from pipelines.speech.audio import Audio, load_audio
from pipelines.speech.features import mel, phonemes
from pipelines.speech.features.phonetic import (
    CURVE_COLUMNS,
    LIVE,
    LOUDNESS_COLUMN,
    N_PHONETIC,
    PHONE_COLUMNS,
    PHONETIC_COLUMNS,
    PhoneticStream,
    phonetic_features,
)
from pipelines.speech.visemes import PHONES

RECORDING = ASSETS / "speech" / "harbour.flac"


@pytest.fixture(scope="module")
def voice() -> Audio:
    return load_audio(RECORDING)


@pytest.fixture(scope="module")
def features(voice: Audio) -> np.ndarray:
    return phonetic_features(voice.samples)


def test_shape_and_columns(voice: Audio, features: np.ndarray) -> None:
    assert features.shape == (voice.n_frames, N_PHONETIC) and features.dtype == np.float32
    assert len(PHONETIC_COLUMNS) == N_PHONETIC == 47
    assert np.isfinite(features).all() and features[:, LOUDNESS_COLUMN].max() <= 1


def test_phones_of_the_text_are_heard(voice: Audio) -> None:
    activations = phonemes.phone_activations(voice.samples[:32_000])
    spikes = activations.max(1) > 0.4
    heard = [PHONES[i] for i in activations[spikes].argmax(1)]
    # before breakfast, five ...
    assert {"B", "F", "R", "K", "S", "T"} <= set(heard)


def test_lips_move_and_close(features: np.ndarray) -> None:
    curves = features[:, CURVE_COLUMNS]
    assert curves[:, 0].std() > 0.08 and curves[:, 1].std() > 0.08
    assert (curves[:, 3] > 0.6).sum() >= 6
    assert curves[curves[:, 3] > 0.6, 0].max() < 0.25


def test_lips_start_and_end_shut_unless_the_sound_is_cut_in_a_word(voice: Audio, features: np.ndarray) -> None:
    shapes = features[:, CURVE_COLUMNS][:, :3]
    assert not shapes[[0, -1]].any() and np.abs(np.diff(shapes, axis=0)[[0, 1, 2, -3, -2, -1], 0]).max() < 0.2
    word = phonetic_features(voice.samples[2 * 16_000 : round(2.75 * 16_000)])[:, CURVE_COLUMNS]
    assert word[-1, 0] > 0.3


@pytest.mark.parametrize("piece", [777, 16_000])
def test_pieces_of_any_size_give_the_same(voice: Audio, piece: int) -> None:
    samples = voice.samples[:48_000]
    whole = phonetic_features(samples, windowing=LIVE)
    stream = PhoneticStream(LIVE)
    parts = [stream.push(samples[start : start + piece]) for start in range(0, len(samples), piece)]
    assert np.array_equal(np.concatenate([*parts, stream.finish()]), whole)


def test_stream_keeps_its_look_ahead_and_agrees_with_the_file(voice: Audio, features: np.ndarray) -> None:
    stream = PhoneticStream(LIVE)
    given = []
    for start in range(0, len(voice.samples), 1600):
        given.append(stream.push(voice.samples[start : start + 1600]))
        heard_s = min(start + 1600, len(voice.samples)) / 16_000
        frames = sum(map(len, given))
        assert frames / 25 >= heard_s - LIVE.look_ahead_s - 0.11
    live = np.concatenate([*given, stream.finish()])
    assert live.shape == features.shape
    for column in (0, 1):
        a, b = live[:, CURVE_COLUMNS][:, column], features[:, CURVE_COLUMNS][:, column]
        assert np.corrcoef(a, b)[0, 1] > 0.95


def test_stream_memory_does_not_grow(voice: Audio) -> None:
    stream = PhoneticStream(LIVE)
    for _ in range(3):
        stream.push(voice.samples[:64_000])
    held = sum(value.nbytes for value in vars(stream).values() if isinstance(value, np.ndarray))
    assert held < 1 << 20


def test_silence_music_and_a_moment() -> None:
    silence = phonetic_features(np.zeros(32_000, np.float32))
    assert silence[:, PHONE_COLUMNS].max() < 0.3 and silence[:, LOUDNESS_COLUMN].max() == 0
    assert silence[:, CURVE_COLUMNS][:, 0].max() < 0.4
    time = np.arange(32_000) / 16_000
    chord = np.sin(2 * np.pi * time[:, None] * (220.0, 277.2, 329.6)).sum(1) / 8
    assert np.isfinite(phonetic_features(chord.astype(np.float32))).all()
    assert phonetic_features(np.full(641, 0.1, np.float32)).shape == (2, N_PHONETIC)
    assert phonetic_features(np.zeros(0, np.float32)).shape == (0, N_PHONETIC)


def test_spectrum_does_not_hear_level(voice: Audio) -> None:
    loud, quiet = (mel.shapes_of(mel.log_mel(voice.samples * gain)) for gain in (1.0, 0.3))
    assert np.abs(loud - quiet).mean() < 0.05


def test_network_is_the_trained_one() -> None:
    import torch
    from safetensors.torch import load_file

    from pipelines.training.lips import LipNetwork

    network = LipNetwork().eval()
    missing, unexpected = network.load_state_dict(load_file(mel.WEIGHTS_FILE), strict=False)
    assert not unexpected and all(name.startswith("phones") for name in missing)
    x = np.random.default_rng(0).standard_normal((40, mel.N_INPUT)).astype(np.float32)
    with torch.inference_mode():
        expected = network(torch.from_numpy(x)[None])[0][0].numpy()
    weights = {name: value.float().numpy() for name, value in load_file(mel.WEIGHTS_FILE).items()}
    assert np.abs(mel.run_network(weights, x) - expected).max() < 1e-4


def test_real_speech_on_film(shared: Path) -> None:
    """The bar of the features on four filmed speakers; `evaluate speech` measures all."""
    from pipelines.evaluation.speech_clips import load_clips
    from pipelines.evaluation.speech_measures import correlation

    clips = [clip for clip in load_clips(shared / "talking") if clip.name.startswith("hdtf")][:4]
    curves = [phonetic_features(clip.samples)[:, CURVE_COLUMNS] for clip in clips]
    heights = [correlation(c[:, 0], clip.height, clip.found) for c, clip in zip(curves, clips, strict=True)]
    widths = [correlation(c[:, 1], clip.width, clip.found) for c, clip in zip(curves, clips, strict=True)]
    assert np.mean(heights) > 0.45 and np.mean(widths) > 0.45
