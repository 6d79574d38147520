"""What the command line writes: tables for people, one JSON object for programs, progress on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any


def write_json(value: Any) -> None:
    """One JSON object on stdout and nothing else."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n")


def write_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Aligned columns on stdout; numbers to the right."""
    cells = [[_text(cell) for cell in row] for row in rows]
    widths = [max(len(line[i]) for line in [list(head), *cells]) for i in range(len(head))]
    right = [all(isinstance(row[i], int | float) for row in rows) for i in range(len(head))]
    for line in [list(head), ["-" * width for width in widths], *cells]:
        aligned = (c.rjust(w) if r else c.ljust(w) for c, w, r in zip(line, widths, right, strict=True))
        sys.stdout.write("  ".join(aligned).rstrip() + "\n")


def show_progress(fraction: float, text: str) -> None:
    """One line on stderr that overwrites itself; silent where stderr is not a terminal."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{100 * fraction:3.0f} % {text:<50}" + ("\n" if fraction >= 1 else ""))
        sys.stderr.flush()


def _text(cell: object) -> str:
    return f"{cell:.2f}" if isinstance(cell, float) else str(cell)
