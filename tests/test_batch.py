"""Batch jobs: done, skipped, taken up again, in parallel and on Ray; bad job files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.batch import State, run_jobs, summary
from pipelines.batch_jobs import Job, do_job, read_jobs
from pipelines.cli import main
from pipelines.errors import StudioError
from pipelines.motion.edit import Edit
from pipelines.motion.exchange import write_track
from pipelines.motion.keyframes import Curve
from pipelines.motion.layers import Layer
from pipelines.motion.space import Motion
from pipelines.motion.track import Track
from pipelines.portrait.load import load_photo
from pipelines.project import Document

ROOT = Path(__file__).resolve().parent.parent
PHOTO = ROOT / "assets" / "portraits" / "mona_lisa.jpg"


def write_jobs(folder: Path, *records: dict[str, Any]) -> Path:
    path = folder / "jobs.jsonl"
    path.write_text("\n\n".join(json.dumps({"photo": str(PHOTO), "area": "crop", "size": 128} | r) for r in records))
    return path


def small_jobs(folder: Path, count: int = 3) -> Path:
    return write_jobs(folder, *({"set": {"smile": 0.2 * i}, "output": f"{i}.png"} for i in range(count)))


def test_jobs_are_done_and_then_skipped(tmp_path: Path) -> None:
    path = small_jobs(tmp_path)
    told: list[float] = []
    first = run_jobs(read_jobs(path), State(tmp_path / "s"), progress=lambda done, text: told.append(done))
    assert summary(first)["done"] == 3 and told == pytest.approx([1 / 3, 2 / 3, 1])
    pictures = [load_photo(tmp_path / f"{i}.png") for i in range(3)]
    assert pictures[0].shape == (128, 128, 3) and not np.array_equal(pictures[0], pictures[2])
    again = run_jobs(read_jobs(path), State(tmp_path / "s"))
    assert summary(again) == {"done": 0, "skipped": 3, "failed": 0, "seconds": 0}


def test_what_changed_or_was_lost_is_done_again(tmp_path: Path) -> None:
    path = small_jobs(tmp_path)
    run_jobs(read_jobs(path), State(tmp_path / "s"))
    (tmp_path / "0.png").unlink()
    (tmp_path / "1.png").write_bytes(b"half a file")
    outcomes = run_jobs(read_jobs(path), State(tmp_path / "s"))
    assert [outcome.skipped for outcome in outcomes] == [False, False, True]
    changed = write_jobs(tmp_path, {"set": {"smile": 0.9}, "output": "2.png"})
    assert not run_jobs(read_jobs(changed), State(tmp_path / "s"))[0].skipped


def test_a_state_file_cut_off_in_the_middle_is_read(tmp_path: Path) -> None:
    path = small_jobs(tmp_path, 2)
    run_jobs(read_jobs(path), State(tmp_path / "s"))
    whole = (tmp_path / "s").read_text()
    (tmp_path / "s").write_text(whole[:-20] + "\n[]\nnull\n")
    assert [o.skipped for o in run_jobs(read_jobs(path), State(tmp_path / "s"))] == [True, False]


def test_a_job_that_fails_leaves_the_others_alone(tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"hello")
    jobs = [{"photo": "bad.jpg", "output": "a.png"}, {"output": "b.png"}, {"output": "c.png", "face": 7}]
    outcomes = run_jobs(read_jobs(write_jobs(tmp_path, *jobs)), State(tmp_path / "s"))
    assert [outcome.error is None for outcome in outcomes] == [False, True, False]
    assert "photo" in str(outcomes[0].error) and "face_index" in str(outcomes[2].error)
    assert sorted(file.name for file in tmp_path.glob("*.png")) == ["b.png"]


def test_a_driver_makes_a_film_and_an_edit_file_counts(tmp_path: Path) -> None:
    write_track(tmp_path / "turn.csv", Track(Motion.of(yaw_deg=[0, 5, 10]), reference=Motion.identity()))
    (tmp_path / "happy.json").write_text(Edit.of({"smile": 0.5, "blink": 1}).to_json())
    job = {"driver": "turn.csv", "edit": "happy.json", "set": {"blink": 0.0, "smile": 0.1}, "output": "a.gif"}
    outcome = do_job(read_jobs(write_jobs(tmp_path, job))[0])
    assert outcome.error is None and outcome.output.read_bytes().startswith(b"GIF89a")


def test_a_project_is_laid_on_a_photo(tmp_path: Path) -> None:
    layer = Layer().with_curves({"yaw_deg": Curve.of([(0, 0, "linear"), (0.12, 9, "linear")])})
    Document(layers=(layer,)).save(tmp_path / "style.ditto")
    outcome = do_job(read_jobs(write_jobs(tmp_path, {"project": "style.ditto", "output": "a.zip"}))[0])
    assert outcome.error is None
    with zipfile.ZipFile(outcome.output) as archive:
        assert len(archive.namelist()) == 3


def test_processes_give_what_one_gives(tmp_path: Path) -> None:
    path = small_jobs(tmp_path, 2)
    alone = run_jobs(read_jobs(path), State(tmp_path / "s"))
    together = run_jobs(read_jobs(path), State(tmp_path / "t"), workers=2)
    assert [outcome.sha256 for outcome in together] == [outcome.sha256 for outcome in alone]


def test_a_local_ray_gives_what_one_gives(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is optional: requirements-cluster.txt")
    path = small_jobs(tmp_path, 2)
    alone = run_jobs(read_jobs(path), State(tmp_path / "s"))
    on_ray = run_jobs(read_jobs(path), State(tmp_path / "t"), ray_address="local")
    assert [outcome.sha256 for outcome in on_ray] == [outcome.sha256 for outcome in alone]
    assert all(outcome.skipped for outcome in run_jobs(read_jobs(path), State(tmp_path / "t"), ray_address="local"))


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = small_jobs(tmp_path, 1)
    assert main(["batch", str(path), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["done"] == 1 and report["jobs"][0]["state"] == "done"
    assert (tmp_path / "jobs.jsonl.state").is_file()
    assert main(["batch", str(write_jobs(tmp_path, {"output": "x.png", "face": 9}))]) == 2
    assert "1 of 1 jobs failed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("x", "Line 1"),
        ("[]", "object"),
        ('{"photo": "a.jpg"}', "output"),
        ('{"photo": 3, "output": "a.png"}', "photo"),
        ('{"photo": "", "output": "a.png"}', "photo"),
        ('{"photo": "a.jpg", "output": "a.exe"}', "output"),
        ('{"photo": "a.jpg", "output": "no/such/a.png"}', "folder"),
        ('{"photo": "a.jpg", "output": "a.png", "sett": {}}', "sett"),
        ('{"photo": "a.jpg", "output": "a.png", "set": []}', "set"),
        ('{"photo": "a.jpg", "output": "a.png", "set": {"smile": 9}}', "smile"),
        ('{"photo": "a.jpg", "output": "a.png", "set": {"frown": 1}}', "frown"),
        ('{"photo": "a.jpg", "output": "a.png", "face": -1}', "face"),
        ('{"photo": "a.jpg", "output": "a.png", "size": "big"}', "size"),
        ('{"photo": "a.jpg", "output": "a.png", "area": "all"}', "area"),
        ('{"photo": "a.jpg", "output": "a.png", "renderer": "x"}', "renderer"),
        ('{"photo": "a.jpg", "output": "a.png", "audio": "a.wav"}', "output"),
        ('{"photo": "a.jpg", "output": "a.mp4", "audio": "a.wav", "driver": "b.mp4"}', "together"),
        ('{"photo": "a.jpg", "output": "a.mp4", "project": "a.ditto", "set": {}}', "together"),
        ("", "1 to"),
        ('{"photo": "a.jpg", "output": "a.png"}\n{"photo": "b.jpg", "output": "a.png"}', "same output"),
        ("[" * 100_000, "Line 1"),
    ],
)
def test_bad_job_files_are_refused_in_one_sentence(tmp_path: Path, line: str, name: str) -> None:
    path = tmp_path / "jobs.jsonl"
    path.write_text(line)
    with pytest.raises(StudioError, match=name) as caught:
        read_jobs(path)
    assert "\n" not in str(caught.value)


def test_bad_settings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="jobs"):
        read_jobs(tmp_path / "none.jsonl")
    with pytest.raises(StudioError, match="workers"):
        run_jobs([Job(photo=PHOTO, output=tmp_path / "a.png")], State(tmp_path / "s"), workers=0)


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_ends_in_one_sentence_and_the_rest_is_done_later(tmp_path: Path, workers: int) -> None:
    path = write_jobs(tmp_path, *({"set": {"smile": i / 60}, "output": f"{i}.png"} for i in range(60)))
    state = tmp_path / "jobs.jsonl.state"
    command = [sys.executable, "-m", "pipelines", "batch", str(path), "--workers", str(workers)]
    # a shell's background work ignores Ctrl-C and hands that on
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
    finally:
        signal.signal(signal.SIGINT, before)
    while not state.is_file() and process.poll() is None:
        time.sleep(0.05)
    # a terminal tells the whole group
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=300)
    assert process.returncode == 130
    assert error == "Stopped; what is done is kept, run the same command again to go on.\n"
    done = [outcome for outcome in map(State(state).is_done, read_jobs(path)) if outcome]
    assert 1 <= len(done) < 60
    assert not [file.name for file in tmp_path.iterdir() if file.name.startswith(".")]
