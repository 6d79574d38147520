"""Engines built in a process of their own: the export holds Python for a minute, and editing goes on meanwhile."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from pipelines.errors import StudioError

Progress = Callable[[float, str], None]
POLL_SECS = 0.2


def build_apart(folder: Path | None = None, *, progress: Progress) -> None:
    """Build what is missing or stale for the GPU of this machine, from the weights in `folder`.

    Args:
        progress: called a few times a second; what it raises ends the other process, and finished engines stay.

    Raises:
        StudioError: there is no GPU or no TensorRT, weights are missing, or a build fails.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_build, args=(folder, sender), name="engines", daemon=True)
    process.start()
    sender.close()
    try:
        _follow(receiver, progress)
    finally:
        process.terminate()
        process.join()
        receiver.close()


def _follow(receiver: Connection, progress: Progress) -> None:
    last = (0.0, "starting")
    while True:
        # also without news, so that a callback can stop the work
        progress(*last)
        if not receiver.poll(POLL_SECS):
            continue
        try:
            fraction, text = receiver.recv()
        except EOFError:
            raise StudioError(
                "Building the engines ended early: run `python -m pipelines engines build` to see why."
            ) from None
        if fraction is None:
            if text:
                raise StudioError(text)
            return
        last = fraction, text


def _build(folder: Path | None, sender: Connection) -> None:
    """The other process: sends (fraction, text), at the end (None, sentence or nothing)."""
    from pipelines.checkpoints.loading import load_networks
    from pipelines.render.trt.cache import EngineCache
    from pipelines.render.trt.engines import build_engines
    from pipelines.render.trt.package import choose_target

    def report(fraction: float, text: str) -> None:
        sender.send((fraction, text))

    try:
        target, reason = choose_target()
        if target is None:
            raise StudioError(reason)
        build_engines(load_networks(folder, progress=None), target, EngineCache(), progress=report)
    except StudioError as error:
        sender.send((None, str(error)))
    else:
        sender.send((None, ""))
