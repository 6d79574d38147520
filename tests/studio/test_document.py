"""The work through its routes: operations, steps, layers on live frames, the project file, and what is turned down."""

from __future__ import annotations

import io
import random
import struct
import time
import zipfile
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from pipelines.errors import StudioError
from pipelines.history import History
from pipelines.motion.controls import SLOTS
from pipelines.motion.keyframes import Curve
from pipelines.motion.layers import MODES, Layer, allowed, value_range
from pipelines.motion.space import Motion
from pipelines.motion.stack import Stack
from pipelines.motion.track import Track
from pipelines.project import SIDED, Document
from studio.clip import Clip
from studio.document_ops import DOCUMENT_OPS, HISTORY_OPS, apply_op
from studio.export import PictureOrder, write_picture
from studio.layer_values import changed_values, layer_vector, with_values
from studio.services import Services
from studio.session import Session
from tests.studio.wire import Answer, decode, message, read, vector

MOUTH = (slice(300, 420), slice(180, 332))
SMILE = {"smile_right": 0.8, "smile_left": 0.8}


def url(name: str, session: Session) -> str:
    return f"/studio/{name}?token={session.token}"


def send(client: TestClient, session: Session, op: str, **args: Any) -> dict[str, Any]:
    answer = client.post(url("document", session), json={"op": op, **args})
    assert answer.status_code == 200, answer.text
    return answer.json()


def frame(client: TestClient, session: Session, index: float | None = None, layer: float | None = None, **values):
    body = message(1, None, **values)
    if layer is not None:
        body += struct.pack("<ff", np.nan if index is None else index, layer)
    elif index is not None:
        body += struct.pack("<f", index)
    return read(client.post(url("frame", session), content=body).content)


def change(a: Answer, b: Answer) -> float:
    return float(np.abs(a.picture.astype(int) - b.picture)[MOUTH].mean())


# ---- operations ----
def test_every_operation_of_the_contract_is_there(client: TestClient, session: Session) -> None:
    send(client, session, "edit", values=SMILE, label="Smile")
    state = send(client, session, "add_layer", layer={"name": "Smile"}, from_edit=True)
    assert state["edit"] == {} and set(state["layers"][0]["channels"]) == set(SMILE)
    state = send(client, session, "update_layer", index=0, changes={"opacity": 0.5, "mode": "set", "ease_in_s": 0.2})
    assert (state["layers"][0]["opacity"], state["layers"][0]["mode"]) == (0.5, "set")
    state = send(client, session, "duplicate_layer", index=0)
    assert [layer["name"] for layer in state["layers"]] == ["Smile", "Smile copy"]
    state = send(client, session, "move_layer", index=1, to=0)
    assert [layer["name"] for layer in state["layers"]] == ["Smile copy", "Smile"]
    keys = [[0, 0.1, "linear"], [2, 0.9, "hold"]]
    state = send(client, session, "set_curves", index=0, curves={"jaw_open": keys, "smile_left": None})
    assert state["layers"][0]["channels"]["jaw_open"] == keys and state["duration_s"] == 2
    assert "smile_left" not in state["layers"][0]["channels"]
    state = send(client, session, "key", index=0, time_s=1, values={"jaw_open": 0.3, "yaw_deg": 5}, auto_key=False)
    assert [key[:2] for key in state["layers"][0]["channels"]["jaw_open"]] == [[0, 0.1], [1, 0.3], [2, 0.9]]
    assert state["layers"][0]["channels"]["yaw_deg"] == [[0, 5, "hold"]]
    state = send(client, session, "playhead", seconds=1.5, loop=False)
    steps = state["history"]["position"]
    assert state["playhead"] == {"seconds": 1.5, "loop": False, "start_s": 0, "stop_s": None}
    state = send(client, session, "remove_layer", index=1)
    assert len(state["layers"]) == 1 and state["history"]["position"] == steps + 1
    assert send(client, session, "undo")["history"]["position"] == steps
    assert send(client, session, "redo")["history"]["position"] == steps + 1
    state = send(client, session, "jump", position=0)
    assert state["layers"] == [] and state["edit"] == {} and len(state["history"]["labels"]) == steps + 2
    assert send(client, session, "start_over")["history"] == {"labels": ["Start over"], "position": 0}


