"""Blinks come with the pauses of a voice, as often as their schedule says."""

from __future__ import annotations

import numpy as np

from pipelines.motion.eyes import UPPER_LID
from pipelines.motion.space import FPS
from pipelines.speech.blinks import BLINK_FRAMES, PAUSE_FRAMES, BlinkOptions, SpokenBlinks
from pipelines.speech.temperament import Temperament

MINUTES = 4
PHRASE_FRAMES, BREAK_FRAMES = 40, 12


def talk() -> np.ndarray:
    """Phones of phrases of 1.6 s with breaks of half a second; four frames between phones."""
    frame = np.arange(60 * FPS * MINUTES)
    return (frame % (PHRASE_FRAMES + BREAK_FRAMES) < PHRASE_FRAMES) & (frame % 4 == 0)


def starts(offsets: np.ndarray) -> np.ndarray:
    moving = np.abs(offsets[:, UPPER_LID]).sum(-1) > 0
    return np.flatnonzero(moving[1:] & ~moving[:-1]) + 1


def test_most_blinks_begin_in_a_pause() -> None:
    phones = talk()
    begun = starts(SpokenBlinks(Temperament.of(0).blinks).take(phones))
    since = np.array([frame - np.flatnonzero(phones[: frame + 1]).max() for frame in begun])
    by_chance = np.mean([not phones[max(i - PAUSE_FRAMES + 1, 0) : i + 1].any() for i in range(len(phones))])
    assert len(begun) > 10 * MINUTES and (since >= PAUSE_FRAMES).mean() > max(0.5, 2.5 * by_chance)


def test_everybody_still_blinks_as_often_as_people_who_talk() -> None:
    rates = [len(starts(SpokenBlinks(Temperament.of(seed).blinks).take(talk()))) / MINUTES for seed in range(20)]
    assert min(rates) > 9 and max(rates) < 36 and max(rates) > 2 * min(rates)


def test_without_a_pause_and_without_a_voice_blinks_still_come() -> None:
    options = BlinkOptions(gaps=(50,))
    for phones, gap in ((np.ones(600, bool), 60), (np.zeros(600, bool), 50)):
        between = np.diff(starts(SpokenBlinks(options).take(phones)))
        assert len(between) > 3 and (np.abs(between - gap - BLINK_FRAMES) <= 2).all()


def test_how_the_voice_is_cut_does_not_change_them() -> None:
    phones, options = talk()[:700], BlinkOptions(seed=3)
    stream = SpokenBlinks(options)
    parts = [stream.take(phones[start : start + 97]) for start in range(0, len(phones), 97)]
    assert np.array_equal(np.concatenate(parts), SpokenBlinks(options).take(phones))


def test_a_voice_ends_with_open_eyes() -> None:
    for frames in range(100, 130):
        blinks = SpokenBlinks(BlinkOptions(gaps=(60,)))
        begun = blinks.take(np.zeros(55, bool))
        blinks.end_after(frames - 55)
        offsets = np.concatenate([begun, blinks.take(np.zeros(frames - 55, bool))])
        assert not offsets[-1].any() and len(starts(offsets)) == 1
