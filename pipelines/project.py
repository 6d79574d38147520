"""A whole piece of work as one immutable value, and its file: a zip of JSON, an .npz and the media, never a pickle."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from pipelines.errors import StudioError
from pipelines.files import read_file, write_atomic
from pipelines.motion.controls import SLOTS
from pipelines.motion.edit import FORMAT as EDIT_FORMAT
from pipelines.motion.edit import Edit, HasSource
from pipelines.motion.layers import MAX_LAYERS, Layer
from pipelines.motion.space import Motion
from pipelines.motion.stack import Stack
from pipelines.motion.track import Track
from pipelines.project_archive import JSON, MAX_BYTES, TRACK, WHAT, unzip, zipped
from pipelines.project_parts import (
    SOUND_SUFFIXES,
    Media,
    Playhead,
    PortraitRef,
    read_media,
    read_playhead,
    read_portrait,
)

FORMAT = "ditto-project"
VERSION = 1
SUFFIX = ".ditto"
MAX_KEYS = 200_000
"""Most keys of all layers together."""
_MAX_JSON = 16 << 20
SIDED = frozenset(slot.control.key for slot in SLOTS if slot.side)
"""Controls with a right and a left side."""


@dataclass(frozen=True)
class Document:
    """One piece of work. Every change makes a new value that shares all parts it does not change."""

    portrait: PortraitRef = field(default_factory=PortraitRef)
    edit: Edit = field(default_factory=Edit)
    """Acts at any time, below the layers; carries the painted mask."""
    track: Track = field(default_factory=Track.still)
    sound: Media | None = None
    """Plays with the track."""
    layers: tuple[Layer, ...] = ()
    playhead: Playhead = field(default_factory=Playhead)
    apart: tuple[str, ...] = ()
    """Controls whose right and left the visitor moves apart, in order of their names; all others move together."""

    def __post_init__(self) -> None:
        if len(self.layers) > MAX_LAYERS:
            raise StudioError(f"A project should have at most {MAX_LAYERS} layers but has {len(self.layers)}.")
        keys = sum(len(channel.curve) for layer in self.layers for channel in layer.channels)
        if keys > MAX_KEYS:
            raise StudioError(
                f"A project should have at most {MAX_KEYS} keys in its layers but has {keys}; thin some."
            )

    @cached_property
    def stack(self) -> Stack:
        """The edit and the layers, ready to act."""
        return Stack(self.edit, self.layers)

    def at(self, source: HasSource, frame: float) -> Motion:
        """What the face does at a frame, counted at the track's rate. The layers go on where the track has ended, so
        they move a still too, whose track is one frame."""
        return self.stack.apply(source, self.track.at(source, frame), frame / self.track.fps)

    def with_portrait(self, portrait: PortraitRef) -> Document:
        """The same work on another face; a painted mask belongs to the old face and goes with it."""
        return replace(self, portrait=portrait, edit=self.edit.with_mask(None))

    def with_edit(self, edit: Edit) -> Document:
        """With another edit that always acts."""
        return replace(self, edit=edit)

    def with_track(self, track: Track, *, sound: Media | None = None) -> Document:
        """Another base track with its sound; the playhead goes to the start."""
        return replace(self, track=track, sound=sound, playhead=Playhead(loop=self.playhead.loop))

    def with_playhead(self, playhead: Playhead) -> Document:
        """With the playhead elsewhere."""
        return replace(self, playhead=playhead)

    def with_apart(self, keys: Iterable[str], *, is_apart: bool) -> Document:
        """With the sides of some controls parted or joined; their values stay.

        Raises:
            StudioError: no control of that name has two sides.
        """
        keys = set(keys)
        if unknown := keys - SIDED:
            raise StudioError(
                f"`{min(unknown)[:60]}` should be a control with a right and a left side; choose another one."
            )
        both = keys | set(self.apart) if is_apart else set(self.apart) - keys
        return replace(self, apart=tuple(sorted(both)))

    def add_layer(self, layer: Layer, *, index: int | None = None) -> Document:
        """With one more layer, on top or below the layer `index`."""
        at = len(self.layers) if index is None else self._checked(index, len(self.layers) + 1)
        return replace(self, layers=(*self.layers[:at], layer, *self.layers[at:]))

    def replace_layer(self, index: int, layer: Layer) -> Document:
        """With another layer in the place of one, 0 = lowest."""
        at = self._checked(index)
        return replace(self, layers=(*self.layers[:at], layer, *self.layers[at + 1 :]))

    def remove_layer(self, index: int) -> Document:
        """Without one layer, 0 = lowest."""
        at = self._checked(index)
        return replace(self, layers=(*self.layers[:at], *self.layers[at + 1 :]))

    def move_layer(self, index: int, to: int) -> Document:
        """With one layer taken out and put back at place `to`, 0 = lowest."""
        layer = self.layers[self._checked(index)]
        return self.remove_layer(index).add_layer(layer, index=self._checked(to))

    def _checked(self, index: int, count: int | None = None) -> int:
        count = len(self.layers) if count is None else count
        if not 0 <= index < count:
            raise StudioError(f"`layer` should be from 0 to {count - 1} but is {index}; choose one that exists.")
        return index

    def to_bytes(self) -> bytes:
        """The project file; the same document gives the same bytes."""
        return _pack(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> Document:
        """The document of a project file, or of an edit file.

        Raises:
            StudioError: another format or a newer version, damaged, too large, or a value out of range.
        """
        return _unpack(data)

    def save(self, path: Path) -> Path:
        """Write the project file under a temporary name, then rename."""
        return write_atomic(path, self.to_bytes())

    @classmethod
    def load(cls, path: Path) -> Document:
        """The document of a file; errors as `from_bytes`."""
        return cls.from_bytes(read_file(path, what=WHAT, max_bytes=MAX_BYTES))


def _pack(document: Document) -> bytes:
    portrait, sound = document.portrait, document.sound
    record = {
        "format": FORMAT,
        "version": VERSION,
        "portrait": {
            "name": portrait.name,
            "example": portrait.example,
            "photo": portrait.photo and "photo" + portrait.photo.suffix,
            "face_index": portrait.face_index,
        },
        "edit": json.loads(document.edit.to_json()),
        "sound": sound and "sound" + sound.suffix,
        "layers": [layer.to_dict() for layer in document.layers],
        "playhead": asdict(document.playhead),
        "apart": list(document.apart),
    }
    parts = {
        JSON: json.dumps(record, allow_nan=False, ensure_ascii=False).encode(),
        TRACK: document.track.to_bytes(),
    }
    for stem, media in (("photo", portrait.photo), ("sound", sound)):
        if media is not None:
            parts[stem + media.suffix] = media.data
    return zipped(parts)


def _unpack(data: bytes) -> Document:
    parts = unzip(data) if data.startswith(b"PK") else {JSON: data}
    if len(parts[JSON]) > _MAX_JSON:
        raise StudioError(f"`{JSON}` of the project file should be under {_MAX_JSON >> 20} MB but is not.")
    try:
        record: Any = json.loads(parts[JSON])
    except (ValueError, RecursionError) as error:
        raise StudioError(f"{WHAT} should be one that this studio saved but is not; choose another one.") from error
    record = _upgraded(record)
    portrait = read_portrait(record.get("portrait", {}), parts)
    layers = record.get("layers", [])
    if not isinstance(layers, list) or len(layers) > MAX_LAYERS:
        raise StudioError(f"`layers` of the project file should be a list of at most {MAX_LAYERS} layers.")
    return Document(
        portrait=portrait,
        edit=Edit.from_json(json.dumps(record.get("edit", json.loads(Edit().to_json())))),
        track=Track.from_bytes(parts[TRACK]) if TRACK in parts else Track.still(),
        sound=read_media(record.get("sound"), "sound", SOUND_SUFFIXES, parts),
        layers=tuple(Layer.from_dict(layer) for layer in layers),
        playhead=read_playhead(record.get("playhead", {})),
        apart=_read_apart(record.get("apart", [])),
    )


def _from_edit(record: dict[str, Any]) -> dict[str, Any]:
    """Before there were projects, work was saved as an edit file."""
    return {"format": FORMAT, "version": 1, "edit": record}


_UPGRADES: dict[tuple[str, int], Callable[[dict[str, Any]], dict[str, Any]]] = {(EDIT_FORMAT, 1): _from_edit}
"""(format, version) of older files -> the next newer record."""


def _upgraded(record: Any) -> dict[str, Any]:
    while True:
        if not isinstance(record, dict):
            raise StudioError(f"{WHAT} should hold one object but holds {type(record).__name__}.")
        kind, version = record.get("format"), record.get("version")
        if (kind, version) == (FORMAT, VERSION) and type(version) is int:
            return record
        upgrade = _UPGRADES.get((kind, version)) if isinstance(kind, str) and type(version) is int else None
        if upgrade is None and kind == FORMAT:
            raise StudioError(
                f"`version` of the project file should be at most {VERSION} but is {str(version)[:20]!r}; "
                "update the studio."
            )
        if upgrade is None:
            raise StudioError(f'{WHAT} should have "format": "{FORMAT}" but has not; choose a project file.')
        record = upgrade(record)


def _read_apart(record: Any) -> tuple[str, ...]:
    if not isinstance(record, list) or not all(isinstance(key, str) for key in record):
        raise StudioError("`apart` of the project file should be a list of controls; save it again.")
    return Document().with_apart(record, is_apart=True).apart
