"""`make bench`: speed and memory, as CPU time or as ratios wherever the clock of a noisy machine would lie."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from pipelines.assets import PORTRAITS
from pipelines.motion.edit import Edit, apply_edit
from pipelines.portrait.load import load_photo
from pipelines.portrait.paste import Paster
from pipelines.portrait.register import register
from pipelines.render import choose_renderer

Report = dict[str, list[dict[str, Any]]]

HEAD_TURN = {"yaw_deg": 9.0, "pitch_deg": -4.0, "smile": 0.6, "jaw_open": 0.4, "blink": 0.3, "gaze_x_deg": 8.0}
EXPRESSION = {"smile": 0.6, "jaw_open": 0.4, "brow_raise": 0.5}


def figure(name: str, value: float, unit: str, bar: str = "") -> dict[str, Any]:
    """One measured line: what, how much, in which unit, against which bar."""
    return {"figure": name, "value": round(float(value), 2), "unit": unit, "bar": bar}


def run_bench(what: str = "all") -> Report:
    """All figures, by title. `what` is "render", "page", "neural" (minutes long) or "all" (without neural)."""
    report: Report = {}
    if what in ("all", "render"):
        report["Mesh renderer, one thread"] = bench_render()
    if what in ("all", "page"):
        from pipelines.evaluation.bench_page import bench_page

        report["Page, headless Chromium"] = bench_page()
    if what == "neural":
        from pipelines.evaluation.bench_neural import bench_neural

        report |= bench_neural()
    return report


def cpu_ms(work: Callable[[int], object], *, repeats: int) -> float:
    """Median CPU milliseconds of this thread over `repeats` calls; the call gets its number."""
    costs = []
    for index in range(repeats):
        start = time.thread_time()
        work(index)
        costs.append(1e3 * (time.thread_time() - start))
    return statistics.median(costs)


def bench_render() -> list[dict[str, Any]]:
    """CPU cost of every step from a photo to a pasted frame."""
    cv2.setNumThreads(1)
    renderer = choose_renderer()
    photo = load_photo(PORTRAITS / "mona_lisa.jpg")
    large = np.asarray(cv2.resize(photo, (3000, 4000), interpolation=cv2.INTER_CUBIC), np.uint8)
    portrait = register(photo)
    frames: list[dict[str, Any]] = [
        figure("register a 12-megapixel photo", _process_ms(lambda: register(large)), "ms CPU", "<= 1000"),
        figure(
            "apply_edit",
            cpu_ms(lambda i: apply_edit(portrait, portrait.motion, _swing(HEAD_TURN, i)), repeats=60),
            "ms CPU",
        ),
    ]
    for size, turn_bar in ((256, "<= 6"), (512, "<= 16"), (1024, "")):
        handle = renderer.prepare(portrait, size=size)
        frames.append(
            figure(
                f"prepare at {size}", cpu_ms(lambda _, s=size: renderer.prepare(portrait, size=s), repeats=3), "ms CPU"
            )
        )
        for name, values, bar in (
            ("head turn and expression", HEAD_TURN, turn_bar),
            ("expression only", EXPRESSION, ""),
        ):
            motions = [apply_edit(portrait, portrait.motion, _swing(values, i)) for i in range(24)]
            out = np.empty((size, size, 3), np.uint8)
            cost = cpu_ms(lambda i, h=handle, m=motions, o=out: renderer.render(h, m[i % 24], out=o), repeats=48)
            frames.append(figure(f"{name} at {size}", cost, "ms CPU", bar))
    handle = renderer.prepare(portrait, size=512)
    face = renderer.render(handle, apply_edit(portrait, portrait.motion, Edit.of(HEAD_TURN)))
    paster = Paster.prepare(portrait, size=512)
    frames.append(figure("paste into the photo", cpu_ms(lambda _: paster.paste(face), repeats=20), "ms CPU"))
    frames.append(
        figure(
            "JPEG at quality 90",
            cpu_ms(lambda _: cv2.imencode(".jpg", face, [cv2.IMWRITE_JPEG_QUALITY, 90]), repeats=20),
            "ms CPU",
        )
    )
    return frames


def _swing(values: dict[str, float], index: int) -> Edit:
    """The edit at a changing strength, so that no frame equals the one before."""
    strength = 0.5 + 0.5 * np.sin(0.7 * index)
    return Edit.of({name: value * strength for name, value in values.items()})


def _process_ms(work: Callable[[], object]) -> float:
    """CPU milliseconds of the whole process, warm: the second of two calls."""
    work()
    start = time.process_time()
    work()
    return 1e3 * (time.process_time() - start)
