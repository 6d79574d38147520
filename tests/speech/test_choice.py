"""Which model turns a voice into motion, and what may be asked of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.errors import StudioError
from pipelines.motion.regions import REGIONS
from pipelines.speech import choice
from pipelines.speech.choice import SCOPES, Delivery, choose_model


def test_the_generator_is_chosen_where_its_file_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "GENERATOR", tmp_path / "model.safetensors")
    rule = choose_model()
    assert rule is not None and not rule.samples and "rule" in rule.name
    (tmp_path / "model.safetensors").touch()
    generator = choose_model()
    assert generator is not None and generator.samples and generator.name != rule.name


def test_choosing_does_not_import_torch() -> None:
    import subprocess
    import sys

    code = "import sys, pipelines.speech.choice as c; c.choose_model(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize(
    "values", [{"seed": -1}, {"steps": 7}, {"head": 9.0}, {"scope": "ears"}, {"mood": (1.0,) * 8}]
)
def test_deliveries_are_checked(values: dict) -> None:
    with pytest.raises(StudioError) as raised:
        Delivery(**values)
    assert "`" in str(raised.value) and "\n" not in str(raised.value)


def test_scopes_are_regions() -> None:
    assert set(SCOPES["all"][2]) == set(REGIONS)
    for scope in SCOPES:
        assert set(Delivery(scope=scope).regions) <= set(REGIONS)
    assert "head" not in Delivery(scope="lips_only").regions and "brows" not in Delivery(scope="except_brows").regions
