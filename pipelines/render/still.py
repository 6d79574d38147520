"""One edited still from start to end: what export, the command line and the API share."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import StudioError
from pipelines.motion.edit import Edit, apply_edit
from pipelines.motion.space import Motion
from pipelines.portrait.crop import native_size
from pipelines.portrait.types import Portrait
from pipelines.render.base import Renderer

Area = Literal["crop", "photo"]
Background = Literal["keep", "none"]
MIN_SIZE = 64
MAX_SIZE = 2048


def rendered_size(portrait: Portrait) -> int:
    """Side to render the face at so that no pixel of the photo is lost: rounded up to 64, within 256 to 2048."""
    return min(MAX_SIZE, max(256, 64 * math.ceil(native_size(portrait) / 64)))


def render_still(
    portrait: Portrait,
    edit: Edit,
    *,
    area: Area = "photo",
    size: int | None = None,
    background: Background = "keep",
    renderer: Renderer | None = None,
    motion: Motion | None = None,
    below: Motion | None = None,
) -> NDArray[np.uint8]:
    """RGB picture of one edit, rendered from the photo's own pixels; RGBA of the person alone without background.

    Args:
        area: "crop" gives the (size, size, 3) face; "photo" pastes it back into the photo at its own resolution.
        size: side of the rendered face in pixels, 64 to 2048; None renders as many as the face has in the photo.
        background: "none" makes everything but the person transparent.
        motion: what is drawn where more than the edit acts, such as layers; of the edit only the mask counts then.
        below: what shows outside the mask; None is the photo.

    Raises:
        StudioError: `size` is out of range, or the edit's mask is no picture.
    """
    from pipelines.portrait.crop import resample
    from pipelines.portrait.mask import decode_mask, keep_outside, soften_mask
    from pipelines.portrait.paste import Paster
    from pipelines.render import choose_renderer
    from pipelines.render.cutout import cut_out, face_alpha, photo_alpha

    size = rendered_size(portrait) if size is None else size
    if not MIN_SIZE <= size <= MAX_SIZE:
        raise StudioError(f"`size` should be from {MIN_SIZE} to {MAX_SIZE} pixels but is {size}.")
    renderer = renderer or choose_renderer()
    handle = renderer.prepare(portrait, size=size)
    face = renderer.render(handle, apply_edit(portrait, portrait.motion, edit) if motion is None else motion)
    alpha = face_alpha(renderer, handle, face) if background == "none" else None
    if edit.mask is not None and edit.value("mask_enabled"):
        mask = soften_mask(decode_mask(edit.mask), feather=edit.value("mask_feather"), size=size)
        kept = resample(portrait, size).image if below is None else renderer.render(handle, below)
        keep_outside(face, kept, mask)
        if alpha is not None:
            renderer.render(handle, portrait.motion if below is None else below)
            rest = face_alpha(renderer, handle, kept)
            alpha = np.asarray(rest + (alpha - rest) * (mask / 255.0), np.float32)
    if area == "crop":
        return face if alpha is None else cut_out(face, alpha)
    photo = Paster.prepare(portrait, size=size).paste(face)
    return photo if alpha is None else cut_out(photo, photo_alpha(portrait, alpha))
