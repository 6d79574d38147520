"""Short runs of the renderer's evaluation on real portraits and, where it is here, on film."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipelines.assets import PORTRAITS
from pipelines.cli import main
from pipelines.errors import StudioError
from pipelines.evaluation.atlas_fit import load_pairs
from pipelines.evaluation.bench_render import bench_stages, timed_stages
from pipelines.evaluation.degraded import AS_IT_IS, EDITS, REFUSES, TILE_PX, evaluate_degraded
from pipelines.evaluation.renderer import RendererReport, clip_checks, find_clips
from pipelines.evaluation.renderer_clips import COPY, DIMS, LANDMARKS, SIMILARITY, evaluate_clip, find_landmarks
from pipelines.evaluation.renderer_stills import Still, background_std, random_vectors, robustness, zero_difference
from pipelines.evaluation.renderer_sweeps import MEASURES, Sweep, repeatability
from pipelines.motion.controls import SLOT_HI, SLOT_LO
from pipelines.portrait.crop import resample
from pipelines.portrait.load import load_photo
from pipelines.portrait.register import register
from pipelines.render.mesh import kernels
from pipelines.render.mesh.renderer import MeshRenderer


@pytest.fixture(scope="module")
def still() -> Still:
    return Still(register(load_photo(PORTRAITS / "astronaut.jpg")), MeshRenderer(), size=256)


def test_a_shipped_portrait_keeps_its_promises_in_a_short_run(still: Still) -> None:
    assert zero_difference(still) == 0
    assert background_std(still)[0] <= 0.1
    counts = robustness(still, edits=12)
    assert (counts.edits, counts.not_finite) == (12, 0)


def test_a_control_may_go_back_by_what_the_landmarker_cannot_repeat_and_no_more(still: Still) -> None:
    measure = MEASURES["jaw_open"]
    deviation = repeatability(still.draw({}), measure)
    rest, open_wide = (measure(find_landmarks(still.draw(values))) for values in ({}, {"jaw_open": 1.0}))
    assert 0 < deviation < 0.1 * (open_wide - rest)
    good = Sweep("jaw_open", span=1.0, backward=0.1, allowed=0.2, drawn_backward_pct=0.0)
    assert good.monotone and good.seen and good.monotone_as_drawn
    assert not replace(good, backward=0.3).monotone
    assert not replace(good, span=0.1).seen and not replace(good, span=-0.3).monotone
    assert not replace(good, drawn_backward_pct=1.0).monotone_as_drawn
    assert not replace(good, backward=float("nan")).monotone


def test_random_edits_stay_inside_the_sliders_and_repeat() -> None:
    first, again = (np.stack(list(random_vectors(20, seed=3))) for _ in range(2))
    assert np.array_equal(first, again)
    assert (first <= SLOT_HI).all()
    assert ((first >= SLOT_LO) | (first == -1)).all()
    assert len({row.tobytes() for row in first}) == 20


def test_measured_landmarks_pose_the_mesh_on_themselves(still: Still) -> None:
    rig, geometry = still.handle.rig, still.handle.geometry
    measured = resample(still.portrait, still.size).landmarks_in_crop.astype(np.float64)
    at_rest = rig.follow(measured)
    assert np.abs(at_rest.vertices[:, :2] - geometry.vertices[:, :2]).max() < 0.01
    moved = measured + np.array([7.0, -3.0, 0.0])
    assert np.abs(rig.follow(moved).vertices[: len(moved), :2] - moved[:, :2]).max() < 0.01


def test_stage_times_come_from_the_frames_themselves(still: Still) -> None:
    before = kernels.raster_flow
    with timed_stages(still.handle) as spent:
        still.draw({"yaw_deg": 8, "jaw_open": 0.5})
        assert kernels.raster_flow is not before
    assert kernels.raster_flow is before
    assert all(len(times) == 1 for name, times in spent.items() if name != "hidden cheek")
    figures = {f["figure"]: f["value"] for f in bench_stages(still.portrait, size=256, repeats=6)}
    assert 0 < figures["raster to flow"] < figures["frame"]


def test_difficult_input_renders_or_is_refused_with_a_sentence() -> None:
    report = evaluate_degraded([PORTRAITS / "astronaut.jpg"], inputs=("tiny face", "low light", "hand", "turned away"))
    assert [row.input for row in report.rows] == [AS_IT_IS, "tiny face", "low light", "hand", "turned away"]
    assert all(row.verdict != "breaks" for row in report.rows), report.rows
    assert report.rows[0].verdict == "renders"
    assert report.sheet.shape[1] == TILE_PX * (1 + len(EDITS))


def test_a_photo_that_is_refused_as_it_is_is_a_line_of_the_report(tmp_path: Path) -> None:
    assert cv2.imwrite(str(tmp_path / "grey.png"), np.full((128, 128, 3), 128, np.uint8))
    (row,) = evaluate_degraded([tmp_path / "grey.png"], inputs=("tiny face",)).rows
    assert (row.photo, row.input, row.verdict) == ("grey", AS_IT_IS, REFUSES)
    assert "none was found" in row.sentence


def test_a_folder_without_films_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="`--clips` should be a folder with films"):
        find_clips(tmp_path)
    assert main(["evaluate", "renderer", "--frames", "0"]) == 2
    assert main(["evaluate", "renderer", "--clips", str(tmp_path / "nothing")]) == 2


def test_the_report_is_json_even_where_nothing_was_measured() -> None:
    report = RendererReport({"Film": [{"clip": "a", "PSNR": float("nan")}]}, (), None)
    assert json.loads(json.dumps(report.as_dict(), allow_nan=False))["Film"][0]["PSNR"] is None


def test_a_clip_is_drawn_better_than_copied(shared: Path) -> None:
    pairs = load_pairs(shared / "motion" / "pairs.npz")
    result = evaluate_clip(shared / "clips" / "d7.mp4", pairs=pairs, frames=3)
    rows = {row.drawn_by: row.measured for row in result.rows}
    assert list(rows) == [COPY, SIMILARITY, LANDMARKS, DIMS]
    assert rows[LANDMARKS].psnr_db > rows[COPY].psnr_db + 2
    assert rows[LANDMARKS].landmarks_pct < 1.5
    assert rows[DIMS].landmarks_pct < rows[COPY].landmarks_pct
    assert result.strip.shape[0] == 5 * 224
    assert not result.calibrates_mouth
    assert {check.where for check in clip_checks(result)} == {"d7"}
