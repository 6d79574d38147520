"""Synthetic speech with exact timing, and the corpus made of it."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import numpy as np
import pytest

from pipelines.errors import StudioError
from pipelines.motion.space import N_PACKED
from pipelines.speech.features.phonetic import CURVE_COLUMNS, N_PHONETIC
from pipelines.speech.tts import LONGEST_TEXT, available, speak
from pipelines.speech.visemes import PHONE_INDEX, lip_measures
from pipelines.training.corpus import CorpusOptions, build_corpus, exact_curves, read_shard
from pipelines.training.corpus_augment import augmented
from pipelines.training.corpus_text import sentences
from pipelines.training.corpus_voices import Manner, speak_timed

needs_voices = pytest.mark.skipif(
    not all(map(shutil.which, ("flite", "espeak-ng"))), reason="flite and espeak-ng are not installed"
)


def test_sentences_repeat_and_vary() -> None:
    first, again, other = (list(itertools.islice(sentences(seed), 200)) for seed in (3, 3, 4))
    assert first == again and first != other
    assert len(set(first)) > 190 and not any("{" in text for text in first)


@needs_voices
@pytest.mark.parametrize("voice", ["slt", "kal16", "en-us+f2"])
def test_phones_fill_the_sound(voice: str) -> None:
    spoken = speak_timed("My baby bought a puppy. Few people move.", Manner(voice))
    ends = [end for _, end in spoken.phones]
    assert ends == sorted(ends)
    assert ends[-1] == pytest.approx(len(spoken.samples) / 16_000, abs=0.15)
    activations = spoken.activations(100, 100)
    assert np.allclose(activations.sum(1), 1)
    assert {phone for phone, _ in spoken.phones} <= set(PHONE_INDEX)
    assert sum(phone in ("P", "B", "M") for phone, _ in spoken.phones) >= 7


@needs_voices
def test_lips_by_exact_timing_shut_at_bilabials() -> None:
    spoken = speak_timed("My baby bought a puppy.", Manner("slt", stretch=1.3))
    curves = exact_curves(spoken)
    start = 0.0
    for phone, end in spoken.phones:
        if phone in ("P", "B", "M"):
            frame = round(((start + end) / 2 - 0.03) * 25)
            assert curves[max(0, frame - 1) : frame + 2, 0].min() < 0.1
        start = end


@needs_voices
def test_augmenting_keeps_the_timing() -> None:
    spoken = speak_timed("The ship arrives at five.", Manner("rms"))
    rng = np.random.default_rng(0)
    for _ in range(5):
        changed = augmented(spoken, rng)
        stretch = len(changed.samples) / len(spoken.samples)
        assert 0.83 <= stretch <= 1.2
        assert changed.phones[-1][1] == pytest.approx(spoken.phones[-1][1] * stretch, rel=0.01)
        assert np.abs(changed.samples).max() <= 1 and np.isfinite(changed.samples).all()


@needs_voices
def test_corpus_repeats_and_its_lips_follow_the_features(tmp_path: Path) -> None:
    options = CorpusOptions(sentences=2, copies=2)
    frames = build_corpus(tmp_path / "a", options)
    build_corpus(tmp_path / "b", options)
    one, two = (read_shard(tmp_path / name / "0000.npz") for name in "ab")
    assert np.array_equal(one.motion, two.motion) and np.array_equal(one.features, two.features)
    assert one.features.shape == (frames, N_PHONETIC) and one.motion.shape == (frames, N_PACKED)
    assert one.starts[-1] == frames and len(one.emotion) == len(one.starts) - 1 == 4
    height, _ = lip_measures(one.motion[:, -63:])
    for start, end in itertools.pairwise(one.starts):
        aperture = one.features[start:end, CURVE_COLUMNS][:, 0]
        assert np.corrcoef(height[start:end], aperture)[0, 1] > 0.75


def test_a_file_that_is_no_shard(tmp_path: Path) -> None:
    path = tmp_path / "0000.npz"
    np.savez(path, motion=np.zeros(3))
    with pytest.raises(StudioError, match="lacks"):
        read_shard(path)


@needs_voices
def test_text_becomes_sound(tmp_path: Path) -> None:
    for voice in (available()[0], available()[-1]):
        assert speak("- Hello there.", tmp_path / "a.wav", voice=voice.key).stat().st_size > 10_000


def test_text_is_refused_in_a_sentence(tmp_path: Path) -> None:
    for text, voice, said in (("", None, "letters"), ("x" * (LONGEST_TEXT + 1), None, "letters")):
        with pytest.raises(StudioError, match=said):
            speak(text, tmp_path / "a.wav", voice=voice)
    with pytest.raises(StudioError, match=r"voice|installed"):
        speak("Hello", tmp_path / "a.wav", voice="nobody")


def test_a_film_becomes_an_example(shared: Path, tmp_path: Path) -> None:
    import subprocess

    import imageio_ffmpeg

    from pipelines.assets import ASSETS
    from pipelines.portrait.video_motion import LandmarkMotionExtractor
    from pipelines.training.corpus_film import build_film_corpus, film_example

    film, sound = shared / "clips" / "d0.mp4", ASSETS / "speech" / "welcome.flac"
    spoken = tmp_path / "film.mp4"
    tracks = ["-map", "0:v", "-map", "1:a", "-t", "1.2"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-v", "error", "-i", str(film), "-i", str(sound), *tracks]
    subprocess.run([*command, str(spoken)], check=True)
    example = film_example(spoken, LandmarkMotionExtractor())
    assert abs(len(example["motion"]) - 30) <= 1 and len(example["features"]) == len(example["motion"])
    assert np.isfinite(example["motion"]).all() and np.abs(example["motion"][0, -63:]).max() < 1e-6
    assert 0.2 < example["eye_open"].mean() < 1.6
    assert build_film_corpus(tmp_path / "corpus", [spoken], LandmarkMotionExtractor()) == len(example["motion"])
    shard = read_shard(tmp_path / "corpus" / "film_0000.npz")
    assert np.array_equal(shard.motion, example["motion"]) and shard.starts.tolist() == [0, len(example["motion"])]
    with pytest.raises(StudioError, match=r"film\.mp4: .*emotion"):
        build_film_corpus(tmp_path, [spoken], LandmarkMotionExtractor(), emotion="sleepy")
    with pytest.raises(StudioError, match="emotion"):
        film_example(spoken, LandmarkMotionExtractor(), emotion="sleepy")
