"""One running studio for all tests that need a real server."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

APP = Path(__file__).resolve().parent.parent / "app.py"
START_SECS = 120
STOP_SECS = 60
POLL_SECS = 0.2


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running_server(**environment: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """(address, process) of a studio on a free port, without network access of its own.

    What visitors made goes with it, unless `DITTO_RECOVERY` names a folder.
    """
    port = environment.get("GRADIO_SERVER_PORT") or free_port()
    url = f"http://127.0.0.1:{port}/"
    with tempfile.TemporaryDirectory(prefix="ditto-recovery-", ignore_cleanup_errors=True) as work:
        settings = {
            "GRADIO_SERVER_PORT": str(port),
            "GRADIO_ANALYTICS_ENABLED": "False",
            "HF_HUB_OFFLINE": "1",
            "DITTO_RECOVERY": os.environ.get("DITTO_RECOVERY") or work,
            **environment,
        }
        # it takes the threads that it takes for a visitor, not a worker's share
        environ = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
        process = subprocess.Popen([sys.executable, str(APP)], env=environ | settings, cwd=APP.parent)
        try:
            _wait(url, process)
            yield url, process
        finally:
            process.terminate()
            process.wait(STOP_SECS)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECS
    while True:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2):
            return
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the studio did not start (exit status {process.poll()})")
        time.sleep(POLL_SECS)


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the session's studio, on a machine without neural weights."""
    with running_server(DITTO_CHECKPOINTS=str(tmp_path_factory.mktemp("weights"))) as (url, _):
        yield url
