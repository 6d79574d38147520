"""Time goes to the stage that works, not to those around it."""

from __future__ import annotations

import pytest

from pipelines.stopwatch import Stopwatch


def test_nested_generators_are_charged_apart() -> None:
    now_s = 0.0

    def work(seconds: float) -> None:
        nonlocal now_s
        now_s += seconds

    watch = Stopwatch(clock=lambda: now_s)

    def inner():
        for item in range(3):
            work(0.02)
            yield item

    def outer():
        for item in watch.each("inner", inner()):
            work(0.04)
            yield item

    with watch.stage("all"):
        assert list(watch.each("outer", outer())) == [0, 1, 2]
        work(0.03)
    assert watch.seconds["inner"] == pytest.approx(0.06)
    assert watch.seconds["outer"] == pytest.approx(0.12)
    assert watch.seconds["all"] == pytest.approx(0.03)


def test_a_failure_stops_the_clock_and_goes_on() -> None:
    watch = Stopwatch()
    with pytest.raises(KeyError), watch.stage("work"):
        raise KeyError
    with watch.stage("rest"):
        pass
    assert set(watch.seconds) == {"work", "rest"}
