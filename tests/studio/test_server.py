"""A real server: the API endpoint, what it offers and what it keeps to itself."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from pipelines.assets import PORTRAITS

PHOTO = PORTRAITS / "astronaut.jpg"


@pytest.fixture(scope="module")
def api(server_url: str) -> Client:
    return Client(server_url, verbose=False)


def call(api: Client, photo: Path = PHOTO, **values: object) -> Path:
    return Path(api.predict(photo=handle_file(str(photo)), api_name="/edit", **values))


def test_edit_is_the_only_public_endpoint(api: Client) -> None:
    assert set(api.view_api(return_format="dict")["named_endpoints"]) == {"/edit"}


def test_edit_endpoint_returns_the_edited_photo(api: Client) -> None:
    photo = np.asarray(Image.open(PHOTO).convert("RGB"))
    same = np.asarray(Image.open(call(api)).convert("RGB"))
    assert np.array_equal(same, photo)
    edited = np.asarray(Image.open(call(api, edit={"jaw_open": 0.8, "blink": 1})).convert("RGB"))
    assert edited.shape == photo.shape and np.abs(edited.astype(int) - photo).max() > 40


def test_edit_endpoint_takes_area_size_and_format(api: Client) -> None:
    file = call(api, edit=json.dumps({"smile": 0.5}), area="crop", size=256, format="jpg")
    with Image.open(file) as image:
        assert (image.format, image.size) == ("JPEG", (256, 256))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"edit": {"smil": 0.5}}, "smil"),
        ({"edit": {"format": "ditto-edit", "version": 7, "values": {}}}, "version"),
        ({"edit": {"smile": 99}}, "between"),
        ({"area": "moon"}, "area"),
        ({"size": 100_000}, "size"),
        ({"format": "exe"}, "format"),
        ({"face": 3}, "face"),
    ],
)
def test_bad_calls_get_one_sentence(api: Client, values: dict, words: str) -> None:
    with pytest.raises(AppError) as raised:
        call(api, **values)
    assert words in str(raised.value) and "Traceback" not in str(raised.value)


def test_a_file_that_is_no_photo_gets_one_sentence(api: Client, tmp_path: Path) -> None:
    fake = tmp_path / "photo.jpg"
    fake.write_text("<svg/>")
    with pytest.raises(AppError, match="photo"):
        call(api, fake)


def test_files_of_the_server_cannot_be_named(server_url: str, tmp_path: Path) -> None:
    private = tmp_path / "private.jpg"
    private.write_bytes(PHOTO.read_bytes())
    named = {"path": str(private), "meta": {"_type": "gradio.FileData"}}
    body = json.dumps({"data": [named, None, "photo", None, "png", 0]}).encode()
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(f"{server_url}gradio_api/call/edit", data=body, headers=headers)
    with urllib.request.urlopen(request) as answer:
        event = json.load(answer)["event_id"]
    with urllib.request.urlopen(f"{server_url}gradio_api/call/edit/{event}") as answer:
        assert answer.read().startswith(b"event: error")
    assert private.exists()
    for path in ("/etc/passwd", "app.py", str(PHOTO)):
        with pytest.raises(urllib.error.HTTPError) as raised:
            urllib.request.urlopen(f"{server_url}gradio_api/file={path}")
        assert raised.value.code in (403, 404)


def test_live_routes_are_served_beside_gradio(server_url: str) -> None:
    with urllib.request.urlopen(f"{server_url}studio/thumb/mona_lisa.jpg") as answer:
        assert answer.read(2) == b"\xff\xd8"
    request = urllib.request.Request(f"{server_url}studio/frame?token=x", data=b"", method="POST")
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(request)
    assert raised.value.code == 401 and "token" in json.load(raised.value)["error"]
