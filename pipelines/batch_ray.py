"""Batch jobs on a Ray cluster; its machines must see the same files under the same paths."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from pipelines.batch_jobs import Job, Outcome, do_job
from pipelines.errors import StudioError

LOCAL = "local"


def run_on_ray(jobs: list[tuple[int, Job]], *, address: str) -> Iterator[Outcome]:
    """Outcomes as they come; each job takes one processor of the cluster.

    Args:
        address: of a running cluster, such as ray://head:10001 or auto, or "local" to start one here.

    Raises:
        StudioError: Ray is not installed or the cluster cannot be reached.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        ray = import_module("ray")
    except ImportError as error:
        raise StudioError(
            "`--ray` should be used where Ray is installed but it is not; run pip install -r requirements-cluster.txt."
        ) from error
    try:
        here = {"include_dashboard": False} if address == LOCAL else {}
        ray.init(address=address, log_to_driver=False, logging_level="ERROR", **here)
    except Exception as error:
        # Ray raises many kinds of errors when an address is wrong or a head has gone
        raise StudioError(
            f"`--ray` should be the address of a Ray cluster or 'local' but is '{address[:80]}'."
        ) from error
    try:
        yield from _results(ray, jobs)
    finally:
        ray.shutdown()


def _results(ray: Any, jobs: list[tuple[int, Job]]) -> Iterator[Outcome]:
    remote = ray.remote(num_cpus=1, max_retries=1)(do_job)
    waiting = {remote.remote(job, index): (index, job) for index, job in jobs}
    while waiting:
        ready, _ = ray.wait(list(waiting), num_returns=1)
        for reference in ready:
            index, job = waiting.pop(reference)
            try:
                yield ray.get(reference)
            except ray.exceptions.RayError as error:
                yield Outcome(index, job.output, f"The job's worker was lost ({type(error).__name__}).")
