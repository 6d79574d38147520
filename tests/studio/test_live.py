"""The live routes: frames, newest wins, and what is turned down."""

from __future__ import annotations

import asyncio
import struct
import sys
from dataclasses import replace

import numpy as np
import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from pipelines.errors import StudioError
from pipelines.motion.edit import Edit
from pipelines.motion.layers import Layer
from pipelines.project import PortraitRef
from studio.live import server_function
from studio.newest import NewestWins
from studio.services import Services
from studio.session import Session
from tests.studio.wire import complete, decode, message, read, vector


def url(name: str, session: Session, **query: str) -> str:
    more = "".join(f"&{key}={value}" for key, value in query.items())
    return f"/studio/{name}?token={session.token}{more}"


def test_socket_answers_with_the_frame_of_the_edit(client: TestClient, session: Session) -> None:
    with client.websocket_connect(url("live", session)) as socket:
        socket.send_bytes(message(7))
        rest = read(socket.receive_bytes())
        socket.send_bytes(message(8, jaw_open=0.6, yaw_deg=10))
        edited = read(socket.receive_bytes())
    assert (rest.seq, edited.seq) == (7, 8)
    assert rest.header["edited"] == 0 and edited.header["edited"] == 2
    assert edited.header["size"] == [512, 512] and edited.picture.shape == (512, 512, 3)
    assert np.abs(edited.picture.astype(int) - rest.picture).max() > 60


def test_no_edit_is_the_source_pixel_for_pixel(client: TestClient, session: Session) -> None:
    for view in ("crop", "photo"):
        client.post(url("view", session), json={"view": view})
        frame = read(client.post(url("frame", session), content=message()).content)
        source = decode(client.get(url("source.jpg", session, view=view)).content)
        assert np.array_equal(frame.picture, source)


def test_the_three_ways_give_the_same_frame(client: TestClient, session: Session, services: Services) -> None:
    import base64

    sent = message(5, smile=0.5)
    with client.websocket_connect(url("live", session)) as socket:
        socket.send_bytes(sent)
        by_socket = read(socket.receive_bytes())
    by_post = read(client.post(url("frame", session), content=sent).content)
    by_function = complete(server_function(services)([session.token, base64.b64encode(sent).decode()]))
    for other in (by_post, read(base64.b64decode(by_function))):
        assert other.seq == 5 and np.array_equal(other.picture, by_socket.picture)


def test_the_last_of_a_flood_arrives_and_most_are_skipped(client: TestClient, session: Session) -> None:
    count = 60
    with client.websocket_connect(url("live", session)) as socket:
        for seq in range(1, count + 1):
            socket.send_bytes(message(seq, jaw_open=seq / count))
        drawn = []
        while not drawn or drawn[-1] != count:
            drawn.append(read(socket.receive_bytes()).seq)
    assert drawn == sorted(drawn) and len(drawn) < count


def test_limits_are_reported_as_asked_and_given(client: TestClient, session: Session) -> None:
    frame = read(client.post(url("frame", session), content=message(yaw_deg=30)).content)
    asked, given = frame.header["limits"]["yaw_deg"]
    assert asked == 30 and given < asked


def test_full_photo_view_draws_the_edit_into_the_photo(client: TestClient, session: Session) -> None:
    client.post(url("view", session), json={"view": "photo"})
    frame = read(client.post(url("frame", session), content=message(jaw_open=0.8)).content)
    source = decode(client.get(url("source.jpg", session, view="photo")).content)
    assert frame.picture.shape == source.shape and frame.header["size"] == [source.shape[1], source.shape[0]]
    assert np.abs(frame.picture.astype(int) - source).max() > 40


def test_painted_mask_keeps_the_photo_where_it_is_black(client: TestClient, session: Session, mask_png: bytes) -> None:
    assert client.get(url("mask", session)).status_code == 204
    assert client.post(url("mask", session), content=mask_png).status_code == 200
    assert client.get(url("mask", session)).content == mask_png
    sent = message(jaw_open=0.8, mask_enabled=1, mask_feather=0)
    frame = read(client.post(url("frame", session), content=sent).content)
    source = decode(client.get(url("source.jpg", session, view="crop")).content)
    change = np.abs(frame.picture.astype(int) - source).max(-1)
    assert change[:, :248].max() > 40 and change[:, 272:].max() == 0
    assert client.delete(url("mask", session)).json()["mask"] is False
    assert session.document.edit.mask is None


