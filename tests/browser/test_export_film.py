"""What plays leaves the page as a film, an animation, frames or motion: decoded and compared with the stage."""

from __future__ import annotations

import io
import json
import re
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import soundfile
from PIL import Image
from playwright.sync_api import Browser

from pipelines.errors import StudioError
from pipelines.motion.edit import Edit
from pipelines.motion.exchange import read_track, write_track
from pipelines.project import Document, Media, PortraitRef
from pipelines.video import extract_sound, read_video, video_info
from tests.browser.driver import Studio, difference, open_context, open_studio
from tests.browser.test_drive import MOUTH, drive, nodding

pytestmark = pytest.mark.browser

FRAMES = 10
SIZE = 256
RATE, PITCH_HZ = 16_000, 440


@pytest.fixture(scope="module")
def _clip(browser: Browser, studio_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    context = open_context(browser, accept_downloads=True)
    studio = open_studio(context, studio_url)
    portrait = PortraitRef("Mona Lisa", example="mona_lisa")
    edit = Edit.of({"jaw_open": 0.5})
    work = Document(portrait, edit, track=nodding(frames=FRAMES), sound=Media(".wav", tone()))
    studio.panel("export")
    with studio.page.expect_response("**/project*"):
        studio.page.locator("[data-section=project] input[type=file]").set_input_files(
            str(work.save(tmp_path_factory.mktemp("export") / "nod.ditto"))
        )
    studio.page.wait_for_function("() => studio.state.clip?.sound && studio.get('jaw_open') > 0.4")
    studio.settle()
    yield studio
    context.close()


def tone() -> bytes:
    """A WAV as long as the clip."""
    buffer = io.BytesIO()
    seconds = np.arange(int(RATE * FRAMES / 25)) / RATE
    soundfile.write(buffer, 0.4 * np.sin(2 * np.pi * PITCH_HZ * seconds), RATE, format="WAV")
    return buffer.getvalue()


def stage(studio: Studio, frame: int) -> np.ndarray:
    """(256, 256, 3) of what the page shows at a frame."""
    studio.run("frame => studio.playback.seek(frame)", frame)
    studio.settle()
    return np.asarray(Image.fromarray(studio.pixels()).resize((SIZE, SIZE), Image.Resampling.BOX))


def export(
    studio: Studio, folder: Path, format: str, *, fps: str = "", alpha: bool = False, sound: bool = True
) -> Path:
    page = studio.page
    page.locator(f"[data-film-format={format}]").click()
    page.locator("[data-choice=size]").select_option(str(SIZE))
    page.locator("[data-choice=fps]").select_option(fps)
    if page.locator("[data-for=alpha]").is_visible():
        page.locator("[data-film-flag=alpha]").set_checked(alpha)
    if page.locator("[data-for=sound]").is_visible():
        page.locator("[data-film-flag=sound]").set_checked(sound)
    with page.expect_download(timeout=60_000) as download:
        page.locator("[data-action=film]").click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    page.wait_for_function("() => !studio.jobs.running()")
    return path


def pictures(path: Path) -> list[np.ndarray]:
    """(H, W, 4) frames of an animation, a film or a zip."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            files = [archive.read(name) for name in sorted(archive.namelist())]
        return [np.asarray(Image.open(io.BytesIO(data)).convert("RGBA")) for data in files]
    if path.suffix == ".mp4":
        return [np.dstack([frame, np.full(frame.shape[:2], 255, np.uint8)]) for frame in read_video(path)]
    if path.suffix == ".webm":
        # only this decoder gives the alpha
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-c:v", "libvpx-vp9", "-i", str(path)]
        command += ["-f", "rawvideo", "-pix_fmt", "rgba", "-"]
        raw = subprocess.run(command, capture_output=True, check=True).stdout
        return list(np.frombuffer(raw, np.uint8).reshape(-1, SIZE, SIZE, 4))
    with Image.open(path) as image:
        frames = []
        for index in range(getattr(image, "n_frames", 1)):
            image.seek(index)
            frames.append(np.asarray(image.convert("RGBA")))
        return frames


@pytest.mark.parametrize(
    ("format", "tolerance"), [("mp4", 5), ("webm", 6), ("gif", 9), ("webp", 6), ("apng", 4), ("zip", 4)]
)
def test_every_format_holds_every_frame_of_the_stage(
    _clip: Studio, tmp_path: Path, format: str, tolerance: float
) -> None:
    path = export(_clip, tmp_path, format)
    assert path.name == f"ditto-mona_lisa-face.{format}"
    frames = pictures(path)
    assert len(frames) == FRAMES and frames[0].shape[:2] == (SIZE, SIZE)
    for frame in (0, FRAMES - 1):
        assert difference(frames[frame][..., :3], stage(_clip, frame)) < tolerance


@pytest.mark.parametrize("format", ["zip", "apng", "webp", "webm"])
def test_transparent_films_show_the_person_alone(_clip: Studio, tmp_path: Path, format: str) -> None:
    frames = pictures(export(_clip, tmp_path, format, alpha=True))
    assert len(frames) == FRAMES
    for frame in (frames[0], frames[-1]):
        alpha = frame[..., 3]
        # nothing of the scene beside the head from the top down to the chin, all of the person in the middle
        beside = np.concatenate([alpha[: SIZE // 2, :20], alpha[: SIZE // 2, -20:]], axis=1)
        assert beside.max() < 30 and alpha[:8].max() < 30 and alpha[120:136, 120:136].min() > 225
        assert 0.25 < (alpha > 225).mean() < 0.75


def loudest_hz(film: Path) -> float:
    """The strongest frequency of a film's sound."""
    samples, rate = soundfile.read(extract_sound(film, film.with_suffix(".wav"), rate=RATE))
    assert len(samples) / rate == pytest.approx(FRAMES / 25, abs=0.06)
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * rate / len(samples))


