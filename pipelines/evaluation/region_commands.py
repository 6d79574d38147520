"""`python -m pipelines sweep CONTROL PHOTO` and `python -m pipelines compare A B PHOTO`: the designers' bench."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from pipelines.console import show_progress, write_json, write_table
from pipelines.edit_options import parse_settings
from pipelines.errors import StudioError


def add_commands(commands: Any) -> None:
    """Add `sweep` and `compare` to the sub-commands of the command line."""
    sweep = commands.add_parser("sweep", help="what one control or region moves: sheet, heat, leakage, symmetry")
    sweep.add_argument("control", metavar="CONTROL", help="as `controls` lists, or one side, as smile_left")
    sweep.add_argument("--steps", type=int, default=9, metavar="N", help="values of the slider (default: 9)")
    sweep.set_defaults(run=_run_sweep)
    compare = commands.add_parser("compare", help="what differs between two settings of a face")
    compare.add_argument("first", metavar="A", help="an edit file, or NAME=VALUE,NAME=VALUE")
    compare.add_argument("second", metavar="B", help="the same")
    compare.set_defaults(run=_run_compare)
    for parser in (sweep, compare):
        parser.add_argument("photo", type=Path, metavar="PHOTO")
        parser.add_argument("--face", type=int, default=0, metavar="N", help="which face, 0 = the largest")
        parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
        parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="sheet: .png, .jpg or .webp")
    sweep.add_argument("--csv", type=Path, metavar="FILE", help="figures of every step")


def _portrait(options: argparse.Namespace) -> Any:
    from pipelines.files import PICTURE_FORMATS
    from pipelines.portrait.load import load_photo
    from pipelines.portrait.register import register

    for path in (options.output, getattr(options, "csv", None)):
        if path is not None and not path.resolve().parent.is_dir():
            raise StudioError(f"`output` should lie in a folder that exists: {path}")
    if options.output is not None and options.output.suffix.lower() not in PICTURE_FORMATS:
        raise StudioError(f"`output` should end in {', '.join(PICTURE_FORMATS)} but is '{options.output.name}'.")
    return register(load_photo(options.photo), face_index=options.face)


def _run_sweep(options: argparse.Namespace) -> None:
    from pipelines.evaluation.region_bench import sweep_control
    from pipelines.evaluation.region_sheet import sweep_sheet
    from pipelines.files import write_atomic, write_picture
    from pipelines.motion.controls import resolve
    from pipelines.render import choose_renderer

    resolve(options.control)
    portrait = _portrait(options)
    sweep = sweep_control(portrait, choose_renderer(), options.control, steps=options.steps, progress=show_progress)
    rows = sweep.rows()
    if options.output is not None:
        write_picture(options.output, sweep_sheet(sweep))
    if options.csv is not None:
        write_atomic(options.csv, sweep.csv().encode())
    figures = {"leakage": sweep.leakage, "monotonicity": sweep.monotonicity, "symmetry": sweep.symmetry}
    if options.json:
        write_json({"control": sweep.key, **figures, "steps": rows})
        return
    write_table(tuple(rows[0]), [tuple(row.values()) for row in rows])
    sys.stdout.write("\n")
    write_table(("figure", "value"), [(name, "none" if v is None else round(v, 4)) for name, v in figures.items()])


def _run_compare(options: argparse.Namespace) -> None:
    from pipelines.evaluation.region_bench import compare_edits
    from pipelines.evaluation.region_sheet import comparison_sheet
    from pipelines.files import write_picture
    from pipelines.render import choose_renderer

    first, second = (_edit_of(text) for text in (options.first, options.second))
    portrait = _portrait(options)
    found = compare_edits(portrait, choose_renderer(), first, second)
    if options.output is not None:
        write_picture(options.output, comparison_sheet(found, portrait.landmarks_in_crop))
    figures = {f"{region}_pct": round(figure, 3) for region, figure in found.by_region.items()}
    figures |= {"changed_share": round(found.changed_share, 4), "worst_levels": found.worst_levels}
    if options.json:
        write_json(figures)
        return
    write_table(("figure", "value"), list(figures.items()))


def _edit_of(text: str) -> Any:
    """An edit file, or settings with commas between them."""
    from pipelines.motion.edit import Edit

    if "=" in text:
        return Edit.of(parse_settings(text.split(",")))
    try:
        return Edit.from_json(Path(text).read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise StudioError(f"`A` and `B` should be edit files or NAME=VALUE but one is '{text[:60]}'.") from error
