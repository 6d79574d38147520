"""The designers' bench: sweeps and comparisons on a real portrait."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from pipelines.cli import main
from pipelines.errors import StudioError
from pipelines.evaluation.region_bench import compare_edits, sweep_control
from pipelines.evaluation.region_sheet import comparison_sheet, sweep_sheet
from pipelines.motion.edit import Edit
from pipelines.portrait.load import load_photo
from pipelines.portrait.register import register
from pipelines.portrait.types import Portrait
from pipelines.render import choose_renderer

PHOTO = Path(__file__).resolve().parents[2] / "assets" / "portraits" / "astronaut.jpg"


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    return register(load_photo(PHOTO))


def test_the_jaw_opens_evenly_alike_on_both_sides_and_in_its_region(portrait: Portrait) -> None:
    told: list[float] = []
    sweep = sweep_control(
        portrait, choose_renderer(), "jaw_open", steps=6, progress=lambda done, text: told.append(done)
    )
    assert sweep.leakage is not None and sweep.leakage < 0.1
    assert sweep.monotonicity == 1 and sweep.symmetry > 0.8
    last = sweep.steps[-1].by_region
    assert last["mouth"] > 3 * last["brows"] and sweep.steps[0].energy == 0
    assert told == sorted(told) and told[-1] == 1
    sheet = sweep_sheet(sweep)
    assert sheet.dtype == np.uint8 and sheet.shape[:2] == (3 * 264, 5 * 240) and sheet.std() > 20


def test_a_wink_is_mirrored_by_the_other_wink(portrait: Portrait) -> None:
    sweep = sweep_control(portrait, choose_renderer(), "blink_right", steps=3)
    assert sweep.symmetry > 0.5 and sweep.steps[-1].by_region["eyes"] > 1


def test_the_head_and_a_regions_weight_can_be_swept(portrait: Portrait) -> None:
    head = sweep_control(portrait, choose_renderer(), "yaw_deg", steps=3)
    assert head.leakage is None and head.monotonicity == 1 and head.steps[-1].by_region["nose"] > 5
    mouth = sweep_control(portrait, choose_renderer(), "region_mouth", steps=3)
    assert mouth.steps[0].energy == 0 and mouth.steps[-1].by_region["mouth"] > mouth.steps[-1].by_region["brows"]


def test_two_settings_are_compared(portrait: Portrait) -> None:
    renderer = choose_renderer()
    same = compare_edits(portrait, renderer, Edit.of({"smile": 0.4}), Edit.of({"smile": 0.4}))
    assert same.changed_share == 0 and same.worst_levels == 0 and max(same.by_region.values()) == 0
    other = compare_edits(portrait, renderer, Edit(), Edit.of({"jaw_open": 0.7}))
    assert other.by_region["mouth"] > other.by_region["brows"] and 0 < other.changed_share < 0.5
    assert comparison_sheet(other, portrait.landmarks_in_crop).shape[1] == 4 * 240


def test_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sheet, table = tmp_path / "a.png", tmp_path / "a.csv"
    arguments = ["sweep", "smile_left", str(PHOTO), "--steps", "3", "--json", "-o", str(sheet), "--csv", str(table)]
    assert main(arguments) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["control"] == "smile_left" and len(report["steps"]) == 3
    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["value"]) for row in rows] == pytest.approx([-0.3, 0.5, 1.3]) and "mouth_pct" in rows[0]
    assert load_photo(sheet).shape[:2] == (2 * 264, 5 * 240)
    assert main(["compare", "smile=0.1", "smile=0.5,blink=1", str(PHOTO), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["worst_levels"] > 0


def test_bad_requests_are_refused_in_one_sentence(portrait: Portrait, tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="control"):
        sweep_control(portrait, choose_renderer(), "mask_enabled")
    with pytest.raises(StudioError, match="control"):
        sweep_control(portrait, choose_renderer(), "smile", steps=2)
    assert main(["sweep", "frown", str(PHOTO)]) == 2
    assert main(["sweep", "smile", str(PHOTO), "-o", str(tmp_path / "a.exe")]) == 2
    assert main(["compare", "none.json", "smile=1", str(PHOTO)]) == 2
