"""Talking films from the command line: sound, length, cost by stage, the edit on top; bad input in one sentence."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipelines.assets import PORTRAITS
from pipelines.cli import main
from pipelines.errors import StudioError
from pipelines.motion.edit import Edit
from pipelines.speech.choice import Delivery
from pipelines.speech.speak import FilmOptions
from pipelines.speech.speak_commands import read_mood
from pipelines.speech.tts import available, speak
from pipelines.video import read_video, video_info, write_video

PHOTO = PORTRAITS / "astronaut.jpg"


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not available():
        pytest.skip("neither flite nor espeak-ng is on this machine")
    return speak("Papa bought a big boat.", tmp_path_factory.mktemp("voice") / "voice.wav")


def test_speak_writes_a_film_and_says_what_it_cost(
    voice: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    film = tmp_path / "film.mp4"
    begun = time.perf_counter()
    assert main(["speak", str(PHOTO), str(voice), "-o", str(film), "--size", "256", "--json"]) == 0
    whole_s = time.perf_counter() - begun
    report = json.loads(capsys.readouterr().out)
    seconds = soundfile.info(voice).duration
    assert report["frames"] == -(-round(seconds * 16_000) // 640) == len(list(read_video(film)))
    assert list(report["stages"]) == ["speech to motion", "render", "encode"]
    total = sum(stage["rtf"] for stage in report["stages"].values())
    assert report["total"]["rtf"] == pytest.approx(total, abs=0.001) and 0 < report["first_frame_s"] < whole_s
    info = video_info(film)
    assert info.size == (256, 256) and info.duration_s == pytest.approx(seconds, abs=0.1)
    assert list(tmp_path.iterdir()) == [film]


def test_the_edit_is_on_every_frame(voice: Path, tmp_path: Path) -> None:
    films = []
    for name, more in (("plain", []), ("edited", ["--set", "brow_raise=0.9"])):
        film = tmp_path / f"{name}.mp4"
        assert main(["speak", str(PHOTO), str(voice), "-o", str(film), "--size", "256", "--model", "rule", *more]) == 0
        films.append([frame.astype(int) for frame in read_video(film)])
    for plain, edited in zip(*films, strict=True):
        change = np.abs(plain - edited).mean(-1)
        assert change[50:120].mean() > 2 * change[140:210].mean()


def test_a_streamed_film_is_the_same_length_and_says_its_delay(
    voice: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    film = tmp_path / "film.mp4"
    assert main(["speak", str(PHOTO), str(voice), "-o", str(film), "--size", "256", "--stream", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["frames"] == len(list(read_video(film))) == -(-soundfile.info(voice).frames // 640)
    assert 0.3 < report["look_ahead_s"] < 3 and report["first_frame_s"] > 0


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--seed", "-1"], "`seed`"),
        (["--head", "7"], "`head`"),
        (["--expression", "nan"], "`expression`"),
        (["--size", "9"], "`size`"),
        (["--set", "smil=1"], "smil"),
        (["--edit", "missing.json"], "`--edit`"),
        (["--face", "5"], "`face"),
    ],
)
def test_bad_options_get_one_sentence(
    voice: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], words: str
) -> None:
    assert main(["speak", str(PHOTO), str(voice), "-o", str(tmp_path / "film.mp4"), *more]) == 2
    said = capsys.readouterr().err.strip()
    assert words in said and "\n" not in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("output", ["film.avi", "missing/film.mp4"])
def test_outputs_are_refused_before_work(
    voice: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], output: str
) -> None:
    assert main(["speak", str(PHOTO), str(voice), "-o", str(tmp_path / output)]) == 2
    assert "`output`" in capsys.readouterr().err


def sound(kind: str, folder: Path) -> Path:
    """A short recording of a kind that people have."""
    rng, path = np.random.default_rng(1), folder / "voice.wav"
    if kind == "silence":
        soundfile.write(path, np.zeros(8_000, np.float32), 16_000)
    elif kind == "8 kHz, stereo, 24-bit":
        soundfile.write(path, rng.normal(0, 0.1, (4_000, 2)), 8_000, subtype="PCM_24")
    elif kind == "music in a film, 48 kHz":
        time_s = np.arange(24_000) / 48_000
        chord = sum(np.sin(2 * np.pi * pitch * time_s) for pitch in (262, 330, 392))
        soundfile.write(path, 0.2 * chord, 48_000)
        frames = (np.full((64, 64, 3), shade, np.uint8) for shade in range(0, 130, 10))
        film = write_video(frames, folder / "film.mp4", audio=path)
        path.unlink()
        return film
    elif kind == "20 ms":
        soundfile.write(path, np.zeros(320, np.float32), 16_000)
    elif kind == "more than two hours":
        soundfile.write(folder / "voice.flac", np.zeros(7201 * 1000, np.int16), 1000)
        return folder / "voice.flac"
    else:
        path.write_bytes({"empty": b"", "text": b"no sound", "corrupted": rng.bytes(9000)}[kind])
    return path


@pytest.mark.parametrize("kind", ["silence", "8 kHz, stereo, 24-bit", "music in a film, 48 kHz"])
def test_recordings_of_every_kind_speak(kind: str, tmp_path: Path) -> None:
    film, wanted = tmp_path / "spoken.mp4", ["--size", "128", "--model", "rule"]
    assert main(["speak", str(PHOTO), str(sound(kind, tmp_path)), "-o", str(film), *wanted]) == 0
    assert video_info(film).duration_s == pytest.approx(0.52, abs=0.05)


@pytest.mark.parametrize("kind", ["20 ms", "more than two hours", "empty", "text", "corrupted"])
def test_bad_sound_gets_one_sentence_and_leaves_no_film(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = sound(kind, tmp_path)
    assert main(["speak", str(PHOTO), str(bad), "-o", str(tmp_path / "film.mp4")]) == 2
    said = capsys.readouterr().err.strip()
    assert "`sound`" in said and "\n" not in said
    assert list(tmp_path.iterdir()) == [bad]


def test_moods_are_shares_by_name() -> None:
    mood = read_mood(["happy=0.6", "sad=0.4"])
    assert sum(mood) == 1 and mood[3] == 0.6
    assert sum(read_mood([])) == 0
    for settings in (["glad=1"], ["happy"], ["happy=much"]):
        with pytest.raises(StudioError, match="--mood"):
            read_mood(settings)
    with pytest.raises(StudioError, match="sum"):
        Delivery(mood=read_mood(["happy=0.8", "sad=0.8"]))


def test_sizes_are_checked_before_work() -> None:
    with pytest.raises(StudioError, match="`size`"):
        FilmOptions(Edit(), size=10)
