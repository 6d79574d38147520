"""The neural renderer: LivePortrait's networks behind the same portrait and motion as the mesh renderer."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import StudioError
from pipelines.motion.space import N_KEYPOINTS, Floats, Motion, keypoints
from pipelines.portrait.crop import resample
from pipelines.portrait.neural_motion import motion_of, network_image
from pipelines.portrait.types import CROP_SIZE, Portrait
from pipelines.render.base import Frame

Progress = Callable[[float, str], None]
"""Gets a fraction and a text; it may raise `Cancelled` to stop the picture at the next step."""


MAX_EYE_RATIO = MAX_LIP_RATIO = 0.8
"""Ends of LivePortrait's own retargeting sliders."""


class Cancelled(Exception):
    """Raised by a progress callback to stop a render."""


class Backend(Protocol):
    """Whatever computes the networks: torch, onnxruntime or TensorRT. Keypoints are (1, 21, 3) float32."""

    image_size: int
    """Side of the network's input picture in pixels."""

    @property
    def title(self) -> str:
        """For the page, such as "Neural, CPU"."""
        ...

    def extract(self, image: Floats) -> Any:
        """The feature volume of a (1, 3, S, S) picture, kept wherever the back end wants it."""
        ...

    def read_motion(self, image: Floats) -> Mapping[str, NDArray[np.float32]]:
        """Outputs of the motion extractor by name (see `motion_of`)."""
        ...

    def stitch(self, kp_source: Floats, kp_driving: Floats) -> Floats:
        """(1, 21, 3) driving keypoints after stitching."""
        ...

    def eye_offsets(self, kp_source: Floats, ratios: Floats) -> Floats | None:
        """(1, 21, 3) keypoint offsets for (1, 3) eye ratios; None where the release has no such network."""
        ...

    def lip_offsets(self, kp_source: Floats, ratios: Floats) -> Floats | None:
        """(1, 21, 3) keypoint offsets for (1, 2) lip ratios; None where the release has no such network."""
        ...

    def draw(self, volume: Any, kp_source: Floats, kp_driving: Floats, *, progress: Progress | None = None) -> Frame:
        """(H, W, 3) uint8 RGB picture.

        Raises:
            StudioError: the result is not finite, even in single precision.
        """
        ...


@dataclass(frozen=True)
class NeuralSettings:
    """Switches of the neural renderer that no motion carries."""

    stitching: bool = True
    """Keep shoulders and crop border still, so that the face fits back into the photo."""
    eye_ratio: float | None = None
    """Bring both eyes to this ratio with the eye retargeting network; None leaves them to the motion."""
    lip_ratio: float | None = None
    """Bring the lips to this ratio with the lip retargeting network; None leaves them to the motion."""

    def __post_init__(self) -> None:
        for name, most in (("eye_ratio", MAX_EYE_RATIO), ("lip_ratio", MAX_LIP_RATIO)):
            ratio = getattr(self, name)
            if ratio is not None and not 0 <= ratio <= most:
                raise StudioError(f"`{name}` should be from 0 to {most} but is {ratio}.")

    @property
    def retargets(self) -> bool:
        """Whether eyes or lips are moved beyond the motion."""
        return self.eye_ratio is not None or self.lip_ratio is not None


@dataclass(frozen=True)
class NeuralHandle:
    """One portrait as the networks see it."""

    portrait: Portrait
    size: int
    volume: Any
    """Cached appearance features."""
    motion: Motion
    """Source motion as the motion extractor reads it, one frame."""
    kp_canonical: Floats
    """(21, 3)."""
    kp_source: Floats
    """(1, 21, 3)."""


