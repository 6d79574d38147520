"""`python -m pipelines bench render`: what a frame of the mesh renderer costs and where.

Stages are timed inside real frames: the functions that draw them are wrapped while the frames are drawn.
"""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.assets import PORTRAITS
from pipelines.motion.edit import Edit, apply_edit
from pipelines.motion.space import Motion
from pipelines.portrait.load import load_photo
from pipelines.portrait.paste import Paster
from pipelines.portrait.register import register
from pipelines.portrait.types import Portrait
from pipelines.render.mesh import border_kernels, compose_kernels, cover_kernels, kernels
from pipelines.render.mesh.renderer import MeshHandle, MeshRenderer

Figures = list[dict[str, Any]]
Clock = Callable[[], float]

PHOTO = PORTRAITS / "mona_lisa.jpg"
SIZES = (256, 512, 1024)
FRAME_BARS = {256: "<= 6", 512: "<= 12", 1024: "<= 40"}
HEAD_TURN = {"yaw_deg": 9.0, "pitch_deg": -4.0, "smile": 0.6, "jaw_open": 0.4, "blink": 0.3, "gaze_x_deg": 8.0}
EXPRESSION = {"smile": 0.6, "jaw_open": 0.4, "brow_raise": 0.5}
SCENE_PX = (1920, 1080)
PASTED_PX = 700
ROTATED_DEG = 20.0
CYCLE = 24


def figure(name: str, value: float, unit: str, bar: str = "") -> dict[str, Any]:
    """One measured line: what, how much, in which unit, against which bar."""
    return {"figure": name, "value": round(float(value), 2), "unit": unit, "bar": bar}


def bench_render() -> dict[str, Figures]:
    """All figures of the renderer, by title."""
    portrait = register(load_photo(PHOTO))
    report = {
        "Mesh renderer, one thread": _bench_frames(portrait, threads=1),
        "Mesh renderer, two threads": _bench_frames(portrait, threads=2),
    }
    with opencv_threads(1):
        for size in SIZES:
            report[f"Stages of a frame at {size}, one thread"] = bench_stages(portrait, size=size)
        report["From photo to photo, one thread"] = _bench_around(portrait)
    report["Memory"] = [figure("renderer at three sizes, most resident", _max_resident_mb(), "MB")]
    return report


def bench_stages(portrait: Portrait, *, size: int, repeats: int = 48) -> Figures:
    """Median CPU milliseconds of this thread in every stage of a frame that turns the head and moves the face."""
    renderer = MeshRenderer()
    handle = renderer.prepare(portrait, size=size)
    motions = swinging(portrait, HEAD_TURN)
    out = np.empty((size, size, 3), np.uint8)
    cpu_ms(lambda i: renderer.render(handle, motions[i % CYCLE], out=out), repeats=3)
    with timed_stages(handle) as spent:
        whole = [
            cpu_ms(lambda _, m=motions[i % CYCLE]: renderer.render(handle, m, out=out), repeats=1)
            for i in range(repeats)
        ]
    stages = {name: statistics.median(times) for name, times in spent.items() if times}
    rest = statistics.median(whole) - sum(stages.values())
    figures = [figure(name, cost, "ms CPU") for name, cost in stages.items()]
    return [
        *figures,
        figure("everything else", max(rest, 0.0), "ms CPU"),
        figure("frame", statistics.median(whole), "ms CPU"),
    ]


@contextlib.contextmanager
def timed_stages(handle: MeshHandle) -> Iterator[dict[str, list[float]]]:
    """Stage -> CPU milliseconds of each call, filled while frames of this handle are drawn."""
    spent: dict[str, list[float]] = {}
    with contextlib.ExitStack() as wrapped:
        for name, owner, attribute in _stages(handle):
            wrapped.enter_context(_timed(owner, attribute, spent.setdefault(name, [])))
        yield spent


def _stages(handle: MeshHandle) -> list[tuple[str, Any, str]]:
    """(name, owner, function) of every stage of `MeshRenderer.draw`."""
    stages = [
        ("dims to vertices", handle.rig, "pose"),
        ("normals and light", handle.light, "gain"),
        ("dirty rectangle", kernels, "dirty_rect"),
        ("raster to flow", kernels, "raster_flow"),
        ("border", border_kernels, "fade_border"),
        ("remap and composite", compose_kernels, "compose"),
        ("outlines", cover_kernels, "cover_by_share"),
        *((type(layer).__name__, layer, "draw") for layer in handle.features),
    ]
    extras = (
        ("hidden cheek", handle.completion, "draw"),
        ("folds of the skin", getattr(handle, "folds", None), "apply"),
    )
    return stages + [(name, owner, attribute) for name, owner, attribute in extras if owner is not None]


@contextlib.contextmanager
def _timed(owner: Any, attribute: str, times_ms: list[float]) -> Iterator[None]:
    """Replace a function of an object or module by itself with a stopwatch."""
    work = getattr(owner, attribute)
    own = attribute in vars(owner)

    @functools.wraps(work)
    def stopwatch(*args: Any, **kwargs: Any) -> Any:
        start = time.thread_time()
        try:
            return work(*args, **kwargs)
        finally:
            times_ms.append(1e3 * (time.thread_time() - start))

    setattr(owner, attribute, stopwatch)
    try:
        yield
    finally:
        if own:
            setattr(owner, attribute, work)
        else:
            delattr(owner, attribute)


