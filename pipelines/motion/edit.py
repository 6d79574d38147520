"""An edit: the values of all controls and a painted mask; how it acts on a motion; its JSON file.

edit = Edit.of({"smile": 0.6, "yaw_deg": 8})
motion = apply_edit(portrait, portrait.motion, edit)
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipelines.errors import StudioError
from pipelines.json_document import read_document
from pipelines.motion.compose import RATIO_SLOTS, compose, is_default
from pipelines.motion.control import AS_PHOTOGRAPHED, Slot
from pipelines.motion.controls import N_SLOTS, SLOT_DEFAULT, SLOTS, clip_to_slots, resolve
from pipelines.motion.kept import given_ratio, kept_expression_shares, kept_rigid_shares
from pipelines.motion.mirror import mirror_mask, mirror_vector
from pipelines.motion.space import Motion

FORMAT = "ditto-edit"
VERSION = 1
MAX_MASK_BYTES = 1 << 20
Extra = tuple[NDArray[np.float32], NDArray[np.float32]]
"""(T, 63) mean and half left-minus-right expression that acts as part of an edit without being in its slots."""
_PNG = b"\x89PNG\r\n\x1a\n"
_TOLERANCE = 1e-6
_SMALLEST = 1e-2
_BITES = 1e-3
"""A value counts as limited when the limits take more than this share of it."""


class HasSource(Protocol):
    """What an edit needs to know of a face; `Portrait` offers it."""

    @property
    def motion(self) -> Motion:
        """One frame, as photographed."""
        ...

    @property
    def eye_ratio(self) -> NDArray[np.float32]:
        """(2,) eye aspect ratio [right, left]."""
        ...


@dataclass(frozen=True)
class Source:
    """The motion of a face as photographed (one frame) and its eye aspect ratios (2,) [right, left]."""

    motion: Motion
    eye_ratio: NDArray[np.float32] = field(default_factory=lambda: np.full(2, 0.3, np.float32))


def _check_number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise StudioError(f"`{name}` should be a number but is {type(value).__name__} {str(value)[:40]!r}.")
    if not np.isfinite(value):
        raise StudioError(f"`{name}` should be a finite number but is {value}; reset it or give a value.")
    return float(value)


def _check_range(slot: Slot, value: float) -> float:
    control = slot.control
    if control.default == AS_PHOTOGRAPHED and value == AS_PHOTOGRAPHED:
        return value
    if not control.lo - _TOLERANCE <= value <= control.hi + _TOLERANCE:
        raise StudioError(
            f"`{slot.key}` should be between {control.lo:g} and {control.hi:g} but is {value:g}; "
            "choose a value inside the range."
        )
    return min(max(value, control.lo), control.hi)


def _check_mask(mask: bytes | None) -> bytes | None:
    if mask is None:
        return None
    if not isinstance(mask, bytes) or not mask.startswith(_PNG):
        raise StudioError("`mask` should be the bytes of a PNG picture; paint it again or leave it out.")
    if len(mask) > MAX_MASK_BYTES:
        raise StudioError(
            f"`mask` should have at most {MAX_MASK_BYTES} bytes but has {len(mask)}; use a 512 x 512 mask."
        )
    return mask


@dataclass(frozen=True, eq=False)
class Edit:
    """Values of all slots, relative to the source, so that an edit fits any portrait. Build it with `Edit.of`."""

    vector: NDArray[np.float32] = field(default_factory=lambda: SLOT_DEFAULT)
    """(N_SLOTS,) read-only, natural units, layout of `SLOTS`."""
    mask: bytes | None = None
    """PNG of an 8-bit grey picture in crop space: white changes, black keeps. The renderer applies it."""

    @classmethod
    def of(cls, values: Mapping[str, float] | None = None, *, mask: bytes | None = None) -> Edit:
        """Edit from control or slot names; the name of a sided control sets both sides, a slot key overrides it.

        Raises:
            StudioError: unknown name, not a finite number, or outside the control's range.
        """
        vector = SLOT_DEFAULT.copy()
        given = {name: resolve(name) for name in values or {}}
        for name in sorted(given, key=lambda n: -len(given[n])):
            number = _check_number(name, (values or {})[name])
            for slot in given[name]:
                vector[slot.index] = _check_range(slot, number)
        return cls(_frozen(vector), _check_mask(mask))

    @classmethod
    def from_vector(cls, vector: ArrayLike, *, mask: bytes | None = None) -> Edit:
        """Edit from the page's vector; values outside a slider are brought to its end.

        Raises:
            StudioError: wrong length or a number that is not finite.
        """
        array = np.asarray(vector, np.float32)
        if array.shape != (N_SLOTS,):
            raise StudioError(f"`vector` should have {N_SLOTS} numbers but has shape {array.shape}; reload the page.")
        if not np.isfinite(array).all():
            slot = SLOTS[int(np.flatnonzero(~np.isfinite(array))[0])]
            raise StudioError(f"`{slot.key}` should be a finite number but is {array[slot.index]}; reset it.")
        return cls(_frozen(clip_to_slots(array)), _check_mask(mask))

    def with_mask(self, mask: bytes | None) -> Edit:
        """The same values with another painted mask."""
        return Edit(self.vector, _check_mask(mask))

    def values(self) -> dict[str, float]:
        """slot key -> value of everything that is not at its default, shortest decimals that restore the float32."""
        edited = np.flatnonzero(self.vector != SLOT_DEFAULT)
        return {SLOTS[i].key: float(str(self.vector[i])) for i in edited}

    def value(self, name: str) -> float:
        """Value of a slot or of an unsided control; the mean of both sides of a sided one."""
        return float(np.mean([self.vector[slot.index] for slot in resolve(name)]))

    @property
    def is_default(self) -> bool:
        """Nothing edited; a mask alone edits nothing."""
        return is_default(self.vector)

    def to_json(self) -> str:
        """The edit file: versioned, only what differs from the defaults."""
        mask = None if self.mask is None else base64.b64encode(self.mask).decode("ascii")
        document = {"format": FORMAT, "version": VERSION, "values": self.values(), "mask": mask}
        return json.dumps(document, indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Edit:
        """Edit from an edit file.

        Raises:
            StudioError: not JSON, another format or version, unknown control, not a number, or out of range.
        """
        return _read_document(text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Edit):
            return NotImplemented
        return self.mask == other.mask and np.array_equal(self.vector, other.vector)

    def __hash__(self) -> int:
        return hash((self.vector.tobytes(), self.mask))


def _frozen(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    vector = vector + np.float32(0)  # turns -0 into 0, so that equal edits have equal bytes
    vector.flags.writeable = False
    return vector


def _read_document(text: str | bytes) -> Edit:
    document = read_document(text, name="edit", format=FORMAT, version=VERSION)
    unknown = document.keys() - {"format", "version", "values", "mask"}
    if unknown:
        raise StudioError(
            f"The edit file should hold values and mask only but has `{str(min(unknown))[:60]}`; remove it."
        )
    values = document.get("values", {})
    if not isinstance(values, dict):
        raise StudioError(f"`values` of the edit file should be an object but is {type(values).__name__}.")
    return Edit.of(values, mask=_decode_mask(document.get("mask")))


def _decode_mask(mask: object) -> bytes | None:
    if mask is None:
        return None
    if not isinstance(mask, str) or len(mask) > 2 * MAX_MASK_BYTES:
        raise StudioError(
            f"`mask` of the edit file should be base64 text under {MAX_MASK_BYTES} bytes; paint it again."
        )
    try:
        return base64.b64decode(mask, validate=True)
    except ValueError as error:
        raise StudioError("`mask` of the edit file should be base64 text but is not; paint it again.") from error


def apply_edit(source: HasSource, base: Motion, edit: Edit) -> Motion:
    """What the face does: `base` (T frames, relative to the source) with the edit on it. Pure.

    A default edit returns `base` itself. The painted mask is the renderer's.
    """
    if edit.is_default:
        return base
    return compose(source.motion, base, edit.vector, source.eye_ratio)[0]


def apply_vectors(
    source: HasSource, base: Motion, vectors: NDArray[np.float32], *, extra: Extra | None = None
) -> Motion:
    """As `apply_edit` with one edit vector per frame, (T, N_SLOTS) float32, for keyframes and layers."""
    return compose(source.motion, base, vectors, source.eye_ratio, extra=extra)[0]


@dataclass(frozen=True)
class Resolved:
    """A motion and what the limits left of each value."""

    motion: Motion
    asked: NDArray[np.float32]
    """(N_SLOTS,) the edit's values."""
    given: NDArray[np.float32]
    """(N_SLOTS,) the values that act; the smallest over the frames."""

    def limits(self) -> dict[str, tuple[float, float]]:
        """slot key -> (asked, given) of the slots a limit cut."""
        cut = np.flatnonzero(self.asked != self.given)
        return {SLOTS[i].key: (float(self.asked[i]), float(self.given[i])) for i in cut}


def resolve_edit(source: HasSource, base: Motion, edit: Edit, *, extra: Extra | None = None) -> Resolved:
    """`apply_edit` with the limit report: a slot is limited when any of its dims is clipped."""
    asked = edit.vector
    if edit.is_default and extra is None:
        return Resolved(base, asked, asked)
    motion, expression, rigid = compose(source.motion, base, asked, source.eye_ratio, extra=extra)
    given = asked * kept_expression_shares(expression) * kept_rigid_shares(rigid)
    given[RATIO_SLOTS] = given_ratio(source.motion, motion, expression, asked, source.eye_ratio)
    bites = np.abs(given - asked) > _BITES * np.maximum(np.abs(asked), _SMALLEST)
    return Resolved(motion, asked, np.where(bites, given, asked).astype(np.float32))


def mirror_edit(edit: Edit) -> Edit:
    """The edit with left and right exchanged, painted mask included; twice gives the same values and mask pixels.

    Emotion weights stay: the one-sided smile of contempt keeps its side.
    """
    return Edit(_frozen(mirror_vector(edit.vector)), None if edit.mask is None else mirror_mask(edit.mask))
