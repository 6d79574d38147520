"""`python -m pipelines evaluate …`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from pipelines.console import show_progress, write_json, write_table
from pipelines.errors import StudioError


def add_commands(commands: Any) -> None:
    """Add `evaluate renderer | degraded | speech` to the sub-commands of the command line."""
    parser = commands.add_parser("evaluate", help="measure quality against film and against promises")
    subjects = parser.add_subparsers(required=True, metavar="SUBJECT")
    _add_renderer(subjects)
    _add_degraded(subjects)
    _add_speech(subjects)


def _add_renderer(subjects: Any) -> None:
    renderer = subjects.add_parser("renderer", help="the mesh renderer: every acceptance figure, met or not")
    renderer.add_argument("--clips", type=Path, metavar="DIR", help="films of one face each, to be drawn from frame 0")
    renderer.add_argument("--pairs", type=Path, metavar="FILE", help="motions of the clips (pairs.npz of the atlas)")
    renderer.add_argument("--portraits", type=Path, metavar="DIR", help="photos (default: the shipped portraits)")
    renderer.add_argument("--frames", type=int, default=12, metavar="N", help="frames a clip, evenly spread")
    renderer.add_argument("--edits", type=int, default=100, metavar="N", help="random edits a portrait")
    renderer.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    renderer.add_argument("-o", "--output", type=Path, metavar="FILE", help="sheet of real frames over drawn ones")
    renderer.set_defaults(run=_run_renderer)


def _add_degraded(subjects: Any) -> None:
    degraded = subjects.add_parser("degraded", help="difficult input: renders or refuses with a sentence")
    degraded.add_argument("--portraits", type=Path, metavar="DIR", help="photos (default: the shipped portraits)")
    degraded.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    degraded.add_argument("-o", "--output", type=Path, metavar="FILE", help="contact sheet of what was drawn")
    degraded.set_defaults(run=_run_degraded)


def _add_speech(subjects: Any) -> None:
    speech = subjects.add_parser("speech", help="lip sync on filmed speakers, and whether the rest looks like people")
    speech.add_argument("--data", type=Path, required=True, metavar="DIR", help="clips measured on film (shard_*.npz)")
    speech.add_argument("--peers", action="store_true", help="also openfacefx and pylipsync, where installed")
    speech.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    speech.set_defaults(run=_run_speech)


def _run_speech(options: argparse.Namespace) -> None:
    from pipelines.evaluation.speech import evaluate_speech

    report = evaluate_speech(options.data, peers=options.peers, progress=show_progress)
    if options.json:
        write_json(report.as_dict())
        return
    sys.stdout.write(f"{report.clips} clips, {report.seconds:.0f} s\n")
    records = [row.record() for row in report.rows]
    write_table(tuple(records[0]), [tuple("" if v is None else v for v in r.values()) for r in records])
    checks = report.rows[-1].checks()
    sys.stdout.write(f"\n{report.rows[-1].name}: {sum(checks.values())} of {len(checks)} bars met")
    missed = [name for name, met in checks.items() if not met]
    sys.stdout.write(f", not met: {', '.join(missed)}\n" if missed else "\n")


def _run_renderer(options: argparse.Namespace) -> None:
    from pipelines.evaluation.atlas_fit import load_pairs
    from pipelines.evaluation.renderer import evaluate_renderer, find_clips, find_portraits
    from pipelines.files import write_picture

    _check(options)
    report = evaluate_renderer(
        find_clips(options.clips) if options.clips else [],
        find_portraits(options.portraits),
        pairs=load_pairs(options.pairs) if options.pairs else _pairs_beside(options.clips),
        frames=options.frames,
        random_edits=options.edits,
        progress=show_progress,
    )
    if options.output is not None and report.sheet is not None:
        write_picture(options.output, report.sheet)
    if options.json:
        write_json(report.as_dict())
        return
    for title, rows in report.tables.items():
        sys.stdout.write(f"\n{title}\n")
        write_table(tuple(rows[0]), [tuple(row.values()) for row in rows])
    sys.stdout.write("\nAcceptance\n")
    lines = [(c.figure, c.where, c.value, c.bar, "met" if c.met else "NOT MET") for c in report.checks]
    write_table(("figure", "where", "value", "bar", "verdict"), lines)
    sys.stdout.write(f"\n{sum(c.met for c in report.checks)} of {len(report.checks)} met\n")


def _pairs_beside(clips: Path | None) -> Any:
    """The pairs of the motion atlas where the evaluation data keeps them."""
    from pipelines.evaluation.atlas_fit import load_pairs

    if clips is None:
        return None
    beside = clips.resolve().parent / "motion" / "pairs.npz"
    return load_pairs(beside) if beside.is_file() else None


def _run_degraded(options: argparse.Namespace) -> None:
    from pipelines.evaluation.degraded import evaluate_degraded
    from pipelines.evaluation.renderer import find_portraits
    from pipelines.files import write_picture

    _check(options)
    report = evaluate_degraded(find_portraits(options.portraits), progress=show_progress)
    if options.output is not None:
        write_picture(options.output, report.sheet)
    rows = [{"photo": r.photo, "input": r.input, "verdict": r.verdict, "sentence": r.sentence} for r in report.rows]
    if options.json:
        write_json({"degraded": rows})
        return
    write_table(("photo", "input", "verdict", "sentence"), [tuple(row.values()) for row in rows])


def _check(options: argparse.Namespace) -> None:
    """Refuse numbers and outputs that cannot work before any work is done."""
    from pipelines.files import PICTURE_FORMATS

    for name in ("frames", "edits"):
        value = getattr(options, name, 1)
        if value < 1:
            raise StudioError(f"`--{name}` should be at least 1 but is {value}.")
    if options.output is not None and options.output.suffix.lower() not in PICTURE_FORMATS:
        raise StudioError(f"`--output` should end in {', '.join(PICTURE_FORMATS)} but is '{options.output.name}'.")
