"""One edited still from start to end: what export, the command line and the API share."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import StudioError
from pipelines.motion.edit import Edit, apply_edit
from pipelines.portrait.types import Portrait
from pipelines.render.base import Renderer

Area = Literal["crop", "photo"]
MIN_SIZE = 64
MAX_SIZE = 2048


def render_still(
    portrait: Portrait, edit: Edit, *, area: Area = "photo", size: int = 512, renderer: Renderer | None = None
) -> NDArray[np.uint8]:
    """RGB picture of one edit, rendered from the photo's own pixels.

    Args:
        area: "crop" gives the (size, size, 3) face; "photo" pastes it back into the photo at its own resolution.
        size: side of the rendered face in pixels, 64 to 2048.

    Raises:
        StudioError: `size` is out of range.
    """
    from pipelines.portrait.paste import Paster
    from pipelines.render import choose_renderer

    if not MIN_SIZE <= size <= MAX_SIZE:
        raise StudioError(f"`size` should be from {MIN_SIZE} to {MAX_SIZE} pixels but is {size}.")
    renderer = renderer or choose_renderer()
    face = renderer.render(renderer.prepare(portrait, size=size), apply_edit(portrait, portrait.motion, edit))
    if area == "crop":
        return face
    return Paster.prepare(portrait, size=size).paste(face)
