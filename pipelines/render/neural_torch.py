"""The networks in torch: on a CPU for stills, on an NVIDIA or Apple GPU live."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import StudioError
from pipelines.motion.space import Floats
from pipelines.render.base import Frame
from pipelines.render.neural import Progress

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from pipelines.networks.bundle import Networks

MIN_HALF_CAPABILITY = (7, 0)
NO_HALF = "GTX 16"
"""These cards compute wrong half-precision convolutions."""
STEPS = (
    ("warping.dense_motion_network.hourglass.encoder", 0.06),
    ("warping.dense_motion_network.hourglass", 0.13),
    ("warping.dense_motion_network.mask", 0.27),
    ("warping.third", 0.28),
    ("decoder.G_middle_1", 0.42),
    ("decoder.G_middle_3", 0.56),
    ("decoder.G_middle_5", 0.70),
    ("decoder.up_0", 0.86),
    ("decoder.up_1", 0.99),
)
"""After which part how much of a picture is done, by floating point operations (1234 GFLOP in all)."""


class TorchBackend:
    """`Backend` in torch. In half precision it falls back to single precision for good when a result is not finite."""

    def __init__(self, networks: Networks, *, device: torch.device | str = "cpu", half: bool = False) -> None:
        import torch

        self.device = torch.device(device)
        self.half = half and self.device.type == "cuda"
        self._source = networks
        self._live = self._prepare()
        self.image_size = networks.appearance.config.image_size

    @property
    def title(self) -> str:
        """As `Backend.title`."""
        precision = ", half precision" if self.half else ""
        return f"Neural, {device_title(self.device)}{precision}"

    def _prepare(self) -> Networks:
        # The single-precision weights stay where they are, for the retry.
        return self._source.prepared(self.device, half=self.half)

    def extract(self, image: Floats) -> Tensor:
        """As `Backend.extract`; stays on the device."""
        return self._run(self._live.appearance, image)

    def read_motion(self, image: Floats) -> Mapping[str, NDArray[np.float32]]:
        """As `Backend.read_motion`, of a (1, 3, S, S) picture."""
        features = self._run(self._live.motion, image)
        return {name: value.cpu().numpy() for name, value in features._asdict().items()}

    def stitch(self, kp_source: Floats, kp_driving: Floats) -> Floats:
        """As `Backend.stitch`."""
        return self._run(self._live.stitching.stitch, kp_source, kp_driving).cpu().numpy()

    def eye_offsets(self, kp_source: Floats, ratios: Floats) -> Floats | None:
        """As `Backend.eye_offsets`."""
        return self._run(self._live.eye.offsets, kp_source, ratios).cpu().numpy() if self._live.eye else None

    def lip_offsets(self, kp_source: Floats, ratios: Floats) -> Floats | None:
        """As `Backend.lip_offsets`."""
        return self._run(self._live.lip.offsets, kp_source, ratios).cpu().numpy() if self._live.lip else None

    def draw(
        self, volume: Tensor, kp_source: Floats, kp_driving: Floats, *, progress: Progress | None = None
    ) -> Frame:
        """As `Backend.draw`, errors too."""
        picture = self._draw(volume, kp_source, kp_driving, progress)
        if picture is None and self.half:
            self.half = False
            self._live = self._prepare()
            picture = self._draw(volume, kp_source, kp_driving, progress)
        if picture is None:
            raise StudioError(
                "The neural renderer's picture is not finite: check the weights with"
                " `python -m pipelines checkpoints verify`."
            )
        return picture

    def _draw(self, volume: Tensor, kp_source: Floats, kp_driving: Floats, progress: Progress | None) -> Frame | None:
        with watch_steps(self._live, progress):
            warped = self._run(self._live.warping, volume, kp_source, kp_driving)
            picture = self._run(self._live.decoder, warped.feature)
        return to_pixels(picture)

    def _run(self, function: Callable[..., Any], *inputs: Floats | Tensor) -> Any:
        import torch

        with torch.inference_mode():
            return function(*(torch.as_tensor(value, device=self.device) for value in inputs))


def to_pixels(picture: Tensor) -> Frame | None:
    """(H, W, 3) uint8 of a (1, 3, H, W) picture in [0, 1]; None when a number is not finite."""
    import torch

    if not bool(torch.isfinite(picture).all()):
        return None
    # Truncated, not rounded, as the reference does.
    return (picture[0].clamp(0, 1) * 255).to(torch.uint8).permute(1, 2, 0).contiguous().cpu().numpy()


@contextmanager
def watch_steps(networks: Networks, progress: Progress | None) -> Iterator[None]:
    """Tell `progress` when each heavy part is done; what it raises stops the computation there."""
    if progress is None:
        yield
        return
    hooks = []
    for path, share in STEPS:
        root, _, inner = path.partition(".")
        part: nn.Module = getattr(networks, root)
        found = dict(part.named_modules()).get(inner)
        if found is not None:
            hooks.append(found.register_forward_hook(lambda *_, share=share: progress(share, "drawing the face")))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def choose_device() -> torch.device:
    """The best device torch sees: NVIDIA, then Apple, then the CPU."""
    import torch

    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def half_is_safe(device: torch.device) -> bool:
    """Whether half precision computes correctly and fast there."""
    import torch

    if device.type != "cuda":
        return False
    return torch.cuda.get_device_capability(device) >= MIN_HALF_CAPABILITY and (
        NO_HALF not in torch.cuda.get_device_name(device)
    )


def device_title(device: torch.device) -> str:
    """A device's name for the page."""
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return {"mps": "Apple GPU", "cpu": "CPU"}.get(device.type, device.type)
