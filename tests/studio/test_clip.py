"""A base track under the edit: frames of the live loop, the timeline's data, the sound, the film, long work."""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
from starlette.testclient import TestClient

from pipelines.errors import StudioError
from pipelines.motion.edit import Edit
from pipelines.motion.space import Motion
from pipelines.motion.track import Track
from pipelines.project import PortraitRef
from pipelines.render.still import render_still
from pipelines.video import read_video, video_info
from studio.clip import MAX_FRAMES, PEAKS, Clip, sound_peaks, track_curves
from studio.jobs import Job, JobDesk
from studio.services import Services
from studio.session import Session
from tests.studio.wire import decode, message, read, wait_until

OPEN, SHUT = 6, 0
"""Frames of the fixture's clip with the jaw wide open and as photographed."""
MOUTH = (slice(300, 420), slice(180, 332))


def url(name: str, session: Session) -> str:
    return f"/studio/{name}?token={session.token}"


def frame(client: TestClient, session: Session, index: float | None = None, **values: float):
    return read(client.post(url("frame", session), content=message(1, index, **values)).content)


def ended(session: Session) -> Job:
    """The session's job once it is over."""
    job = session.job
    assert job is not None
    wait_until(lambda: job.is_over)
    return job


# ---- frames ----
def test_frames_of_the_clip_move_and_a_still_does_not(client: TestClient, session: Session, clip: Clip) -> None:
    still = frame(client, session)
    shut, wide = frame(client, session, SHUT), frame(client, session, OPEN)
    assert "frame" not in still.header and np.array_equal(shut.picture, still.picture)
    assert (wide.header["frame"], wide.header["clip"]) == (OPEN, clip.key)
    assert np.abs(wide.picture.astype(int) - still.picture)[MOUTH].mean() > 4


@pytest.mark.parametrize("view", ["crop", "photo"])
def test_the_source_of_a_frame_is_that_frame_without_the_edit(
    client: TestClient, session: Session, clip: Clip, view: str
) -> None:
    client.post(f"/studio/view?token={session.token}", json={"view": view})
    plain = frame(client, session, OPEN)
    frame(client, session, OPEN, yaw_deg=12)
    source = decode(client.get(f"{url('source.jpg', session)}&view={view}&frame={OPEN}").content)
    assert np.array_equal(source, plain.picture)


@pytest.mark.parametrize("text", ["nan", "inf", "two", ""])
def test_a_source_frame_that_is_no_number_is_refused(
    client: TestClient, session: Session, clip: Clip, text: str
) -> None:
    answer = client.get(f"{url('source.jpg', session)}&frame={text}")
    assert answer.status_code == 400 and answer.json()["error"].startswith("`frame` should be a finite number")


def test_nan_is_a_still_and_frames_beyond_the_ends_are_held(client: TestClient, session: Session, clip: Clip) -> None:
    assert "frame" not in frame(client, session, float("nan")).header
    assert frame(client, session, -7).header["frame"] == 0
    last = frame(client, session, 1e9)
    assert last.header["frame"] == 99 and np.array_equal(last.picture, frame(client, session, 99).picture)


def test_without_a_clip_a_frame_is_the_photo(client: TestClient, session: Session) -> None:
    assert np.array_equal(frame(client, session, 12).picture, frame(client, session).picture)


def test_the_edit_acts_on_top_of_the_clip(client: TestClient, session: Session, clip: Clip) -> None:
    alone = frame(client, session, OPEN)
    edited = frame(client, session, OPEN, brow_raise=0.9)
    assert edited.header["edited"] == 2
    assert np.abs(edited.picture.astype(int) - alone.picture)[120:230].max() > 30
    assert np.abs(edited.picture.astype(int) - alone.picture)[MOUTH].mean() < 1


def test_outside_a_painted_mask_the_clip_still_plays(
    client: TestClient, session: Session, clip: Clip, mask_png: bytes
) -> None:
    session.push(session.document.with_edit(Edit.of({}, mask=mask_png)), label="Edit")
    alone = frame(client, session, OPEN)
    masked = frame(client, session, OPEN, brow_raise=0.9, mask_enabled=1, mask_feather=0)
    change = np.abs(masked.picture.astype(int) - alone.picture).max(-1)
    assert change[:, :248].max() > 30 and change[:, 272:].max() <= 4


def test_the_clip_stays_on_another_portrait(
    client: TestClient, session: Session, services: Services, clip: Clip
) -> None:
    session.open_portrait(services.examples.portrait("astronaut"), PortraitRef("Astronaut", example="astronaut"))
    still, wide = frame(client, session), frame(client, session, OPEN)
    assert np.abs(wide.picture.astype(int) - still.picture).max() > 60


