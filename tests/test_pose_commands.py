"""The pose commands write edit files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipelines.cli import main
from pipelines.motion.edit import Edit
from pipelines.motion.presets import Pose

PORTRAITS = Path(__file__).resolve().parent.parent / "assets" / "portraits"


def test_poses_become_edit_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "a.json"
    assert main(["pose", "list", "--json"]) == 0
    keys = [pose["key"] for pose in json.loads(capsys.readouterr().out)["poses"]]
    assert "emotion_happy" in keys and "viseme_aa" in keys
    assert main(["pose", "write", "emotion_happy", "--strength", "0.5", "--set", "yaw_deg=4", "-o", str(out)]) == 0
    edit = Edit.from_json(out.read_text())
    assert edit.value("smile") == pytest.approx(0.5) and edit.value("yaw_deg") == 4
    own = tmp_path / "own.json"
    own.write_text(Pose("own", "mine", "own", Edit.of({"smile_left": 0.6})).to_json())
    assert main(["pose", "write", str(own), "--mirror", "-o", str(out)]) == 0
    assert Edit.from_json(out.read_text()).values() == {"smile_right": pytest.approx(0.6)}
    assert main(["pose", "write", "emotion_happy", "--blend", str(own), "-o", str(out)]) == 0
    assert main(["pose", "write", "emotion_hapy", "-o", str(out)]) == 2
    assert main(["pose", "write", str(tmp_path / "none.json"), "-o", str(out)]) == 2


def test_a_smile_is_taken_away_and_given_to_another(tmp_path: Path) -> None:
    out = tmp_path / "a.json"
    smiling, calm = str(PORTRAITS / "astronaut.jpg"), str(PORTRAITS / "mona_lisa.jpg")
    assert main(["pose", "neutral", smiling, "--region", "region_head=0", "-o", str(out)]) == 0
    away = Edit.from_json(out.read_text())
    assert away.value("dim_43") > 8 and away.value("yaw_deg") == 0
    assert main(["pose", "match", calm, smiling, "-o", str(out)]) == 0
    assert Edit.from_json(out.read_text()).value("dim_43") < -8
