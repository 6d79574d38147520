"""What the page may do to the work: every operation as a pure function, by name, with its arguments checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from pipelines.errors import StudioError
from pipelines.history import History
from pipelines.motion.edit import Edit
from pipelines.motion.keyframes import MAX_SECONDS, Curve
from pipelines.motion.layers import MAX_NAME, Layer
from pipelines.project import Document, Playhead
from studio.layer_values import with_values

MAX_LABEL = 80
CHANGEABLE = ("name", "mode", "opacity", "muted", "solo", "start_s", "stop_s", "ease_in_s", "ease_out_s", "regions")
_SAID = {
    "mode": "Mode",
    "opacity": "Opacity",
    "start_s": "Start",
    "stop_s": "Stop",
    "ease_in_s": "Ease in",
    "ease_out_s": "Ease out",
    "regions": "Regions",
}

Args = Mapping[str, Any]
Change = tuple[Document, str]
"""A new document and what was done, for the list of steps."""


def apply_op(history: History, name: object, args: Args) -> History:
    """The history after one operation.

    Args:
        name: one of `DOCUMENT_OPS` or `HISTORY_OPS`.
        args: JSON values; `label` names the step, steps with the same `joins` become one.

    Raises:
        StudioError: an unknown operation, or an argument that is missing, of the wrong kind or out of range.
    """
    if isinstance(name, str) and name in HISTORY_OPS:
        return HISTORY_OPS[name](history, args)
    if not isinstance(name, str) or name not in DOCUMENT_OPS:
        known = ", ".join((*DOCUMENT_OPS, *HISTORY_OPS))
        raise StudioError(f"`op` should be one of {known} but is {str(name)[:40]!r}; reload the page.")
    document, said = DOCUMENT_OPS[name](history.document, args)
    label = _text(args, "label", said)
    joins = None if args.get("joins") is None else _text(args, "joins", "")
    return history.push(document, label=label, joins=joins)


# ---- the edit below all layers ----
def _edit(document: Document, args: Args) -> Change:
    """`values` {slot: value} replace those of the edit; `mask` false drops the painted mask with them."""
    mask = document.edit.mask if _flag(args, "mask", True) else None
    return document.with_edit(Edit.of(_object(args, "values"), mask=mask)), "Edit"


def _link(document: Document, args: Args) -> Change:
    """The sides of `controls` move `apart` or together from now on; no value changes."""
    keys, is_apart = args.get("controls"), _flag(args, "apart", True)
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise StudioError(f"`controls` should be a list of names but is {str(keys)[:40]!r}; reload the page.")
    return document.with_apart(keys, is_apart=is_apart), "Part the sides" if is_apart else "Join the sides"


# ---- layers ----
def _add_layer(document: Document, args: Args) -> Change:
    """`layer` as far as it is not the default; `from_edit` moves the edit's values into it; `index` from below."""
    record = {"name": f"Layer {len(document.layers) + 1}", **_object(args, "layer", {})}
    layer = Layer.from_dict(record)
    index = None if args.get("index") is None else _whole(args, "index")
    if not _flag(args, "from_edit", False):
        return document.add_layer(layer, index=index), f"Add {layer.name}"
    held = Layer.of_edit(document.edit, name=layer.name, mode="add")
    moved = replace(layer, channels=held.channels, regions=held.regions, mode="add")
    kept = {key: value for key, value in document.edit.values().items() if key.startswith("mask_")}
    rest = document.with_edit(Edit.of(kept, mask=document.edit.mask))
    return rest.add_layer(moved, index=index), f"Move the edit into {layer.name}"


def _update_layer(document: Document, args: Args) -> Change:
    """`changes` to the fields of `CHANGEABLE` in the layer `index`."""
    index, layer = _layer(document, args)
    changes = dict(_object(args, "changes"))
    if unknown := changes.keys() - set(CHANGEABLE):
        raise StudioError(f"A layer should have no `{str(min(unknown))[:60]}` to change; reload the page.")
    said = _said_of_changes(layer, changes)
    mode, regions = changes.pop("mode", layer.mode), changes.pop("regions", None)
    start, stop = changes.get("start_s", layer.start_s), changes.get("stop_s", layer.stop_s)
    # the ends may pass each other while one of them is dragged
    if "stop_s" not in changes and _is_after(start, stop):
        changes["stop_s"] = start
    changed = replace(layer, **changes)
    if mode != layer.mode:
        changed = changed.with_mode(mode)
    if regions is not None:
        if not isinstance(regions, dict):
            raise StudioError("`regions` of a layer should be an object of weights; reload the page.")
        changed = changed.with_regions(regions)
    return document.replace_layer(index, changed), said


def _is_after(start: object, stop: object) -> bool:
    return isinstance(start, int | float) and isinstance(stop, int | float) and start > stop


def _said_of_changes(layer: Layer, changes: Args) -> str:
    if "name" in changes:
        return f"Rename {layer.name}"
    if "muted" in changes:
        return f"{'Mute' if changes['muted'] else 'Unmute'} {layer.name}"
    if "solo" in changes:
        return f"{'Solo' if changes['solo'] else 'End solo of'} {layer.name}"
    what = next((_SAID[key] for key in changes if key in _SAID), "Change")
    return f"{what} of {layer.name}"