def test_a_thousand_frames_cost_what_stills_cost(services: Services, session: Session, clip: Clip) -> None:
    edit = Edit.of({"smile": 0.4})

    def cpu_ms(frame: float | None) -> float:
        start = time.thread_time()
        for index in range(60):
            services.draw(session, edit, frame=None if frame is None else index)
        return 1e3 * (time.thread_time() - start) / 60

    cpu_ms(None)
    still, moving = cpu_ms(None), cpu_ms(0)
    assert moving < 2 * still + 4


# ---- what the timeline shows ----
def test_curves_follow_lips_head_and_lids() -> None:
    exp = np.zeros((3, 63), np.float32)
    exp[1, 58] = 0.02
    exp[2, [34, 46]] = 20e-3
    exp[2, [40, 49]] = -6e-3
    motion = Motion.of(exp=exp.reshape(3, 21, 3), yaw_deg=np.array([0, 5, 0], np.float32))
    curves = track_curves(motion, Motion.identity())
    assert curves["lips"][1] > 0.05 > abs(curves["lips"][0])
    assert curves["yaw"].tolist() == [0, 5, 0]
    assert curves["blink"] == pytest.approx([0, curves["blink"][1], 1], abs=1e-4)


def test_the_clip_route_gives_curves_of_every_frame(client: TestClient, session: Session, clip: Clip) -> None:
    drawing = client.get(url("clip", session)).json()
    assert drawing["key"] == clip.key and drawing["step"] == 1
    assert {name: len(values) for name, values in drawing["curves"].items()} == {"lips": 100, "yaw": 100, "blink": 100}
    assert client.delete(url("clip", session)).json()["clip"] is None
    assert client.get(url("clip", session)).status_code == 204 and session.clip is None
    session.change(lambda history: history.undo())
    assert client.get(url("clip", session)).json()["key"] == clip.key and session.clip is clip


def test_peaks_are_the_loudest_of_each_stretch() -> None:
    samples = np.zeros(PEAKS * 10, np.float32)
    samples[25] = -0.5
    samples[PEAKS * 10 - 1] = 0.25
    peaks = sound_peaks(samples)
    assert len(peaks) == PEAKS and peaks[2] == 1 and peaks[-1] == 0.5 and sum(peaks) == 1.5
    assert len(sound_peaks(np.ones(7, np.float32))) == PEAKS and sound_peaks(np.zeros(0, np.float32)) == ()


def test_long_tracks_are_refused_with_the_way_out() -> None:
    with pytest.raises(StudioError, match="--stream"):
        Clip(Track(Motion.identity(MAX_FRAMES + 1)))


def test_sound_comes_in_the_parts_a_player_asks_for(client: TestClient, session: Session, clip: Clip) -> None:
    sound = session.clips.sound(clip)
    assert sound is not None
    whole = client.get(url("sound.wav", session))
    assert whole.content == sound.read_bytes() and whole.headers["content-type"] == "audio/wav"
    part = client.get(url("sound.wav", session), headers={"range": "bytes=100-199"})
    assert part.status_code == 206 and part.content == whole.content[100:200]
    client.delete(url("clip", session))
    assert client.get(url("sound.wav", session)).status_code == 404


# ---- the film ----
@pytest.mark.parametrize("area", ["crop", "photo"])
def test_the_film_has_every_frame_the_edit_and_the_sound(
    client: TestClient, session: Session, services: Services, clip: Clip, area: str
) -> None:
    edit = Edit.of({"brow_raise": 0.8})
    session.push(session.document.with_edit(edit), label="Edit")
    assert client.post(url("film", session), json={"area": area}).json()["kind"] == "film"
    assert ended(session).state == "done"
    record = client.get(url("job", session)).json()
    assert record["state"] == "done" and record["fraction"] == 1
    answer = client.get(url("film", session))
    assert "ditto-mona_lisa" in answer.headers["content-disposition"]
    assert session.film is not None and answer.content == session.film.read_bytes()
    info = video_info(session.film)
    assert info.fps == 25 and info.duration_s == pytest.approx(4, abs=0.1)
    frames = [picture.copy() for picture in read_video(session.film)]
    assert len(frames) == 100
    if area == "crop":
        assert frames[0].shape == (512, 512, 3) and session.portrait is not None
        first = render_still(session.portrait, edit, area="crop", size=512, renderer=services.renderer)
        assert np.abs(frames[0].astype(int) - first).mean() < 3
        assert np.abs(frames[OPEN].astype(int) - frames[0])[MOUTH].mean() > 4


