"""A face photographed from the side turns less far than one that looks at the camera."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.motion.compose import head_limits
from pipelines.motion.controls import CONTROL_BY_KEY
from pipelines.motion.edit import Edit, Source, resolve_edit
from pipelines.motion.space import Motion

TABLE = CONTROL_BY_KEY["yaw_deg"].limit or (0.0, 0.0)


def facing(yaw_deg: float) -> Source:
    return Source(Motion.of(yaw_deg=[yaw_deg]), np.array([0.3, 0.3], np.float32))


def reached(yaw_deg: float, asked: float, **values: float) -> tuple[float, dict[str, tuple[float, float]]]:
    source = facing(yaw_deg)
    resolved = resolve_edit(source, source.motion, Edit.of({"yaw_deg": asked, **values}))
    return float(resolved.motion.yaw_deg[0]) - yaw_deg, resolved.limits()


@given(st.floats(-20, 20))
def test_a_face_near_the_camera_keeps_the_limits_of_the_table(yaw_deg: float) -> None:
    assert head_limits(facing(yaw_deg).motion)["yaw_deg"] == pytest.approx(TABLE)


@given(st.floats(-60, 60), st.floats(-30, 30))
def test_an_edit_stays_inside_what_is_reported(yaw_deg: float, asked: float) -> None:
    low, high = head_limits(facing(yaw_deg).motion)["yaw_deg"]
    assert TABLE[0] <= low <= 0 <= high <= TABLE[1]
    turned, report = reached(yaw_deg, asked)
    assert low - 1e-3 <= turned <= high + 1e-3
    if "yaw_deg" in report:
        assert report["yaw_deg"] == pytest.approx((asked, turned), abs=1e-3)
    else:
        assert turned == pytest.approx(asked, abs=1e-3)


@given(st.floats(0, 60), st.floats(-30, 30))
def test_both_sides_have_the_same_law(yaw_deg: float, asked: float) -> None:
    assert reached(yaw_deg, asked)[0] == pytest.approx(-reached(-yaw_deg, -asked)[0], abs=1e-3)


def test_a_face_in_half_profile_says_how_far_it_turns() -> None:
    assert reached(34.0, 25)[1] == {"yaw_deg": (25, pytest.approx(11))}
    assert reached(40.0, -25)[1] == {"yaw_deg": (-25, pytest.approx(-20))}


def test_a_face_as_turned_as_the_pearl_comes_back_by_all_the_table_allows() -> None:
    assert reached(34.5, TABLE[0])[0] == pytest.approx(TABLE[0])


def test_limit_strength_zero_lets_it_turn_all_the_way() -> None:
    turned, report = reached(34.0, -30, limit_strength=0)
    assert turned == pytest.approx(-30)
    assert not report
