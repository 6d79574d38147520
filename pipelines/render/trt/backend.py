"""The networks as TensorRT engines, behind the same `Backend` as torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipelines.errors import StudioError
from pipelines.motion.space import Floats
from pipelines.render.base import Frame
from pipelines.render.neural import Backend, Progress
from pipelines.render.neural_torch import to_pixels
from pipelines.render.trt.runner import EngineRunner

REQUIRED = ("appearance", "motion", "stitching", "render")


class EngineBackend:
    """`Backend` over one engine per graph.

    Args:
        runners: by graph name; "eye" and "lip" may be missing.
        fallback: makes a single-precision back end for the day a picture is not finite; from then on it draws.
    """

    def __init__(
        self,
        runners: Mapping[str, EngineRunner],
        *,
        title: str,
        device: torch.device,
        fallback: Callable[[], Backend] | None = None,
    ) -> None:
        missing = [name for name in REQUIRED if name not in runners]
        if missing:
            raise StudioError(
                f"The engines {', '.join(missing)} are missing: run `python -m pipelines engines build`."
            )
        self.runners = dict(runners)
        self.device = device
        self.image_size = self.runners["appearance"].inputs["image"].shape[-1]
        self._title = title
        self._make_fallback = fallback
        self._fallback: Backend | None = None

    @property
    def title(self) -> str:
        """As `Backend.title`."""
        return self._fallback.title if self._fallback else self._title

    def extract(self, image: Floats) -> Tensor:
        """As `Backend.extract`; stays on the device."""
        return self._run("appearance", image=image)["pred"].clone()

    def read_motion(self, image: Floats) -> Mapping[str, NDArray[np.float32]]:
        """As `Backend.read_motion`, of a (1, 3, S, S) picture."""
        return {name: _copied(value) for name, value in self._run("motion", image=image).items()}

    def stitch(self, kp_source: Floats, kp_driving: Floats) -> Floats:
        """As `Backend.stitch`."""
        return _copied(self._run("stitching", kp_source=kp_source, kp_driving=kp_driving)["out"])

    def eye_offsets(self, kp_source: Floats, ratios: Floats) -> Floats | None:
        """As `Backend.eye_offsets`."""
        return self._offsets("eye", kp_source, ratios)

    def lip_offsets(self, kp_source: Floats, ratios: Floats) -> Floats | None:
        """As `Backend.lip_offsets`."""
        return self._offsets("lip", kp_source, ratios)

    def draw(
        self, volume: Tensor, kp_source: Floats, kp_driving: Floats, *, progress: Progress | None = None
    ) -> Frame:
        """As `Backend.draw`, errors too."""
        if self._fallback is None:
            picture = self._run("render", feature_3d=volume, kp_source=kp_source, kp_driving=kp_driving)["output"]
            pixels = to_pixels(picture)
            if pixels is not None:
                return pixels
            if self._make_fallback is None:
                raise StudioError("The engine's picture is not finite and no other renderer is at hand.")
            self._fallback = self._make_fallback()
        return self._fallback.draw(volume, kp_source, kp_driving, progress=progress)

    def _offsets(self, name: str, kp_source: Floats, ratios: Floats) -> Floats | None:
        if name not in self.runners:
            return None
        return _copied(self._run(name, kp_source=kp_source, ratios=ratios)["out"])

    def _run(self, name: str, **values: Floats | Tensor) -> dict[str, Tensor]:
        return self.runners[name].run({key: torch.as_tensor(value) for key, value in values.items()})


def _copied(buffer: Tensor) -> NDArray[np.float32]:
    """An array of its own: the next run overwrites the buffer, and on a CPU `.numpy()` would share it."""
    return buffer.cpu().numpy().copy()
