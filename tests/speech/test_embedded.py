"""The shipped speech model: seeds, regions and amounts, streams, and lips that follow the sound."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipelines.assets import ASSETS, PORTRAITS
from pipelines.errors import StudioError
from pipelines.evaluation.bench_speech import bench_speech
from pipelines.motion.emotion import EMOTION_NAMES
from pipelines.motion.pack import EXPRESSION, pack
from pipelines.motion.space import Motion
from pipelines.motion.track import Track
from pipelines.portrait.load import load_photo
from pipelines.portrait.register import register
from pipelines.portrait.topology import BROW_LEFT, BROW_RIGHT
from pipelines.portrait.types import Portrait
from pipelines.render.mesh.renderer import MeshRenderer
from pipelines.speech.audio import SAMPLE_RATE, Audio, load_audio
from pipelines.speech.choice import Delivery, choose_model
from pipelines.speech.embedded import MODEL, EmbeddedGenerator, available, shipped_generator
from pipelines.speech.embedded_motion import Deliverer, SpeechStream, speech_motion
from pipelines.speech.features.phonetic import N_PHONETIC
from pipelines.speech.motion_scale import added_height
from pipelines.speech.speak import FirstFrame, stream_bases
from pipelines.speech.temperament import Temperament
from pipelines.speech.visemes import lip_measures

DELIVERY = Delivery(steps=5, guidance=1.0)


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    return register(load_photo(PORTRAITS / "astronaut.jpg"))


@pytest.fixture(scope="module")
def audio() -> Audio:
    return Audio(load_audio(ASSETS / "speech" / "welcome.flac").samples[: 6 * 16_000])


@pytest.fixture(scope="module")
def told() -> list[float]:
    """Fractions of progress while `track` was made."""
    return []


@pytest.fixture(scope="module")
def track(audio: Audio, portrait: Portrait, told: list[float]) -> Track:
    return speech_motion(audio, portrait=portrait, delivery=DELIVERY, progress=lambda done, _text: told.append(done))


def lips(track: Track) -> np.ndarray:
    return lip_measures(track.motion.exp.reshape(-1, 63))[0]


def test_the_shipped_model_is_what_the_studio_chooses() -> None:
    assert available() and MODEL.with_suffix(".safetensors").stat().st_size < 12 << 20
    model = choose_model()
    assert model is not None and model.samples


def test_one_seed_repeats_and_two_differ(audio: Audio, portrait: Portrait, track: Track) -> None:
    again, other = (speech_motion(audio, portrait=portrait, delivery=replace(DELIVERY, seed=seed)) for seed in (0, 1))
    assert again == track and other != track
    assert np.corrcoef(lips(track), lips(other))[0, 1] > 0.9, "the lips follow the sound, whatever the seed"
    assert np.abs(track.motion.yaw_deg - other.motion.yaw_deg).max() > 0.3


def test_lips_are_shut_in_silence_and_move_in_speech(portrait: Portrait, track: Track) -> None:
    silence = Audio(np.zeros(3 * 16_000, np.float32))
    quiet = speech_motion(silence, portrait=portrait, delivery=DELIVERY)
    assert lips(quiet).std() < 0.25 * lips(track).std()


def test_a_film_begins_and_ends_with_the_lips_of_the_photo(audio: Audio, portrait: Portrait, track: Track) -> None:
    height = lips(track)
    assert audio.samples[:1600].max() < 0.01 and abs(height[0]) < 0.02
    # these six seconds end as somebody speaks; a voice that ends in silence shuts the lips
    quiet_end = Audio(audio.samples[: round(2.0 * SAMPLE_RATE)])
    ended = lips(speech_motion(quiet_end, portrait=portrait, delivery=DELIVERY))
    assert abs(ended[-1]) < 0.02 < ended[-16:-6].max()
    assert np.abs(np.diff(ended[-8:])).max() < 0.05, "they shut, they do not snap"


def test_progress_is_told_after_every_segment(track: Track, told: list[float]) -> None:
    assert told[0] == 0 and told[-1] == 1 and told == sorted(told)
    assert np.diff(told).max() * len(track) <= 160


def test_a_head_that_wanders_off_comes_back_and_still_nods() -> None:
    time = np.arange(40 * 25, dtype=np.float32) / 25
    swing = 2 * np.sin(2 * np.pi * 0.5 * time)
    wandering = Motion.of(
        exp=np.zeros((len(time), 21, 3)), yaw_deg=swing + np.minimum(time, 10), t=np.full((len(time), 3), 0.1)
    )
    features = np.zeros((len(time), N_PHONETIC), np.float32)
    deliverer = Deliverer(Delivery(), np.ones(3, np.float32))
    packed = pack(wandering)
    parts = [deliverer.take(packed[cut], features[cut]) for cut in (slice(0, 333), slice(333, None))]
    head = Motion.joined(parts)
    settled = head.yaw_deg[-500:]
    factor = Temperament.of(0).yaw
    assert abs(settled.mean()) < 1 * factor and np.abs(head.t[-1]).max() < 0.005
    assert settled.std() == pytest.approx(factor * swing.std(), rel=0.1)


def test_scope_amounts_blinks_and_idle(audio: Audio, portrait: Portrait, track: Track) -> None:
    def made(**change: object) -> Track:
        return speech_motion(audio, portrait=portrait, delivery=replace(DELIVERY, **change))

    only = made(scope="lips_only")
    assert not only.motion.yaw_deg.any() and not only.motion.exp[:, 11].any() and only.motion.exp[:, 19].any()
    half = made(head=0.5, expression=0.5)
    np.testing.assert_allclose(half.motion.yaw_deg, 0.5 * track.motion.yaw_deg, atol=1e-5)
    np.testing.assert_allclose(half.motion.exp, 0.5 * track.motion.exp, atol=1e-6)
    assert made(blinks=False).motion.exp[:, 11, 1].max() < 0.5 * track.motion.exp[:, 11, 1].max()


def test_mood_changes_the_face(audio: Audio, portrait: Portrait, track: Track) -> None:
    mood = tuple(float(name == "surprise") for name in EMOTION_NAMES)
    surprised = speech_motion(audio, portrait=portrait, delivery=replace(DELIVERY, mood=mood, guidance=2.0))
    brow = (surprised.motion.exp - track.motion.exp)[50:, 2, 1].mean()
    assert brow < -3e-3, "surprise raises the brows"


def test_a_mood_over_time_is_seen(audio: Audio, portrait: Portrait) -> None:
    surprise, neutral = (tuple(float(name == each) for name in EMOTION_NAMES) for each in ("surprise", "neutral"))
    still = replace(DELIVERY, guidance=2.0, head=0.0, blinks=False)
    plain = speech_motion(audio, portrait=portrait, delivery=still)
    changing = replace(still, mood=surprise, mood_middle=neutral, mood_end=neutral)
    relaxing = speech_motion(audio, portrait=portrait, delivery=changing)
    renderer = MeshRenderer()
    handle = renderer.prepare(portrait, size=256)
    points = portrait.landmarks_in_crop[[*BROW_RIGHT, *BROW_LEFT], :2] / 2
    (left, top), (right, bottom) = points.min(0).astype(int) - 8, points.max(0).astype(int) + 8

    def apart(frame: int) -> float:
        """Mean difference of the brows, 0..255."""
        first, second = (
            renderer.render(handle, track.at(portrait, frame))[top:bottom, left:right] for track in (plain, relaxing)
        )
        return float(np.abs(first.astype(int) - second).mean())

    early, late = (np.mean([apart(frame) for frame in frames]) for frames in (range(12, 30, 6), range(110, 128, 6)))
    assert early > 2.0 and early > 2.0 * late


def test_a_stream_gives_every_frame_and_its_lips_in_step(audio: Audio, portrait: Portrait, track: Track) -> None:
    def streamed(block: int) -> np.ndarray:
        stream = SpeechStream(portrait=portrait, delivery=DELIVERY)
        cuts = range(0, len(audio.samples), block)
        parts = [stream.push(audio.samples[start : start + block]) for start in cuts]
        return np.concatenate([part.exp for part in [*parts, stream.finish()]])

    # the same look-ahead gives the same motion, whether all the sound is there or comes bit by bit
    whole, live = streamed(len(audio.samples)), streamed(5_000)
    np.testing.assert_allclose(whole, live, atol=1e-6)
    assert len(whole) == len(track)
    assert np.corrcoef(lip_measures(whole.reshape(-1, 63))[0], lips(track))[0, 1] > 0.8


def test_a_whole_voice_piece_by_piece_is_the_track(audio: Audio, portrait: Portrait, track: Track) -> None:
    stream = SpeechStream.whole(portrait=portrait, delivery=DELIVERY, n_frames=audio.n_frames)
    cuts = range(0, len(audio.samples), 12_345)
    parts = [*(stream.push(audio.samples[start : start + 12_345]) for start in cuts), stream.finish()]
    np.testing.assert_allclose(Motion.joined(parts).exp, track.motion.exp, atol=1e-6)


def test_lip_height_of_the_model_is_believed_by_its_share() -> None:
    features = np.zeros((200, N_PHONETIC), np.float32)
    scale = shipped_generator().scale
    assert 0.2 < scale.height_share < 0.7
    values = np.random.default_rng(0).standard_normal((200, len(scale.mean))).astype(np.float32)
    whole, damped = (
        replace(scale, height_share=share).decode(values, features) for share in (1.0, scale.height_share)
    )
    heights, widths = zip(*(lip_measures(frames[:, EXPRESSION]) for frames in (whole, damped)), strict=True)
    ratio = added_height(damped, features).std() / added_height(whole, features).std()
    assert ratio == pytest.approx(scale.height_share, abs=0.02) and heights[1].std() < 0.7 * heights[0].std()
    assert np.abs(widths[1] - widths[0]).max() < 0.002, "the width is the model's own"


def test_damaged_model_files_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="speech model should be the one that ships"):
        EmbeddedGenerator.load(tmp_path / "model")
    (tmp_path / "model.json").write_text('{"sizes": {"width": 7}}')
    (tmp_path / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(StudioError, match="speech model should be the one that ships"):
        EmbeddedGenerator.load(tmp_path / "model")


def test_the_first_frame_of_a_stream_comes_after_two_seconds_of_sound(audio: Audio, portrait: Portrait) -> None:
    stream, unit = SpeechStream(portrait=portrait, delivery=Delivery()), round(0.4 * SAMPLE_RATE)
    heard = np.resize(audio.samples, 5 * unit)
    counts = [len(stream.push(heard[start : start + unit]).exp) for start in range(0, len(heard), unit)]
    assert counts[:-1] == [0, 0, 0, 0] and counts[-1] > 0


def test_the_clock_of_the_first_frame_starts_at_its_last_sound(audio: Audio, portrait: Portrait) -> None:
    clock, wait_s, unit = FirstFrame(), 0.2, round(0.4 * SAMPLE_RATE)
    heard = np.resize(audio.samples, 5 * unit)

    def spoken() -> Iterator[np.ndarray]:
        for start in range(0, len(heard), unit):
            time.sleep(wait_s)
            yield heard[start : start + unit]

    stream = SpeechStream(portrait=portrait, delivery=DELIVERY)
    begun = time.perf_counter()
    bases = stream_bases(portrait, stream, spoken(), clock=clock)
    for _picture in clock.encoding(np.zeros((2, 2, 3), np.uint8) for _ in bases):
        if clock.delay_s:
            break
    assert 0 < clock.delay_s < time.perf_counter() - begun - 4 * wait_s and clock.cpu_s > 0


def test_bench_adds_its_modules_up() -> None:
    streamed, whole, total = bench_speech(seconds=3.3, size=128).values()
    figures = {figure["figure"]: figure["value"] for figure in total}
    for modules, name in ((streamed, "online"), (whole, "offline")):
        factors = [figure["value"] for figure in modules if figure["unit"] == "RTF"]
        assert min(factors) > 0 and figures[name] == pytest.approx(sum(factors), abs=0.01)
