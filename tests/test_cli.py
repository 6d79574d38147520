"""The command line: what it writes, and one sentence with status 2 for bad input."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines.assets import PORTRAITS
from pipelines.checkpoints.store import FOLDER_VARIABLE
from pipelines.cli import main
from pipelines.motion.controls import CONTROLS
from pipelines.motion.edit import Edit
from pipelines.portrait.load import load_photo

PHOTO = PORTRAITS / "astronaut.jpg"


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"), int)


def test_no_edit_writes_the_photo_bit_for_bit(tmp_path: Path) -> None:
    output = tmp_path / "out.png"
    assert main(["edit", str(PHOTO), "-o", str(output)]) == 0
    np.testing.assert_array_equal(pixels(output), load_photo(PHOTO))


def test_settings_move_the_face(tmp_path: Path) -> None:
    output = tmp_path / "out.png"
    settings = ["--set", "jaw_open=0.6", "--set", "yaw_deg=10"]
    assert main(["edit", str(PHOTO), *settings, "--area", "crop", "--size", "256", "-o", str(output)]) == 0
    assert pixels(output).shape == (256, 256, 3)
    assert main(["edit", str(PHOTO), "--area", "crop", "--size", "256", "-o", str(tmp_path / "rest.png")]) == 0
    assert np.abs(pixels(output) - pixels(tmp_path / "rest.png")).mean() > 2


def test_an_edit_file_and_settings_on_top_of_it(tmp_path: Path) -> None:
    file = tmp_path / "edit.json"
    file.write_text(Edit.of({"smile": 0.8, "yaw_deg": 5}).to_json())
    one, two = tmp_path / "one.png", tmp_path / "two.png"
    common = ["--area", "crop", "--size", "128"]
    assert main(["edit", str(PHOTO), "--edit", str(file), "--set", "smile=0.2", *common, "-o", str(one)]) == 0
    assert main(["edit", str(PHOTO), "--set", "smile=0.2", "--set", "yaw_deg=5", *common, "-o", str(two)]) == 0
    np.testing.assert_array_equal(pixels(one), pixels(two))


def test_controls_as_json_is_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["controls", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["controls"]
    assert [row["key"] for row in listed] == [c.key for c in CONTROLS]


def test_controls_as_a_table_names_every_control(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["controls"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines[2:]} == {c.key for c in CONTROLS}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "jaw_opn=0.6"], "jaw_open"),
        (["--set", "jaw_open"], "NAME=NUMBER"),
        (["--set", "jaw_open=wide"], "NAME=NUMBER"),
        (["--set", "jaw_open=nan"], "finite"),
        (["--set", "yaw_deg=500"], "between -30 and 30"),
        (["--edit", "missing.json"], "readable edit file"),
        (["--face", "3"], "face"),
        (["--size", "9000"], "2048"),
    ],
)
def test_bad_settings_are_one_sentence_and_status_2(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out.png"
    assert main(["edit", str(PHOTO), *arguments, "-o", str(output)]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["out.gif", "nowhere/out.png"])
def test_a_bad_output_is_refused_before_any_work(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["edit", "no_such_photo.jpg", "-o", str(tmp_path / name)]) == 2
    assert "`--output`" in capsys.readouterr().err


def test_a_photo_without_a_face_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = tmp_path / "wall.png"
    Image.new("RGB", (300, 300), "grey").save(photo)
    assert main(["atlas", str(photo), "-o", str(tmp_path / "out.png")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_neural_renderer_without_weights_is_one_sentence_with_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "weights"))
    assert main(["edit", str(PHOTO), "--renderer", "neural", "-o", str(tmp_path / "out.png")]) == 2
    error = capsys.readouterr().err
    assert "`python -m pipelines checkpoints fetch neural` (522 MB to download)" in error and error.count("\n") == 1
    assert main(["edit", str(PHOTO), "--renderer", "mesh", "-o", str(tmp_path / "out.png")]) == 0


def test_a_picture_without_background_is_transparent_beside_the_person(tmp_path: Path) -> None:
    output = tmp_path / "out.png"
    common = ["--area", "crop", "--size", "256", "--background", "none"]
    assert main(["edit", str(PHOTO), *common, "-o", str(output)]) == 0
    with Image.open(output) as picture:
        assert picture.mode == "RGBA"
        alpha = np.asarray(picture)[..., 3]
    assert alpha[128, 128] == 255
    assert not alpha[:4, :4].any()


def test_jpeg_cannot_go_without_background(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["edit", str(PHOTO), "--background", "none", "-o", str(tmp_path / "out.jpg")]) == 2
    assert ".png or .webp" in capsys.readouterr().err
