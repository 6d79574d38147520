"""The rule: lips follow the phones, one seed repeats, options act where they say, silence is quiet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipelines.errors import StudioError
from pipelines.motion.regions import REGIONS
from pipelines.motion.space import N_EXP, Motion
from pipelines.motion.track import Track
from pipelines.speech.audio import Audio, load_audio
from pipelines.speech.features.phonetic import LIVE
from pipelines.speech.rule import RuleOptions, RuleStream, rule_motion
from pipelines.speech.tts import available, speak
from pipelines.speech.visemes import lip_measures

TEXT = "The boy saw a big blue boat. Papa brought five more people to the old bridge, and we all walked home."


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Audio:
    if not available():
        pytest.skip("neither flite nor espeak-ng is on this machine")
    return load_audio(speak(TEXT, tmp_path_factory.mktemp("voice") / "voice.wav"))


@pytest.fixture(scope="module")
def track(voice: Audio) -> Track:
    return rule_motion(voice, label="A text")


def opening(track: Track) -> np.ndarray:
    return lip_measures(track.motion.exp.reshape(-1, N_EXP))[0]


def test_every_frame_of_the_voice_and_the_lips_move(voice: Audio, track: Track) -> None:
    assert len(track) == voice.n_frames and track.fps == 25 and track.label == "A text"
    lips = opening(track)
    assert lips.std() > 0.03 and lips.max() > 0.12


def test_one_seed_repeats_and_another_differs(voice: Audio, track: Track) -> None:
    assert rule_motion(voice, label="A text") == track
    other = rule_motion(voice, options=RuleOptions(seed=5))
    assert np.abs(other.motion.yaw_deg - track.motion.yaw_deg).max() > 0.5
    # the lips belong to the words; a blink moves them by less than the eye sees
    assert np.allclose(opening(other), opening(track), atol=0.01)


def test_head_stays_within_what_people_do(track: Track) -> None:
    for name in ("pitch_deg", "yaw_deg", "roll_deg"):
        angle = getattr(track.motion, name)
        assert 0.3 < angle.std() < 5 and np.abs(np.diff(angle)).max() < 2


def test_options_act_where_they_say(voice: Audio, track: Track) -> None:
    half = rule_motion(voice, options=RuleOptions(expression=0.5, head=0.0))
    assert np.allclose(half.motion.exp, 0.5 * track.motion.exp, atol=1e-6) and not half.motion.yaw_deg.any()
    lips = rule_motion(voice, options=RuleOptions(regions=("mouth", "jaw")))
    exp = lips.motion.exp.reshape(-1, N_EXP)
    assert not exp[:, [34, 46]].any() and not lips.motion.yaw_deg.any()
    assert np.corrcoef(opening(lips), opening(track))[0, 1] > 0.95
    rest = rule_motion(voice, options=RuleOptions(regions=tuple(r for r in REGIONS if r != "head")))
    assert not rest.motion.pitch_deg.any() and np.array_equal(rest.motion.exp, track.motion.exp)
    with pytest.raises(StudioError, match="ears"):
        RuleOptions(regions=("ears",))


def test_silence_keeps_the_mouth_shut_and_the_head_quiet() -> None:
    silence = Audio(np.zeros(8 * 16_000, np.float32))
    calm = rule_motion(silence, options=RuleOptions(idle=False, blinks=False))
    assert opening(calm).max() < 0.02 and np.abs(calm.motion.yaw_deg).max() < 0.2
    idle = rule_motion(silence)
    assert 0.2 < idle.motion.yaw_deg.std() < 2 and idle.motion.exp.reshape(-1, N_EXP)[:, 34].max() > 0.015


def test_how_a_stream_is_cut_does_not_change_it(voice: Audio) -> None:
    voice = Audio(voice.samples[:40_000])

    def streamed(block: int) -> Motion:
        stream = RuleStream()
        starts = range(0, len(voice.samples), block)
        parts = [*(stream.push(voice.samples[i : i + block]) for i in starts), stream.finish()]
        return Motion.of(
            exp=np.concatenate([part.exp for part in parts]), yaw_deg=np.concatenate([part.yaw_deg for part in parts])
        )

    whole, cut = streamed(1 << 30), streamed(3210)
    assert len(whole) == len(cut) == voice.n_frames
    assert np.allclose(whole.exp, cut.exp, atol=1e-5) and np.allclose(whole.yaw_deg, cut.yaw_deg, atol=1e-4)


def test_a_stream_moves_the_lips_as_a_file_does(voice: Audio, track: Track) -> None:
    stream = RuleStream()
    live = np.concatenate([stream.push(voice.samples).exp, stream.finish().exp]).reshape(-1, N_EXP)
    assert np.corrcoef(lip_measures(live)[0], opening(track))[0, 1] > 0.85


def test_a_stream_gives_frames_while_the_sound_comes() -> None:
    stream = RuleStream(windowing=LIVE)
    sound = np.zeros(3 * 16_000, np.float32)
    given = [len(stream.push(sound[i : i + 1600])) for i in range(0, len(sound), 1600)]
    first = next(i for i, count in enumerate(given) if count)
    assert (first + 1) * 0.1 <= LIVE.look_ahead_s + 0.2
    assert sum(given) + len(stream.finish()) == 75


def test_the_shortest_voice_and_a_cancelled_one(voice: Audio) -> None:
    assert len(rule_motion(Audio(np.zeros(640, np.float32)))) == 1

    class GivenUp(Exception):
        pass

    def stop(done: float, text: str) -> None:
        raise GivenUp

    with pytest.raises(GivenUp):
        rule_motion(voice, progress=stop)


def test_a_track_of_speech_is_saved_and_read(track: Track, tmp_path: Path) -> None:
    assert Track.load(track.save(tmp_path / "voice.npz")) == track