def _duplicate_layer(document: Document, args: Args) -> Change:
    """The layer `index` once more, right above itself."""
    index, layer = _layer(document, args)
    suffix = " copy"
    twin = replace(layer, name=layer.name[: MAX_NAME - len(suffix)] + suffix)
    return document.add_layer(twin, index=index + 1), f"Duplicate {layer.name}"


def _remove_layer(document: Document, args: Args) -> Change:
    index, layer = _layer(document, args)
    return document.remove_layer(index), f"Delete {layer.name}"


def _move_layer(document: Document, args: Args) -> Change:
    """The layer `index` goes to place `to`, 0 = lowest."""
    index, layer = _layer(document, args)
    return document.move_layer(index, _whole(args, "to")), f"Move {layer.name}"


def _set_curves(document: Document, args: Args) -> Change:
    """`curves` {slot: [[time_s, value, kind], ...] or null} in place of those slots' curves in the layer `index`.

    `layers`, a list of such objects, changes several layers in one step.
    """
    parts = args.get("layers", [args])
    if not isinstance(parts, list) or not parts or not all(isinstance(part, Mapping) for part in parts):
        raise StudioError("`layers` should be a list of layers with their `curves`; reload the page.")
    names = []
    for part in parts:
        index, layer = _layer(document, part)
        document = document.replace_layer(index, layer.with_curves(_curves(part)))
        names.append(layer.name)
    return document, f"Keys of {names[0]}" if len(names) == 1 else f"Keys of {len(names)} layers"


def _curves(args: Args) -> dict[str, Curve | None]:
    curves: dict[str, Curve | None] = {}
    for slot, keys in _object(args, "curves").items():
        if keys is not None and not (isinstance(keys, list) and all(isinstance(key, list) for key in keys)):
            raise StudioError(
                f"`{slot[:60]}` should be a list of [time_s, value, kind] keys or null; reload the page."
            )
        curves[slot] = Curve.of(keys) if keys else None
    return curves


def _key(document: Document, args: Args) -> Change:
    """What sliders do to a layer at `time_s`; see `with_values`."""
    index, layer = _layer(document, args)
    time_s = _seconds(args, "time_s")
    changed = with_values(layer, time_s, _object(args, "values"), auto_key=_flag(args, "auto_key", False))
    return document.replace_layer(index, changed), f"Edit {layer.name}"


# ---- the base ----
def _drop_clip(document: Document, args: Args) -> Change:
    """The photo stands still again."""
    return replace(document, track=Document().track, sound=None), "Remove the clip"


DOCUMENT_OPS: dict[str, Callable[[Document, Args], Change]] = {
    "edit": _edit,
    "link": _link,
    "add_layer": _add_layer,
    "update_layer": _update_layer,
    "duplicate_layer": _duplicate_layer,
    "remove_layer": _remove_layer,
    "move_layer": _move_layer,
    "set_curves": _set_curves,
    "key": _key,
    "drop_clip": _drop_clip,
}


# ---- steps ----
def _playhead(history: History, args: Args) -> History:
    """Where playing is and what it repeats; no step."""
    stop_s = None if args.get("stop_s") is None else _seconds(args, "stop_s")
    playhead = Playhead(_seconds(args, "seconds"), _flag(args, "loop", True), _seconds(args, "start_s", 0.0), stop_s)
    return history.amend(history.document.with_playhead(playhead))


def _start_over(history: History, args: Args) -> History:
    """The portrait alone, and nothing to undo."""
    return History.of(Document(portrait=history.document.portrait), label="Start over")


HISTORY_OPS: dict[str, Callable[[History, Args], History]] = {
    "undo": lambda history, args: history.undo(),
    "redo": lambda history, args: history.redo(),
    "jump": lambda history, args: history.jump(_whole(args, "position")),
    "playhead": _playhead,
    "start_over": _start_over,
}


# ---- arguments ----
def _layer(document: Document, args: Args) -> tuple[int, Layer]:
    index = _whole(args, "index")
    if not 0 <= index < len(document.layers):
        raise StudioError(f"`index` should be one of {len(document.layers)} layers, from 0 on, but is {index}.")
    return index, document.layers[index]


def _whole(args: Args, name: str) -> int:
    value = args.get(name)
    if type(value) is not int:
        raise StudioError(f"`{name}` should be a whole number but is {str(value)[:40]!r}; reload the page.")
    return value


def _seconds(args: Args, name: str, default: float | None = None) -> float:
    value = args.get(name, default)
    real = isinstance(value, int | float) and not isinstance(value, bool)
    if not real or not 0 <= value <= MAX_SECONDS:
        raise StudioError(f"`{name}` should be from 0 to {MAX_SECONDS:g} seconds but is {str(value)[:40]!r}.")
    return float(value)


def _flag(args: Args, name: str, default: bool) -> bool:
    value = args.get(name, default)
    if not isinstance(value, bool):
        raise StudioError(f"`{name}` should be true or false but is {str(value)[:40]!r}; reload the page.")
    return value


def _text(args: Args, name: str, default: str) -> str:
    value = args.get(name, default)
    if not isinstance(value, str) or len(value) > MAX_LABEL + MAX_NAME:
        raise StudioError(f"`{name}` should be a short text but is {str(value)[:40]!r}; reload the page.")
    return value


def _object(args: Args, name: str, default: dict[str, Any] | None = None) -> dict[str, Any]:
    value = args.get(name, default)
    if not isinstance(value, dict):
        raise StudioError(f"`{name}` should be an object but is {type(value).__name__}; reload the page.")
    return value
