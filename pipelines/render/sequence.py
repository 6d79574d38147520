"""Frame after frame of a moving face with one edit on top: what video export and the command line share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipelines.motion.edit import Edit, apply_edit
from pipelines.motion.space import Motion
from pipelines.portrait.types import CROP_SIZE, Portrait
from pipelines.render.base import Frame, Renderer
from pipelines.render.still import Area, rendered_size

MAX_SIDE = 1920
"""Longest side of a full-photo film: players refuse H.264 pictures much larger."""


def render_sequence(
    portrait: Portrait,
    motions: Iterable[Motion],
    edit: Edit,
    *,
    area: Area = "crop",
    size: int | None = None,
    max_side: int = MAX_SIDE,
    renderer: Renderer | None = None,
) -> Iterator[Frame]:
    """RGB pictures of base frames, each with the edit applied; the same array is used again for every picture.

    Args:
        motions: one base frame at a time, such as `track.at(portrait, i)`; may be endless.
        area: "crop" gives the (size, size, 3) face; "photo" pastes it back into the photo.
        size: side of the rendered face in pixels; None gives 512, or as many as it covers in the pasted photo.
        max_side: the photo is reduced to this longest side.

    Raises:
        StudioError: the edit's mask is no picture.
    """
    from pipelines.portrait.crop import resample
    from pipelines.portrait.mask import decode_mask, keep_outside, soften_mask
    from pipelines.portrait.paste import Paster
    from pipelines.render import choose_renderer

    renderer = renderer or choose_renderer()
    size = size or (CROP_SIZE if area == "crop" else _pasted_size(portrait, max_side))
    handle = renderer.prepare(portrait, size=size)
    paster = Paster.prepare(portrait, size=size, max_side=max_side) if area == "photo" else None
    mask = None
    if edit.mask is not None and edit.value("mask_enabled"):
        mask = soften_mask(decode_mask(edit.mask), feather=edit.value("mask_feather"), size=size)
    face = resample(portrait, size).image.copy()
    unedited = face.copy()
    photo = None
    for base in motions:
        renderer.render(handle, apply_edit(portrait, base, edit), out=face)
        if mask is not None:
            # outside the mask the base goes on moving; only the edit stops there
            keep_outside(face, renderer.render(handle, base, out=unedited), mask)
        if paster is None:
            yield face
        else:
            photo = paster.paste(face, out=photo)
            yield photo


def _pasted_size(portrait: Portrait, max_side: int) -> int:
    """Side of the face that loses no pixel in a photo reduced to `max_side`, rounded up to 64."""
    ratio = min(1.0, max_side / max(portrait.photo.shape[:2]))
    return max(256, -(-int(rendered_size(portrait) * ratio) // 64) * 64)
