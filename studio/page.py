"""Data for the page, generated from the tables: what is fixed per server, and what changes with the portrait."""

from __future__ import annotations

import json
import math
import secrets
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from pipelines.motion.compose import head_limits
from pipelines.motion.control import Control, Slot
from pipelines.motion.controls import CONTROLS, N_SLOTS, REGIONS, SLOTS
from pipelines.motion.dims import KEYPOINT_INERT, KEYPOINT_NAMES
from pipelines.motion.edit import Edit
from pipelines.motion.layers import MODES, value_range
from pipelines.motion.mirror import mirror_vector
from pipelines.motion.regions import KEYPOINT_REGION, PRESETS
from pipelines.portrait.crop import invert, scale_of, transform
from pipelines.portrait.types import CROP_SIZE, Portrait
from pipelines.render.choice import VARIABLE, Choice
from studio.document import document_state
from studio.drive_order import drive_choices
from studio.examples import EXAMPLES
from studio.face_map import map_at_rest
from studio.film import film_choices
from studio.live import ROUTES
from studio.session import Session
from studio.wording import NATIVE_TIPS

VERSION = 1
AFTERWARDS = "Restart the studio afterwards."

PANELS: tuple[tuple[str, str, str, str], ...] = (
    ("portrait", "Portrait", "The photo you edit and what was measured on it", "Drop one anywhere on the stage"),
    (
        "expression",
        "Expression",
        "Controls by meaning, then all 63 dimensions",
        "The thick bar is what 90 % of real faces do",
    ),
    ("head", "Head", "Turn and place the head, relative to the photo", "Drag the pad, or arrow keys, 1° a step"),
    ("eyes", "Eyes", "Where the eyes look and how far they open", "Right and left are the person's own"),
    ("emotion", "Emotion", "Mix the eight emotions of the paper", "Shares add up to 100 %; what is left is the photo"),
    (
        "poses",
        "Poses",
        "Put a ready expression on the face, whole or by region",
        "Save any edit as a pose of your own",
    ),
    (
        "regions",
        "Regions & limits",
        "Where edits act and how far they may go",
        "Weight 0 keeps the photo; amber means limited",
    ),
    (
        "speech",
        "Speech",
        "A voice moves the face; every control acts on top",
        "Record, upload or type; play it under the stage",
    ),
    (
        "drive",
        "Drive",
        "A film, a capture or the webcam moves the face",
        "What was read is kept: strength and smoothing act at once",
    ),
    (
        "layers",
        "Layers",
        "Stack edits over the base motion",
        "The top layer acts last; keys on the timeline move it",
    ),
    (
        "bench",
        "Bench",
        "Measure what a control or region moves on this face",
        "The face is found again in each drawn step; % of eye distance",
    ),
    (
        "export",
        "Export",
        "Save pictures, films, motion or the work itself",
        "Pictures keep the photo's own resolution",
    ),
)
"""(key, title, help in two lines)."""


@dataclass(frozen=True)
class Message:
    """One sentence over the stage."""

    text: str
    kind: Literal["error", "info", "busy"] = "error"
    about: str = ""
    """"photo": the page offers to choose another one."""


# ---- fixed per server ----
def page_data(choice: Choice, *, speech: dict[str, Any] | None = None) -> dict[str, Any]:
    """Everything the page needs to know of the tables; the `data` prop of the bar part.

    Args:
        speech: what the Speech panel offers; None where there is none.
    """
    return {
        "slots": [_slot(slot, partner) for slot, partner in zip(SLOTS, _mirror_partners(), strict=True)],
        "controls": [_control(control) for control in CONTROLS],
        "regions": [{"key": f"region_{key}", "label": label, "sided": sided} for key, label, sided in REGIONS],
        "presets": [
            {"key": key, "label": label, "weights": dict(weights)} for key, (label, weights) in PRESETS.items()
        ],
        "keypoints": [
            {"index": i, "region": KEYPOINT_REGION[i], "inert": KEYPOINT_INERT[i], "label": name}
            for i, name in enumerate(KEYPOINT_NAMES)
        ],
        "emotions": [
            {"key": c.key, "label": c.label} for c in CONTROLS if c.kind == "emotion" and c.key != "emotion_intensity"
        ],
        "panels": [
            {"key": key, "label": label, "help": lines}
            for key, label, *lines in PANELS
            if key != "speech" or speech is not None
        ],
        "speech": speech,
        "drive": drive_choices(),
        "films": film_choices(),
        "examples": [{"key": e.key, "label": e.label, "credit": e.credit} for e in EXAMPLES],
        "renderer": renderer_data(choice),
        "routes": dict(ROUTES),
        "tips": NATIVE_TIPS,
        "version": VERSION,
    }


def renderer_data(choice: Choice) -> dict[str, Any]:
    """Which renderer draws, why, and how to get the other one (see `other_renderer`)."""
    renderer = choice.renderer
    return {
        "name": renderer.name,
        "device": getattr(renderer, "device", "CPU"),
        "ms": None,
        "reason": renderer.reason,
        "fallback": choice.fallback,
        "other": other_renderer(choice),
    }


