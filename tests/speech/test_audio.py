"""Recordings of every kind become 16 kHz sound or are refused in one sentence."""

from __future__ import annotations

import subprocess
import tracemalloc
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import StudioError
from pipelines.speech.audio import SAMPLE_RATE, SAMPLES_PER_FRAME, Audio, load_audio, n_frames, stream_audio


def tone(seconds: float, rate: int, hz: float = 440.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def spectrum_peak_hz(samples: np.ndarray) -> float:
    return float(np.abs(np.fft.rfft(samples)).argmax() * SAMPLE_RATE / len(samples))


@pytest.mark.parametrize("rate", [8000, 16_000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("kind", ["PCM_16", "PCM_24", "FLOAT"])
def test_rates_channels_and_depths(tmp_path: Path, rate: int, channels: int, kind: str) -> None:
    path = tmp_path / "tone.wav"
    soundfile.write(path, np.repeat(tone(1.0, rate)[:, None], channels, 1), rate, subtype=kind)
    samples = load_audio(path).samples
    assert samples.dtype == np.float32 and abs(len(samples) - SAMPLE_RATE) <= 32
    assert spectrum_peak_hz(samples) == pytest.approx(440, abs=1.5)
    assert np.abs(samples).max() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("suffix", [".mp3", ".ogg", ".m4a", ".aac", ".flac"])
def test_formats(tmp_path: Path, suffix: str) -> None:
    wav, path = tmp_path / "tone.wav", tmp_path / f"tone{suffix}"
    soundfile.write(wav, tone(1.0, 48_000), 48_000)
    ffmpeg("-i", str(wav), str(path))
    samples = load_audio(path).samples
    assert abs(len(samples) / SAMPLE_RATE - 1.0) < 0.15
    assert spectrum_peak_hz(samples) == pytest.approx(440, abs=5)


def test_sound_of_a_film_and_a_film_without(tmp_path: Path) -> None:
    spoken, silent = tmp_path / "spoken.mp4", tmp_path / "silent.mp4"
    picture = ("-f", "lavfi", "-i", "color=c=gray:s=64x64:d=1:r=25")
    ffmpeg(*picture, "-f", "lavfi", "-i", "sine=440:duration=1", "-shortest", str(spoken))
    ffmpeg(*picture, str(silent))
    assert abs(load_audio(spoken).duration_s - 1) < 0.1
    with pytest.raises(StudioError, match="no sound track"):
        load_audio(silent)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"not a sound at all" * 100, bytes(range(256)) * 20])
def test_damaged_files(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "damaged.wav"
    path.write_bytes(content)
    with pytest.raises(StudioError, match="holds nothing that can be read as sound"):
        load_audio(path)


def test_cut_file_gives_what_is_there(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.wav", tmp_path / "cut.wav"
    soundfile.write(whole, tone(2.0, SAMPLE_RATE), SAMPLE_RATE)
    cut.write_bytes(whole.read_bytes()[:20_000])
    assert 0.5 < load_audio(cut).duration_s < 1


def test_too_short_too_long_missing_not_finite(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    soundfile.write(path, tone(0.02, SAMPLE_RATE), SAMPLE_RATE)
    with pytest.raises(StudioError, match="at least 40 ms but lasts 20 ms"):
        load_audio(path)
    soundfile.write(path, tone(3.0, SAMPLE_RATE), SAMPLE_RATE)
    with pytest.raises(StudioError, match=r"at most 0\.0333333 minutes"):
        load_audio(path, longest_s=2.0)
    with pytest.raises(StudioError, match="there is none"):
        load_audio(tmp_path / "nothing.wav")
    soundfile.write(path, np.full(16_000, np.nan, np.float32), SAMPLE_RATE, subtype="FLOAT")
    with pytest.raises(StudioError, match="finite"):
        load_audio(path)


def test_playlists_do_not_open_other_files(tmp_path: Path) -> None:
    secret, playlist = tmp_path / "secret.wav", tmp_path / "list.wav"
    soundfile.write(secret, tone(1.0, SAMPLE_RATE), SAMPLE_RATE)
    playlist.write_text(f"ffconcat version 1.0\nfile '{secret}'\n")
    with pytest.raises(StudioError):
        load_audio(playlist)


def test_silence_is_a_recording(tmp_path: Path) -> None:
    path = tmp_path / "silence.wav"
    soundfile.write(path, np.zeros(SAMPLE_RATE, np.float32), SAMPLE_RATE)
    assert np.abs(load_audio(path).samples).max() == 0


def test_streaming_is_loading_in_flat_memory(tmp_path: Path) -> None:
    path = tmp_path / "long.flac"
    soundfile.write(path, np.tile(tone(1.0, SAMPLE_RATE), 900), SAMPLE_RATE)
    tracemalloc.start()
    count = sum(len(block) for block in stream_audio(path, block_s=5.0))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 900 * SAMPLE_RATE
    assert peak < 6 << 20
    short = np.concatenate(list(stream_audio(path, block_s=61.7)))[: 10 * SAMPLE_RATE]
    assert np.array_equal(short, np.concatenate(list(stream_audio(path, block_s=7.3)))[: 10 * SAMPLE_RATE])


def test_sound_in_memory() -> None:
    stereo = np.repeat((tone(0.5, 48_000) * 32767).astype(np.int16)[:, None], 2, 1)
    audio = Audio.of(stereo, rate=48_000)
    assert audio.n_frames == 13 and spectrum_peak_hz(audio.samples) == pytest.approx(440, abs=3)
    with pytest.raises(StudioError, match="40 ms"):
        Audio.of(np.zeros(10), rate=SAMPLE_RATE)
    with pytest.raises(StudioError, match="rate"):
        Audio.of(np.zeros(100_000), rate=7)


@given(st.integers(0, 10**9))
def test_frames_cover_the_sound(samples: int) -> None:
    frames = n_frames(samples)
    assert (frames - 1) * SAMPLES_PER_FRAME < samples <= frames * SAMPLES_PER_FRAME or samples == frames == 0


def ffmpeg(*arguments: str) -> None:
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-v", "error", *arguments], check=True)
