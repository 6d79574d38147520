"""The Bench panel's routes: a sweep and a comparison on the job thread, their figures, sheet and CSV."""

from __future__ import annotations

import csv
import io
from typing import Any

import cv2
import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from pipelines.motion.edit import Edit
from studio.bench import bench_figure
from studio.bench_routes import bench_routes
from studio.jobs import Job
from studio.services import Services
from studio.session import Session
from tests.studio.wire import wait_until


@pytest.fixture
def client(services: Services):
    with TestClient(Starlette(routes=bench_routes(services))) as client:
        yield client


def url(name: str, session: Session) -> str:
    return f"/studio/{name}?token={session.token}"


def ended(session: Session) -> Job:
    job = session.job
    assert job is not None
    wait_until(lambda: job.is_over)
    return job


def test_a_sweep_gives_figures_sheet_csv_and_plot(client: TestClient, session: Session) -> None:
    begun = client.post(url("bench", session), json={"control": "jaw_open", "steps": 5})
    assert begun.status_code == 200 and begun.json()["kind"] == "bench"
    assert ended(session).state == "done"
    record = client.get(url("bench", session)).json()
    figures = {name: value for name, value, _ in record["figures"]}
    assert figures["Monotonicity"] >= 75 and 0 <= figures["Leakage"] < 20 and figures["Symmetry"] > 0.75
    mouth = [row[record["head"].index("jaw")] for row in record["rows"]]
    assert len(mouth) == 5 and mouth[-1] > mouth[0] + 1
    rows = list(csv.DictReader(io.StringIO(client.get(url("bench/figures.csv", session)).text)))
    assert [float(row["value"]) for row in rows] == pytest.approx([row[0] for row in record["rows"]])
    sheet = cv2.imdecode(np.frombuffer(client.get(url("bench/sheet.png", session)).content, np.uint8), 1)
    assert sheet is not None and sheet.shape[1] >= 5 * 240
    assert session.bench is not None
    traces: Any = bench_figure(session.bench).data
    assert len(traces) == 7 and list(traces[0].x) == pytest.approx([100 * row[0] for row in record["rows"]])


def test_two_settings_are_told_apart_by_region(client: TestClient, session: Session) -> None:
    client.post(url("bench", session), json={"first": {}, "second": {"jaw_open": 0.8}})
    assert ended(session).state == "done"
    record = client.get(url("bench", session)).json()
    moved = dict(record["rows"])
    assert moved["jaw"] > 2 * moved["brows"]
    client.post(url("bench", session), json={"first": {"smile": 0.5}, "second": {"smile": 0.5}})
    assert ended(session).state == "done"
    same = client.get(url("bench", session)).json()
    assert [value for _, value, _ in same["figures"]] == [0, 0]


def test_a_sweep_stops_at_a_word_and_leaves_the_last_result(client: TestClient, session: Session) -> None:
    client.post(url("bench", session), json={"control": "smile", "steps": 13})
    assert session.job is not None
    session.job.stop()
    assert ended(session).state == "cancelled" and session.bench is None
    assert client.get(url("bench", session)).status_code == 404
    assert session.document.edit == Edit()


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"control": "nose_length"}, "nose_length"),
        ({"control": "gaze_compensation"}, "setting"),
        ({"control": 3}, "`control`"),
        ({"control": "smile", "steps": 400}, "`steps`"),
        ({"control": "smile", "steps": True}, "`steps`"),
        ({"first": {}}, "`second`"),
        ({"first": {"smile": 7}, "second": {}}, "`smile"),
        ([], "object"),
    ],
)
def test_a_bad_order_gets_one_sentence(client: TestClient, session: Session, body: object, word: str) -> None:
    answer = client.post(url("bench", session), json=body)
    assert answer.status_code == 400 and word in answer.json()["error"] and session.job is None


def test_without_a_portrait_it_says_so(client: TestClient, services: Services) -> None:
    empty = services.store.open()
    answer = client.post(url("bench", empty), json={"control": "smile"})
    assert answer.status_code == 400 and "portrait" in answer.json()["error"]
