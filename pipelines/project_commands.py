"""`python -m pipelines project new | layer | info | render`."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from pipelines.console import show_progress, write_json, write_table
from pipelines.edit_options import add_edit_options, parse_settings, read_edit
from pipelines.errors import StudioError
from pipelines.motion.keyframes import INTERPOLATIONS
from pipelines.motion.layers import MODES
from pipelines.render.base import RendererName


def add_commands(commands: Any) -> None:
    """Add `project` to the sub-commands of the command line."""
    parser = commands.add_parser("project", help="projects: make one, add layers with keys, look into it, draw it")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    _add_new(actions)
    _add_layer(actions)
    info = actions.add_parser("info", help="what a project holds")
    info.add_argument("project", type=Path, metavar="PROJECT")
    info.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    info.set_defaults(run=_run_info)
    _add_render(actions)


def _add_new(actions: Any) -> None:
    new = actions.add_parser("new", help="a project of a photo, an edit, and a film or motion file that drives it")
    new.add_argument("photo", type=Path, metavar="PHOTO")
    new.add_argument("--face", type=int, default=0, metavar="N", help="which face, 0 = the largest")
    new.add_argument("--driver", type=Path, metavar="FILE", help="video, .npz, .json, .pkl (template) or .csv (ARKit)")
    new.add_argument(
        "--sound", type=Path, metavar="FILE", help="sound that plays along: .wav, .mp3, .flac, .ogg, .m4a"
    )
    add_edit_options(new)
    new.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="the project file, .ditto")
    new.set_defaults(run=_run_new)


def _add_layer(actions: Any) -> None:
    layer = actions.add_parser("layer", help="add a layer on top")
    layer.add_argument("project", type=Path, metavar="PROJECT")
    layer.add_argument("--name", default="Layer")
    layer.add_argument("--mode", choices=MODES, default="add")
    layer.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a value that does not move")
    layer.add_argument(
        "--key",
        action="append",
        default=[],
        metavar="NAME@SECONDS=VALUE[:KIND]",
        help=f"a key; KIND is {', '.join(INTERPOLATIONS)}",
    )
    layer.add_argument(
        "--region", action="append", default=[], metavar="NAME=WEIGHT", help="0 to 1, as region_mouth=0"
    )
    layer.add_argument("--opacity", type=float, default=1.0, metavar="X")
    layer.add_argument("--start", type=float, default=0.0, metavar="S", help="from this second on")
    layer.add_argument("--stop", type=float, default=None, metavar="S", help="until this second")
    layer.add_argument("--ease-in", type=float, default=0.0, metavar="S", help="fade at the start")
    layer.add_argument("--ease-out", type=float, default=0.0, metavar="S", help="fade at the end")
    layer.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: PROJECT itself")
    layer.set_defaults(run=_run_layer)


def _add_render(actions: Any) -> None:
    render = actions.add_parser("render", help="draw a project as a film or an animation")
    render.add_argument("project", type=Path, metavar="PROJECT")
    render.add_argument("--photo", type=Path, metavar="FILE", help="another photo in place of the project's")
    render.add_argument("--area", choices=("crop", "photo"), default="crop", help="what to draw (default: crop)")
    render.add_argument("--size", type=int, default=512, metavar="PX", help="side of the drawn face (default: 512)")
    render.add_argument("--fps", type=float, default=None, metavar="N", help="default: the track's")
    render.add_argument("--alpha", action="store_true", help="the person without the scene: .webm, .webp, .apng, .zip")
    render.add_argument("--renderer", choices=get_args(RendererName), help="default: the best that draws live here")
    render.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE", help=".mp4, .gif, .webp, .apng, .webm or .zip"
    )
    render.set_defaults(run=_run_render)


def _run_new(options: argparse.Namespace) -> None:
    from pipelines.motion.track import Track
    from pipelines.portrait.load import MAX_BYTES as MAX_PHOTO_BYTES
    from pipelines.portrait.load import load_photo
    from pipelines.project import Document, PortraitRef
    from pipelines.project_parts import PHOTO_SUFFIXES, SOUND_SUFFIXES
    from pipelines.retarget import read_driver

    edit = read_edit(options)
    load_photo(options.photo)
    photo = _media(options.photo, "photo", PHOTO_SUFFIXES, MAX_PHOTO_BYTES)
    sound = None if options.sound is None else _media(options.sound, "sound", SOUND_SUFFIXES, 256 << 20)
    track = Track.still() if options.driver is None else read_driver(options.driver, progress=show_progress)
    portrait = PortraitRef(name=options.photo.stem[:200], photo=photo, face_index=options.face)
    Document(portrait=portrait, edit=edit, track=track, sound=sound).save(options.output)


def _media(path: Path, name: str, suffixes: tuple[str, ...], max_bytes: int) -> Any:
    from pipelines.files import read_file
    from pipelines.project import Media

    suffix = {".jpeg": ".jpg", ".tiff": ".tif"}.get(path.suffix.lower(), path.suffix.lower())
    if suffix not in suffixes:
        raise StudioError(f"`{name}` should end in {', '.join(suffixes)} but is '{path.name[:60]}'.")
    return Media(suffix, read_file(path, what=f"`{name}`", max_bytes=max_bytes))


def _run_layer(options: argparse.Namespace) -> None:
    from pipelines.motion.keyframes import Curve
    from pipelines.motion.layers import Layer
    from pipelines.project import Document

    document = Document.load(options.project)
    layer = Layer(
        options.name,
        options.mode,
        opacity=options.opacity,
        start_s=options.start,
        stop_s=options.stop,
        ease_in_s=options.ease_in,
        ease_out_s=options.ease_out,
    ).with_regions(parse_settings(options.region))
    layer = layer.with_curves({name: Curve.constant(value) for name, value in parse_settings(options.set).items()})
    for text in options.key:
        name, key = parse_key(text)
        layer = layer.with_key(name, key)
    if not layer.channels:
        raise StudioError("A layer should hold at least one value but holds none; give `--set` or `--key`.")
    document.add_layer(layer).save(options.output or options.project)


def parse_key(text: str) -> tuple[str, Any]:
    """Control and key of `NAME@SECONDS=VALUE[:KIND]`.

    Raises:
        StudioError: not of that form.
    """
    from pipelines.motion.keyframes import Key

    place, _, rest = text.partition("=")
    name, _, seconds = place.partition("@")
    value, _, kind = rest.partition(":")
    try:
        key = Key(float(seconds), float(value))
    except ValueError as error:
        raise StudioError(f"`--key` should be NAME@SECONDS=VALUE but is '{text[:60]}'.") from error
    return name.strip(), key._replace(kind=kind) if kind else key


def _run_info(options: argparse.Namespace) -> None:
    from pipelines.project import Document
    from pipelines.project_render import duration_s

    document = Document.load(options.project)
    facts = {
        "portrait": document.portrait.name or document.portrait.example or "",
        "photo": "in the file" if document.portrait.photo else "none",
        "edited controls": len(document.edit.values()),
        "track frames": len(document.track),
        "fps": document.track.fps,
        "plays for s": round(duration_s(document), 3),
        "sound": "in the file" if document.sound else "none",
        "layers": len(document.layers),
    }
    layers = [
        {
            "layer": layer.name,
            "mode": layer.mode,
            "controls": len(layer.channels),
            "keys": sum(len(channel.curve) for channel in layer.channels),
            "opacity": layer.opacity,
            "acts": "muted" if layer.muted else "solo" if layer.solo else "yes",
        }
        for layer in document.layers
    ]
    if options.json:
        write_json(facts | {"stack": layers})
        return
    write_table(("fact", "value"), [(name, str(value)) for name, value in facts.items()])
    if layers:
        write_table(tuple(layers[0]), [tuple(layer.values()) for layer in layers])


def _run_render(options: argparse.Namespace) -> None:
    from pipelines.animation import check_moving_path
    from pipelines.project import Document
    from pipelines.project_render import Look, open_portrait, render_document
    from pipelines.render import choose_renderer

    check_moving_path(options.output)
    look = Look(options.area, options.size, options.fps, options.alpha)
    document = Document.load(options.project)
    portrait = open_portrait(document, photo=options.photo)
    if options.photo is not None:
        document = document.with_portrait(replace(document.portrait, photo=None, example=None))
    renderer = choose_renderer(options.renderer)
    render_document(document, portrait, options.output, renderer=renderer, look=look, progress=show_progress)
