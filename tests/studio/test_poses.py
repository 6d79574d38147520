"""The Poses panel's routes: the library, thumbnails, what a pose makes of an edit, files; nothing touches the work."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from pipelines.motion.edit import Edit
from pipelines.motion.match import Expression, match_expression, neutralise
from pipelines.motion.presets import find_pose, starter_poses
from studio.pose_routes import pose_routes
from studio.poses import MAX_POSES, Thumbs, own_record, read_poses, write_poses
from studio.services import Services
from studio.session import Session
from tests.studio.wire import decode

LAUGH = {"kind": "starter", "key": "expression_laugh"}


@pytest.fixture
def client(services: Services):
    with TestClient(Starlette(routes=pose_routes(services))) as client:
        yield client


def url(name: str, session: Session) -> str:
    return f"/studio/{name}?token={session.token}"


def apply(client: TestClient, session: Session, **order) -> Edit:
    answer = client.post(url("pose", session), json={"pose": LAUGH, **order})
    assert answer.status_code == 200, answer.text
    return Edit.of(answer.json()["values"])


def test_every_starter_pose_has_a_thumbnail_of_its_own(client: TestClient, session: Session) -> None:
    listed = client.get(url("poses", session)).json()["poses"]
    assert [pose["key"] for pose in listed] == [pose.key for pose in starter_poses()]
    lines = client.get(url("poses/thumbs", session)).text.splitlines()
    pictures = {line["key"]: decode(base64.b64decode(line["jpeg"])) for line in map(json.loads, lines)}
    assert list(pictures) == [pose["key"] for pose in listed]
    assert {picture.shape for picture in pictures.values()} == {(128, 128, 3)}
    rest = pictures["emotion_neutral"].astype(int)
    moved = [np.abs(picture - rest).mean() for key, picture in pictures.items() if key.startswith("expression")]
    assert min(moved) > 0.5
    # drawn once: asked again they are the same bytes
    assert client.get(url("poses/thumbs", session)).text.splitlines() == lines


def test_thumbnails_are_kept_for_a_few_portraits_only() -> None:
    thumbs = Thumbs(portraits=2)
    thumbs.of("a")["x"] = b"1"
    thumbs.of("b")
    assert thumbs.of("a") == {"x": b"1"}
    thumbs.of("c")
    assert len(thumbs) == 2 and thumbs.of("a") == {"x": b"1"} and thumbs.of("b") == {}


def test_strength_region_mirror_and_blend_shape_the_pose(client: TestClient, session: Session) -> None:
    whole = apply(client, session)
    assert whole.value("smile") == 1 and whole.value("squint") == 0.5
    assert apply(client, session, strength=0.5).value("smile") == pytest.approx(0.5)
    mouth = apply(client, session, regions={"region_eyes": 0})
    assert mouth.value("squint") == pytest.approx(0, abs=0.02) and mouth.value("jaw_open") > 0.3
    wink = {"kind": "starter", "key": "expression_wink"}
    plain, mirrored = apply(client, session, pose=wink), apply(client, session, pose=wink, mirror=True)
    assert plain.value("blink_left") == mirrored.value("blink_right") == 1
    mixed = apply(client, session, blend={"pose": {"kind": "own", "values": {"smile": 0}}, "share": 0.25})
    assert mixed.value("smile") == pytest.approx(0.75)
    # what is no shape of the face stays the edit's
    assert apply(client, session, edit={"yaw_deg": 9, "pucker": 0.4}).values().items() >= {"yaw_deg": 9}.items()


def test_neutral_and_match_are_those_of_the_motion_package(client: TestClient, session: Session, services) -> None:
    assert session.portrait is not None
    other = services.examples.portrait("astronaut")
    session.other = Expression.of(other)
    neutral = apply(client, session, pose={"kind": "neutral"})
    match = apply(client, session, pose={"kind": "match", "head": True})
    for edit, wanted in (
        (neutral, neutralise(session.portrait)),
        (match, match_expression(session.portrait, other, head=True)),
    ):
        np.testing.assert_allclose(edit.vector, wanted.vector, atol=1e-4)
    # in one region only: the mouth keeps what it has
    eyes = apply(client, session, pose={"kind": "neutral"}, edit={"smile": 0.5}, regions={"region_mouth": 0})
    assert eyes.value("smile") > 0.4


def test_a_preview_shows_the_pose_and_leaves_the_work_alone(client: TestClient, session: Session, services) -> None:
    before = session.document
    picture = decode(client.post(url("pose/preview.jpg", session), json={"pose": LAUGH}).content)
    drawn = decode(services.draw(session, find_pose("expression_laugh").edit)[1])
    assert np.array_equal(picture, drawn) and session.document == before


def test_files_of_poses_come_back_as_they_were(client: TestClient, session: Session) -> None:
    picture = base64.b64encode(b"\xff\xd8\xff small").decode()
    kept = [
        {"label": "Mine", "values": {"smile_left": 0.3}, "thumbnail": picture},
        {"label": "Plain", "values": {"dim_58": 4.5}, "thumbnail": None},
    ]
    file = client.post(url("poses/file", session), json={"poses": kept}).content
    assert client.put(url("poses/file", session), content=file).json()["poses"] == kept
    assert [own_record(pose) for pose in read_poses(file)] == kept
    # a file of one pose, as the command line writes it, opens too
    single = find_pose("expression_smile").to_json().encode()
    assert client.put(url("poses/file", session), content=single).json()["poses"][0]["label"] == "Smile"


@pytest.mark.parametrize(
    ("order", "word"),
    [
        ({"pose": {"kind": "starter", "key": "nobody"}}, "`pose`"),
        ({"pose": {"kind": "song"}}, "`kind`"),
        ({"pose": []}, "`pose`"),
        ({"pose": LAUGH, "strength": 2}, "`strength`"),
        ({"pose": LAUGH, "strength": True}, "`strength`"),
        ({"pose": LAUGH, "regions": {"smile": 1}}, "`regions`"),
        ({"pose": LAUGH, "edit": {"smile": 9}}, "`smile"),
        ({"pose": LAUGH, "blend": {"pose": LAUGH}}, "`share`"),
        ({"pose": {"kind": "own", "values": {"nose_length": 1}}}, "nose_length"),
        ({"pose": {"kind": "match"}}, "no other photo"),
    ],
)
def test_a_bad_order_gets_one_sentence(client: TestClient, session: Session, order: dict, word: str) -> None:
    for route in ("pose", "pose/preview.jpg"):
        answer = client.post(url(route, session), json=order)
        assert answer.status_code == 400 and word in answer.json()["error"]


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"[]",
        b"\x80\x04.",
        b'{"format": "ditto-poses", "version": 2, "poses": []}',
        b'{"format": "ditto-poses", "version": 1, "poses": [{}]}',
        json.dumps({"format": "ditto-poses", "version": 1, "poses": [{}] * (MAX_POSES + 1)}).encode(),
        b"[" * 100_000,
        write_poses([find_pose("expression_smile")]).replace(b"null", b'"c3Zn"', 1),
    ],
)
def test_a_bad_file_is_refused_in_one_sentence(client: TestClient, session: Session, file: bytes) -> None:
    answer = client.put(url("poses/file", session), content=file)
    assert answer.status_code == 400 and answer.json()["error"].count(".") >= 1


def test_every_route_demands_the_token(client: TestClient) -> None:
    for method, path in (("GET", "poses"), ("GET", "poses/thumbs"), ("POST", "pose"), ("PUT", "poses/file")):
        assert client.request(method, f"/studio/{path}?token=no").status_code == 401
