"""`python -m pipelines batch JOBS`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from pipelines.console import show_progress, write_json, write_table
from pipelines.errors import StudioError


def add_commands(commands: Any) -> None:
    """Add `batch` to the sub-commands of the command line."""
    parser = commands.add_parser("batch", help="do many jobs, a JSON line each: photo, edit, voice or driver, output")
    parser.add_argument("jobs", type=Path, metavar="JOBS", help="file of JSON lines")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes at a time (default: 1)")
    parser.add_argument("--ray", metavar="ADDRESS", help="do them on a Ray cluster; 'local' starts one here")
    parser.add_argument("--state", type=Path, metavar="FILE", help="what is done (default: JOBS with .state)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    from pipelines.batch import State, run_jobs, summary
    from pipelines.batch_jobs import read_jobs

    jobs = read_jobs(options.jobs)
    state = State(options.state or options.jobs.with_name(options.jobs.name + ".state"))
    try:
        outcomes = run_jobs(jobs, state, workers=options.workers, ray_address=options.ray, progress=show_progress)
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt("Stopped; what is done is kept, run the same command again to go on.") from stop
    records = [
        {
            "output": str(outcome.output),
            "state": "failed" if outcome.error else "skipped" if outcome.skipped else "done",
            "seconds": round(outcome.seconds, 3),
            "error": outcome.error or "",
        }
        for outcome in outcomes
    ]
    if options.json:
        write_json(summary(outcomes) | {"jobs": records})
    else:
        write_table(tuple(records[0]), [tuple(record.values()) for record in records])
    failed = [record for record in records if record["error"]]
    if failed:
        raise StudioError(f"{len(failed)} of {len(records)} jobs failed; the first: {failed[0]['error']}")
