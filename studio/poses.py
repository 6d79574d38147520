"""The Poses panel's work: what lies on an edit when a pose is applied, the thumbnails, and files of poses."""

from __future__ import annotations

import base64
import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.errors import StudioError
from pipelines.motion.controls import SLOT_BY_KEY
from pipelines.motion.edit import Edit, mirror_edit
from pipelines.motion.match import match_expression, neutralise
from pipelines.motion.presets import (
    MAX_LABEL,
    Pose,
    apply_pose,
    blend_poses,
    emotions_as_controls,
    find_pose,
    starter_poses,
)
from studio.session import Session
from studio.wording import NO_PORTRAIT

FILE_FORMAT = "ditto-poses"
FILE_VERSION = 1
MAX_POSES = 60
"""Most own poses of a browser and of a file."""
MAX_FILE_BYTES = 4 << 20
KEPT_PORTRAITS = 8
"""Portraits whose thumbnails are kept, 41 pictures of about 3 kB each."""
_COMPENSATION = SLOT_BY_KEY["gaze_compensation"].index


@dataclass(frozen=True)
class PoseOrder:
    """A pose to lay on an edit."""

    edit: Edit
    pose: Edit
    strength: float
    regions: Mapping[str, float]
    brings_gaze: bool
    """The pose says itself whether the eyes stay on the camera while the head turns."""

    @classmethod
    def of(cls, session: Session, body: Any) -> PoseOrder:
        """Checked order of a request.

        Args:
            body: {"pose": source, "edit": values, "strength", "regions": {name: weight}, "mirror": bool,
                "blend": {"pose": source, "share"}}; a source is {"kind": "starter", "key"}, {"kind": "own", "values"},
                {"kind": "neutral"} or {"kind": "match", "head": bool}.

        Raises:
            StudioError: no portrait is open, or a part is missing or out of range.
        """
        if not isinstance(body, dict):
            raise StudioError("`pose` should come in a JSON object but does not; reload the page.")
        source = _object("pose", body.get("pose"))
        pose = _source_edit(session, source)
        blend = body.get("blend")
        if isinstance(blend, dict):
            pose = blend_poses(pose, _source_edit(session, blend.get("pose")), _number("share", blend.get("share")))
        if body.get("mirror"):
            pose = mirror_edit(pose)
        return cls(
            edit=Edit.of(_object("edit", body.get("edit"))),
            pose=pose,
            strength=_number("strength", body.get("strength", 1.0)),
            regions=_object("regions", body.get("regions")),
            brings_gaze=source["kind"] in ("neutral", "match"),
        )

    def result(self) -> Edit:
        """The edit with the pose on it.

        Raises:
            StudioError: a strength outside 0..1, or an unknown region.
        """
        edit = apply_pose(self.edit, self.pose, strength=self.strength, regions=self.regions)
        turns_head = self.strength > 0 and Edit.of(self.regions).value("region_head") > 0
        if self.brings_gaze and turns_head and self.pose.vector[_COMPENSATION] == 0:
            vector = edit.vector.copy()
            vector[_COMPENSATION] = 0
            edit = Edit.from_vector(vector)
        return edit


def _source_edit(session: Session, source: Any) -> Edit:
    """The edit that a source stands for, with emotions written out, so that regions can act on them."""
    kind = source.get("kind") if isinstance(source, dict) else None
    if kind == "starter":
        return emotions_as_controls(find_pose(str(source.get("key"))).edit)
    if kind == "own":
        return emotions_as_controls(Edit.of(_object("values", source.get("values"))))
    if session.portrait is None:
        raise StudioError(NO_PORTRAIT)
    if kind == "neutral":
        return neutralise(session.portrait)
    if kind == "match":
        if session.other is None:
            raise StudioError("There is no other photo yet; drop one in the Poses panel first.")
        return match_expression(session.portrait, session.other, head=bool(source.get("head")))
    raise StudioError(f"`kind` of a pose should be starter, own, neutral or match but is {str(kind)[:20]!r}.")


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise StudioError(f"`{name}` should be from 0 to 1 but is {str(value)[:20]}.")
    return float(value)


def _object(name: str, value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise StudioError(f"`{name}` should be an object but is {type(value).__name__}; reload the page.")
    return value


# ---- the starter set ----
def starter_data() -> list[dict[str, Any]]:
    """The starter set as the page lists it."""
    return [{"key": pose.key, "label": pose.label, "group": pose.group} for pose in starter_poses()]


class Thumbs:
    """Thumbnails of the starter set for the newest few portraits. Safe in several threads."""

    def __init__(self, *, portraits: int = KEPT_PORTRAITS) -> None:
        self._portraits = portraits
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, dict[str, bytes]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def of(self, portrait: str) -> dict[str, bytes]:
        """pose -> JPEG of a portrait's key, to read and to fill; the portrait least recently asked for goes."""
        with self._lock:
            pictures = self._kept.setdefault(portrait, {})
            self._kept.move_to_end(portrait)
            while len(self._kept) > self._portraits:
                self._kept.popitem(last=False)
            return pictures


# ---- files ----
def write_poses(poses: list[Pose]) -> bytes:
    """Own poses as one JSON file; each is what a pose file holds."""
    document = {"format": FILE_FORMAT, "version": FILE_VERSION}
    parts = [json.loads(pose.to_json()) for pose in poses]
    return (json.dumps(document | {"poses": parts}, allow_nan=False, indent=2) + "\n").encode()


def read_poses(data: bytes) -> list[Pose]:
    """The poses of a file of poses, or of a file with a single pose.

    Raises:
        StudioError: neither, another version, too many poses, or a bad pose.
    """
    try:
        document: Any = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise StudioError("The pose file should be JSON but is not; choose a file that Export wrote.") from error
    if not isinstance(document, dict) or document.get("format") != FILE_FORMAT:
        return [Pose.from_json(data)]
    version, parts = document.get("version"), document.get("poses")
    if type(version) is not int or version != FILE_VERSION:
        raise StudioError(f"`version` of the pose file should be {FILE_VERSION} but is {str(version)[:20]!r}.")
    if not isinstance(parts, list) or len(parts) > MAX_POSES:
        raise StudioError(f"`poses` of the pose file should be a list of at most {MAX_POSES} poses.")
    return [Pose.from_json(json.dumps(part)) for part in parts]


def own_pose(record: Any) -> Pose:
    """A pose that the browser keeps: {"label", "values", "thumbnail": base64 or None}.

    Raises:
        StudioError: no label, a bad value or a thumbnail that is no picture.
    """
    record = _object("pose", record)
    label = record.get("label")
    if not isinstance(label, str) or not 0 < len(label) <= MAX_LABEL:
        raise StudioError(f"`label` of a pose should be text of 1 to {MAX_LABEL} letters; name the pose.")
    edit = Edit.of(_object("values", record.get("values")))
    text = Pose("own", label, "own", edit).to_json()
    return Pose.from_json(json.dumps(json.loads(text) | {"thumbnail": record.get("thumbnail")}))


def own_record(pose: Pose) -> dict[str, Any]:
    """The same the other way; the painted mask of an edit belongs to one face and stays behind."""
    picture = None if pose.thumbnail is None else base64.b64encode(pose.thumbnail).decode("ascii")
    return {"label": pose.label or "Pose", "values": pose.edit.values(), "thumbnail": picture}