def test_a_drag_is_one_step_and_the_revision_counts_up(client: TestClient, session: Session) -> None:
    first = send(client, session, "add_layer")
    for opacity in (0.9, 0.8, 0.7):
        last = send(client, session, "update_layer", index=0, changes={"opacity": opacity}, joins="drag 1")
    assert last["history"]["position"] == first["history"]["position"] + 1
    assert last["revision"] == first["revision"] + 3
    assert last["history"]["labels"][-1] == "Opacity of Layer 1"
    assert send(client, session, "undo")["layers"][0]["opacity"] == 1


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("nothing", {}, "`op`"),
    ("edit", {}, "`values`"),
    ("edit", {"values": {"smil": 1}}, "smil"),
    ("edit", {"values": {"smile_left": "much"}}, "number"),
    ("edit", {"values": {"smile_left": 99}}, "between"),
    ("edit", {"values": {}, "label": ["x"]}, "`label`"),
    ("edit", {"values": {}, "joins": 7}, "`joins`"),
    ("add_layer", {"layer": {"colour": "red"}}, "colour"),
    ("add_layer", {"layer": [1]}, "`layer`"),
    ("add_layer", {"index": 9}, "`layer`"),
    ("add_layer", {"from_edit": "yes"}, "`from_edit`"),
    ("update_layer", {"index": 5, "changes": {}}, "`index`"),
    ("update_layer", {"index": True, "changes": {}}, "`index`"),
    ("update_layer", {"index": 0, "changes": {"channels": {}}}, "channels"),
    ("update_layer", {"index": 0, "changes": {"opacity": 2}}, "`opacity`"),
    ("update_layer", {"index": 0, "changes": {"start_s": "soon"}}, "`start_s`"),
    ("update_layer", {"index": 0, "changes": {"mode": "divide"}}, "`mode`"),
    ("update_layer", {"index": 0, "changes": {"regions": {"yaw_deg": 1}}}, "regions"),
    ("move_layer", {"index": 0, "to": 4}, "`layer`"),
    ("remove_layer", {"index": -1}, "`index`"),
    ("set_curves", {"layers": []}, "`layers`"),
    ("set_curves", {"layers": [{"index": 7, "curves": {}}]}, "`index`"),
    ("link", {"controls": "smile"}, "`controls`"),
    ("link", {"controls": ["jaw_open"]}, "`jaw_open`"),
    ("set_curves", {"index": 0, "curves": {"smile_left": [[0, 9, "hold"]]}}, "between"),
    ("set_curves", {"index": 0, "curves": {"smile_left": [[-1, 0]]}}, "`time_s`"),
    ("set_curves", {"index": 0, "curves": {"mask_feather": [[0, 1]]}}, "mask"),
    ("key", {"index": 0, "time_s": -1, "values": {}}, "`time_s`"),
    ("key", {"index": 0, "time_s": 0, "values": {"smile_left": None}}, "smile_left"),
    ("key", {"index": 0, "time_s": 0, "values": {"nobody": 1}}, "nobody"),
    ("jump", {"position": 99}, "`step`"),
    ("jump", {"position": "first"}, "`position`"),
    ("playhead", {"seconds": 1e9}, "`seconds`"),
]


@pytest.mark.parametrize(("op", "args", "named"), BAD)
def test_bad_operations_are_one_sentence_and_change_nothing(
    client: TestClient, session: Session, op: str, args: dict[str, Any], named: str
) -> None:
    send(client, session, "add_layer")
    before = session.history
    answer = client.post(url("document", session), json={"op": op, **args})
    error = answer.json()["error"]
    assert answer.status_code == 400 and named in error and "\n" not in error and len(error) < 400
    assert session.history is before


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"edit"', b"[" * 5000])
def test_bodies_that_are_no_object_are_refused(client: TestClient, session: Session, body: bytes) -> None:
    assert client.post(url("document", session), content=body).status_code == 400


def test_the_routes_of_the_work_demand_the_token(client: TestClient, session: Session) -> None:
    for method, name in (("GET", "document"), ("POST", "document"), ("GET", "project"), ("POST", "project")):
        assert client.request(method, f"/studio/{name}?token=of-somebody-else").status_code == 401


