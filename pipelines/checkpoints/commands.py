"""`python -m pipelines checkpoints …`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from pipelines.checkpoints.registry import FILES, SETS, CheckpointFile, lookup
from pipelines.checkpoints.store import Status, convert, default_folder, fetch, find, said_size, status_of, verify
from pipelines.console import show_progress, write_json, write_table
from pipelines.errors import StudioError


def add_commands(commands: Any) -> None:
    """Add `checkpoints list | fetch | verify | convert` to the sub-commands of the command line."""
    parser = commands.add_parser("checkpoints", help="released weights: list, fetch, verify, convert")
    actions = parser.add_subparsers(required=True, metavar="ACTION")

    listing = actions.add_parser("list", help="every file of both releases, and which are here")
    listing.add_argument("--all", action="store_true", help="also those the studio does not use")
    listing.set_defaults(run=_run_list)
    fetching = actions.add_parser("fetch", help="download a file or a set from Hugging Face")
    fetching.add_argument("name", metavar="NAME", help=f"a set ({', '.join(SETS)}) or a file, as `list` shows")
    fetching.set_defaults(run=_run_fetch)
    for name, run, text in (
        ("verify", _run_verify, "check size, hash and that each network loads"),
        ("convert", _run_convert, "write .safetensors copies"),
    ):
        action = actions.add_parser(name, help=text)
        action.add_argument(
            "name", nargs="?", metavar="NAME", help="a set or a file (default: every file that is here)"
        )
        action.set_defaults(run=run)
    for action in actions.choices.values():
        action.add_argument("--folder", type=Path, default=None, metavar="DIR", help="default: $DITTO_CHECKPOINTS")
        action.add_argument("--json", action="store_true", help="one JSON object instead of a table")


def _folder(options: argparse.Namespace) -> Path:
    return options.folder or default_folder()


def _chosen(options: argparse.Namespace) -> tuple[CheckpointFile, ...]:
    if options.name is not None:
        return lookup(options.name)
    return tuple(file for file in FILES.values() if file.used and find(file, _folder(options)) is not None)


def _run_list(options: argparse.Namespace) -> None:
    folder = _folder(options)
    _write([status_of(file, folder) for file in FILES.values() if options.all or file.used], folder, options.json)


def _run_fetch(options: argparse.Namespace) -> None:
    folder = _folder(options)
    statuses = []
    for file in lookup(options.name):
        if find(file, folder) is None:
            fetch(file, folder, progress=show_progress)
        statuses.append(verify(file, folder))
    _write(statuses, folder, options.json)


def _run_verify(options: argparse.Namespace) -> None:
    statuses = [verify(file, _folder(options)) for file in _chosen(options)]
    _write(statuses, _folder(options), options.json)
    bad = [status for status in statuses if status.state == "bad"]
    if bad:
        raise StudioError(f"{len(bad)} of {len(statuses)} files are bad: {bad[0].note}")


def _run_convert(options: argparse.Namespace) -> None:
    folder = _folder(options)
    for file in _chosen(options):
        if options.name is not None or file.networks:
            convert(file, folder)
    _write([status_of(file, folder) for file in _chosen(options)], folder, options.json)


def _write(statuses: list[Status], folder: Path, as_json: bool) -> None:
    records = [
        {
            "name": status.file.name,
            "state": status.state,
            "bytes": status.file.size,
            "licence": status.file.licence,
            "enables": status.file.enables,
            "note": status.note,
            "path": str(status.path) if status.path else None,
        }
        for status in statuses
    ]
    if as_json:
        write_json({"folder": str(folder), "files": records})
        return
    head = ("name", "state", "size", "licence", "enables", "note")
    rows = [
        (r["name"], r["state"], said_size((s.file,)) if s.file.size else "", r["licence"], r["enables"], r["note"])
        for r, s in zip(records, statuses, strict=True)
    ]
    write_table(head, rows)