def cpu_ms(work: Callable[[int], object], *, repeats: int, clock: Clock = time.thread_time) -> float:
    """Median CPU milliseconds over `repeats` calls; the call gets its number.

    Args:
        clock: `time.thread_time` counts this thread, `time.process_time` all threads together.
    """
    costs = []
    for index in range(repeats):
        start = clock()
        work(index)
        costs.append(1e3 * (clock() - start))
    return statistics.median(costs)


def swinging(portrait: Portrait, values: dict[str, float]) -> list[Motion]:
    """Motions of an edit at changing strength, so that no frame equals the one before."""
    strengths = 0.5 + 0.5 * np.sin(0.7 * np.arange(CYCLE))
    edits = (Edit.of({name: float(value * s) for name, value in values.items()}) for s in strengths)
    return [apply_edit(portrait, portrait.motion, edit) for edit in edits]


@contextlib.contextmanager
def opencv_threads(count: int) -> Iterator[None]:
    """OpenCV with this many threads; its kernels are the only ones of a frame that share work."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(count)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _bench_frames(portrait: Portrait, *, threads: int) -> Figures:
    """Set-up and whole frames; on several threads their CPU times are added."""
    clock = time.thread_time if threads == 1 else time.process_time
    renderer, figures = MeshRenderer(), []
    with opencv_threads(threads):
        for size in SIZES:
            handle = renderer.prepare(portrait, size=size)
            setup = cpu_ms(lambda _, s=size: renderer.prepare(portrait, size=s), repeats=3, clock=clock)
            figures.append(figure(f"set-up at {size}", setup, "ms CPU", "<= 300" if size == 512 else ""))
            out = np.empty((size, size, 3), np.uint8)
            for name, values in (("head turn and expression", HEAD_TURN), ("expression only", EXPRESSION)):
                motions = swinging(portrait, values)
                cost = cpu_ms(
                    lambda i, h=handle, m=motions, o=out: renderer.render(h, m[i % CYCLE], out=o),
                    repeats=2 * CYCLE,
                    clock=clock,
                )
                figures.append(figure(f"{name} at {size}", cost, "ms CPU", FRAME_BARS[size]))
    return figures


def _bench_around(portrait: Portrait) -> Figures:
    """What surrounds a frame: detection, algebra, paste-back and encoding."""
    photo = load_photo(PHOTO)
    large = np.asarray(cv2.resize(photo, (3000, 4000), interpolation=cv2.INTER_CUBIC), np.uint8)
    register(large)
    head_turn = swinging(portrait, HEAD_TURN)
    renderer = MeshRenderer()
    face = renderer.render(renderer.prepare(portrait), head_turn[1])
    figures = [
        figure(
            "register a 12-megapixel photo",
            cpu_ms(lambda _: register(large), repeats=1, clock=time.process_time),
            "ms CPU",
            "<= 1000",
        ),
        figure("apply_edit", cpu_ms(lambda _: swinging(portrait, HEAD_TURN), repeats=6) / CYCLE, "ms CPU"),
        figure(
            "JPEG at quality 90",
            cpu_ms(lambda _: cv2.imencode(".jpg", face, [cv2.IMWRITE_JPEG_QUALITY, 90]), repeats=20),
            "ms CPU",
        ),
    ]
    for name, turn_deg, bar in (("upright", 0.0, "<= 2"), ("rotated", ROTATED_DEG, "<= 6")):
        scene = register(_scene(photo, portrait, turn_deg=turn_deg))
        for edit, values in (("head turn", HEAD_TURN), ("expression", EXPRESSION)):
            frame = renderer.render(renderer.prepare(scene), swinging(scene, values)[1])
            paster = Paster.prepare(scene)
            pasted = paster.paste(frame)
            cost = cpu_ms(lambda _, p=paster, f=frame, o=pasted: p.paste(f, out=o), repeats=20)
            figures.append(figure(f"paste at 1080p, {name}, {edit}", cost, "ms CPU", bar))
    return figures


def _scene(photo: NDArray[np.uint8], portrait: Portrait, *, turn_deg: float) -> NDArray[np.uint8]:
    """A 1080p picture in which the face crop is `PASTED_PX` wide and turned."""
    width, height = SCENE_PX
    matrix = portrait.crop_from_photo * (PASTED_PX / portrait.image.shape[0])
    turn = cv2.getRotationMatrix2D((0.5 * PASTED_PX, 0.5 * PASTED_PX), turn_deg, 1.0)
    matrix = turn @ np.vstack([matrix, [0, 0, 1]])
    matrix[:, 2] += [0.5 * (width - PASTED_PX), 0.5 * (height - PASTED_PX)]
    return np.asarray(cv2.warpAffine(photo, matrix, SCENE_PX, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _max_resident_mb() -> float:
    """Most memory of a fresh process that registers a photo and draws at three sizes."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_draw_and_weigh, PHOTO).result()


def _draw_and_weigh(photo: Path) -> float:
    import resource

    portrait, renderer = register(load_photo(photo)), MeshRenderer()
    handles = [renderer.prepare(portrait, size=size) for size in SIZES]
    for handle in handles:
        renderer.render(handle, swinging(portrait, HEAD_TURN)[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
