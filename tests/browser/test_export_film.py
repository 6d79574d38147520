"""What plays leaves the page as a film, an animation, frames or motion: decoded and compared with the stage."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser

from pipelines.motion.exchange import read_track, write_track
from pipelines.video import read_video, video_info
from tests.browser.driver import Studio, difference, open_context, open_studio
from tests.browser.test_drive import MOUTH, drive, nodding

pytestmark = pytest.mark.browser

FRAMES = 10
SIZE = 256


@pytest.fixture(scope="module")
def _clip(browser: Browser, studio_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    context = open_context(browser, accept_downloads=True)
    studio = open_studio(context, studio_url)
    studio.panel("drive")
    drive(studio, write_track(tmp_path_factory.mktemp("drive") / "nod.npz", nodding(frames=FRAMES)))
    studio.set(jaw_open=0.5)
    studio.run("() => studio.history.commit('Jaw')")
    studio.settle()
    studio.panel("export")
    yield studio
    context.close()


def stage(studio: Studio, frame: int) -> np.ndarray:
    """(256, 256, 3) of what the page shows at a frame."""
    studio.run("frame => studio.playback.seek(frame)", frame)
    studio.settle()
    return np.asarray(Image.fromarray(studio.pixels()).resize((SIZE, SIZE), Image.Resampling.BOX))


def export(studio: Studio, folder: Path, format: str, *, fps: str = "", alpha: bool = False) -> Path:
    page = studio.page
    page.locator(f"[data-film-format={format}]").click()
    page.locator("[data-choice=size]").select_option(str(SIZE))
    page.locator("[data-choice=fps]").select_option(fps)
    if page.locator("[data-for=alpha]").is_visible():
        page.locator("[data-film-flag=alpha]").set_checked(alpha)
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
    if path.suffix in (".mp4", ".webm"):
        return [np.dstack([frame, np.full(frame.shape[:2], 255, np.uint8)]) for frame in read_video(path)]
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


@pytest.mark.parametrize("format", ["zip", "apng", "webp"])
def test_transparent_films_show_the_person_alone(_clip: Studio, tmp_path: Path, format: str) -> None:
    frame = pictures(export(_clip, tmp_path, format, alpha=True))[0]
    assert frame[:20, :20, 3].max() < 30 and frame[120:136, 120:136, 3].min() > 225


def test_the_rate_is_as_chosen(_clip: Studio, tmp_path: Path) -> None:
    path = export(_clip, tmp_path, "mp4", fps="50")
    info = video_info(path)
    assert info.fps == pytest.approx(50) and len(pictures(path)) == 2 * FRAMES


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
    page = _clip.page
    page.wait_for_function("last => studio.state.doc.playhead.seconds > 0.9 * last / 25", arg=FRAMES - 1)
    page.locator(".for-export").get_by_label("Face crop").check()
    with page.expect_download() as download:
        page.locator("#st-export-picture").click()
    path = tmp_path / "picture.png"
    download.value.save_as(path)
    with Image.open(path) as image:
        picture = np.asarray(image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BOX))
    assert difference(picture, shown) < 4
    rest = np.asarray(Image.fromarray(_clip.source()).resize((SIZE, SIZE), Image.Resampling.BOX))
    mouth = tuple(slice(part.start // 2, part.stop // 2) for part in MOUTH)
    assert difference(picture[mouth], rest[mouth]) > 3


WRITTEN = "async () => (await fetch(studio.transport.route('film'), {method: 'HEAD'})).headers.get('etag')"
"""Tells one finished film from another; null where there is none."""


def test_cancel_leaves_no_file(_clip: Studio, tmp_path: Path) -> None:
    _clip.panel("drive")
    drive(_clip, write_track(tmp_path / "long.npz", nodding(frames=2000)))
    _clip.panel("export")
    before = _clip.run(
        "async () => (await fetch(studio.transport.route('film'), {method: 'HEAD'})).headers.get('etag')"
    )
    _clip.page.locator("[data-film-format=mp4]").click()
    _clip.page.locator("[data-action=film]").click()
    _clip.page.locator(".toast[data-kind=job]", has_text="frames").wait_for()
    _clip.page.locator(".toast [data-toast-action]").click()
    _clip.page.wait_for_function("() => !studio.jobs.running()", timeout=10_000)
    state = json.loads(_clip.run("async () => (await fetch(studio.transport.route('job'))).text()"))
    assert state["state"] == "cancelled"
    after = _clip.run(
        "async () => (await fetch(studio.transport.route('film'), {method: 'HEAD'})).headers.get('etag')"
    )
    assert after == before


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
    _clip.panel("speech")
    # other panels keep their own column
    assert _clip.run(HEADINGS)[0] == "Speech" and "Picture" not in _clip.run(HEADINGS)
    _clip.panel("export")
