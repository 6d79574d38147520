"""One live frame: edit vector in, JPEG and a short header out. Buffers belong to one visitor's portrait."""

from __future__ import annotations

import json
import math
import struct
import time
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.motion.controls import N_SLOTS, SLOT_DEFAULT
from pipelines.motion.edit import Edit, apply_edit, resolve_edit
from pipelines.motion.layers import Layer
from pipelines.motion.space import Motion
from pipelines.motion.stack import Stack
from pipelines.portrait.crop import face_window
from pipelines.portrait.mask import decode_mask, keep_outside, soften_mask
from pipelines.portrait.paste import Paster
from pipelines.portrait.types import CROP_SIZE, Portrait
from pipelines.render.base import Frame, KnowsLandmarks, Renderer
from studio.face_map import map_of_frame

JPEG_QUALITY = 90
THUMB_SIDE = 128
THUMB_MARGIN = 1.15
PREVIEW_SIDE = 1280
"""Longest side of the full-photo view in pixels."""
MESSAGE_BYTES = 4 + 4 * N_SLOTS
"""A live message: u32 sequence number, then the float32 vector, little endian. One more float32 is the frame of the
time line; left out or NaN is the photo itself at time 0. One more is the layer whose values at that frame the vector
holds; left out or NaN the vector is the edit below all layers."""
MESSAGE_LENGTHS = (MESSAGE_BYTES, MESSAGE_BYTES + 4, MESSAGE_BYTES + 8)


