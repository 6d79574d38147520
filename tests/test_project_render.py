"""A project as pictures, and the commands that make, fill, show and draw one."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipelines.cli import main
from pipelines.errors import StudioError
from pipelines.motion.edit import Edit
from pipelines.motion.exchange import write_track
from pipelines.motion.keyframes import Curve
from pipelines.motion.layers import Layer
from pipelines.motion.space import Motion
from pipelines.motion.track import Track
from pipelines.portrait.load import load_photo
from pipelines.portrait.register import register
from pipelines.portrait.types import Portrait
from pipelines.project import Document, PortraitRef
from pipelines.project_commands import parse_key
from pipelines.project_render import Look, document_frames, duration_s, open_portrait, render_document
from pipelines.render import choose_renderer
from pipelines.render.still import render_still
from pipelines.video import read_video

PHOTO = Path(__file__).resolve().parent.parent / "assets" / "portraits" / "mona_lisa.jpg"
SMALL = Look(size=128)


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    return register(load_photo(PHOTO))


def turning() -> Layer:
    return Layer("turn").with_curves({"yaw_deg": Curve.of([(0, 0, "linear"), (0.16, 12, "linear")])})


def frames_of(document: Document, portrait: Portrait, look: Look = SMALL) -> list[np.ndarray]:
    return [frame.copy() for frame in document_frames(document, portrait, choose_renderer(), look)]


def test_a_still_project_is_the_still(portrait: Portrait) -> None:
    edit = Edit.of({"smile": 0.5})
    (frame,) = frames_of(Document(edit=edit), portrait)
    assert np.array_equal(frame, render_still(portrait, edit, area="crop", size=128))


def test_layers_move_a_still_for_as_long_as_their_keys(portrait: Portrait) -> None:
    document = Document().add_layer(turning())
    frames = frames_of(document, portrait)
    assert duration_s(document) == pytest.approx(0.16) and len(frames) == 4
    changes = [np.abs(frame.astype(int) - frames[0]).mean() for frame in frames]
    assert changes == sorted(changes) and changes[-1] > 1
    assert len(frames_of(document, portrait, Look(size=128, fps=50))) == 8


def test_the_painted_mask_holds_layers_back(portrait: Portrait) -> None:
    none = cv2.imencode(".png", np.zeros((512, 512), np.uint8))[1].tobytes()
    masked = Document(edit=Edit.of({"mask_enabled": 1}, mask=none)).add_layer(turning())
    frames = frames_of(masked, portrait)
    assert np.array_equal(frames[0], frames[-1])


def test_the_person_is_cut_out_and_the_photo_is_pasted(portrait: Portrait, tmp_path: Path) -> None:
    (cut,) = frames_of(Document(), portrait, Look(size=128, alpha=True))
    assert cut.shape == (128, 128, 4) and cut[64, 64, 3] == 255 and cut[..., 3].min() == 0
    (whole,) = frames_of(Document(), portrait, Look(area="photo", size=128))
    assert whole.ndim == 3 and whole.shape[0] > 128
    with pytest.raises(StudioError, match="alpha"):
        Look(area="photo", alpha=True)
    with pytest.raises(StudioError, match="alpha"):
        render_document(Document(), portrait, tmp_path / "a.gif", renderer=choose_renderer(), look=Look(alpha=True))
    with pytest.raises(StudioError, match="size"):
        Look(size=5)


def test_a_project_finds_its_face() -> None:
    assert open_portrait(Document(PortraitRef(example="mona_lisa"))).key == register(load_photo(PHOTO)).key
    assert open_portrait(Document(), photo=PHOTO).photo.shape == load_photo(PHOTO).shape
    for example in (None, "nobody"):
        with pytest.raises(StudioError, match="photo"):
            open_portrait(Document(PortraitRef(example=example)))


def test_a_key_on_the_command_line() -> None:
    assert parse_key("smile@1.5=0.4:hold") == ("smile", (1.5, 0.4, "hold"))
    assert parse_key("yaw_deg@0=-3")[1] == (0.0, -3.0, "smooth")
    for bad in ("smile", "smile=1", "smile@x=1", "smile@1=y"):
        with pytest.raises(StudioError, match="--key"):
            parse_key(bad)


def test_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project, film = str(tmp_path / "a.ditto"), tmp_path / "a.mp4"
    driver = write_track(tmp_path / "d.npz", Track(Motion.of(pitch_deg=np.linspace(0, 6, 5))))
    assert main(["project", "new", str(PHOTO), "--driver", str(driver), "--set", "smile=0.2", "-o", project]) == 0
    layer = [
        "project",
        "layer",
        project,
        "--name",
        "wink",
        "--key",
        "blink_left@0=0",
        "--key",
        "blink_left@0.1=1:linear",
    ]
    assert main([*layer, "--region", "region_mouth=0", "--ease-in", "0.1"]) == 0
    assert main(["project", "info", project, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["layers"] == 1 and facts["track frames"] == 5 and facts["stack"][0]["keys"] == 2
    assert main(["project", "render", project, "--size", "128", "-o", str(film)]) == 0
    assert len(list(read_video(film))) == 5
    assert main(["project", "layer", project]) == 2
    assert main(["project", "render", project, "-o", str(tmp_path / "a.exe")]) == 2
    assert main(["project", "info", str(PHOTO)]) == 2


def test_memory_stays_flat_over_two_thousand_frames(portrait: Portrait, tmp_path: Path) -> None:
    statm = Path("/proc/self/statm")
    if not statm.is_file():
        pytest.skip("no /proc on this system")
    track = Track(Motion.identity(2000).with_(yaw_deg=np.linspace(-8, 8, 2000, dtype=np.float32)))
    pages: list[int] = []

    def progress(done: float, text: str) -> None:
        pages.append(int(statm.read_text().split()[1]))

    output = tmp_path / "long.mp4"
    look = Look(size=64)
    render_document(Document(track=track), portrait, output, renderer=choose_renderer(), look=look, progress=progress)
    assert len(pages) >= 1999 and (max(pages[200:]) - pages[200]) * 4096 < 8 << 20
