"""Keys: what lies between them, and cutting and pasting them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import StudioError
from pipelines.motion.keyframes import (
    MAX_SECONDS,
    Curve,
    CurveTable,
    Key,
    copy_keys,
    paste_keys,
    retimed,
    with_key,
    without_keys,
)
from tests.motion.layer_strategies import TIMES, curves

VALUES = st.integers(-1000, 1000).map(lambda thousandths: thousandths / 1000)
quick = settings(max_examples=80, deadline=None)


@given(curves())
@quick
def test_a_curve_goes_through_its_keys_and_holds_beyond_them(curve: Curve) -> None:
    values = CurveTable([curve]).values([key.time_s for key in curve.keys])[:, 0]
    assert np.allclose(values, [key.value for key in curve.keys], atol=1e-9)
    assert curve.value_at(curve.start_s - 1) == curve.keys[0].value
    assert curve.value_at(curve.stop_s + 1) == pytest.approx(curve.keys[-1].value, abs=1e-9)


@given(curves(), TIMES)
@quick
def test_no_interpolation_overshoots_its_keys(curve: Curve, time: float) -> None:
    values = [key.value for key in curve.keys]
    assert min(values) - 1e-9 <= curve.value_at(time) <= max(values) + 1e-9


@given(VALUES, VALUES, st.floats(0, 1))
@quick
def test_each_kind_is_what_it_says(a: float, b: float, share: float) -> None:
    def at(kind: str) -> float:
        return Curve.of([(1, a, kind), (3, b, "hold")]).value_at(1 + 2 * share)

    assert at("linear") == pytest.approx(a + share * (b - a), abs=1e-9)
    assert at("smooth") == pytest.approx(a + share * share * (3 - 2 * share) * (b - a), abs=1e-9)
    assert at("spline") == pytest.approx(at("linear"), abs=1e-9)
    assert at("hold") == (b if 1 + 2 * share == 3 else a)


def test_a_spline_is_smooth_through_its_keys() -> None:
    curve = Curve.of([(0, 0, "spline"), (1, 0.2, "spline"), (2, 0.8, "spline"), (3, 1, "spline")])
    step = 1e-4
    for time in (1, 2):
        before = (curve.value_at(time) - curve.value_at(time - step)) / step
        after = (curve.value_at(time + step) - curve.value_at(time)) / step
        assert before == pytest.approx(after, abs=1e-2) and before > 0.1


@given(st.lists(curves(), min_size=1, max_size=6), st.lists(TIMES, min_size=1, max_size=5))
@quick
def test_many_curves_are_read_as_each_alone(many: list[Curve], times: list[float]) -> None:
    table = CurveTable(many).values(times)
    assert table.shape == (len(times), len(many))
    assert np.allclose(table, [[curve.value_at(time) for curve in many] for time in times], atol=1e-9)


@given(curves(), TIMES, VALUES)
@quick
def test_a_key_that_is_set_is_there_once(curve: Curve, time: float, value: float) -> None:
    more = with_key(curve, Key(time, value, "linear"))
    assert [key.value for key in more.keys if key.time_s == time] == [value]
    assert with_key(more, Key(time, value, "linear")) == more
    assert with_key(None, Key(time, value)).keys == (Key(time, value),)


@given(curves(), TIMES, TIMES)
@quick
def test_cut_keys_pasted_back_restore_the_curve(curve: Curve, a: float, b: float) -> None:
    start, stop = min(a, b), max(a, b)
    copied = copy_keys(curve, start_s=start, stop_s=stop)
    rest = without_keys(curve, start_s=start, stop_s=stop)
    assert len(copied) + (len(rest) if rest else 0) == len(curve)
    assert paste_keys(rest, copied, at_s=start) == curve
    assert paste_keys(curve, copied, at_s=start) == curve
    assert paste_keys(curve, (), at_s=start) is curve


@given(curves(), st.sampled_from([0.5, 2.0, 4.0]), TIMES)
@quick
def test_stretching_and_its_inverse_restore_the_times(curve: Curve, factor: float, shift: float) -> None:
    there = retimed(curve, factor=factor, shift_s=shift)
    again = retimed(there, factor=1 / factor, shift_s=-shift / factor)
    assert np.allclose(again.starts, curve.starts, atol=2e-6)
    assert [key.value for key in again.keys] == [key.value for key in curve.keys]


@given(curves(), TIMES)
@quick
def test_played_backwards_a_curve_is_its_mirror_image(curve: Curve, time: float) -> None:
    straight = Curve.of([key._replace(kind="linear") for key in curve.keys])
    backwards = retimed(straight, factor=-1, about_s=4)
    assert backwards.value_at(8 - time) == pytest.approx(straight.value_at(time), abs=1e-5)


@pytest.mark.parametrize(
    ("keys", "name"),
    [
        ([], "keys"),
        ([(0,)], "key"),
        ([(0, 1, "linear", 2)], "key"),
        ([(0, 1, "cubic")], "kind"),
        ([(0, 1, ["linear"])], "kind"),
        ([(-1, 1)], "time_s"),
        ([(MAX_SECONDS + 1, 1)], "time_s"),
        ([(float("nan"), 1)], "time_s"),
        ([(0, float("inf"))], "value"),
        ([(0, "1")], "value"),
        ([(0, True)], "value"),
        ([(index * 1e-3, 0) for index in range(20_001)], "keys"),
    ],
)
def test_bad_keys_are_refused_in_one_sentence(keys: list, name: str) -> None:
    with pytest.raises(StudioError, match=name):
        Curve.of(keys)


def test_keys_cannot_leave_the_time_line() -> None:
    curve = Curve.of([(1, 0), (2, 1)])
    with pytest.raises(StudioError, match="time_s"):
        retimed(curve, shift_s=-1.5)
    with pytest.raises(StudioError, match="factor"):
        retimed(curve, factor=0)