def other_renderer(choice: Choice) -> dict[str, str]:
    """The renderer that does not draw: `name`, `text`, and where it takes a command, `command` and `cost`."""
    neural = choice.neural
    if neural.renderer is None or choice.renderer is not neural.renderer:
        other = {"name": "Neural renderer", "text": neural.reason}
        if neural.has_weights:
            other["text"] += " The button is in the Export panel."
    elif neural.command is not None:
        other = {"name": "TensorRT", "text": neural.reason}
    else:
        text, command = "It draws without a GPU, also where weights are here.", f"{VARIABLE}=mesh python app.py"
        return {"name": "Mesh renderer", "text": text, "command": command, "cost": "No download"}
    if neural.command is None or neural.cost is None:
        return other
    return {**other, "command": neural.command, "cost": f"{neural.cost}. {AFTERWARDS}"}


def _mirror_partners() -> list[tuple[str, float]]:
    """(slot it takes its value from, sign) of every slot when left and right are exchanged."""
    # numbering the slots from 1 lets the sign survive for all of them
    numbered = mirror_vector(np.arange(1, N_SLOTS + 1, dtype=np.float32))
    return [(SLOTS[int(abs(number)) - 1].key, float(np.sign(number))) for number in numbered]


def _slot(slot: Slot, partner: tuple[str, float]) -> dict[str, Any]:
    control = slot.control
    return {
        "key": slot.key,
        "control": control.key,
        "side": slot.side,
        "lo": control.lo,
        "hi": control.hi,
        "step": control.step,
        "default": control.default,
        "mirror": {"slot": partner[0], "sign": partner[1]},
        "ranges": {mode: value_range(slot, mode) for mode in MODES},
    }


def _control(control: Control) -> dict[str, Any]:
    return {
        "key": control.key,
        "label": control.label,
        "kind": control.kind,
        "region": control.region,
        "panel": control.panel,
        "sided": control.sided,
        "unit": control.unit,
        "lo": control.lo,
        "hi": control.hi,
        "step": control.step,
        "default": control.default,
        "band": control.band,
        "limit": control.limit,
        "tip": control.tip,
        "source": control.source,
        "live": control.live,
        "confidence": control.confidence,
        "dim": control.dim,
        "keypoint": control.keypoint,
        "axis": control.axis,
        "percentiles": control.percentiles,
    }


# ---- changes with the portrait ----
def stage_value(
    session: Session,
    *,
    message: Message | None = None,
    edit: Edit | None = None,
    label: str = "",
    renderer: dict[str, Any] | None = None,
) -> str:
    """JSON of the stage part's value: what is on the stage, and what the page has to change.

    Args:
        edit: values the page takes over; None keeps the page's own.
        label: name of that change in the page's history.
        renderer: `renderer_data` where the page may hold an older one.
    """
    value: dict[str, Any] = {
        "token": session.token,
        "portrait": None if session.portrait is None else portrait_data(session.portrait, session=session),
        "edit": None if edit is None else edit.values(),
        "label": label,
        "document": document_state(session),
        "other": None if session.other is None else session.other.key,
        "job": None if session.job is None else session.job.record(),
        "voice": session.voice_key,
    }
    if renderer is not None:
        value["renderer"] = renderer
    if message is not None:
        # the id lets the page tell the same sentence said twice from a value it has read already
        value["message"] = {**asdict(message), "id": secrets.token_hex(4)}
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def portrait_data(portrait: Portrait, *, session: Session) -> dict[str, Any]:
    """What was measured on the photo, in fractions of the photo and of the crop (0..1)."""
    height, width = portrait.photo.shape[:2]
    face = portrait.faces[portrait.face_index]
    motion = portrait.motion
    return {
        "key": session.document.portrait.example or portrait.key,
        "id": f"{session.document.portrait.example or 'own'}:{portrait.key}",
        "name": session.document.portrait.name,
        "size": [width, height],
        "face_px": round(max(face.right - face.left, face.bottom - face.top)),
        "faces": [
            {
                "left": round(box.left / width, 5),
                "top": round(box.top / height, 5),
                "right": round(box.right / width, 5),
                "bottom": round(box.bottom / height, 5),
            }
            for box in portrait.faces
        ],
        "face_index": portrait.face_index,
        "pose": {key: round(float(getattr(motion, key)[0]), 2) for key in ("pitch_deg", "yaw_deg", "roll_deg")},
        "limits": {key: [round(end, 3) for end in ends] for key, ends in head_limits(motion).items()},
        "eye_ratio": [round(float(ratio), 4) for ratio in portrait.eye_ratio],
        "lip_ratio": round(float(portrait.lip_ratio), 4),
        "crop": [round(value, 5) for value in _crop_in_photo(portrait)],
        **map_at_rest(portrait),
    }


def _crop_in_photo(portrait: Portrait) -> tuple[float, float, float, float, float]:
    """(x, y, width, height, turn in degrees): the upright square around the crop's centre, before its turn."""
    height, width = portrait.photo.shape[:2]
    photo_from_crop = invert(portrait.crop_from_photo)
    x, y = transform(photo_from_crop, np.full((1, 2), (CROP_SIZE - 1) / 2))[0] + 0.5
    side = CROP_SIZE / scale_of(portrait.crop_from_photo)
    turn_deg = math.degrees(math.atan2(photo_from_crop[1, 0], photo_from_crop[0, 0]))
    return float(x - side / 2) / width, float(y - side / 2) / height, side / width, side / height, turn_deg
