"""Making MediaPipe task objects: late import, quiet start, one sentence when something is missing."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import StudioError


@contextmanager
def task_start(model: Path) -> Iterator[tuple[Any, Any]]:
    """Within it, make a task object from (`vision` module, base options of the model file).

    MediaPipe's C++ side writes notes to the standard error whatever the log level is; they are held back here.

    Raises:
        StudioError: the model file is missing or broken, or a system library that MediaPipe needs is.
    """
    if not model.is_file():
        raise StudioError(f"`{model.name}` should be in assets/models but is missing; restore it from the repository.")
    try:
        from mediapipe.tasks.python import BaseOptions, vision

        with _held_back_stderr():
            yield vision, BaseOptions(model_asset_path=str(model))
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        raise StudioError(
            f"MediaPipe should start with `{model.name}` but says '{error}'; "
            "install the system libraries listed in packages.txt."
        ) from error


def outlive_interpreter(task: Any) -> None:
    """Never free a task that lives as long as the process: MediaPipe's clean-up fails in a half-gone interpreter."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(task))


def task_image(rgb: NDArray[np.uint8]) -> Any:
    """MediaPipe's wrapper of an (H, W, 3) uint8 RGB picture."""
    import mediapipe

    return mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(rgb))


@contextmanager
def _held_back_stderr() -> Iterator[None]:
    try:
        saved = os.dup(2)
    except OSError:  # a service without a standard error has nothing to hold back
        yield
        return
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
