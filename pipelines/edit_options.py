"""How commands take an edit: `--set NAME=VALUE` and `--edit FILE`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from pipelines.errors import StudioError
from pipelines.motion.controls import resolve
from pipelines.motion.edit import Edit


def add_edit_options(command: argparse.ArgumentParser) -> None:
    """Add the two options to a command."""
    command.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a control, as `controls` lists"
    )
    command.add_argument("--edit", type=Path, metavar="FILE", help="an edit file saved by the studio")


def parse_settings(settings: Sequence[str], *, option: str = "--set") -> dict[str, float]:
    """`NAME=VALUE` strings as a dictionary; `option` is what they were given with.

    Raises:
        StudioError: a string is not of that form.
    """
    values: dict[str, float] = {}
    for setting in settings:
        name, separator, text = setting.partition("=")
        try:
            values[name.strip()] = float(text)
        except ValueError as error:
            raise StudioError(f"`{option}` should be NAME=NUMBER but is '{setting}'.") from error
        if not separator or not name.strip():
            raise StudioError(f"`{option}` should be NAME=NUMBER but is '{setting}'.")
    return values


def read_edit(options: argparse.Namespace) -> Edit:
    """The edit file with the settings on top.

    Raises:
        StudioError: a file that cannot be read, an unknown control or a value out of range.
    """
    settings = parse_settings(options.set)
    if options.edit is None:
        return Edit.of(settings)
    try:
        base = Edit.from_json(options.edit.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise StudioError(f"`--edit` should be a readable edit file: {options.edit}") from error
    settled = {slot.key: value for name, value in settings.items() for slot in resolve(name)}
    return Edit.of(base.values() | settled, mask=base.mask)
