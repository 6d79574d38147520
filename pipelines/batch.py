"""Batch jobs done: in parallel or on a cluster, taken up again where they stopped."""

from __future__ import annotations

import json
import math
import os
import signal
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import closing, contextmanager
from pathlib import Path

from pipelines.batch_jobs import Job, Outcome, do_job
from pipelines.errors import StudioError
from pipelines.files import file_sha256


class State:
    """Which jobs are done, in a file beside the jobs; a line is added after every job, so nothing is lost."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._done: dict[str, str] = {}
        if path.is_file():
            for line in path.read_text("utf-8", errors="replace").splitlines():
                self._take(line)

    def _take(self, line: str) -> None:
        try:
            record = json.loads(line)
            key, sha256 = record["key"], record["sha256"]
        except (ValueError, KeyError, TypeError):
            return  # a line that was being written when the machine stopped
        if isinstance(key, str) and isinstance(sha256, str):
            self._done[key] = sha256

    def is_done(self, job: Job) -> bool:
        """Whether this very job was done and its output is still what it was."""
        sha256 = self._done.get(job.key())
        return sha256 is not None and job.output.is_file() and file_sha256(job.output) == sha256

    def add(self, key: str, outcome: Outcome) -> None:
        """Remember a job that was done."""
        self._done[key] = outcome.sha256
        record = {"key": key, "output": str(outcome.output), "sha256": outcome.sha256}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record | {"seconds": round(outcome.seconds, 3)}) + "\n")
            file.flush()
            os.fsync(file.fileno())


def run_jobs(
    jobs: Iterable[Job],
    state: State,
    *,
    workers: int = 1,
    ray_address: str | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> tuple[Outcome, ...]:
    """Do all jobs that are not done yet; outcomes in the order of the jobs.

    Args:
        workers: processes of this machine; with Ray the cluster decides.
        ray_address: address of a Ray cluster that sees the same files, or "local" for one on this machine.

    Raises:
        StudioError: Ray is asked for and not there, or `workers` is below 1. A job that fails is an outcome.
    """
    if workers < 1:
        raise StudioError(f"`workers` should be at least 1 but is {workers}.")
    everything = list(jobs)
    open_jobs: list[tuple[int, Job]] = []
    outcomes: dict[int, Outcome] = {}
    for index, job in enumerate(everything):
        if state.is_done(job):
            outcomes[index] = Outcome(index, job.output, skipped=True)
        else:
            open_jobs.append((index, job))
    keys = {index: job.key() for index, job in open_jobs}
    with closing(_spread(open_jobs, workers, ray_address)) as done:
        for outcome in done:
            outcomes[outcome.index] = outcome
            if outcome.error is None:
                state.add(keys[outcome.index], outcome)
            if progress is not None:
                progress(len(outcomes) / len(everything), f"{len(outcomes)} of {len(everything)} jobs")
    return tuple(outcomes[index] for index in sorted(outcomes))


def _spread(jobs: list[tuple[int, Job]], workers: int, ray_address: str | None) -> Generator[Outcome]:
    if not jobs:
        return
    if ray_address is not None:
        from pipelines.batch_ray import run_on_ray

        yield from run_on_ray(jobs, address=ray_address)
    elif workers == 1:
        for index, job in jobs:
            yield do_job(job, index)
    else:
        yield from _in_processes(jobs, min(workers, len(jobs)))


def _in_processes(jobs: list[tuple[int, Job]], workers: int) -> Iterator[Outcome]:
    import multiprocessing

    # a fresh interpreter each: compiled kernels and face finders do not survive a fork
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_end_when_told) as pool:
        with _without_interrupts():
            futures = {pool.submit(_do_or_end, job, index): (index, job) for index, job in jobs}
        try:
            for future in as_completed(futures):
                index, job = futures[future]
                error = future.exception()
                yield Outcome(index, job.output, f"The job's process ended ({error}).") if error else future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():
                process.terminate()
            raise


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Processes begun meanwhile never see Ctrl-C, which a terminal sends to all; here it comes a moment later."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_when_told() -> None:
    """A job that is ended tidies up behind itself."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())


def _do_or_end(job: Job, index: int) -> Outcome:
    """In a worker: the job, or the end of the process once the job has tidied up; the pool would go on with it."""
    try:
        return do_job(job, index)
    except SystemExit:
        os._exit(1)


def summary(outcomes: Iterable[Outcome]) -> dict[str, float]:
    """Numbers of jobs by what became of them, and the seconds they took together."""
    every = list(outcomes)
    failed = sum(outcome.error is not None for outcome in every)
    skipped = sum(outcome.skipped for outcome in every)
    seconds = math.fsum(outcome.seconds for outcome in every)
    return {"done": len(every) - failed - skipped, "skipped": skipped, "failed": failed, "seconds": round(seconds, 3)}