# ---- any operations and back ----
def random_op(source: random.Random, document: Document) -> tuple[str, dict[str, Any]]:
    """An operation that is possible on this document."""
    names = ["edit", "add_layer", "link"] if not document.layers else [*DOCUMENT_OPS, "key", "update_layer"]
    name = source.choice(names)
    if len(document.layers) > 8:
        name = "remove_layer"
    index = source.randrange(len(document.layers)) if document.layers else 0
    slot = source.choice([slot for slot in SLOTS if allowed(slot) and slot.control.kind not in ("region", "setting")])
    low, high = slot.control.lo, slot.control.hi
    value = source.uniform(low, high)
    if name == "edit":
        return name, {"values": {slot.key: value}, "label": slot.key}
    if name == "link":
        return name, {"controls": [source.choice(sorted(SIDED))], "apart": source.random() < 0.7}
    if name == "add_layer":
        return name, {"from_edit": source.random() < 0.3, "layer": {"mode": source.choice(MODES)}}
    if name == "update_layer":
        changes = {"opacity": source.random(), "muted": source.random() < 0.5, "start_s": 3 * source.random()}
        return name, {"index": index, "changes": dict(source.sample(sorted(changes.items()), 1))}
    if name == "move_layer":
        return name, {"index": index, "to": source.randrange(len(document.layers))}
    low, high = value_range(slot, document.layers[index].mode)
    value = source.uniform(low, high)
    if name == "set_curves":
        keys = [[5 * source.random(), source.uniform(low, high), "spline"] for _ in range(3)]
        return name, {"index": index, "curves": {slot.key: source.choice([None, keys])}}
    auto = source.random() < 0.5
    return name, {"index": index, "time_s": 4 * source.random(), "values": {slot.key: value}, "auto_key": auto}


@pytest.mark.parametrize("seed", range(3))
def test_a_thousand_operations_undone_give_the_start_and_redone_the_end(seed: int) -> None:
    source = random.Random(seed)
    start = Document()
    history = History.of(start)
    seen = [start]
    for step in range(1000):
        op, args = random_op(source, history.document)
        before = len(history.steps)
        history = apply_op(history, op, args | {"joins": f"{step}"})
        if len(history.steps) > before:
            seen.append(history.document)
    assert len(history.steps) == len(seen) > 700
    end = history.document
    for expected in reversed(seen[:-1]):
        history = apply_op(history, "undo", {})
        assert history.document is expected
    assert history.document is start and history.position == 0
    for _ in seen[1:]:
        history = apply_op(history, "redo", {})
    assert history.document is end and end == Document.from_bytes(end.to_bytes())


def test_the_history_holds_the_newest_steps_within_its_bytes() -> None:
    history = History.of(Document())
    for step in range(2500):
        history = apply_op(history, "edit", {"values": {"smile_left": (step % 100) / 100}, "joins": str(step)})
    assert 200 <= len(history.steps) <= 2000 and history.held_bytes < 16 << 20


# ---- what sliders show and do ----
def test_a_vector_that_shows_a_layer_changes_nothing_and_a_moved_slot_only_itself() -> None:
    keys = Curve.of([(0, 0.0, "smooth"), (2, 0.8)])
    for mode in MODES:
        layer = Layer(mode=mode).with_curves({"smile_left": keys, "eye_ratio_left": Curve.constant(0.3)})
        shown = layer_vector(layer, 0.7).astype(np.float32)
        assert changed_values(layer, 0.7, shown) == {}
        jaw = next(slot for slot in SLOTS if slot.key == "jaw_open")
        shown[jaw.index] = 0.5
        moved = with_values(layer, 0.7, changed_values(layer, 0.7, shown))
        assert moved.curve("jaw_open") == Curve.constant(0.5) and moved.curve("smile_left") == keys


def test_rest_leaves_a_channel_away_and_regions_say_where() -> None:
    layer = Layer().with_curves({"jaw_open": Curve.constant(0.5)})
    assert with_values(layer, 0, {"jaw_open": 0.0, "smile_left": 0.0}).channels == ()
    assert with_values(Layer(mode="set"), 0, {"jaw_open": 0.0}).channels == ()
    held = with_values(Layer(mode="set").with_curves({"jaw_open": Curve.constant(0.5)}), 0, {"jaw_open": 0.0})
    assert held.curve("jaw_open") == Curve.constant(0.0)
    assert with_values(layer, 0, {"region_nose": 0.25}).regions == (("region_nose", 0.25),)
    eyes = with_values(
        Layer(mode="set").with_curves({"eye_ratio_left": Curve.constant(0.2)}), 0, {"eye_ratio_left": -1}
    )
    assert eyes.channels == ()


