"""Segments join as in the reference, and a stream is a file."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import StudioError
from pipelines.motion.space import N_PACKED
from pipelines.speech.segments import Segmenter, SegmentOptions, run_segments
from tests.networks.conftest import Oracle

CASES = {
    "offline": (SegmentOptions(smooth_again=False), 3),
    "offline_fix": (SegmentOptions(reset_every=1, smooth_again=False), 3),
    "online": (SegmentOptions(overlap=70, reset_every=1, smooth_again=False), 4),
}


def echo(index: int, reference: np.ndarray, cond: np.ndarray) -> np.ndarray:
    """Motion that shows its condition, its segment and its reference."""
    motion = np.repeat(reference[None] * 0.5, len(cond), 0)
    motion[:, :3] += cond[:, :3] + 0.01 * index
    motion[:, -3:] += cond[:, -3:]
    return motion.astype(np.float32)


def wave(n: int, width: int = 7) -> np.ndarray:
    t = np.arange(n, dtype=np.float32)[:, None]
    return np.sin(t * np.linspace(0.05, 0.9, width, dtype=np.float32))


@pytest.mark.parametrize("case", CASES)
def test_fusion_equals_the_reference(oracle: Oracle, case: str) -> None:
    options, n_segments = CASES[case]
    golden = oracle.golden("math")
    seen: list[np.ndarray] = []

    def generate(index: int, reference: np.ndarray, cond: np.ndarray) -> np.ndarray:
        seen.append(reference)
        return oracle.fill.normal(f"math/fuse/seg{index}", (1, 80, N_PACKED), 0.5)[0]

    segmenter = Segmenter(options, generate, source_frame=golden["pack.out.vector"])
    n_frames = 80 + (n_segments - 1) * options.valid
    out = np.concatenate([segmenter.push(np.zeros((n_frames, 4), np.float32)), segmenter.finish()])
    expected = golden[f"fuse.{case}.out"][0]
    np.testing.assert_allclose(out[:, :: 1 if case == "offline" else 3], expected, atol=1e-6)
    np.testing.assert_allclose(np.stack(seen), golden[f"fuse.{case}.kp_cond_seen"], atol=1e-6)


def test_second_smoothing_equals_the_reference(oracle: Oracle) -> None:
    golden = oracle.golden("math")

    def generate(index: int, reference: np.ndarray, cond: np.ndarray) -> np.ndarray:
        return oracle.fill.normal(f"math/fuse/seg{index}", (1, 80, N_PACKED), 0.5)[0]

    out = run_segments(
        SegmentOptions(), generate, np.zeros((200, 4), np.float32), source_frame=golden["pack.out.vector"]
    )
    np.testing.assert_allclose(out[:, ::3], golden["fuse.offline.final_smooth"][0], atol=1e-6)


@settings(deadline=None, max_examples=60)
@given(
    n=st.integers(1, 260),
    cuts=st.lists(st.integers(1, 60), min_size=1, max_size=12),
    overlap=st.sampled_from([5, 10, 40, 60, 70, 75, 79]),
    warm_up=st.booleans(),
    again=st.booleans(),
    reset=st.integers(0, 3),
)
def test_a_stream_is_a_file(n: int, cuts: list[int], overlap: int, warm_up: bool, again: bool, reset: int) -> None:
    """However the conditions arrive, every frame is the same bit for bit, none is lost and none invented."""
    options = SegmentOptions(overlap=overlap, warm_up=warm_up, smooth_again=again, reset_every=reset)
    cond, source, silence = wave(n), np.full(N_PACKED, 0.1, np.float32), np.zeros(7, np.float32)
    whole = run_segments(options, echo, cond, source_frame=source, silence=silence)
    assert whole.shape == (n, N_PACKED)
    stream = Segmenter(options, echo, source_frame=source, silence=silence)
    parts, at, turn = [], 0, 0
    while at < n:
        step = cuts[turn % len(cuts)]
        parts.append(stream.push(cond[at : at + step]))
        at, turn = at + step, turn + 1
    np.testing.assert_array_equal(np.concatenate([*parts, stream.finish()]), whole)


@pytest.mark.parametrize(("overlap", "look_ahead"), [(70, 20), (75, 10)])
def test_first_frame_of_a_stream_comes_after_the_look_ahead(overlap: int, look_ahead: int) -> None:
    options = SegmentOptions.online(overlap=overlap)
    assert options.look_ahead == look_ahead
    stream = Segmenter(options, echo, source_frame=np.zeros(N_PACKED, np.float32), silence=np.zeros(7, np.float32))
    arrived = [len(stream.push(row[None])) for row in wave(100)]
    assert arrived.index(next(n for n in arrived if n)) == look_ahead - 1
    assert sum(arrived) == 100 - options.margin or sum(arrived) >= 100 - look_ahead - options.valid


def test_memory_does_not_grow() -> None:
    stream = Segmenter(
        SegmentOptions.online(), echo, source_frame=np.zeros(N_PACKED, np.float32), silence=np.zeros(7, np.float32)
    )
    total = sum(len(stream.push(wave(50))) for _ in range(200))
    assert total >= 10_000 - 40
    assert len(stream._running) <= 160 and len(stream._waiting) <= 160


@pytest.mark.parametrize(
    "values", [{"overlap": 0}, {"overlap": 80}, {"fuse": 11}, {"smooth_frames": 2}, {"reset_every": -1}]
)
def test_options_are_checked(values: dict[str, int]) -> None:
    with pytest.raises(StudioError, match=f"`{next(iter(values))}`"):
        SegmentOptions(**values)


def test_warm_up_needs_silence() -> None:
    with pytest.raises(StudioError, match="silence"):
        Segmenter(SegmentOptions.online(), echo, source_frame=np.zeros(N_PACKED, np.float32))
