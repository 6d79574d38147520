"""A snapshot from the webcam becomes the portrait: Chromium's fake camera films one of the shipped pictures."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Playwright

from pipelines.assets import PORTRAITS
from tests.browser.driver import LAUNCH, difference, open_context, open_studio

pytestmark = pytest.mark.browser

WIDTH, HEIGHT = 640, 480


def _film(path: Path) -> np.ndarray:
    """Write the picture that the camera sees as YUV4MPEG2 and return it, (480, 640, 3) RGB."""
    photo = cv2.imread(str(PORTRAITS / "admiral.jpg"))
    assert photo is not None
    scale = HEIGHT / photo.shape[0]
    seen = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    frame = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    left = (WIDTH - seen.shape[1]) // 2
    frame[:, left : left + seen.shape[1]] = seen[:HEIGHT]
    planes = cv2.cvtColor(frame, cv2.COLOR_BGR2YUV_I420).tobytes()
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F10:1 Ip A1:1 C420\n".encode())
        for _ in range(10):
            file.write(b"FRAME\n" + planes)
    return cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)


def test_a_webcam_snapshot_becomes_the_portrait(
    driver: Playwright, chromium: str, studio_url: str, tmp_path: Path
) -> None:
    seen = _film(tmp_path / "camera.y4m")
    camera = (
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={tmp_path / 'camera.y4m'}",
    )
    browser = driver.chromium.launch(executable_path=chromium, args=[*LAUNCH, *camera])
    context = open_context(browser, permissions=["camera"])
    studio = open_studio(context, studio_url)
    studio.panel("portrait")
    portrait = studio.page.locator(".for-portrait")
    portrait.get_by_label("Capture from camera").click()
    portrait.get_by_title("grant webcam access").click()
    studio.page.wait_for_function("() => document.querySelector('[data-testid=webcam-video]')?.videoWidth > 0")
    before = studio.pixels()
    portrait.get_by_label("capture photo").click()
    studio.page.wait_for_function("() => studio.state.portrait?.size?.[0] === 640", timeout=30_000)
    studio.settle()
    assert difference(before, studio.pixels()) > 20
    taken = studio.source("photo")
    assert min(difference(taken, seen), difference(taken, seen[:, ::-1])) < 8
    rest = studio.pixels()
    studio.set(jaw_open=0.8)
    assert difference(rest, studio.pixels()) > 0.5
    browser.close()
