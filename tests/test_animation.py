"""GIF, WebP, APNG, WebM and frames in a zip: what is written can be read; nothing half-written stays."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines.animation import ALPHA_FORMATS, ANIMATION_FORMATS, check_moving_path, write_moving
from pipelines.errors import StudioError
from pipelines.video import Frame, extract_sound, read_video


def frames(count: int = 6, *, channels: int = 3, size: tuple[int, int] = (48, 64)) -> Iterator[Frame]:
    """A bright bar that wanders over a ramp; one buffer, used again, as the renderer's."""
    picture = np.zeros((*size, channels), np.uint8)
    for index in range(count):
        picture[..., :3] = np.linspace(0, 200, size[1]).astype(np.uint8)[:, None]
        picture[:, 8 * index : 8 * index + 8, :3] = (255, 40, 40)
        if channels == 4:
            picture[..., 3] = 0
            picture[8:40, :, 3] = 255
        yield picture


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".apng"])
def test_animations_hold_every_frame(suffix: str, tmp_path: Path) -> None:
    told: list[float] = []
    path = write_moving(
        frames(), tmp_path / f"a{suffix}", fps=12.5, total=6, progress=lambda done, text: told.append(done)
    )
    with Image.open(path) as picture:
        assert picture.size == (64, 48) and getattr(picture, "n_frames", 1) == 6
        picture.seek(4)
        shown = np.asarray(picture.convert("RGB")).astype(int)
        assert np.abs(shown[:, 32:40].mean((0, 1)) - (255, 40, 40)).max() < 40
        assert picture.info["duration"] == pytest.approx(80, abs=1)
        assert picture.info.get("loop", 0) == 0
    assert told == pytest.approx([index / 6 for index in range(1, 7)])
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", [".webp", ".apng"])
def test_alpha_is_kept(suffix: str, tmp_path: Path) -> None:
    path = write_moving(frames(channels=4), tmp_path / f"a{suffix}")
    with Image.open(path) as picture:
        alpha = np.asarray(picture.convert("RGBA"))[..., 3]
    assert alpha[2].max() == 0 and alpha[20].min() == 255


def test_webm_is_a_film_and_keeps_alpha(tmp_path: Path) -> None:
    import subprocess

    import imageio_ffmpeg

    path = write_moving(frames(channels=4), tmp_path / "a.webm", fps=25)
    assert len(list(read_video(path))) == 6
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-c:v", "libvpx-vp9", "-i", str(path)]
    raw = subprocess.run([*command, "-f", "rawvideo", "-pix_fmt", "rgba", "-"], capture_output=True, check=True).stdout
    alpha = np.frombuffer(raw, np.uint8).reshape(6, 48, 64, 4)[..., 3]
    assert alpha[3, 2].max() < 20 and alpha[3, 20].min() > 235
    odd = write_moving(frames(size=(49, 65)), tmp_path / "b.webm")
    assert next(iter(read_video(odd))).shape == (48, 64, 3)


@pytest.mark.parametrize("channels", [3, 4])
def test_webm_carries_the_sound(channels: int, tmp_path: Path) -> None:
    import soundfile

    rate, pitch_hz = 16_000, 440
    tone = 0.5 * np.sin(2 * np.pi * pitch_hz * np.arange(2 * rate) / rate)
    soundfile.write(tmp_path / "tone.wav", tone, rate)
    pictures = frames(20, channels=channels, size=(48, 160))
    film = write_moving(pictures, tmp_path / "a.webm", fps=20, audio=tmp_path / "tone.wav", total=20)
    assert len(list(read_video(film))) == 20
    sound, decoded_rate = soundfile.read(extract_sound(film, tmp_path / "sound.wav", rate=rate))
    # cut where the pictures end, and the same tone at the same loudness
    assert decoded_rate == rate and len(sound) / rate == pytest.approx(1, abs=0.06)
    middle = sound[rate // 4 : rate // 4 + rate // 2]
    strengths = np.abs(np.fft.rfft(middle))
    assert np.argmax(strengths) * rate / len(middle) == pytest.approx(pitch_hz, abs=3)
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.1)


def test_sound_is_left_out_where_the_format_has_none(tmp_path: Path) -> None:
    path = write_moving(frames(), tmp_path / "a.gif", audio=tmp_path / "never_read.wav")
    with Image.open(path) as picture:
        assert getattr(picture, "n_frames", 1) == 6


def test_frames_in_a_zip_are_exact(tmp_path: Path) -> None:
    path = write_moving(frames(3, channels=4), tmp_path / "a.zip")
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        read = [np.asarray(Image.open(io.BytesIO(archive.read(name)))) for name in names]
    assert names == ["frame_000001.png", "frame_000002.png", "frame_000003.png"]
    assert all(np.array_equal(a, b) for a, b in zip(read, frames(3, channels=4), strict=True))


def test_films_go_to_the_film_writer(tmp_path: Path) -> None:
    assert len(list(read_video(write_moving(frames(), tmp_path / "a.mp4")))) == 6


@pytest.mark.parametrize("suffix", [*ANIMATION_FORMATS, ".mp4"])
def test_work_given_up_leaves_no_file(suffix: str, tmp_path: Path) -> None:
    class GivenUpError(Exception):
        pass

    def stop(done: float, text: str) -> None:
        if done > 0.4:
            raise GivenUpError

    with pytest.raises(GivenUpError):
        write_moving(frames(), tmp_path / f"a{suffix}", total=6, progress=stop)

    def broken() -> Iterator[Frame]:
        yield from (frame.copy() for frame in frames(2))
        raise GivenUpError

    with pytest.raises(GivenUpError):
        write_moving(broken(), tmp_path / f"a{suffix}")
    assert not list(tmp_path.iterdir())


def test_bad_outputs_are_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="should end in"):
        check_moving_path(tmp_path / "a.mkv")
    with pytest.raises(StudioError, match="folder"):
        check_moving_path(tmp_path / "missing" / "a.gif")
    with pytest.raises(StudioError, match="at least one frame"):
        write_moving(iter(()), tmp_path / "a.gif")
    with pytest.raises(StudioError, match="alpha"):
        write_moving(frames(channels=4), tmp_path / "a.gif")
    assert set(ALPHA_FORMATS) < set(ANIMATION_FORMATS)


def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    import tracemalloc

    def peak(count: int) -> int:
        tracemalloc.start()
        write_moving(frames(count, size=(256, 256)), tmp_path / "a.gif")
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    peak(5)
    assert peak(120) < 1.5 * peak(20) + 200_000
