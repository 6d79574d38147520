"""Work that outlives its session: written behind the visitor's back, bounded, private, gone after starting over."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from pipelines.errors import StudioError
from pipelines.motion.edit import Edit
from pipelines.motion.layers import Layer
from pipelines.project import Document
from studio.clip import Clip
from studio.recovery import RecoveryShelf
from studio.services import Services
from studio.session import Session
from tests.studio.wire import wait_until

SMILE = {"smile_left": 0.5}


def url(name: str, session: Session) -> str:
    return f"/studio/{name}?token={session.token}"


def kept(shelf: RecoveryShelf) -> list[Path]:
    return sorted(shelf.folder.iterdir())


@pytest.fixture
def watched(services: Services, session: Session) -> Session:
    services.recovery.watch(session)
    return session


def push(session: Session, value: float = 0.5) -> None:
    session.push(session.document.with_edit(Edit.of({"smile_left": value})), label="Smile")


def test_a_change_is_on_disk_soon_and_said_to_be(client: TestClient, services: Services, watched: Session) -> None:
    client.post(url("document", watched), json={"op": "edit", "values": SMILE})
    wait_until(lambda: client.get(url("recovery", watched)).json()["is_saved"])
    answer = client.get(url("recovery", watched)).json()
    assert answer["key"] == watched.recovery_key and answer["saved_at"].startswith("20")
    (path,) = kept(services.recovery)
    assert watched.recovery_key not in path.name and Document.load(path) == watched.document
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_the_next_session_takes_the_work_over(
    client: TestClient, services: Services, watched: Session, clip: Clip
) -> None:
    watched.push(watched.document.add_layer(Layer(name="Mine")).with_edit(Edit.of(SMILE)), label="Layer")
    key, document = watched.recovery_key, watched.document
    other = services.store.open()
    services.recovery.watch(other)
    # not written yet: asking for it writes it first
    state = client.post(url("recovery", other), json={"key": key}).json()
    assert other.document == Document.from_bytes(document.to_bytes())
    assert [layer["name"] for layer in state["layers"]] == ["Mine"] and state["clip"]["frames"] == len(clip.track)
    assert state["portrait"]["key"] == "mona_lisa" and state["history"] == {"labels": ["Recover"], "position": 0}
    assert other.recovery_key == key


def test_a_restart_brings_it_back(services: Services, watched: Session) -> None:
    push(watched)
    document, key = watched.document, watched.recovery_key
    services.recovery.shut()
    assert RecoveryShelf(services.recovery.folder).load(key) == document


def test_two_tabs_do_not_write_one_file(client: TestClient, services: Services, watched: Session) -> None:
    push(watched)
    watched.sockets = 1
    other = services.store.open()
    services.recovery.watch(other)
    client.post(url("recovery", other), json={"key": watched.recovery_key})
    assert other.recovery_key != watched.recovery_key


def test_starting_over_removes_the_file_and_an_untouched_example_leaves_none(
    client: TestClient, services: Services, watched: Session
) -> None:
    push(watched)
    services.recovery.flush()
    assert len(kept(services.recovery)) == 1
    client.post(url("document", watched), json={"op": "start_over"})
    services.recovery.flush()
    assert kept(services.recovery) == [] and watched.saved_at is None
    answer = client.post(url("recovery", watched), json={"key": watched.recovery_key})
    assert answer.status_code == 400 and "no saved work" in answer.json()["error"]


def test_a_session_that_ended_keeps_its_file(services: Services, watched: Session) -> None:
    push(watched)
    services.recovery.flush()
    services.store.close(watched.token)
    services.recovery.note(watched)
    services.recovery.flush()
    assert services.recovery.load(watched.recovery_key).edit == Edit.of(SMILE)


def test_the_shelf_is_bounded_in_files_bytes_and_age(tmp_path: Path, services: Services, session: Session) -> None:
    now = time.time()
    shelf = RecoveryShelf(tmp_path / "bounded", max_files=3, max_age_secs=100, clock=lambda: now)
    keys = []
    for index in range(5):
        shelf.watch(session)
        push(session, 0.1 * (index + 1))
        shelf.flush()
        keys.append(session.recovery_key)
        newest = max(kept(shelf), key=lambda path: path.stat().st_mtime)
        os.utime(newest, (now - 50 + index, now - 50 + index))
    assert len(kept(shelf)) == 3
    for key in keys[:2]:
        with pytest.raises(StudioError, match="no saved work"):
            shelf.load(key)
    now += 60
    shelf.sweep()
    assert len(kept(shelf)) == 0
    small = RecoveryShelf(tmp_path / "small", max_file_bytes=100)
    small.watch(session)
    push(session, 0.9)
    small.flush()
    assert kept(small) == [] and session.saved_at is None


@pytest.mark.parametrize("key", ["", "nobody", "../../etc/passwd", "a" * 200, "\0"])
def test_other_keys_find_nothing(client: TestClient, watched: Session, key: str) -> None:
    before = watched.history
    assert client.post(url("recovery", watched), json={"key": key}).status_code == 400
    assert watched.history is before


@pytest.mark.parametrize("body", [b"", b"[]", b'{"key": 7}', b"{}"])
def test_bad_bodies_are_refused(client: TestClient, watched: Session, body: bytes) -> None:
    assert client.post(url("recovery", watched), content=body).status_code == 400


def test_a_damaged_file_is_one_sentence(client: TestClient, services: Services, watched: Session) -> None:
    push(watched)
    services.recovery.flush()
    (path,) = kept(services.recovery)
    path.write_bytes(path.read_bytes()[:200])
    answer = client.post(url("recovery", watched), json={"key": watched.recovery_key})
    assert answer.status_code == 400 and "project file" in answer.json()["error"]


def test_the_kept_work_demands_the_token(client: TestClient) -> None:
    for method in ("GET", "POST"):
        assert client.request(method, "/studio/recovery?token=of-somebody-else").status_code == 401
