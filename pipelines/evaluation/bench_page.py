"""Figures of the real page: edit to new pixels, frames shown while dragging, first picture, memory."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipelines.errors import StudioError
from pipelines.evaluation.bench_render import figure

APP = Path(__file__).resolve().parents[2] / "app.py"
START_SECONDS = 120
DRAG_SECONDS = 5
CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# Logs when each vector was sent by the pointer and when its frame was on the canvas.
PROBE = """
() => {
  const probe = (window.__probe = { asked: [], shown: [] });
  window.studio.stage.onframe.push((seq) => probe.shown.push([seq, performance.now()]));
  probe.single = async (key, values, gap) => {
    const waits = [];
    for (const value of values) {
      const before = probe.shown.length, start = performance.now();
      window.studio.set(key, value);
      const isWaiting = () => probe.shown.length === before && performance.now() - start < 2000;
      while (isWaiting()) await new Promise(requestAnimationFrame);
      if (probe.shown.length > before) waits.push(probe.shown[before][1] - start);
      await new Promise((done) => setTimeout(done, gap));
    }
    return waits;
  };
  probe.drag = async (key, lo, hi, hz, seconds) => {
    const n = Math.round(hz * seconds), start = performance.now(), before = probe.shown.length;
    for (let i = 0; i < n; i++) {
      window.studio.set(key, lo + ((hi - lo) * i) / (n - 1));
      const wait = start + ((i + 1) * 1000) / hz - performance.now();
      await new Promise((done) => setTimeout(done, Math.max(0, wait)));
    }
    return (probe.shown.length - before) / ((performance.now() - start) / 1000);
  };
  /** The pointer goes along the timeline, one step for each frame of the screen; different frames shown per second. */
  probe.scrub = async (steps) => {
    const frames = new Set();
    const { stage } = window.studio;
    stage.onframe.push(() => frames.add(stage.shownFrame));
    const grid = document.querySelector(".tgrid");
    const { x, y, width } = document.querySelector("[data-lanes]").getBoundingClientRect();
    const at = (share) => ({ bubbles: true, pointerId: 1, clientX: x + 2 + (width - 4) * share, clientY: y + 8 });
    grid.setPointerCapture = () => {};
    const start = performance.now();
    grid.dispatchEvent(new PointerEvent("pointerdown", { ...at(0), button: 0 }));
    for (let i = 1; i <= steps; i++) {
      grid.dispatchEvent(new PointerEvent("pointermove", at(i / steps)));
      await new Promise(requestAnimationFrame);
    }
    const seconds = (performance.now() - start) / 1000;
    grid.dispatchEvent(new PointerEvent("pointerup", at(1)));
    return frames.size / seconds;
  };
}
"""
# A photo becomes four seconds of time.
ADD_LAYER = """
async () => {
  const jaw_open = [[0.4, 0.1, "smooth"], [2.0, 0.8, "smooth"], [3.6, 0.2, "smooth"]];
  await window.studio.doc.send("add_layer", { layer: { name: "Bench", channels: { jaw_open } } });
  await window.studio.stage.settled();
}
"""


def bench_page(*, seconds: float = DRAG_SECONDS) -> list[dict[str, Any]]:
    """Start the studio, drive it in headless Chromium and read the figures of the live loop.

    Raises:
        StudioError: Chromium or Playwright is not installed.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise StudioError("The page figures need Playwright: run `make bench`, which installs it.") from error
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        raise StudioError("The page figures need Chromium: run `make bench`, which installs it.")
    with running_studio() as (url, pid), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        start = time.perf_counter()
        page.goto(url)
        page.wait_for_function("() => window.studio?.stage?.drawnSeq > 0", timeout=60_000)
        first_picture = time.perf_counter() - start
        page.evaluate(PROBE)
        page.evaluate("() => window.__probe.single('yaw_deg', [1, 2, 3], 200)")
        waits = page.evaluate(
            "() => window.__probe.single('yaw_deg', Array.from({length: 60}, (_, i) => (i % 20) - 10.5), 120)"
        )
        shown = {
            hz: page.evaluate(f"() => window.__probe.drag('yaw_deg', -12, 12, {hz}, {seconds})") for hz in (30, 60)
        }
        before = resident_mb(pid)
        page.evaluate(
            "() => window.__probe.single('jaw_open', Array.from({length: 1000}, (_, i) => (i % 97) / 97), 0)"
        )
        growth = resident_mb(pid) - before
        page.evaluate(ADD_LAYER)
        page.wait_for_selector("#st-time .tgrid")
        scrubbed = page.evaluate("() => window.__probe.scrub(100)")
        browser.close()
    waits.sort()
    return [
        figure("first picture after the page is asked for", first_picture, "s", "<= 3"),
        figure("edit to new pixels, median", statistics.median(waits), "ms", "<= 45"),
        figure("edit to new pixels, p95", waits[int(0.95 * (len(waits) - 1))], "ms", "<= 80"),
        figure("frames shown while dragging at 30 Hz", shown[30], "fps", ">= 28"),
        figure("frames shown while dragging at 60 Hz", shown[60], "fps", ">= 38"),
        figure("frames shown while the timeline is scrubbed", scrubbed, "fps", ">= 20"),
        figure("memory growth over 1,000 edits", growth, "MB", "<= 20"),
    ]


@contextlib.contextmanager
def running_studio() -> Iterator[tuple[str, int]]:
    """(url, process id) of a studio started on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    environment = os.environ | {
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_ANALYTICS_ENABLED": "False",
        "HF_HUB_OFFLINE": "1",
    }
    process = subprocess.Popen([sys.executable, str(APP)], env=environment, stdout=subprocess.DEVNULL)  # noqa: S603
    try:
        deadline = time.monotonic() + START_SECONDS
        while True:
            with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2):  # noqa: S310
                break
            if process.poll() is not None or time.monotonic() > deadline:
                raise StudioError("The studio did not start; run `python app.py` to see why.")
            time.sleep(0.2)
        yield url, process.pid
    finally:
        process.terminate()
        process.wait(15)


def resident_mb(pid: int) -> float:
    """Resident memory of a process in megabytes (Linux, through psutil elsewhere)."""
    import psutil

    return psutil.Process(pid).memory_info().rss / 2**20
