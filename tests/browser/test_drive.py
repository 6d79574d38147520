"""A film, a capture, a template and the webcam move the face on the real page: pixels, values, options, refusals."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile
from playwright.sync_api import Browser, Playwright

from pipelines.assets import PORTRAITS
from pipelines.motion.edit import Edit
from pipelines.motion.exchange import write_track
from pipelines.motion.space import Motion
from pipelines.motion.track import Track
from pipelines.portrait.load import load_photo
from pipelines.portrait.register import register
from pipelines.project import Document
from pipelines.project_render import Look, document_frames
from pipelines.render import choose_renderer
from pipelines.video import extract_sound, write_video
from tests.browser.driver import LAUNCH, Studio, difference, open_context, open_studio
from tests.browser.test_compare import both_sides

pytestmark = pytest.mark.browser

MOUTH = (slice(290, 430), slice(170, 342))
FRAMES = 20


def nodding(*, yaw_deg: float = 14.0, frames: int = FRAMES) -> Track:
    """The head turns to one side and the mouth opens, from rest."""
    still = Motion.identity(frames)
    share = np.linspace(0, 1, frames, dtype=np.float32)
    exp = still.exp.copy()
    exp[:, 19, 1] += 0.02 * share
    return Track(still.with_(yaw_deg=yaw_deg * share, exp=exp), 25)


@pytest.fixture(scope="module")
def _driven(browser: Browser, studio_url: str) -> Iterator[Studio]:
    context = open_context(browser)
    yield open_studio(context, studio_url)
    context.close()


@pytest.fixture
def page(_driven: Studio) -> Studio:
    _driven.reset()
    _driven.run("() => { studio.drive.set({relative: true, strength: 1, smooth: 'none', regions: {}}, false); }")
    _driven.panel("drive")
    return _driven


def drive(studio: Studio, path: Path) -> None:
    """Choose a file as a visitor does and wait for the clip."""
    studio.run("() => { window.before = studio.state.clip?.key; }")
    studio.page.locator("[data-section=driver] input[type=file]").set_input_files(str(path))
    studio.page.wait_for_function(
        "() => !studio.jobs.running() && studio.state.clip && studio.state.clip.key !== window.before", timeout=90_000
    )
    studio.page.wait_for_function("() => studio.drive.driver()")
    studio.settle()


def at(studio: Studio, frame: int) -> np.ndarray:
    studio.run("frame => studio.playback.seek(frame)", frame)
    studio.settle()
    return studio.pixels()


def option(studio: Studio, **values: object) -> None:
    """Change options and wait for the clip made anew."""
    studio.run("() => { window.before = studio.state.clip.key; }")
    studio.run("values => studio.drive.set(values)", values)
    studio.page.wait_for_function("() => studio.state.clip.key !== window.before")
    studio.settle()


@pytest.mark.parametrize("suffix", [".npz", ".json", ".pkl", ".csv"])
def test_a_motion_file_moves_the_face(page: Studio, tmp_path: Path, suffix: str) -> None:
    drive(page, write_track(tmp_path / f"nod{suffix}", nodding()))
    assert page.run("() => studio.state.clip.frames") == FRAMES
    assert page.run("() => studio.state.clip.label") == "nod"
    assert difference(at(page, FRAMES - 1), at(page, 0)) > 3


def test_strength_and_regions_derive_again_from_what_was_read(page: Studio, tmp_path: Path) -> None:
    drive(page, write_track(tmp_path / "nod.npz", nodding()))
    whole = difference(at(page, FRAMES - 1), page.source())
    asked: list[str] = []
    page.page.on("request", lambda request: asked.append(request.url))
    option(page, strength=0.4)
    assert 0.2 < difference(at(page, FRAMES - 1), page.source()) < 0.75 * whole
    option(page, strength=1, regions={"region_head": 0})
    turned_off = at(page, FRAMES - 1)
    assert difference(turned_off[:120], page.source()[:120]) < 1 < difference(turned_off[MOUTH], page.source()[MOUTH])
    option(page, regions={"region_head": 1}, start_s=0.2, stop_s=0.6)
    assert page.run("() => studio.state.clip.frames") == 10
    assert not [url for url in asked if "/drive/file" in url]
    # and the edit acts on top
    plain = at(page, 9)
    page.set(jaw_open=0.8)
    assert difference(page.pixels()[MOUTH], plain[MOUTH]) > 1


def test_absolute_takes_the_driver_s_own_pose(page: Studio, tmp_path: Path) -> None:
    drive(page, write_track(tmp_path / "nod.npz", nodding()))
    photo = page.source()
    assert difference(at(page, 0), photo) < 0.6
    option(page, relative=False)
    assert difference(at(page, 0), photo) > 3


def test_smoothing_takes_the_shaking_out(page: Studio, tmp_path: Path) -> None:
    shaking = Motion.identity(FRAMES).with_(yaw_deg=np.tile(np.float32([0, 5]), FRAMES // 2))
    drive(page, write_track(tmp_path / "shake.npz", Track(shaking, 25)))

    def shakes() -> float:
        return difference(at(page, 10), at(page, 11))

    rough = shakes()
    option(page, smooth="savgol")
    assert rough > 2 and shakes() < 0.55 * rough


def test_a_film_moves_the_face(page: Studio, tmp_path: Path) -> None:
    portrait = register(load_photo(PORTRAITS / "admiral.jpg"))
    document = Document(edit=Edit()).with_track(nodding(yaw_deg=12, frames=12))
    frames = document_frames(document, portrait, choose_renderer(), Look(size=384))
    soundfile.write(tmp_path / "tone.wav", 0.3 * np.sin(0.15 * np.arange(8000)), 16_000)
    drive(page, write_video(frames, tmp_path / "turn.mp4", fps=25, total=12, audio=tmp_path / "tone.wav"))
    assert page.run("() => studio.state.clip.frames") == 12
    curves = page.run("() => studio.drive.driver()")
    assert curves["faces"] == [] and curves["label"] == "turn"
    page.page.wait_for_function("() => studio.state.clip.drawing")
    yaw = page.run("() => studio.state.clip.drawing.curves.yaw")
    assert 7 < yaw[-1] < 16 and abs(yaw[0]) < 1
    assert difference(at(page, 11), at(page, 0)) > 2
    # the film's sound plays along, and is in the film that comes out
    assert page.run("() => studio.state.clip.sound")
    page.panel("export")
    with page.page.expect_download(timeout=60_000) as download:
        page.page.locator("[data-action=film]").click()
    download.value.save_as(tmp_path / "out.mp4")
    heard, rate = soundfile.read(extract_sound(tmp_path / "out.mp4", tmp_path / "heard.wav"))
    loudest = np.abs(np.fft.rfft(heard)).argmax() * rate / len(heard)
    assert loudest == pytest.approx(0.15 * 16_000 / (2 * np.pi), abs=12) and heard.std() > 0.1


def _smaller(picture: np.ndarray) -> np.ndarray:
    """The same size with the face drawn smaller."""
    wide = np.pad(picture, ((40, 40), (40, 40), (0, 0)))
    return np.asarray(cv2.resize(wide, picture.shape[:2]), np.uint8)


def test_another_face_of_a_film_can_be_chosen(page: Studio, tmp_path: Path) -> None:
    drawn = []
    for key, yaw_deg in (("admiral", 12.0), ("astronaut", -12.0)):
        portrait = register(load_photo(PORTRAITS / f"{key}.jpg"))
        document = Document().with_track(nodding(yaw_deg=yaw_deg, frames=8))
        drawn.append([f.copy() for f in document_frames(document, portrait, choose_renderer(), Look(size=384))])
    film = [np.hstack([large, _smaller(small)]) for large, small in zip(*drawn, strict=True)]
    drive(page, write_video(film, tmp_path / "two.mp4", fps=25, total=8))
    page.page.wait_for_function("() => studio.state.clip.drawing")
    first = page.run("() => studio.state.clip.drawing.curves.yaw")[-1]
    faces = page.page.locator(".driver-faces [data-face]")
    assert faces.count() == 2
    page.run("() => { window.before = studio.state.clip.key; }")
    faces.nth(1).click()
    page.page.wait_for_function("() => studio.state.clip.key !== window.before && studio.state.clip.drawing")
    second = page.run("() => studio.state.clip.drawing.curves.yaw")[-1]
    assert first * second < 0 and min(abs(first), abs(second)) > 5


class _Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return (print, ("unpickled",))


def test_a_malicious_template_is_refused_in_one_sentence(page: Studio, tmp_path: Path) -> None:
    path = tmp_path / "evil.pkl"
    path.write_bytes(pickle.dumps({"motion": _Evil()}))
    page.page.locator("[data-section=driver] input[type=file]").set_input_files(str(path))
    toast = page.page.locator(".toast[data-kind=error]")
    toast.wait_for()
    said = toast.locator("span").first.inner_text()
    assert 10 < len(said) < 220 and said.endswith(".") and "Traceback" not in said
    assert page.run("() => studio.state.clip") is None


def test_the_face_follows_the_webcam_and_a_recording_becomes_the_clip(
    driver: Playwright, chromium: str, studio_url: str, tmp_path: Path
) -> None:
    portrait = register(load_photo(PORTRAITS / "admiral.jpg"))
    swing = np.concatenate([np.linspace(0, 16, 10), np.linspace(16, 0, 10)]).astype(np.float32)
    document = Document().with_track(Track(Motion.identity(20).with_(yaw_deg=swing), 25))
    camera = tmp_path / "camera.y4m"
    with camera.open("wb") as file:
        file.write(b"YUV4MPEG2 W384 H384 F5:1 Ip A1:1 C420\n")
        for frame in document_frames(document, portrait, choose_renderer(), Look(size=384)):
            file.write(b"FRAME\n" + cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420).tobytes())
    fake = (f"--use-file-for-fake-video-capture={camera}",)
    browser = driver.chromium.launch(executable_path=chromium, args=[*LAUNCH, *fake])
    studio = open_studio(open_context(browser, permissions=["camera"]), studio_url)
    studio.panel("drive")
    rest = studio.pixels()
    studio.page.locator("[data-action=camera]").click()
    studio.page.wait_for_function("() => studio.camera.report().face")
    studio.page.locator("[data-action=neutral]").click()
    seen = []
    for _ in range(12):
        studio.page.wait_for_timeout(250)
        seen.append(studio.pixels())
    assert max(difference(picture, rest) for picture in seen) > 3
    # an edit on top while the camera drives: a mouth that was closed is open, and dark inside
    closed = np.ptp(studio.ring("lips_inner")[:, 1])
    studio.set(jaw_open=0.9)
    mouth = studio.inside("lips_inner")
    assert np.ptp(studio.ring("lips_inner")[:, 1]) > closed + 12
    assert mouth.mean() < 0.8 * studio.inside("oval").mean()
    # compared with the source both sides are the driven face of one moment, on one side without the edit
    studio.run("() => studio.comparison.choose('wipe')")
    studio.page.wait_for_function("() => !document.querySelector('canvas.against').hidden")
    studio.run("() => studio.comparison.settled()")
    source, edit = both_sides(studio)
    assert difference(source[MOUTH], edit[MOUTH]) > 3 > 0.6 > difference(source[:120], edit[:120])
    studio.set(jaw_open=0)
    turned = max((both_sides(studio) for _ in range(12)), key=lambda sides: difference(sides[0], rest))
    assert difference(turned[0], rest) > 3 and difference(*turned) == 0
    studio.run("() => studio.comparison.choose('')")
    studio.page.locator("[data-action=record]").click()
    studio.page.wait_for_function("() => studio.camera.report().recorded_s > 2.2")
    studio.page.locator("[data-action=record]").click()
    studio.page.wait_for_function("() => studio.state.clip?.drawing")
    assert studio.run("() => studio.camera.isOn()") is False
    assert 25 <= studio.run("() => studio.state.clip.frames") <= 125
    yaw = studio.run("() => studio.state.clip.drawing.curves.yaw")
    assert np.ptp(yaw) > 6
    browser.close()
