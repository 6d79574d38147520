"""Sessions: bounded, expiring, isolated, and leaving nothing behind."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipelines.errors import StudioError
from pipelines.motion.edit import Edit
from pipelines.portrait.types import Portrait
from pipelines.project import Document, PortraitRef
from studio.document import file_name
from studio.export import write_edit
from studio.outbox import Outbox
from studio.services import Services
from studio.session import Session
from studio.session_store import SessionStore
from tests.studio.conftest import Clock


def test_tokens_are_long_different_and_the_only_way_in(clock: Clock) -> None:
    store = SessionStore(clock=clock)
    tokens = {store.open().token for _ in range(20)}
    assert len(tokens) == 20 and min(map(len, tokens)) >= 32
    for token in (None, "", "x", next(iter(tokens))[:-1]):
        assert store.find(token) is None
    store.shut()


def test_sessions_expire_unless_seen_or_connected(clock: Clock) -> None:
    store = SessionStore(time_to_live_secs=100, clock=clock)
    idle, seen, connected = store.open(), store.open(), store.open()
    connected.sockets = 1
    clock.now = 90
    assert store.find(seen.token) is seen
    clock.now = 150
    store.trim()
    assert store.find(idle.token) is None
    assert store.find(seen.token) is seen and store.find(connected.token) is connected
    assert len(store) == 2
    store.shut()


def test_a_full_store_pushes_out_the_longest_idle_and_refuses_when_all_are_at_work(clock: Clock) -> None:
    store = SessionStore(capacity=3, busy_secs=10, clock=clock)
    sessions = []
    for _ in range(3):
        sessions.append(store.open())
        clock.now += 1
    with pytest.raises(StudioError, match="taken"):
        store.open()
    clock.now += 9
    newest = store.open()
    assert [store.find(s.token) is s for s in (*sessions, newest)] == [False, True, True, True]
    store.shut()


def test_photos_are_bounded_in_bytes_and_shared_ones_count_once(clock: Clock, example: Portrait) -> None:
    store = SessionStore(photo_bytes=3 * example.photo.nbytes, clock=clock)
    for own in (False, False, False, True, True, True):
        clock.now += 1
        portrait = replace(example, photo=example.photo.copy()) if own else example
        store.open().open_portrait(portrait, PortraitRef("photo"))
        store.trim()
    held = {id(s.portrait.photo) for s in store._sessions.values() if s.portrait}
    assert len(held) <= 3 and len(store) < 6
    store.shut()


def test_only_so_many_sessions_keep_frame_buffers(services: Services, example: Portrait, clock: Clock) -> None:
    store = SessionStore(drawings=2, clock=clock)
    limited = replace(services, store=store)
    sessions = []
    for _ in range(4):
        clock.now += 1
        session = store.open()
        session.open_portrait(example, PortraitRef("photo"))
        limited.draw(session, Edit())
        sessions.append(session)
    assert [s.drawing is not None for s in sessions] == [False, False, True, True]
    limited.draw(sessions[0], Edit())
    store.shut()


def test_closing_forgets_the_photo_and_its_files(services: Services, session: Session) -> None:
    file = write_edit(session)
    assert file.is_file() and session.token not in str(file)
    services.store.close(session.token)
    assert not file.exists() and not file.parent.exists() and session.portrait is None


def test_the_store_leaves_no_folder(clock: Clock) -> None:
    store = SessionStore(clock=clock)
    folder = store.open().folder.parent
    assert folder.is_dir()
    store.shut()
    assert not folder.exists()


def test_the_outbox_keeps_the_newest_few() -> None:
    outbox = Outbox(keep=3)
    folders = [outbox.folder() for _ in range(5)]
    assert [folder.exists() for folder in folders] == [False, False, True, True, True]
    outbox.shut()
    assert not folders[-1].parent.exists()


def test_many_threads_open_find_and_close(clock: Clock) -> None:
    store = SessionStore(capacity=1000, clock=clock)
    errors: list[Exception] = []

    def work() -> None:
        try:
            for _ in range(50):
                session = store.open()
                assert store.find(session.token) is session
                store.trim()
                store.close(session.token)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors and len(store) == 0
    store.shut()


def test_another_portrait_keeps_the_values_and_drops_the_mask(session: Session, mask_png: bytes) -> None:
    session.push(session.document.with_edit(Edit.of({"smile": 0.5}, mask=mask_png)), label="Edit")
    assert session.portrait is not None
    session.open_portrait(session.portrait, PortraitRef("Your photo"))
    assert session.document.edit.values() == {"smile_right": 0.5, "smile_left": 0.5}
    assert session.document.edit.mask is None and session.document.portrait.example is None


def test_file_names_are_ours() -> None:
    named = Document(portrait=PortraitRef("../../etc/passwd"))
    example = Document(portrait=PortraitRef(example="mona_lisa"))
    assert file_name(named, "face", suffix=".png") == "ditto-portrait-face.png"
    assert file_name(example, "edit", suffix=".json") == "ditto-mona_lisa-edit.json"


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads Linux's figures")
def test_a_thousand_edits_leave_memory_flat(services: Services, session: Session) -> None:
    def edit(index: int) -> Edit:
        return Edit.of({"jaw_open": 0.5 + 0.5 * np.sin(index), "brow_raise": 0.5 * np.cos(index)})

    for index in range(40):
        services.draw(session, edit(index))
    before, start = resident_mb(), time.thread_time()
    for index in range(1000):
        header, jpeg = services.draw(session, edit(index))
    cpu_ms = 1e3 * (time.thread_time() - start) / 1000
    assert header["edited"] and jpeg
    assert resident_mb() - before <= 20
    assert cpu_ms < 60
