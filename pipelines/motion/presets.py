"""Poses: named edits to lay on a face with a strength, in a region, mirrored or blended; the starter set and files."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import StudioError
from pipelines.json_document import read_document
from pipelines.motion.control import AS_PHOTOGRAPHED, Slot
from pipelines.motion.controls import N_SLOTS, SLOT_BY_KEY, SLOT_DEFAULT, SLOTS, clip_to_slots
from pipelines.motion.edit import Edit, mirror_edit
from pipelines.motion.regions import GAZE, HEAD, MEMBERSHIP, REGIONS, region_weights
from pipelines.motion.semantic import EMOTIONS

FORMAT = "ditto-pose"
VERSION = 1
MAX_THUMBNAIL_BYTES = 256 << 10
MAX_LABEL = 80
_PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
_UNSET = SLOT_DEFAULT == AS_PHOTOGRAPHED


@dataclass(frozen=True)
class Pose:
    """A named edit."""

    key: str
    label: str
    group: str
    """"emotion", "viseme", "expression" or "own"."""
    edit: Edit
    thumbnail: bytes | None = field(default=None, repr=False)
    """PNG or JPEG."""

    def to_json(self) -> str:
        """The pose file."""
        picture = None if self.thumbnail is None else base64.b64encode(self.thumbnail).decode("ascii")
        document = {"format": FORMAT, "version": VERSION, "label": self.label, "thumbnail": picture}
        return json.dumps(document | {"edit": json.loads(self.edit.to_json())}, allow_nan=False, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Pose:
        """The pose of a pose file.

        Raises:
            StudioError: another format or version, a thumbnail that is no picture, or a bad edit.
        """
        return _read_pose(text)


def _pose(group: str, key: str, label: str, values: Mapping[str, float]) -> Pose:
    return Pose(f"{group}_{key}", label, group, Edit.of(values))


_EXPRESSIONS: dict[str, tuple[str, dict[str, float]]] = {
    "smile": ("Smile", {"smile": 0.6, "squint": 0.15}),
    "laugh": ("Laugh", {"smile": 1.0, "jaw_open": 0.35, "lip_opening": 0.4, "squint": 0.5}),
    "smirk": ("Smirk", {"smile_left": 0.6, "squint": 0.15, "lip_press": 0.2}),
    "pout": ("Pout", {"pucker": 0.7, "corners_down": 0.4, "brow_knit": 0.3}),
    "kiss": ("Kiss", {"pucker": 1.0, "blink": 0.6}),
    "wink": ("Wink", {"blink_left": 1.0, "smile_left": 0.5, "smile_right": 0.25, "squint_left": 0.3}),
    "doubt": ("Doubt", {"brow_raise_left": 0.8, "brow_raise_right": -0.4, "mouth_sideways": 0.35, "lip_press": 0.3}),
    "thinking": ("Thinking", {"gaze_x_deg": 14.0, "gaze_y_deg": 10.0, "brow_knit": 0.4, "lip_press": 0.5}),
    "sleepy": ("Sleepy", {"blink": 0.55, "brow_raise": 0.3, "jaw_open": 0.08}),
    "eyes_closed": ("Eyes closed", {"blink": 1.0}),
    "startled": ("Startled", {"eye_wide": 1.0, "brow_raise": 0.9, "lip_opening": 0.5}),
    "grimace": ("Grimace", {"lip_opening": 0.7, "corners_down": 0.7, "squint": 0.6, "brow_knit": 0.5}),
    "snarl": ("Snarl", {"upper_lip_raise": 1.0, "brow_knit": 0.8, "squint": 0.4}),
    "determined": ("Determined", {"lip_press": 0.8, "brow_knit": 0.5, "brow_raise": -0.3}),
    "yawn": ("Yawn", {"jaw_open": 1.0, "blink": 0.8, "brow_raise": 0.4}),
}

_VISEMES: dict[str, tuple[str, tuple[str, ...]]] = {
    "sil": ("Silence", ("SIL",)),
    "aa": ("A as in father", ("AA",)),
    "ae": ("A as in cat", ("AE",)),
    "ah": ("U as in cut", ("AH", "HH")),
    "ao": ("O as in thought", ("AO",)),
    "eh": ("E as in bed", ("EH", "EY")),
    "er": ("Ur as in bird", ("ER", "R")),
    "iy": ("Ee as in see", ("IY", "Y")),
    "ih": ("I as in bit", ("IH",)),
    "ow": ("O as in go", ("OW", "OY")),
    "uw": ("Oo as in food", ("UW", "W")),
    "pbm": ("P, B, M", ("P", "B", "M")),
    "fv": ("F, V", ("F", "V")),
    "th": ("Th", ("TH", "DH")),
    "tdn": ("T, D, N, L", ("T", "D", "N", "L")),
    "sz": ("S, Z", ("S", "Z")),
    "sh": ("Sh, Ch", ("SH", "ZH", "CH", "JH")),
    "kg": ("K, G, Ng", ("K", "G", "NG")),
}
"""key -> (label, phones it stands for)."""


@lru_cache(maxsize=1)
def starter_poses() -> tuple[Pose, ...]:
    """The poses every visitor has: eight emotions, visemes, common expressions; built from the tables."""
    emotions = [_pose("emotion", key, key.capitalize(), values) for key, values in EMOTIONS.items()]
    visemes = [_pose("viseme", key, label, _viseme(phones)) for key, (label, phones) in _VISEMES.items()]
    expressions = [_pose("expression", key, label, values) for key, (label, values) in _EXPRESSIONS.items()]
    return (*emotions, *visemes, *expressions)


def find_pose(key: str) -> Pose:
    """A starter pose by its key.

    Raises:
        StudioError: there is none; the sentence offers the nearest.
    """
    poses = {pose.key: pose for pose in starter_poses()}
    if key in poses:
        return poses[key]
    import difflib

    near = difflib.get_close_matches(key, poses, n=3, cutoff=0.4) or list(poses)[:3]
    raise StudioError(f"`pose` should be the key of a pose but is '{key[:40]}'; did you mean {', '.join(near)}?")


def _viseme(phones: tuple[str, ...]) -> dict[str, float]:
    """Mouth controls of the mean lip shape of some phones, from the table of the speech rule."""
    from pipelines.speech.visemes import LIP_ON_TEETH, LIPS_SHUT, PHONE_INDEX, TARGETS

    rows = [PHONE_INDEX[phone] for phone in phones]
    aperture, width, protrusion = (float(value) for value in TARGETS[rows].mean(0))
    rounded = max(-width, protrusion, 0.0)
    values = {
        "jaw_open": 0.5 * aperture,
        "lip_opening": 0.3 * aperture * (1 - 0.5 * rounded),
        "smile": 0.3 * max(width, 0.0),
        "pucker": 0.8 * rounded,
    }
    if set(rows) <= set(LIPS_SHUT):
        values |= {"jaw_open": 0.0, "lip_opening": 0.0, "lip_press": 0.5}
    if set(rows) <= set(LIP_ON_TEETH):
        values |= {"jaw_open": 0.05, "lip_press": 0.4, "upper_lip_raise": 0.3}
    return {name: round(value, 3) for name, value in values.items() if abs(value) >= 5e-4}


def apply_pose(edit: Edit, pose: Edit, *, strength: float = 1.0, regions: Mapping[str, float] | None = None) -> Edit:
    """The edit with a pose laid on it: what shapes the face goes `strength` of the way to the pose.

    Expression and emotion follow the pose even where it leaves them at rest; head, gaze and eye ratio only where the
    pose sets them; region weights and settings stay the edit's.

    Args:
        strength: 0 keeps the edit, 1 takes the pose.
        regions: `region_…` names -> weight, 1 where left out; a control counts to the regions of its dims.

    Raises:
        StudioError: a strength outside 0..1, or an unknown region.
    """
    if not 0 <= strength <= 1:
        raise StudioError(f"`strength` should be from 0 to 1 but is {strength:g}.")
    share = strength * _slot_shares(regions or {})
    shapes = np.array([slot.control.kind in ("semantic", "dim", "emotion") for slot in SLOTS])
    places = np.array([slot.control.kind in ("pose", "gaze", "eye") for slot in SLOTS])
    follows = shapes | (places & (pose.vector != SLOT_DEFAULT))
    return Edit.from_vector(_mix(edit.vector, pose.vector, np.where(follows, share, 0)), mask=edit.mask)


def blend_poses(a: Edit, b: Edit, share: float) -> Edit:
    """Of two edits, 1 - share of `a` and share of `b`; the painted mask of `a`.

    Raises:
        StudioError: a share outside 0..1.
    """
    if not 0 <= share <= 1:
        raise StudioError(f"`share` should be from 0 to 1 but is {share:g}.")
    return Edit.from_vector(_mix(a.vector, b.vector, np.full(N_SLOTS, share, np.float32)), mask=a.mask)


def mirrored(pose: Pose) -> Pose:
    """The pose with left and right exchanged; its thumbnail no longer fits and goes."""
    return Pose(f"{pose.key}_mirrored", f"{pose.label}, mirrored"[:MAX_LABEL], pose.group, mirror_edit(pose.edit))


def _mix(a: NDArray, b: NDArray, share: NDArray) -> NDArray[np.float32]:
    mixed = np.where(share == 0, a, np.where(share == 1, b, a + share * (b - a)))
    # between "as photographed" and a ratio there is no number: the nearer one is taken
    half_set = _UNSET & ((a < 0) != (b < 0))
    return clip_to_slots(np.where(half_set, np.where(share < 0.5, a, b), mixed))


def _slot_shares(regions: Mapping[str, float]) -> NDArray[np.float32]:
    """(N_SLOTS,) weight of every slot under region weights."""
    if not regions:
        return np.ones(N_SLOTS, np.float32)
    if wrong := [name for name in regions if not name.startswith("region_")]:
        raise StudioError(f"`regions` should name regions such as region_mouth but has '{wrong[0][:40]}'.")
    right, left = region_weights(Edit.of(regions).vector)
    return np.array([_slot_share(slot, right, left) for slot in SLOTS], np.float32)


def _slot_share(slot: Slot, right: NDArray, left: NDArray) -> float:
    sides = {"right": right, "left": left, None: 0.5 * (right + left)}
    weights = sides[slot.side]
    match slot.control.kind:
        case "semantic" | "dim":
            dims, coefficients = zip(*slot.control.side_coefficients(slot.side), strict=True)
            energy = np.square(coefficients)
            return float(energy @ (MEMBERSHIP[list(dims)] @ weights) / energy.sum())
        case "pose":
            return float(weights[HEAD])
        case "gaze":
            return float(weights[GAZE])
        case "eye":
            return float(weights[REGIONS.index("eyes")])
        case _:
            return float(weights[:HEAD].mean())


def emotions_as_controls(edit: Edit) -> Edit:
    """The edit with its emotion mix written out as named controls, so that regions can tell its parts apart."""
    from pipelines.motion.emotion import EMOTION_PRESETS, EMOTION_SLOTS, emotion_shares

    vector = edit.vector + emotion_shares(edit.vector) @ EMOTION_PRESETS
    vector[EMOTION_SLOTS] = 0
    vector[SLOT_BY_KEY["emotion_intensity"].index] = 1
    return Edit.from_vector(vector, mask=edit.mask)


def _read_pose(text: str | bytes) -> Pose:
    document = read_document(text, name="pose", format=FORMAT, version=VERSION)
    label, picture = document.get("label"), document.get("thumbnail")
    if not isinstance(label, str) or len(label) > MAX_LABEL:
        raise StudioError(f"`label` of the pose file should be text of at most {MAX_LABEL} letters.")
    return Pose("own", label, "own", Edit.from_json(json.dumps(document.get("edit"))), _thumbnail(picture))


def _thumbnail(picture: Any) -> bytes | None:
    if picture is None:
        return None
    if not isinstance(picture, str) or len(picture) > 2 * MAX_THUMBNAIL_BYTES:
        raise StudioError(f"`thumbnail` of the pose file should be base64 text under {MAX_THUMBNAIL_BYTES} bytes.")
    try:
        data = base64.b64decode(picture, validate=True)
    except ValueError as error:
        raise StudioError("`thumbnail` of the pose file should be base64 text but is not; save it again.") from error
    if not data.startswith(_PICTURES) or len(data) > MAX_THUMBNAIL_BYTES:
        raise StudioError("`thumbnail` of the pose file should be a small PNG or JPEG picture; save it again.")
    return data
