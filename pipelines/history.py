"""Undo and redo of everything: documents by step, sharing all parts that a step did not change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pipelines.errors import StudioError
from pipelines.motion.edit import Edit
from pipelines.motion.keyframes import Curve
from pipelines.motion.track import Track
from pipelines.project import Document, Media

MAX_STEPS = 2000
MAX_BYTES = 256 << 20
"""Most bytes that the steps hold besides what the document at hand has itself."""
_KEY_BYTES = 100
"""A place in a tuple and the compiled cubic; the keys themselves are mostly shared."""
_STEP_BYTES = 2000


@dataclass(frozen=True)
class Step:
    """A document and how it came about."""

    label: str
    document: Document
    held_bytes: int = 0
    """Size of the parts that the step before did not have."""
    joins: str | None = None
    """Steps of one gesture share this name and become one."""


@dataclass(frozen=True)
class History:
    """Steps in order, and which of them is at hand. A value: every operation gives a new history."""

    steps: tuple[Step, ...]
    position: int = 0

    @classmethod
    def of(cls, document: Document, *, label: str = "Open") -> History:
        """A history that starts here."""
        return cls((Step(label, document),))

    @property
    def document(self) -> Document:
        """The document at hand."""
        return self.steps[self.position].document

    @property
    def labels(self) -> tuple[str, ...]:
        """What each step was, the first one first."""
        return tuple(step.label for step in self.steps)

    def push(self, document: Document, *, label: str, joins: str | None = None) -> History:
        """A new step on what is at hand; steps that were undone are forgotten, and the oldest when there are too many.

        Args:
            joins: name of the gesture, such as the slider being dragged; a step of the same gesture is replaced.
        """
        if document == self.document:
            return self
        top = self.steps[self.position]
        kept = self.steps[: self.position if joins is not None and top.joins == joins else self.position + 1]
        added = _added(document, kept[-1].document) if kept else 0
        steps = (*kept, Step(label, document, added, joins))
        return History(_trimmed(steps), 0).to_last()

    def amend(self, document: Document) -> History:
        """Another document in the place of the one at hand: for what is no step of its own, such as the playhead."""
        if document == self.document:
            return self
        steps = list(self.steps)
        steps[self.position] = replace(steps[self.position], document=document)
        return replace(self, steps=tuple(steps))

    def undo(self) -> History:
        """One step back; at the first step nothing happens."""
        return replace(self, position=max(0, self.position - 1))

    def redo(self) -> History:
        """One step forward; at the last step nothing happens."""
        return replace(self, position=min(len(self.steps) - 1, self.position + 1))

    def jump(self, position: int) -> History:
        """To any step of the list.

        Raises:
            StudioError: there is no such step.
        """
        if not 0 <= position < len(self.steps):
            raise StudioError(f"`step` should be from 0 to {len(self.steps) - 1} but is {position}.")
        return replace(self, position=position)

    def to_last(self) -> History:
        """At the newest step."""
        return replace(self, position=len(self.steps) - 1)

    @property
    def held_bytes(self) -> int:
        """About how much memory the steps hold; parts that several steps share count once."""
        return sum(step.held_bytes for step in self.steps[1:])


def _trimmed(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The newest steps that fit."""
    total, count = 0, 0
    for step in reversed(steps):
        total += step.held_bytes
        if count and (count >= MAX_STEPS or total > MAX_BYTES):
            break
        count += 1
    return steps[len(steps) - count :]


def _added(document: Document, before: Document) -> int:
    old = {id(part) for part in _parts(before)}
    new = {id(part): part for part in _parts(document) if id(part) not in old}
    return _STEP_BYTES + sum(_size(part) for part in new.values())


def _parts(document: Document) -> Iterator[object]:
    """Parts that steps share."""
    yield document.edit
    yield document.track
    for media in (document.sound, document.portrait.photo):
        if media is not None:
            yield media
    for layer in document.layers:
        for channel in layer.channels:
            yield channel.curve


def _size(part: object) -> int:
    match part:
        case Edit():
            return part.vector.nbytes + len(part.mask or b"")
        case Track():
            return sum(array.nbytes for array in vars(part.motion).values())
        case Media():
            return len(part.data)
        case Curve():
            return _KEY_BYTES * len(part)
        case _:
            return 0
