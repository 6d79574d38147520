"""Fixtures every test may use, and how tests share the machine."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from pathlib import Path

import hypothesis
import pytest

from tests.server import server_url

__all__ = ["server_url"]

REPO = Path(__file__).resolve().parent.parent

# each worker computes on its share of the cores: threads of two that wait for one another on the same core spin for
# most of their time. The libraries read it when they are first imported, which is after this.
WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
if WORKERS > 1:
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // WORKERS)))

# how long an example takes says more about the machine than about the code
hypothesis.settings.register_profile("shared machine", deadline=None)
hypothesis.settings.load_profile("shared machine")


LONGEST = ("training", "test_batch.py", "networks", "render", "speech", "studio")
"""Parts of this folder whose files take longest; no worker should end with one of them while others rest."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest parts first."""
    here = Path(__file__).parent

    def place(item: pytest.Item) -> int:
        part = item.path.relative_to(here).parts[0]
        return LONGEST.index(part) if part in LONGEST else len(LONGEST)

    items.sort(key=place)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """A test marked `alone` runs when all others of this checkout have ended, and they begin when it has."""
    folder = item.config.rootpath / ".pytest_cache"
    folder.mkdir(exist_ok=True)
    is_alone = item.get_closest_marker("alone") is not None
    with (folder / "gate").open("w") as gate, (folder / "room").open("w") as room:
        # whoever waits for the empty room holds the gate, so that nobody enters before
        fcntl.flock(gate, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if is_alone else fcntl.LOCK_SH)
        fcntl.flock(gate, fcntl.LOCK_UN)
        try:
            return (yield)
        finally:
            # processes that a test forked hold the same lock: only unlocking gives it up for all
            fcntl.flock(room, fcntl.LOCK_UN)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of evaluation data beside the repository; tests that need it skip where it is absent."""
    folder = REPO.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the evaluation data (../shared) is not on this machine")
    return folder