@pytest.mark.parametrize(("format", "alpha"), [("webm", True), ("mp4", False)])
def test_films_sound_like_the_clip_or_not_at_all(_clip: Studio, tmp_path: Path, format: str, alpha: bool) -> None:
    assert loudest_hz(export(_clip, tmp_path, format, alpha=alpha)) == pytest.approx(PITCH_HZ, abs=5)
    with pytest.raises(StudioError, match="sound track"):
        loudest_hz(export(_clip, tmp_path, format, alpha=alpha, sound=False))


def test_the_rate_is_as_chosen(_clip: Studio, tmp_path: Path) -> None:
    path = export(_clip, tmp_path, "mp4", fps="50")
    info = video_info(path)
    assert info.fps == pytest.approx(50) and len(pictures(path)) == 2 * FRAMES
    with Image.open(export(_clip, tmp_path, "apng", fps="12")) as image:
        # 0.4 s are five pictures of a twelfth of a second
        assert image.n_frames == 5 and image.info["duration"] == pytest.approx(1000 / 12, abs=1)


@pytest.mark.parametrize("format", ["npz", "json", "pkl", "csv"])
def test_motion_holds_the_clip_and_the_edit(_clip: Studio, tmp_path: Path, format: str) -> None:
    page = _clip.page
    page.locator(f"[data-motion-format={format}]").click()
    page.locator("[data-choice=motion-fps]").select_option("50")
    with page.expect_download() as download:
        page.locator("[data-action=motion]").click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    assert path.name == f"ditto-mona_lisa-motion.{format}"
    track = read_track(path)
    # a template that rests elsewhere has its rest frame put before the others
    assert len(track) - 2 * FRAMES in (0, 1)
    # the time code of a CSV tells its rate from the first full second on
    assert format == "csv" or track.fps == pytest.approx(50)
    turned = track.motion.yaw_deg[-1] - track.reference.yaw_deg[0]
    assert turned == pytest.approx(14, abs=1.5)
    # the mouth is open from the first frame on: that is the edit
    assert np.abs(track.motion.exp[1] - track.reference.exp[0]).max() > 0.003


def test_the_picture_is_the_moment_at_the_playhead(_clip: Studio, tmp_path: Path) -> None:
    shown = stage(_clip, FRAMES - 1)
    picture = export_picture(_clip, tmp_path)
    assert difference(picture, shown) < 4
    rest = np.asarray(Image.fromarray(_clip.source()).resize((SIZE, SIZE), Image.Resampling.BOX))
    mouth = tuple(slice(part.start // 2, part.stop // 2) for part in MOUTH)
    assert difference(picture[mouth], rest[mouth]) > 3


def export_picture(studio: Studio, folder: Path) -> np.ndarray:
    """(256, 256, 3) of the picture the page hands over."""
    studio.page.locator(".for-export").get_by_label("Face crop").check()
    with studio.page.expect_download() as download:
        studio.page.locator("#st-export-picture").click()
    path = folder / "picture.png"
    download.value.save_as(path)
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BOX))