def encode_jpeg(rgb: Frame, *, bgr: Frame | None = None) -> bytes:
    """JPEG of an (H, W, 3) RGB picture; a `bgr` buffer of the same shape saves an allocation."""
    swapped = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR, dst=bgr)
    return cv2.imencode(".jpg", swapped, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()


class LiveMessage(NamedTuple):
    """What the page asks for."""

    seq: int
    vector: NDArray[np.float32]
    """(N_SLOTS,)."""
    frame: float | None
    layer: float | None


def unpack_message(message: bytes) -> LiveMessage:
    """The parts of a live message whose length is allowed; numbers may be anything but NaN."""
    seq, vector = struct.unpack_from("<I", message)[0], np.frombuffer(message, "<f4", N_SLOTS, 4)
    more = np.frombuffer(message, "<f4", offset=MESSAGE_BYTES)
    frame, layer = (float(more[i]) if len(more) > i and not math.isnan(more[i]) else None for i in range(2))
    return LiveMessage(seq, vector, frame, layer)


def pack_frame(seq: int, header: dict[str, Any], jpeg: bytes) -> bytes:
    """u32 sequence number, u32 header length, header as JSON, JPEG; little endian."""
    text = json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
    return struct.pack("<II", seq, len(text)) + text + jpeg


def shrink_photo(portrait: Portrait) -> Portrait:
    """The same face on a photo of at most `PREVIEW_SIDE` pixels, for the full-photo view."""
    height, width = portrait.photo.shape[:2]
    scale = PREVIEW_SIDE / max(height, width)
    if scale >= 1:
        return portrait
    size = round(width * scale), round(height * scale)
    photo = np.asarray(cv2.resize(portrait.photo, size, interpolation=cv2.INTER_AREA), np.uint8)
    # integer coordinates are pixel centres: small pixel (u, v) lies at ((u + 0.5) / scale - 0.5) of the photo
    fx, fy = width / size[0], height / size[1]
    photo_from_small = np.array([[fx, 0, 0.5 * fx - 0.5], [0, fy, 0.5 * fy - 0.5], [0, 0, 1]])
    return replace(portrait, photo=photo, crop_from_photo=portrait.crop_from_photo @ photo_from_small)


@dataclass
class Drawing:
    """What one portrait needs on the stage. Not for two threads at once."""

    portrait: Portrait
    renderer: Renderer
    handle: Any
    face: Frame
    """(512, 512, 3) RGB buffer of the newest frame."""
    bgr: Frame
    paster: Paster
    """Puts a face into the photo of the full-photo view."""
    pasted: Frame
    """The newest full-photo frame."""
    _soft: tuple[tuple[bytes, float], NDArray[np.uint8]] | None = None
    """The softened mask with what it was made from."""
    _stack: Stack = field(default_factory=Stack)
    """The layers of the newest frame, made ready."""

    @classmethod
    def of(cls, portrait: Portrait, renderer: Renderer) -> Drawing:
        """Buffers for live frames (about 0.2 s of CPU time)."""
        shape = (CROP_SIZE, CROP_SIZE, 3)
        paster = Paster.prepare(shrink_photo(portrait), size=CROP_SIZE)
        return cls(
            portrait=portrait,
            renderer=renderer,
            handle=renderer.prepare(portrait, size=CROP_SIZE),
            face=np.empty(shape, np.uint8),
            bgr=np.empty(shape, np.uint8),
            paster=paster,
            pasted=paster.photo.copy(),
        )

    def draw(
        self,
        edit: Edit,
        *,
        view: str,
        base: Motion | None = None,
        layers: tuple[Layer, ...] = (),
        seconds: float = 0.0,
    ) -> tuple[dict[str, Any], bytes]:
        """(header, JPEG) of one edit.

        Header: `ms` of rendering, number of `edited` slots, `limits` {slot: [asked, given]}, `view`,
        `size` [width, height]; of a face crop also the `map` of it, see `map_of_frame`.

        Args:
            base: one frame of motion under the edit; None is the photo as it is.
            layers: what acts over the edit at `seconds`.
        """
        start = time.perf_counter()
        below = self.portrait.motion if base is None else base
        stack = self._stack_of(edit, layers) if layers else None
        if stack is None or not stack.active:
            resolved = resolve_edit(self.portrait, below, edit)
        else:
            resolved = stack.resolve(self.portrait, below, seconds)
        face = self.renderer.render(self.handle, resolved.motion, out=self.face)
        # the mask may draw a second face
        map_of_face = self._map(resolved.motion) if view == "crop" else None
        if edit.mask is not None and edit.value("mask_enabled"):
            # outside the mask the base goes on moving; only the edit stops there
            rest = self.portrait.image if base is None else self.renderer.render(self.handle, base)
            keep_outside(face, rest, self._soft_mask(edit.mask, edit.value("mask_feather")))
        picture = self.paster.paste(face, out=self.pasted) if view == "photo" else face
        ms = 1e3 * (time.perf_counter() - start)
        header = {
            "ms": round(ms, 2),
            "edited": int(np.count_nonzero(resolved.asked != SLOT_DEFAULT)),
            "limits": {key: [round(v, 5) for v in pair] for key, pair in resolved.limits().items()},
            "view": view,
            "size": [picture.shape[1], picture.shape[0]],
            "map": map_of_face,
        }
        return header, encode_jpeg(picture, bgr=self.bgr if view == "crop" else None)

    def _map(self, motion: Motion) -> dict[str, Any]:
        known = self.renderer.landmarks(self.handle) if isinstance(self.renderer, KnowsLandmarks) else None
        return map_of_frame(self.portrait, motion, known)

    def _stack_of(self, edit: Edit, layers: tuple[Layer, ...]) -> Stack:
        same = self._stack.layers is layers
        self._stack = self._stack.with_edit(edit) if same else Stack(edit, layers)
        return self._stack

    def thumb(self, edit: Edit) -> bytes:
        """JPEG of the face alone, `THUMB_SIDE` pixels a side, with an edit on the photo."""
        portrait = self.portrait
        face = self.renderer.render(self.handle, apply_edit(portrait, portrait.motion, edit), out=self.face)
        rows, columns = face_window(portrait.landmarks_in_crop, face.shape, margin=THUMB_MARGIN)
        size = THUMB_SIDE, THUMB_SIDE
        return encode_jpeg(np.asarray(cv2.resize(face[rows, columns], size, interpolation=cv2.INTER_AREA), np.uint8))

    def source(self, *, view: str, base: Motion | None = None) -> bytes:
        """JPEG of the unedited picture, pixel for pixel what a zero edit draws.

        Args:
            base: one frame of motion; None is the photo as it is.
        """
        if base is not None:
            return self.draw(Edit(), view=view, base=base)[1]
        return encode_jpeg(self.paster.photo if view == "photo" else self.portrait.image)

    def _soft_mask(self, mask: bytes, feather: float) -> NDArray[np.uint8]:
        made_from = (mask, feather)
        if self._soft is None or self._soft[0] != made_from:
            self._soft = made_from, soften_mask(decode_mask(mask), feather=feather)
        return self._soft[1]
