"""A driver's file belongs to its job: cancelled while it waits, it leaves nothing behind."""

from __future__ import annotations

import threading
from pathlib import Path

from starlette.applications import Starlette
from starlette.testclient import TestClient

from pipelines.motion.exchange import write_track
from pipelines.motion.space import Motion
from pipelines.motion.track import Track
from studio.drive_routes import drive_routes
from studio.jobs import Job
from studio.live import ROUTES
from studio.services import Services
from studio.session import Session
from tests.studio.wire import wait_until


def test_an_upload_cancelled_while_it_waits_leaves_no_file(
    services: Services, session: Session, tmp_path: Path
) -> None:
    go = threading.Event()

    def hold(job: Job) -> None:
        go.wait(180)

    # another visitor's work holds the only thread
    services.jobs.start("bench", hold, current=None)
    nod = write_track(tmp_path / "nod.csv", Track(Motion.of(yaw_deg=[0, 5, 10]), reference=Motion.identity()))
    before = sorted(session.folder.iterdir())
    try:
        with TestClient(Starlette(routes=drive_routes(services))) as client:
            query = {"token": session.token, "name": "nod.csv", "options": "{}"}
            answer = client.post(ROUTES["drive_file"], params=query, content=nod.read_bytes())
        assert answer.status_code == 200 and answer.json()["state"] == "waiting"
        assert len(list(session.folder.iterdir())) == len(before) + 1
        job = session.job
        assert job is not None
        job.stop()
    finally:
        go.set()
    wait_until(lambda: job.is_over)
    assert job.record()["state"] == "cancelled"
    assert sorted(session.folder.iterdir()) == before and session.driver is None