# ---- what is turned down ----
def broken_vectors() -> dict[str, bytes]:
    nan, infinite = vector(), vector()
    nan[3], infinite[7] = np.nan, -np.inf
    head = struct.pack("<I", 1)
    return {
        "nan": head + nan.tobytes(),
        "infinite": head + infinite.tobytes(),
        "short": head + vector()[:-1].tobytes(),
        "long": head + vector().tobytes() + bytes(12),
        "infinite frame": head + vector().tobytes() + struct.pack("<f", np.inf),
        "infinite layer": head + vector().tobytes() + struct.pack("<ff", 0, np.inf),
        "empty": b"",
    }


@pytest.mark.parametrize("name", broken_vectors())
def test_broken_messages_get_one_sentence(client: TestClient, session: Session, name: str) -> None:
    broken = broken_vectors()[name]
    before = session.document
    answer = client.post(url("frame", session), content=broken)
    assert answer.status_code in (400, 413) and is_sentence(answer.json()["error"])
    with client.websocket_connect(url("live", session)) as socket:
        socket.send_bytes(broken)
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_bytes()
    assert closed.value.code == 4400 and closed.value.reason
    assert session.document is before


def test_text_on_the_socket_is_refused(client: TestClient, session: Session) -> None:
    with client.websocket_connect(url("live", session)) as socket:
        socket.send_text("hello")
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_bytes()
    assert closed.value.code == 4400 and "binary" in closed.value.reason


@pytest.mark.parametrize("query", ["", "?token=", "?token=of-somebody-else"])
def test_every_route_demands_the_token(client: TestClient, session: Session, query: str) -> None:
    calls = [
        client.post(f"/studio/frame{query}", content=message()),
        client.post(f"/studio/view{query}", json={"view": "crop"}),
        client.get(f"/studio/mask{query}"),
        client.post(f"/studio/mask{query}", content=b""),
        client.delete(f"/studio/mask{query}"),
        client.get(f"/studio/source.jpg{query}"),
    ]
    assert [call.status_code for call in calls] == [401] * len(calls)
    assert all(is_sentence(call.json()["error"]) for call in calls)
    with client.websocket_connect(f"/studio/live{query}") as socket, pytest.raises(WebSocketDisconnect) as closed:
        socket.receive_bytes()
    assert closed.value.code == 4401


def test_pages_of_other_hosts_are_refused(client: TestClient, session: Session) -> None:
    foreign = {"origin": "https://example.org"}
    assert client.post(url("frame", session), content=message(), headers=foreign).status_code == 403
    connection = client.websocket_connect(url("live", session), headers=foreign)
    with connection as socket, pytest.raises(WebSocketDisconnect) as closed:
        socket.receive_bytes()
    assert closed.value.code == 4403
    own = {"origin": "http://testserver"}
    assert client.post(url("frame", session), content=message(), headers=own).status_code == 200
    proxied = {"origin": "https://studio.example", "x-forwarded-host": "studio.example"}
    assert client.post(url("frame", session), content=message(), headers=proxied).status_code == 200


def test_large_bodies_are_cut_off(client: TestClient, session: Session) -> None:
    assert client.post(url("mask", session), content=bytes(2 << 20)).status_code == 413
    assert client.post(url("frame", session), content=bytes(1 << 20)).status_code == 413
    assert client.post(url("view", session), content=b" " * 10_000).status_code == 413


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"view": "mine"}', b"[" * 200])
def test_unknown_views_are_refused(client: TestClient, session: Session, body: bytes) -> None:
    answer = client.post(url("view", session), content=body)
    assert answer.status_code == 400 and "view" in answer.json()["error"]
    assert session.view == "crop"


