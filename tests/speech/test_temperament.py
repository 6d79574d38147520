"""Speakers differ by their seed, within what people do."""

from __future__ import annotations

import numpy as np

from pipelines.motion.space import FPS
from pipelines.speech.blinks import Blinks
from pipelines.speech.temperament import Temperament

PEOPLE = [Temperament.of(seed) for seed in range(60)]


def test_a_seed_repeats_and_two_differ() -> None:
    assert Temperament.of(3) == Temperament.of(3) != Temperament.of(4)


def test_the_first_speaker_is_about_the_mean_and_the_others_spread_on_both_sides() -> None:
    assert 0.9 < Temperament.of(0).head.min() <= Temperament.of(0).head.max() < 1.2
    heads = np.array([speaker.head for speaker in PEOPLE])
    assert 0.25 < heads.min() < 0.7 and 2.0 < heads.max() < 4.5
    assert (np.abs(np.log(heads).mean(0)) < 0.25).all() and (np.log(heads).std(0) > 0.3).all()
    # the angles of one person go together, and still differ
    assert 0.3 < np.corrcoef(np.log(heads[:, 0]), np.log(heads[:, 1]))[0, 1] < 0.9


def test_everybody_blinks_as_often_as_people_who_talk() -> None:
    minutes = 5
    for speaker in PEOPLE[:20]:
        shut = Blinks(speaker.blinks).take(60 * FPS * minutes).any(1)
        per_min = (shut[1:] & ~shut[:-1]).sum() / minutes
        assert 9.5 < per_min < 34
    gaps = [speaker.blinks.longest for speaker in PEOPLE]
    assert max(gaps) > 2 * min(gaps)
