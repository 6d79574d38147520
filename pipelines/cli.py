"""The command line: one thin layer over the functions the page calls.

Bad input is one sentence on stderr and exit status 2; Ctrl-C is one sentence and exit status 130.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

from pipelines import batch_commands, checkpoints, pose_commands, project_commands, retarget_commands
from pipelines.console import show_progress, write_json, write_table
from pipelines.edit_options import add_edit_options, read_edit
from pipelines.errors import StudioError
from pipelines.evaluation import commands as evaluation
from pipelines.evaluation import region_commands
from pipelines.motion.controls import CONTROLS
from pipelines.render.base import Renderer, RendererName
from pipelines.render.trt import commands as engines
from pipelines.speech import speak_commands
from pipelines.training import commands as training

INTERRUPTED = 130
"""Exit status of what Ctrl-C ended, as shells count it: 128 and the signal's number."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except StudioError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except KeyboardInterrupt as stop:
        # below the progress line, where there is one
        sys.stderr.write("\n" * sys.stderr.isatty() + f"{stop or 'Stopped before the end.'}\n")
        return INTERRUPTED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pipelines", description="Ditto Motion Studio on the command line."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    edit = commands.add_parser("edit", help="edit the face of a photo")
    _add_photo(edit)
    add_edit_options(edit)
    edit.add_argument("--area", choices=("crop", "photo"), default="photo", help="what to write (default: photo)")
    edit.add_argument("--size", type=int, metavar="PX", help="side of the rendered face (default: as in the photo)")
    edit.add_argument("--background", choices=("keep", "none"), default="keep", help="none: the person alone, RGBA")
    edit.add_argument("--renderer", choices=get_args(RendererName), help="default: the best that draws live here")
    neural = edit.add_argument_group("neural renderer")
    neural.add_argument("--no-stitching", action="store_true", help="let shoulders and crop border move")
    neural.add_argument("--eye-ratio", type=float, metavar="R", help="retarget both eyes to this opening, 0 to 0.8")
    neural.add_argument("--lip-ratio", type=float, metavar="R", help="retarget the lips to this opening, 0 to 0.8")
    edit.set_defaults(run=_run_edit)

    atlas = commands.add_parser("atlas", help="draw every dimension on a photo, with heat maps")
    _add_photo(atlas)
    atlas.set_defaults(run=_run_atlas)

    sheet = commands.add_parser("sheet", help="draw poses, gazes and expressions of a photo on one sheet")
    _add_photo(sheet)
    sheet.set_defaults(run=_run_sheet)

    controls = commands.add_parser("controls", help="list every control")
    controls.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    controls.set_defaults(run=_run_controls)

    checkpoints.add_commands(commands)
    engines.add_commands(commands)
    evaluation.add_commands(commands)
    region_commands.add_commands(commands)
    retarget_commands.add_commands(commands)
    batch_commands.add_commands(commands)
    project_commands.add_commands(commands)
    pose_commands.add_commands(commands)
    speak_commands.add_commands(commands)
    training.add_commands(commands)

    bench = commands.add_parser("bench", help="measure speed and memory")
    bench.add_argument("what", nargs="?", choices=("all", "render", "page", "speech", "neural"), default="all")
    bench.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    bench.set_defaults(run=_run_bench)
    return parser


def _add_photo(command: argparse.ArgumentParser) -> None:
    command.add_argument("photo", type=Path, metavar="PHOTO")
    command.add_argument("--face", type=int, default=0, metavar="N", help="which face, 0 = the largest")
    command.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help=".png, .jpg or .webp")


def _run_edit(options: argparse.Namespace) -> None:
    from pipelines.files import write_picture
    from pipelines.portrait.load import load_photo
    from pipelines.portrait.register import register
    from pipelines.render import choose_renderer
    from pipelines.render.still import render_still

    edit = read_edit(options)
    _check_output(options.output)
    if options.background == "none" and options.output.suffix.lower() not in (".png", ".webp"):
        raise StudioError(
            f"`--output` should end in .png or .webp with `--background none` but is '{options.output.name}'."
        )
    renderer = _tuned(choose_renderer(options.renderer), options)
    portrait = register(load_photo(options.photo), face_index=options.face)
    picture = render_still(
        portrait, edit, area=options.area, size=options.size, background=options.background, renderer=renderer
    )
    write_picture(options.output, picture)


def _tuned(renderer: Renderer, options: argparse.Namespace) -> Renderer:
    """The renderer with the switches that only the neural one has."""
    from pipelines.render.neural import NeuralRenderer, NeuralSettings

    settings = NeuralSettings(not options.no_stitching, options.eye_ratio, options.lip_ratio)
    if settings == NeuralSettings():
        return renderer
    if not isinstance(renderer, NeuralRenderer):
        raise StudioError(
            "`--no-stitching`, `--eye-ratio` and `--lip-ratio` are for the neural renderer but the"
            f" {renderer.name.lower()} renderer draws; add --renderer neural or use --set eye_ratio=R."
        )
    return renderer.with_settings(settings)


def _run_atlas(options: argparse.Namespace) -> None:
    from pipelines.evaluation.atlas_sheet import render_atlas

    _write_figure(options, render_atlas)


def _run_sheet(options: argparse.Namespace) -> None:
    from pipelines.evaluation.contact_sheet import render_sheet

    _write_figure(options, render_sheet)


def _write_figure(options: argparse.Namespace, draw: Callable[..., Any]) -> None:
    """Register the photo, draw a figure of it with progress and write it."""
    from pipelines.files import write_picture
    from pipelines.portrait.load import load_photo
    from pipelines.portrait.register import register
    from pipelines.render import choose_renderer

    _check_output(options.output)
    portrait = register(load_photo(options.photo), face_index=options.face)
    write_picture(options.output, draw(portrait, choose_renderer(), progress=show_progress))


def _check_output(output: Path) -> None:
    """Refuse an output that cannot be written before any work is done."""
    from pipelines.files import PICTURE_FORMATS

    if output.suffix.lower() not in PICTURE_FORMATS:
        raise StudioError(f"`--output` should end in {', '.join(PICTURE_FORMATS)} but is '{output.name}'.")
    if not output.resolve().parent.is_dir():
        raise StudioError(f"`--output` should lie in a folder that exists: {output}")


def _run_controls(options: argparse.Namespace) -> None:
    records = [asdict(control) for control in CONTROLS]
    if options.json:
        write_json({"controls": records})
        return
    head = ("name", "label", "kind", "region", "sides", "low", "high", "unit")
    rows = [
        (c.key, c.label, c.kind, c.region or "", "right, left" if c.sided else "", c.lo, c.hi, c.unit)
        for c in CONTROLS
    ]
    write_table(head, rows)


def _run_bench(options: argparse.Namespace) -> None:
    from pipelines.evaluation.bench import run_bench

    report = run_bench(options.what)
    if options.json:
        write_json(report)
        return
    for title, figures in report.items():
        sys.stdout.write(f"\n{title}\n")
        write_table(("figure", "value", "unit", "bar"), [tuple(figure.values()) for figure in figures])
