"""Films: whole or not at all, the right length, size and colours, with sound; nothing but the file itself is read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipelines.errors import StudioError
from pipelines.video import SOUND_RATE, extract_sound, read_video, video_info, write_video


def pictures(count: int, *, height: int = 96, width: int = 128) -> Iterator[np.ndarray]:
    """A green bar that wanders down a red ground; one array, used again."""
    picture = np.empty((height, width, 3), np.uint8)
    for index in range(count):
        picture[:] = (200, 40, 90)
        picture[index * 2 : index * 2 + 16] = (20, 220, 60)
        yield picture


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    path = tmp_path / "tone.wav"
    soundfile.write(path, 0.2 * np.sin(np.arange(32_000) * 0.15), 16_000)
    return path


def sound_of(path: Path) -> np.ndarray:
    """Samples at 16 kHz of a film's sound track."""
    import subprocess

    import imageio_ffmpeg

    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path), "-map", "0:a:0"]
    command += ["-ar", "16000", "-ac", "1", "-f", "s16le", "-"]
    return np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, np.int16) / 32768


def test_every_frame_arrives_with_its_colours(tmp_path: Path) -> None:
    told: list[float] = []
    path = write_video(pictures(40), tmp_path / "film.mp4", total=40, progress=lambda done, text: told.append(done))
    info = video_info(path)
    assert (info.size, info.fps, info.duration_s) == ((128, 96), 25.0, pytest.approx(1.6, abs=0.05))
    shown = [frame.copy() for frame in read_video(path)]
    assert len(shown) == 40 and told[-1] == 1.0 and told == sorted(told)
    for index in (0, 20, 39):
        expected = list(pictures(index + 1))[-1]
        assert np.abs(shown[index].astype(int) - expected).mean() < 6


def test_sound_plays_along_and_ends_with_the_pictures(tmp_path: Path, sound: Path) -> None:
    path = write_video(pictures(25), tmp_path / "film.mp4", audio=sound, total=25)
    samples = sound_of(path)
    assert len(samples) / 16_000 == pytest.approx(1.0, abs=0.1)
    assert np.sqrt(np.mean(samples[2000:14_000] ** 2)) == pytest.approx(0.2 / np.sqrt(2), rel=0.1)


def test_sound_that_ends_first_costs_no_frame(tmp_path: Path) -> None:
    short = tmp_path / "short.wav"
    soundfile.write(short, np.zeros(11_000), 16_000)
    path = write_video(pictures(18), tmp_path / "film.mp4", audio=short)
    assert len(list(read_video(path))) == 18 and len(sound_of(path)) / 16_000 == pytest.approx(0.72, abs=0.1)


def test_odd_sizes_lose_their_last_row_and_column(tmp_path: Path) -> None:
    path = write_video(pictures(3, height=65, width=101), tmp_path / "film.mp4")
    assert next(read_video(path)).shape == (64, 100, 3)


def test_another_rate_repeats_or_leaves_out(tmp_path: Path) -> None:
    path = write_video(pictures(25), tmp_path / "film.mp4")
    assert len(list(read_video(path, fps=50))) == pytest.approx(50, abs=1)
    assert len(list(read_video(path, fps=5))) == pytest.approx(5, abs=1)


def test_a_turned_film_is_read_upright(tmp_path: Path) -> None:
    import subprocess

    import imageio_ffmpeg

    path = write_video(pictures(5), tmp_path / "film.mp4")
    turned = tmp_path / "turned.mp4"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-display_rotation", "90", "-i", str(path)]
    subprocess.run([*command, "-c", "copy", str(turned)], check=True)
    assert video_info(turned).size == (96, 128)
    assert next(read_video(turned)).shape == (128, 96, 3)


@pytest.mark.parametrize("when", ["while it is written", "by the progress"])
def test_a_film_given_up_leaves_nothing(tmp_path: Path, when: str) -> None:
    class GivenUp(Exception):
        pass

    def broken() -> Iterator[np.ndarray]:
        yield from pictures(10)
        raise GivenUp

    def stop(done: float, text: str) -> None:
        if done > 0.5:
            raise GivenUp

    with pytest.raises(GivenUp):
        if when == "by the progress":
            write_video(pictures(20), tmp_path / "film.mp4", total=20, progress=stop)
        else:
            write_video(broken(), tmp_path / "film.mp4")
    assert list(tmp_path.iterdir()) == []


def test_an_old_film_stays_until_the_new_one_is_complete(tmp_path: Path) -> None:
    path = write_video(pictures(5), tmp_path / "film.mp4")
    before = path.read_bytes()
    (tmp_path / "noise.wav").write_bytes(b"this is no sound")
    with pytest.raises(StudioError, match="could not be written"):
        write_video(pictures(5), path, audio=tmp_path / "noise.wav")
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 2


def test_frames_of_another_size_are_an_error(tmp_path: Path) -> None:
    def growing() -> Iterator[np.ndarray]:
        yield np.zeros((64, 64, 3), np.uint8)
        yield np.zeros((64, 66, 3), np.uint8)

    with pytest.raises(ValueError, match="should be uint8"):
        write_video(growing(), tmp_path / "film.mp4")


@pytest.mark.parametrize(("name", "words"), [("film.avi", "should end in"), ("missing/film.mp4", "exists")])
def test_outputs_are_checked_before_work(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(StudioError, match=words):
        write_video(pictures(2), tmp_path / name)


def test_no_frames_are_no_film(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="at least one frame"):
        write_video(iter(()), tmp_path / "film.mp4")


def test_sound_of_a_film_as_mono_wav(tmp_path: Path, sound: Path) -> None:
    film = write_video(pictures(40), tmp_path / "film.mp4", audio=sound, total=40)
    samples, rate = soundfile.read(extract_sound(film, tmp_path / "sound.wav"))
    assert rate == SOUND_RATE and samples.ndim == 1 and len(samples) / rate == pytest.approx(1.6, abs=0.1)
    short, _ = soundfile.read(extract_sound(sound, tmp_path / "short.wav", longest_s=0.5))
    assert len(short) / rate == pytest.approx(0.5, abs=0.01)


def test_what_has_no_sound_gets_one_sentence(tmp_path: Path) -> None:
    silent = write_video(pictures(3), tmp_path / "film.mp4")
    (tmp_path / "list.wav").write_text("#EXTM3U\n#EXTINF:5,\nfile:///etc/hostname\n")
    for source in (silent, tmp_path / "list.wav", tmp_path / "missing.wav"):
        with pytest.raises(StudioError, match="sound track"):
            extract_sound(source, tmp_path / "sound.wav")
    assert not (tmp_path / "sound.wav").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a film at all",
        b"#EXTM3U\n#EXTINF:5,\nfile:///etc/hostname\n",
        b"ffconcat version 1.0\nfile /etc/hostname\n",
    ],
)
def test_what_is_no_film_gets_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(content)
    with pytest.raises(StudioError) as raised:
        list(read_video(path))
    assert "`video`" in str(raised.value) and "\n" not in str(raised.value) and "hostname" not in str(raised.value)
