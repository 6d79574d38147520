"""Hands and eyes for the browser tests: open the page, wait for the frame of an edit, read the canvas."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import psutil
from playwright.sync_api import Browser, BrowserContext, Page

DESKTOP = (1440, 900)
PHONE = (390, 844)
LAUNCH = (
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-gpu",
    # clips play without a click, and the microphone is a tone
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
)

READY = "() => window.studio?.stage?.drawnSeq > 0 && document.querySelector('#studio .panel.open')"
PROBE = """
window.probe = {
  /** RGBA of the canvas as it is. */
  pixels() {
    const canvas = document.querySelector('#st-stage canvas.picture');
    return canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  },
  async base64() {
    const canvas = document.querySelector('#st-stage canvas.picture');
    const bytes = probe.pixels();
    let text = '';
    for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
    return [canvas.width, canvas.height, btoa(text)];
  },
  /** Largest and mean difference of two canvases, 0..255, over red, green and blue. */
  difference(a, b) {
    let largest = 0, sum = 0;
    for (let i = 0; i < a.length; i++) {
      const d = Math.abs(a[i] - b[i]);
      if (d > largest) largest = d;
      sum += d;
    }
    return {largest, mean: sum / (a.length * 0.75)};
  },
  /** Put the whole edit at `entries` over the defaults and wait until it is drawn. */
  async show(entries) {
    const all = {};
    for (const key of studio.table.slots.keys()) all[key] = entries[key] ?? studio.store.defaultOf(key);
    studio.store.assign(all);
    await studio.stage.settled();
    return probe.pixels();
  },
};
"""


@dataclass(frozen=True)
class Studio:
    """One open page of the studio."""

    page: Page

    def run(self, script: str, argument: Any = None) -> Any:
        return self.page.evaluate(script, argument)

    def set(self, **values: float) -> None:
        """Set controls or slots by name and wait for the frame."""
        self.run("values => Object.entries(values).forEach(([name, value]) => studio.set(name, value))", values)
        self.settle()

    def get(self, name: str) -> float:
        return self.run("name => studio.get(name)", name)

    def settle(self) -> None:
        """Wait until the last edit is drawn and the rows are painted."""
        self.run("() => studio.doc.settled().then(() => studio.stage.settled())")
        # what is compared shows once both of its pictures are here
        self.run("() => studio.comparison.settled()")
        self.run("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def stand_still(self) -> None:
        """Wait until nothing around the picture moves to its new place or size any more."""
        self.run("""() => Promise.allSettled(document.querySelector('#st-stage .viewport')
            .getAnimations({subtree: true}).map(animation => animation.finished))""")

    def pixels(self) -> np.ndarray:
        """(H, W, 3) uint8 of the canvas."""
        import base64

        width, height, text = self.run("() => probe.base64()")
        return np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width, 4)[:, :, :3]

    def ring(self, name: str) -> np.ndarray:
        """(N, 2) an outline of the face map, in pixels of the canvas."""
        script = """name => {
            const path = document.querySelector(`.map [data-ring=${name}]`).getAttribute('d');
            const side = document.querySelector('#st-stage canvas.picture').width;
            return path.slice(1, -1).split('L').map(pair => pair.split(' ').map(part => part * side / 1000 - 0.5));
        }"""
        return np.array(self.run(script, name))

    def inside(self, ring: str) -> np.ndarray:
        """(N, 3) uint8 pixels of the canvas inside an outline of the face map."""
        import cv2

        pixels, corners = self.pixels(), self.ring(ring)
        mask = np.zeros(pixels.shape[:2], np.uint8)
        cv2.fillPoly(mask, [np.rint(corners).astype(np.int32)], 1)
        return pixels[mask > 0]

    def source(self, view: str = "crop") -> np.ndarray:
        """(H, W, 3) uint8 of the source picture, fetched the way the page does."""
        import base64

        import cv2

        script = """async view => {
            const response = await fetch(studio.sourceUrl(view));
            const bytes = new Uint8Array(await response.arrayBuffer());
            let text = '';
            for (const byte of bytes) text += String.fromCharCode(byte);
            return btoa(text);
        }"""
        data = np.frombuffer(base64.b64decode(self.run(script, view)), np.uint8)
        return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)

    def panel(self, key: str) -> None:
        self.run("key => studio.openPanel(key)", key)
        self.settle()

    def reset(self, *, to: int | None = None) -> None:
        """Back to the photo with an empty history, or to a step of it; the face view and no toast."""
        self.run(
            """async step => {
            document.activeElement?.blur();
            studio.toast.hide();
            studio.dialogs.closePopover();
            document.querySelector('dialog.sheet')?.close();
            studio.compare(false);
            studio.comparison.choose('');
            studio.mask.choose('');
            studio.doc.setTarget(null);
            if (step === null) await studio.history.startOver();
            else await studio.history.jump(step);
            studio.playback.pause();
            // sides that a value parted stay apart when they are equal again
            for (const key of studio.table.slotsOf.keys()) {
                if (!studio.state.doc.apart.includes(key)) studio.store.setLinked(key, true);
            }
            studio.facemap.setShown(true);
            await studio.view.choose('crop');
            studio.viewport.fit();
            studio.openPanel('expression');
            document.querySelector('#st-side').scrollTop = 0;
        }""",
            to,
        )
        self.settle()

    def row(self, name: str) -> Any:
        return self.page.locator(f'#studio .sl[data-key="{name}"]')


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """Mean absolute difference, 0..255."""
    return float(np.abs(a.astype(int) - b.astype(int)).mean())


class Crowd:
    """How much of the machine others take while something is measured: rates are asked for accordingly.

    Others are all processes but the test's own: pytest, its studio and its browser.
    """

    def __init__(self) -> None:
        self._start = self._seconds()

    @property
    def factor(self) -> float:
        """All cores over those that others left since the start, at least 1."""
        elapsed_s, idle_s, own_s = np.subtract(self._seconds(), self._start)
        total_s = elapsed_s * (os.cpu_count() or 1)
        return float(total_s / np.clip(idle_s + own_s, 0.1 * total_s, total_s))

    @staticmethod
    def _seconds() -> tuple[float, float, float]:
        """Time now, idle time of all cores, CPU time of the test's own processes."""
        me = psutil.Process()
        own_s = 0.0
        for process in (me, *me.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                own_s += times.user + times.system
        machine = psutil.cpu_times()
        return time.monotonic(), machine.idle + getattr(machine, "iowait", 0.0), own_s


SEEN = "try { localStorage.setItem('studio.tour', 'done'); } catch { /* no storage on a blank page */ }"
"""Makes the visitor one who has seen the tour."""


def open_context(
    browser: Browser, size: tuple[int, int] = DESKTOP, *, is_first_visit: bool = False, **options: Any
) -> BrowserContext:
    """A window of its own; unless `is_first_visit`, of somebody who has been here before."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, **options)
    context.set_default_timeout(30_000)
    context.add_init_script(PROBE)
    if not is_first_visit:
        context.add_init_script(SEEN)
    return context


def open_studio(context: BrowserContext, url: str, query: str = "") -> Studio:
    """A ready page: portrait read, first picture drawn."""
    page = context.new_page()
    page.goto(url + (query or "/"))
    page.wait_for_function(READY, timeout=60_000)
    studio = Studio(page)
    studio.settle()
    return studio