@pytest.mark.parametrize("body", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n" + b"\0" * 64])
def test_masks_that_are_no_png_are_refused(client: TestClient, session: Session, body: bytes) -> None:
    answer = client.post(url("mask", session), content=body)
    assert answer.status_code == 400 and is_sentence(answer.json()["error"])
    assert session.document.edit.mask is None


def test_without_a_portrait_the_socket_says_so_and_stays_open(client: TestClient, services: Services) -> None:
    session = services.store.open()
    with client.websocket_connect(url("live", session)) as socket:
        for _ in range(2):
            socket.send_bytes(message())
            assert "No portrait is open" in socket.receive_text()


def test_an_ended_session_closes_its_socket(client: TestClient, session: Session, services: Services) -> None:
    with client.websocket_connect(url("live", session)) as socket:
        services.store.close(session.token)
        socket.send_bytes(message())
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_bytes()
    assert closed.value.code == 4401


def test_thumbs_need_no_token_and_unknown_ones_are_404(client: TestClient) -> None:
    assert decode(client.get("/studio/thumb/mona_lisa.jpg").content).shape == (224, 224, 3)
    assert client.get("/studio/thumb/nobody.jpg").status_code == 404
    assert client.get("/studio/thumb/..%2F..%2Fapp.jpg").status_code == 404


def test_two_visitors_do_not_mix(client: TestClient, services: Services, session: Session) -> None:
    other = services.store.open()
    other.open_portrait(services.examples.portrait("astronaut"), PortraitRef("Astronaut", example="astronaut"))
    mine = read(client.post(url("frame", session), content=message(jaw_open=1)).content)
    theirs = read(client.post(url("frame", other), content=message()).content)
    assert np.array_equal(theirs.picture, decode(client.get(url("source.jpg", other)).content))
    again = read(client.post(url("frame", session), content=message(jaw_open=1)).content)
    assert np.array_equal(mine.picture, again.picture)
    client.post(url("document", session), json={"op": "edit", "values": {"jaw_open": 1}})
    assert other.document.edit.is_default and not session.document.edit.is_default


def test_routes_run_without_gradio() -> None:
    import subprocess

    code = "import sys, studio.live, studio.page; sys.exit('gradio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ---- newest wins ----
def test_overtaken_requests_get_the_newest_answer_and_only_one_runs_at_a_time() -> None:
    running, seen = 0, []

    async def work(request: int) -> int:
        nonlocal running
        running += 1
        assert running == 1
        seen.append(request)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        running -= 1
        return request

    async def ask_all() -> list[int]:
        newest: NewestWins[int, int] = NewestWins(work)
        first = asyncio.create_task(newest.ask(0))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return await asyncio.gather(first, *(newest.ask(i) for i in range(1, 9)))

    answers = complete(ask_all())
    assert answers[0] == 0 and answers[1:] == [8] * 8
    assert seen == [0, 8]


def test_a_failure_reaches_those_who_wait_and_work_goes_on() -> None:
    async def work(request: int) -> int:
        if request < 0:
            raise StudioError("no")
        return request

    async def run() -> int:
        newest: NewestWins[int, int] = NewestWins(work)
        with pytest.raises(StudioError):
            await newest.ask(-1)
        return await newest.ask(3)

    assert complete(run()) == 3


def test_waiting_is_bounded() -> None:
    async def work(request: int) -> int:
        await asyncio.sleep(0.01)
        return request

    async def run() -> list[object]:
        newest: NewestWins[int, int] = NewestWins(work)
        return await asyncio.gather(*(newest.ask(i) for i in range(40)), return_exceptions=True)

    refused = [answer for answer in complete(run()) if isinstance(answer, StudioError)]
    assert len(refused) >= 20


def is_sentence(text: str) -> bool:
    return text.endswith(".") and "\n" not in text and "Traceback" not in text


# ---- the work with one layer off ----
def test_the_work_without_a_layer_is_that_of_the_others_with_what_hands_move(
    client: TestClient, session: Session
) -> None:
    def pushed(layers: tuple[Layer, ...]) -> None:
        document = replace(session.document.with_edit(Edit.of({"yaw_deg": 8})), layers=layers)
        session.change(lambda history: history.push(document, label="Layers"))

    def without(index: int, sent: bytes) -> np.ndarray:
        return decode(client.post(url("source.jpg", session, without=str(index)), content=sent).content)

    def drawn(sent: bytes) -> np.ndarray:
        return read(client.post(url("frame", session), content=sent).content).picture

    smile, jaw = (Layer.of_edit(Edit.of(values)) for values in ({"smile": 0.8}, {"jaw_open": 0.6}))
    # a drag of the edit below that the document does not know
    sent = message(yaw_deg=-8)
    for kept, index in ((jaw, 0), (smile, 1)):
        pushed((kept,))
        alone = drawn(sent)
        pushed((smile, jaw))
        off = without(index, sent)
        assert np.array_equal(off, alone)
    assert np.abs(drawn(sent).astype(int) - off).max() > 40
    # a drag of layer 1, seen without layer 0 and without itself
    sent = message(1, 0, jaw_open=0.2) + struct.pack("<f", 1)
    assert not np.array_equal(without(0, sent), without(0, message(yaw_deg=8)))
    assert np.array_equal(without(1, sent), without(1, message(yaw_deg=8)))


@pytest.mark.parametrize("text", ["-1", "two", "0", "999999999999", ""])
def test_a_layer_that_is_not_there_is_refused(client: TestClient, session: Session, text: str) -> None:
    answer = client.post(url("source.jpg", session, without=text), content=message())
    assert answer.status_code == 400 and answer.json()["error"].startswith("`without` should be the index")


def test_the_work_without_a_layer_takes_whole_messages_only(client: TestClient, session: Session) -> None:
    for body, why in ((b"short", "A live message"), (message(1, float("inf")), "`frame` should be a finite")):
        answer = client.post(url("source.jpg", session, without="0"), content=body)
        assert answer.status_code == 400 and answer.json()["error"].startswith(why)
