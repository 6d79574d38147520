"""Frame after frame of a moving face with one edit on top: what video export and the command line share."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

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
    threads: int = 1,
) -> Iterator[Frame]:
    """RGB pictures of base frames, each with the edit applied, in order; their arrays are used again later.

    Buffers are made at once, pictures when they are asked for.

    Args:
        motions: one base frame at a time, such as `track.at(portrait, i)`; may be endless.
        area: "crop" gives the (size, size, 3) face; "photo" pastes it back into the photo.
        size: side of the rendered face in pixels; None gives 512, or as many as it covers in the pasted photo.
        max_side: the photo is reduced to this longest side.
        threads: pictures drawn at a time, each with buffers of its own.

    Raises:
        StudioError: the edit's mask is no picture.
    """
    from pipelines.render import choose_renderer

    renderer = renderer or choose_renderer()
    size = size or (CROP_SIZE if area == "crop" else _pasted_size(portrait, max_side))
    side = max_side if area == "photo" else None
    painters = [_Painter(portrait, edit, renderer, size=size, photo_side=side) for _ in range(threads)]
    return map(painters[0].draw, motions) if threads == 1 else _draw_together(painters, motions)


def _draw_together(painters: list[_Painter], motions: Iterable[Motion]) -> Iterator[Frame]:
    with ThreadPoolExecutor(len(painters), "frames") as pool:
        drawn: deque[Future[Frame]] = deque()
        for index, base in enumerate(motions):
            if len(drawn) == len(painters):
                # the painter of this picture is free once the caller asks for the next one
                yield drawn.popleft().result()
            drawn.append(pool.submit(painters[index % len(painters)].draw, base))
        for future in drawn:
            yield future.result()


class _Painter:
    """Buffers for one picture at a time."""

    def __init__(
        self, portrait: Portrait, edit: Edit, renderer: Renderer, *, size: int, photo_side: int | None
    ) -> None:
        from pipelines.portrait.crop import resample
        from pipelines.portrait.mask import decode_mask, soften_mask
        from pipelines.portrait.paste import Paster

        self._portrait, self._edit, self._renderer = portrait, edit, renderer
        self._handle: Any = renderer.prepare(portrait, size=size)
        self._face = resample(portrait, size).image.copy()
        self._unedited = self._face.copy()
        self._paster = None if photo_side is None else Paster.prepare(portrait, size=size, max_side=photo_side)
        self._photo: Frame | None = None
        self._mask = None
        if edit.mask is not None and edit.value("mask_enabled"):
            self._mask = soften_mask(decode_mask(edit.mask), feather=edit.value("mask_feather"), size=size)

    def draw(self, base: Motion) -> Frame:
        """The picture of one base frame, in this painter's own buffer."""
        from pipelines.portrait.mask import keep_outside

        self._renderer.render(self._handle, apply_edit(self._portrait, base, self._edit), out=self._face)
        if self._mask is not None:
            # outside the mask the base goes on moving; only the edit stops there
            keep_outside(self._face, self._renderer.render(self._handle, base, out=self._unedited), self._mask)
        if self._paster is None:
            return self._face
        self._photo = self._paster.paste(self._face, out=self._photo)
        return self._photo


def _pasted_size(portrait: Portrait, max_side: int) -> int:
    """Side of the face that loses no pixel in a photo reduced to `max_side`, rounded up to 64."""
    ratio = min(1.0, max_side / max(portrait.photo.shape[:2]))
    return max(256, -(-int(rendered_size(portrait) * ratio) // 64) * 64)