# ---- live frames ----
def test_a_layer_acts_mute_takes_it_back_and_a_drag_is_what_is_committed(client: TestClient, session: Session) -> None:
    still = frame(client, session)
    send(client, session, "add_layer")
    dragged = frame(client, session, layer=0, smile=0.8)
    assert change(dragged, still) > 2 and session.document.layers[0].channels == ()
    send(client, session, "key", index=0, time_s=0, values=SMILE)
    committed = frame(client, session)
    assert np.array_equal(committed.picture, dragged.picture)
    send(client, session, "update_layer", index=0, changes={"muted": True})
    assert np.array_equal(frame(client, session).picture, still.picture)
    assert np.array_equal(frame(client, session, layer=7, smile=0.8).picture, still.picture)


def test_layers_move_a_still_and_lie_on_a_clip(client: TestClient, session: Session) -> None:
    keys = {slot: [[0, 0, "linear"], [2, 0.9, "linear"]] for slot in SMILE}
    send(client, session, "add_layer", layer={"channels": keys})
    first, half, last = (frame(client, session, index) for index in (0, 25, 50))
    assert change(half, first) > 1 and change(last, half) > 1
    assert (last.header["frame"], last.header["clip"]) == (50, None)
    assert np.array_equal(first.picture, frame(client, session).picture)


def test_a_layer_lies_on_the_clip(client: TestClient, session: Session, clip: Clip) -> None:
    alone = frame(client, session, 6)
    send(client, session, "add_layer", layer={"channels": {slot: [[0, 0.8]] for slot in SMILE}})
    assert change(frame(client, session, 6), alone) > 2
    assert frame(client, session, 6).header["clip"] == clip.key


def test_the_picture_file_has_the_layers_at_the_playhead(
    client: TestClient, session: Session, services: Services
) -> None:
    keys = {slot: [[0, 0, "linear"], [2, 0.9, "linear"]] for slot in SMILE}
    send(client, session, "add_layer", layer={"channels": keys})
    order = PictureOrder.of(area="crop", format="png", size=512)
    pictures = []
    for seconds in (0, 2):
        send(client, session, "playhead", seconds=seconds)
        data = write_picture(session, order, renderer=services.renderer).read_bytes()
        pictures.append(decode(data))
    assert np.abs(pictures[1].astype(int) - pictures[0])[MOUTH].mean() > 2
    # the live frame is a JPEG of the same picture
    assert np.abs(frame(client, session, 50).picture.astype(int) - pictures[1]).mean() < 3


def test_twenty_layers_and_three_thousand_frames_stay_live(services: Services, session: Session) -> None:
    source = random.Random(1)
    free = [slot for slot in SLOTS if allowed(slot) and slot.control.kind in ("semantic", "dim", "pose")]
    layers = []
    for index in range(20):
        mode = MODES[index % 2]
        curves = {}
        for slot in source.sample(free, 12):
            low, high = value_range(slot, mode)
            curves[slot.key] = Curve.of([(4 * i, source.uniform(low, high) / 4, "spline") for i in range(31)])
        layers.append(Layer(mode=mode, ease_in_s=1).with_curves(curves))
    document = Document(layers=tuple(layers), track=Track(Motion.identity(3000)))
    assert session.portrait is not None
    document.at(session.portrait, 0)
    start = time.thread_time()
    for index in range(3000):
        document.at(session.portrait, index)
    assert 1e3 * (time.thread_time() - start) / 3000 < 5
    start = time.thread_time()
    for index in range(100):
        Stack(document.edit, document.replace_layer(3, layers[index % 3]).layers).apply(
            session.portrait, session.portrait.motion, index / 25
        )
    assert 1e3 * (time.thread_time() - start) / 100 < 12


# ---- undo of what is heavy ----
def test_undo_brings_back_the_old_portrait_and_its_measures(
    client: TestClient, session: Session, services: Services
) -> None:
    from studio.panels.portrait import _pick_example

    before = session.portrait
    _pick_example(services, session, "astronaut")
    assert session.portrait is not before
    state = send(client, session, "undo")
    assert session.portrait is before and state["portrait"]["key"] == "mona_lisa"
    assert "portrait" not in send(client, session, "edit", values=SMILE)


