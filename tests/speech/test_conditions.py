"""Conditions and blinks against the reference."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.assets import PORTRAITS
from pipelines.errors import StudioError
from pipelines.motion.eyes import lid_closure
from pipelines.portrait.load import load_photo
from pipelines.portrait.register import register
from pipelines.speech.blinks import BLINK_FRAMES, BlinkOptions, Blinks, blink_table
from pipelines.speech.conditions import FACE_WIDTH, FaceConditions, emotion_rows, face_conditions, mirror_index
from tests.networks.conftest import Oracle


@pytest.mark.parametrize(
    ("case", "emotion", "start", "n_eyes"), [("image", 4, 0, 1), ("video5", [[4], [3, 4], [3]], -3, 5)]
)
def test_conditions_equal_the_reference(
    oracle: Oracle, case: str, emotion: int | Sequence[Sequence[int]], start: int, n_eyes: int
) -> None:
    golden = oracle.golden("math")
    face = FaceConditions(
        emotion_rows(emotion),
        golden["condition.in.eye_open"][:n_eyes],
        golden["condition.in.eye_ball"][:n_eyes],
        golden["condition.in.sc"],
    )
    audio = np.random.default_rng(0).standard_normal((30, 1024)).astype(np.float32)
    packed = face.at(audio, start=start).packed()
    assert packed.shape == (30, 1024 + FACE_WIDTH) and packed.dtype == np.float32
    np.testing.assert_array_equal(packed[:, :1024], audio)
    np.testing.assert_allclose(packed[:, 1024:], golden[f"condition.{case}.tail"], atol=1e-6)


def test_mirror_index_equals_the_reference(oracle: Oracle) -> None:
    np.testing.assert_array_equal(mirror_index(np.arange(24), 5), oracle.golden("math")["mirror_index.size5"])


def test_a_photo_gives_its_own_eyes() -> None:
    portrait = register(load_photo(PORTRAITS / "mona_lisa.jpg"))
    face = face_conditions(portrait, [3, 6])
    assert 0.5 < face.eye_open.mean() < 1.6
    np.testing.assert_array_equal(face.kp, portrait.kp_canonical.reshape(-1))
    assert face.emotion[0, [3, 6]].sum() > 0.99


@given(rows=st.integers(1, 9), length=st.integers(1, 40), start=st.integers(-9, 99))
def test_emotion_over_time_repeats_after_its_length(rows: int, length: int, start: int) -> None:
    scores = np.random.default_rng(rows).random((rows, 8)).astype(np.float32)
    face = FaceConditions(scores, np.ones((1, 2), np.float32), np.zeros((1, 6), np.float32), np.zeros(63, np.float32))
    got = face.at(np.zeros((length, 1), np.float32), start=start).emotion
    for i in range(length):
        np.testing.assert_array_equal(got[i], scores[max(start + i, 0) % rows])


@pytest.mark.parametrize("emotion", [8, [], [0, 9], np.zeros((2, 7)), np.full((1, 8), np.nan)])
def test_wrong_emotions_are_refused(emotion: object) -> None:
    with pytest.raises(StudioError):
        emotion_rows(emotion)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "gaps"), [("n15_open60", (60,)), ("n15_list60_80", (60, 80))])
def test_blink_times_equal_the_reference(oracle: Oracle, name: str, gaps: tuple[int, ...]) -> None:
    """Up to the reference's last gap, in which it begins no blink: it knows the end, a stream does not."""
    known = 300 - gaps[-1]
    reference = oracle.golden("math")[f"blink_index.N300_{name}"][:known]
    np.testing.assert_array_equal(Blinks(BlinkOptions(gaps=gaps)).take(known), blink_table()[reference])


@given(seed=st.integers(0, 1000), n=st.integers(0, 2000), cut=st.integers(1, 400))
@settings(deadline=None)
def test_random_blinks_keep_their_gaps(seed: int, n: int, cut: int) -> None:
    rows = Blinks(BlinkOptions(seed=seed)).take(n)
    pieces = Blinks(BlinkOptions(seed=seed))
    parts = [pieces.take(min(cut, n - at)) for at in range(0, n, cut)]
    np.testing.assert_array_equal(np.concatenate([rows[:0], *parts]), rows)
    shut = rows.any(1)
    starts = np.flatnonzero(shut & ~np.roll(shut, 1)) - 1
    gaps = np.diff(starts) - BLINK_FRAMES
    assert ((gaps >= 60) & (gaps <= 100)).all()
    assert not len(starts) or 60 <= starts[0] <= 100


def test_the_blink_table_shuts_both_eyes_and_opens_them_again() -> None:
    table = blink_table()
    closure = lid_closure(table, table)
    assert closure.max(0) == pytest.approx([1, 1], abs=0.02)
    assert not table[0].any() and not table[-1].any()