def test_a_still_with_layers_is_a_film_and_a_picture_of_any_moment(studio: Studio, tmp_path: Path) -> None:
    keys = {"jaw_open": [[0, 0, "linear"], [0.32, 0.8, "linear"]]}
    studio.run("() => studio.doc.send('add_layer', {index: 0})")
    studio.run("curves => studio.doc.send('set_curves', {index: 0, curves, label: 'Keys'})", keys)
    studio.settle()
    studio.panel("export")
    frames = pictures(export(studio, tmp_path, "webp"))
    assert len(frames) == 8
    mouth = tuple(slice(part.start // 2, part.stop // 2) for part in MOUTH)
    assert difference(frames[0][mouth][..., :3], frames[-1][mouth][..., :3]) > 5
    for frame in (0, 4, 7):
        assert difference(frames[frame][..., :3], stage(studio, frame)) < 6
    opened = stage(studio, 8)
    # at once after the playhead has moved
    studio.run("() => studio.playback.seek(0)")
    shut = export_picture(studio, tmp_path)
    assert difference(shut, stage(studio, 0)) < 4 < difference(shut[mouth], opened[mouth])


def test_a_film_is_handed_over_once_whatever_is_opened_after_it(_clip: Studio, tmp_path: Path) -> None:
    export(_clip, tmp_path, "zip")
    again: list[str] = []
    _clip.page.on("download", lambda download: again.append(download.url))
    bad = tmp_path / "portrait.jpg"
    bad.write_text("this is no picture")
    _clip.page.locator(".for-portrait input[type=file]").set_input_files(str(bad))
    error = _clip.page.locator(".toast[data-kind=error]", has_text="photo")
    error.wait_for()
    # a download would have begun before the server has answered twice
    for _ in range(2):
        _clip.run("async () => (await fetch(studio.transport.route('job'))).text()")
    assert not _clip.run("() => studio.jobs.running()") and not again
    error.locator("[data-action=dismiss]").click()
    assert _clip.page.locator(".toast").count() == 0


WRITTEN = "async () => (await fetch(studio.transport.route('film'), {method: 'HEAD'})).headers.get('etag')"
"""Tells one finished film from another; null where there is none."""


def test_cancel_leaves_no_file(_clip: Studio, tmp_path: Path) -> None:
    _clip.panel("drive")
    drive(_clip, write_track(tmp_path / "long.npz", nodding(frames=2000)))
    _clip.panel("export")
    before = _clip.run(WRITTEN)
    _clip.page.locator("[data-film-format=mp4]").click()
    _clip.page.locator("[data-choice=fps]").select_option("")
    _clip.page.locator("[data-action=film]").click()
    # how far it is, of how many, and how long it will take
    _clip.page.locator(
        ".toast[data-kind=job]", has_text=re.compile(r"\d of 2000 frames · \d+ (s|min) left")
    ).wait_for()
    _clip.page.locator(".toast [data-toast-action]").click()
    _clip.page.wait_for_function("() => !studio.jobs.running()", timeout=10_000)
    state = json.loads(_clip.run("async () => (await fetch(studio.transport.route('job'))).text()"))
    assert state["state"] == "cancelled"
    assert _clip.run(WRITTEN) == before


HEADINGS = """() => [...document.querySelectorAll('#st-side :is(h2, h3)')].filter(title => title.offsetParent)
    .map(title => [title.getBoundingClientRect().top, title.textContent]).sort((a, b) => a[0] - b[0])
    .map(([, text]) => text)"""
BLUE = """() => [...document.querySelectorAll('#studio button')].filter(button => button.offsetParent
    && getComputedStyle(button).backgroundColor === getComputedStyle(document.querySelector('#st-export-picture'))
    .backgroundColor).map(button => button.textContent.trim())"""


def test_the_panel_begins_with_what_is_wanted_most(_clip: Studio) -> None:
    _clip.panel("export")
    titles = _clip.run(HEADINGS)
    assert titles[:5] == ["Export", "Picture", "Film", "Motion", "Project"]
    assert set(titles[5:7]) == {"Edit file", "Share"} and titles[-1] == "Neural renderer"
    assert _clip.run(BLUE) == ["Export picture"]
    # asked for once more, the panel shows its top
    _clip.run("() => { document.querySelector('#st-side').scrollTop = 300; }")
    _clip.page.locator(".bar [data-action=export]").click()
    assert _clip.run("() => document.querySelector('#st-side').scrollTop") == 0
    _clip.panel("speech")
    # other panels keep their own column
    assert _clip.run(HEADINGS)[0] == "Speech" and "Picture" not in _clip.run(HEADINGS)
    _clip.panel("export")