def test_undo_brings_back_a_painted_mask(client: TestClient, session: Session, mask_png: bytes) -> None:
    painted = client.post(url("mask", session), content=mask_png).json()
    assert painted["mask"] and painted["edit"] == {"mask_enabled": 1} and painted["mask_key"]
    assert client.delete(url("mask", session)).json()["mask_key"] is None
    assert send(client, session, "undo")["mask_key"] == painted["mask_key"]
    assert client.get(url("mask", session)).content == mask_png


# ---- the project file ----
def test_a_project_comes_back_pixel_for_pixel(client: TestClient, session: Session, clip: Clip) -> None:
    send(client, session, "edit", values={"yaw_deg": 8})
    send(client, session, "add_layer", layer={"channels": {slot: [[0, 0], [2, 0.9]] for slot in SMILE}})
    shown = frame(client, session, 30, yaw_deg=8)
    answer = client.get(url("project", session))
    assert 'filename="ditto-mona_lisa-project.ditto"' in answer.headers["content-disposition"]
    saved = session.document
    send(client, session, "start_over")
    state = client.post(url("project", session), content=answer.content).json()
    assert session.document == Document.from_bytes(answer.content) and session.document.layers == saved.layers
    assert (
        state["clip"]["frames"] == 100
        and state["clip"]["sound"]
        and state["history"]["labels"][-1] == "Open a project"
    )
    assert np.array_equal(frame(client, session, 30, yaw_deg=8).picture, shown.picture)
    assert client.get(url("sound.wav", session)).status_code == 200
    assert send(client, session, "undo")["layers"] == []


def test_an_own_photo_travels_in_the_project(client: TestClient, session: Session, services: Services) -> None:
    from pipelines.assets import PORTRAITS
    from studio.panels.portrait import _open_photo

    copy = session.folder / "mine.jpg"
    copy.write_bytes((PORTRAITS / "astronaut.jpg").read_bytes())
    _open_photo(services, session, str(copy))
    assert not copy.exists()
    shown = frame(client, session)
    data = client.get(url("project", session)).content
    other = services.store.open()
    state = client.post(url("project", other), content=data).json()
    assert state["portrait"]["name"] == "Your photo"
    assert np.array_equal(frame(client, other).picture, shown.picture)


def archive(**parts: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, data in parts.items():
            zipped.writestr(name, data)
    return buffer.getvalue()


def hostile_files() -> dict[str, bytes]:
    whole = Document().to_bytes()
    head = b'{"format": "ditto-project", "version": 1'
    return {
        "empty": b"",
        "noise": bytes(range(256)) * 40,
        "cut off": whole[: len(whole) // 2],
        "a path": archive(**{"../../../etc/passwd": b"x", "document.json": b"{}"}),
        "a bomb": archive(**{"document.json": b" " * (40 << 20)}),
        "deep": b"[" * 100_000,
        "newer": b'{"format": "ditto-project", "version": 99}',
        "no example": head + b', "portrait": {"example": "nobody"}}',
        "a path as example": head + b', "portrait": {"example": "../../secret"}}',
        "a photo that is none": archive(
            **{"document.json": head + b', "portrait": {"photo": "photo.jpg"}}', "photo.jpg": b"\xff\xd8\xff no photo"}
        ),
        "a mask that is none": head
        + b', "edit": {"format": "ditto-edit", "version": 1, "values": {}, "mask": "iVBORw0KGgo="}}',
    }


@pytest.mark.parametrize("name", hostile_files())
def test_hostile_project_files_get_one_sentence_and_change_nothing(
    client: TestClient, session: Session, name: str
) -> None:
    before = session.history
    answer = client.post(url("project", session), content=hostile_files()[name])
    error = answer.json()["error"]
    assert answer.status_code == 400 and "\n" not in error and "Traceback" not in error
    assert session.history is before


def test_an_unknown_operation_is_no_attribute() -> None:
    for name in ("__class__", None, 7, ["edit"], {}):
        with pytest.raises(StudioError, match="`op`"):
            apply_op(History.of(Document()), name, {})
    assert not DOCUMENT_OPS.keys() & HISTORY_OPS.keys()


def test_frames_with_and_without_a_layer_index_are_the_same_at_rest(client: TestClient, session: Session) -> None:
    send(client, session, "add_layer")
    assert np.array_equal(frame(client, session, layer=0).picture, frame(client, session).picture)
    assert vector().shape == (len(SLOTS),)