def test_a_cancelled_film_leaves_nothing(client: TestClient, session: Session, clip: Clip) -> None:
    client.post(url("film", session), json={"area": "photo"})
    before = {path.name for path in session.folder.iterdir() if not path.name.startswith(".")}
    assert client.delete(url("job", session)).status_code == 204
    assert ended(session).state == "cancelled" and session.film is None
    assert {path.name for path in session.folder.iterdir()} == before == set()


def test_only_one_film_at_a_time(client: TestClient, session: Session, clip: Clip) -> None:
    client.post(url("film", session), json={"area": "crop"})
    again = client.post(url("film", session), json={"area": "crop"})
    assert again.status_code == 400 and "already" in again.json()["error"]
    client.delete(url("job", session))
    ended(session)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"", "JSON"),
        (b"[1]", "an object"),
        (b"{}", "`area`"),
        (b'{"area": "moon"}', "`area`"),
        (b'{"area": ["crop"]}', "`area`"),
    ],
)
def test_unknown_areas_are_refused(client: TestClient, session: Session, clip: Clip, body: bytes, named: str) -> None:
    answer = client.post(url("film", session), content=body)
    assert answer.status_code == 400 and named in answer.json()["error"] and session.job is None


def test_without_a_clip_there_is_no_film(client: TestClient, session: Session) -> None:
    answer = client.post(url("film", session), json={"area": "crop"})
    assert answer.status_code == 400 and "Speech" in answer.json()["error"]
    assert client.get(url("film", session)).status_code == 404
    assert client.get(url("job", session)).status_code == 204


@pytest.mark.parametrize(
    ("method", "name"),
    [
        ("GET", "clip"),
        ("DELETE", "clip"),
        ("GET", "sound.wav"),
        ("GET", "job"),
        ("DELETE", "job"),
        ("GET", "film"),
        ("POST", "film"),
    ],
)
def test_clip_routes_demand_the_token(client: TestClient, clip: Clip, method: str, name: str) -> None:
    for query in ("", "?token=of-somebody-else"):
        assert client.request(method, f"/studio/{name}{query}").status_code == 401


# ---- long work ----
def run(work: Callable[[Job], None]) -> Job:
    job = Job("speech")
    job.run(work)
    return job


def test_failures_are_one_sentence() -> None:
    def refuse(job: Job) -> None:
        raise StudioError("`sound` should be a sound.")

    def break_down(job: Job) -> None:
        raise RuntimeError("/secret/path")

    assert run(refuse).record()["error"] == "`sound` should be a sound."
    broken = run(break_down).record()
    assert broken["state"] == "failed" and "secret" not in broken["error"]


def test_stopped_work_ends_at_its_next_step_and_waiting_work_never_begins() -> None:
    desk, begun, go = JobDesk(), threading.Event(), threading.Event()
    steps: list[int] = []

    def work(job: Job) -> None:
        begun.set()
        go.wait(180)
        for step in range(5):
            job.progress(step / 5, "step")
            steps.append(step)

    first = desk.start("speech", work, current=None)
    second = desk.start("speech", work, current=None)
    assert begun.wait(180)
    assert (first.state, second.state) == ("running", "waiting")
    first.stop()
    second.stop()
    go.set()
    wait_until(lambda: first.is_over and second.is_over)
    assert (first.state, second.state, steps) == ("cancelled", "cancelled", [])
    desk.shut()


def test_time_left_is_told_once_it_is_known() -> None:
    job = Job("film")
    assert job.record()["left_s"] is None
    job.state, job._started = "running", time.monotonic() - 400
    job.progress(0.25, "25 of 100 frames")
    assert job.record()["left_s"] == pytest.approx(1200, rel=0.04)


def test_time_left_runs_down_between_two_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("studio.jobs.time", SimpleNamespace(monotonic=lambda: now[0]))
    job = Job("speech")
    job.state, job._started = "running", 1000.0
    now[0] = 1020.0
    job.progress(0.5, "listening")
    told = []
    for _ in range(5):
        now[0] += 5
        job.progress(0.5, "listening")
        told.append(job.record()["left_s"])
    # late, nothing is promised any more; the next step tells anew
    assert told == [15, 10, 5, None, None]
    job.progress(0.75, "listening")
    assert job.record()["left_s"] == 15


def test_leaving_stops_the_work(services: Services, session: Session) -> None:
    started = threading.Event()

    def work(job: Job) -> None:
        started.set()
        while True:
            job.progress(0.1, "on and on")
            time.sleep(0.01)

    session.job = job = services.jobs.start("film", work, current=None)
    assert started.wait(180)
    services.store.close(session.token)
    wait_until(lambda: job.is_over)
    assert job.state == "cancelled"


def test_frame_travels_as_one_more_float() -> None:
    assert struct.unpack("<f", message(1, 7.5)[-4:])[0] == 7.5 and len(message(1, 7.5)) == len(message(1)) + 4