class NeuralRenderer:
    """Renders a motion with LivePortrait's networks.

    The motion is taken relative to the portrait's own: what the edit changed is added to what the motion
    extractor reads from the picture, so a portrait registered by landmarks renders just as well.
    """

    name = "Neural"

    def __init__(self, backend: Backend, *, reason: str = "", settings: NeuralSettings | None = None) -> None:
        self.backend = backend
        self.settings = settings or NeuralSettings()
        self.reason = reason or f"{backend.title} was asked for."
        self.cost_ms: float | None = None
        """Wall-clock milliseconds of the last frame."""
        self._lock = threading.Lock()

    def with_settings(self, settings: NeuralSettings) -> NeuralRenderer:
        """The same networks under other switches."""
        other = copy.copy(self)
        other.settings = settings
        return other

    @property
    def device(self) -> str:
        """What computes, for the page."""
        return self.backend.title.removeprefix(f"{self.name}, ")

    def prepare(self, portrait: Portrait, *, size: int = CROP_SIZE) -> NeuralHandle:
        """Appearance features and source motion of the portrait; about a second on a CPU."""
        image = network_image(portrait.image, self.backend.image_size)
        with self._lock:
            volume = self.backend.extract(image)
            motion, kp = motion_of(self.backend.read_motion(image))
        return NeuralHandle(portrait, size, volume, motion, kp[0], keypoints(kp[0], motion))

    def render(
        self,
        handle: NeuralHandle,
        motion: Motion,
        *,
        out: Frame | None = None,
        progress: Progress | None = None,
    ) -> Frame:
        """(size, size, 3) uint8 RGB of the one-frame `motion`; the portrait's own motion gives its pixels.

        Raises:
            StudioError: a setting needs a network that is not there, or the result is not finite.
            Cancelled: `progress` raised it.
        """
        if not self.settings.retargets and _same(motion, handle.portrait.motion):
            return _fit(resample(handle.portrait, handle.size).image, handle.size, out)
        with self._lock:
            start = time.perf_counter()
            kp_driving = self.drive(handle, motion)
            picture = self.backend.draw(handle.volume, handle.kp_source, kp_driving, progress=progress)
            self.cost_ms = 1e3 * (time.perf_counter() - start)
        return _fit(picture, handle.size, out)

    def drive(self, handle: NeuralHandle, motion: Motion) -> Floats:
        """(1, 21, 3) driving keypoints, retargeted and stitched."""
        settings = self.settings
        kp = keypoints(handle.kp_canonical, carry_over(handle.motion, handle.portrait.motion, motion))
        portrait = handle.portrait
        if settings.eye_ratio is not None:
            # The network counts eyes by image side; image left is the subject's right, as in `eye_ratio`.
            ratios = np.array([[*portrait.eye_ratio, settings.eye_ratio]], np.float32)
            kp = kp + _required(self.backend.eye_offsets(handle.kp_source, ratios), "eye_ratio", "eye")
        if settings.lip_ratio is not None:
            ratios = np.array([[portrait.lip_ratio, settings.lip_ratio]], np.float32)
            kp = kp + _required(self.backend.lip_offsets(handle.kp_source, ratios), "lip_ratio", "lip")
        return self.backend.stitch(handle.kp_source, kp) if settings.stitching else kp


def carry_over(source: Motion, reference: Motion, motion: Motion) -> Motion:
    """`source` moved as `reference` moved to `motion`, with side and gaze folded into the expression.

    Where the reference is the source itself, this is `motion`.
    """
    before, after = reference.folded(), motion.folded()
    return Motion.of(
        exp=source.exp + (after.exp - before.exp),
        pitch_deg=source.pitch_deg + (after.pitch_deg - before.pitch_deg),
        yaw_deg=source.yaw_deg + (after.yaw_deg - before.yaw_deg),
        roll_deg=source.roll_deg + (after.roll_deg - before.roll_deg),
        t=source.t + (after.t - before.t),
        scale=source.scale * (after.scale / before.scale),
    )


def _required(offsets: Floats | None, setting: str, network: str) -> Floats:
    if offsets is None:
        raise StudioError(
            f"`{setting}` needs the {network} retargeting network, which Ditto's release lacks: run"
            " `python -m pipelines checkpoints fetch liveportrait/stitching`."
        )
    return offsets.reshape(1, N_KEYPOINTS, 3)


def _same(a: Motion, b: Motion) -> bool:
    return all(np.array_equal(getattr(a, field.name), getattr(b, field.name)) for field in fields(Motion))


def _fit(picture: Frame, size: int, out: Frame | None) -> Frame:
    import cv2

    if picture.shape[0] != size:
        method = cv2.INTER_AREA if size < picture.shape[0] else cv2.INTER_CUBIC
        picture = np.asarray(cv2.resize(picture, (size, size), interpolation=method), np.uint8)
    if out is None:
        return picture.copy()
    out[...] = picture
    return out
