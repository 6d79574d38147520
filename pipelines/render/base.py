"""What every renderer promises."""

from __future__ import annotations

from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from pipelines.motion.space import Motion
from pipelines.portrait.types import Portrait

Frame = NDArray[np.uint8]
RendererName = Literal["mesh", "neural"]


class Renderer(Protocol):
    """Turns a portrait and one frame of motion into pixels.

    A handle holds the buffers of one portrait at one size; it must not be used by two threads at once.
    """

    name: str
    """Short name for the page, such as "Mesh"."""
    reason: str
    """Why this renderer was chosen, one sentence."""

    def prepare(self, portrait: Portrait, *, size: int = 512) -> Any:
        """Work done once per portrait and output size; returns the handle."""
        ...

    def render(self, handle: Any, motion: Motion, *, out: Frame | None = None) -> Frame:
        """(size, size, 3) RGB of the one-frame `motion`. The portrait's own motion gives its pixels bit for bit."""
        ...


@runtime_checkable
class KnowsAlpha(Protocol):
    """A renderer that can tell person and scene apart in what it drew."""

    def alpha(self, handle: Any) -> NDArray[np.float32]:
        """(size, size) share 0..1 of the person in every pixel of the handle's newest frame."""
        ...


@runtime_checkable
class KnowsLandmarks(Protocol):
    """A renderer that can tell where the landmarks lie in what it drew."""

    def landmarks(self, handle: Any) -> NDArray[np.float32]:
        """(478, 2) pixels of the landmarks in the handle's newest frame."""
        ...


def choose_renderer(asked: RendererName | None = None) -> Renderer:
    """The best live renderer of this machine with the reason why, or the one asked for.

    Raises:
        StudioError: the neural renderer was asked for but weights are missing or bad.
    """
    from pipelines.render.choice import choose

    return choose(asked).renderer
