"""Speech with the user's own HuBERT and motion transformer, at debug size: real classes, real files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from safetensors.torch import save_file

from pipelines.assets import PORTRAITS
from pipelines.checkpoints.registry import FILES as CHECKPOINTS
from pipelines.checkpoints.store import FOLDER_VARIABLE, HUBERT_VARIABLE
from pipelines.cli import main
from pipelines.errors import StudioError
from pipelines.motion.dims import DIMS
from pipelines.motion.emotion import EMOTION_NAMES
from pipelines.motion.track import Track
from pipelines.networks.motion_transformer import MotionTransformer, TransformerConfig
from pipelines.networks.seeded import seed_weights
from pipelines.portrait.load import load_photo
from pipelines.portrait.register import register
from pipelines.portrait.types import Portrait
from pipelines.speech import full_size
from pipelines.speech.audio import SAMPLE_RATE, Audio
from pipelines.speech.blinks import BlinkOptions, Blinks
from pipelines.speech.choice import FULL_SIZE_LOOK_AHEAD_S, MODEL_VARIABLE, Delivery, choose_model
from pipelines.speech.conditions import FACE_WIDTH
from pipelines.speech.full_size import (
    FILES,
    ONLINE,
    FullSizeModel,
    FullSizeStream,
    Way,
    full_size_motion,
    look_ahead_s,
)
from pipelines.video import read_video
from tests.speech.test_hubert import noise, small_hubert

PHOTO = PORTRAITS / "astronaut.jpg"
SIZES = replace(TransformerConfig.debug(), cond_width=32 + FACE_WIDTH)
DELIVERY = Delivery(steps=5)
EYES = [dim.index for dim in DIMS if dim.region in ("eyes", "gaze")]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The checkpoints folder and the HuBERT folder."""
    folder, hubert = tmp_path_factory.mktemp("checkpoints"), tmp_path_factory.mktemp("hubert")
    file = CHECKPOINTS["ditto/transformer"]
    path = (folder / file.release / file.path).with_suffix(".safetensors")
    path.parent.mkdir(parents=True)
    net = seed_weights(MotionTransformer(SIZES))
    save_file({name: value.clone().contiguous() for name, value in net.state_dict().items()}, path)
    small_hubert().save_pretrained(hubert)
    return folder, hubert


@pytest.fixture(autouse=True)
def here(weights: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(FOLDER_VARIABLE, str(weights[0]))
    monkeypatch.setenv(HUBERT_VARIABLE, str(weights[1]))
    monkeypatch.setattr(full_size, "SIZES", SIZES)
    full_size.installed_model.cache_clear()
    yield
    full_size.installed_model.cache_clear()


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    return register(load_photo(PHOTO))


@pytest.fixture(scope="module")
def audio() -> Audio:
    return Audio(noise(4 * SAMPLE_RATE + 321))


@pytest.mark.parametrize("way", [FILES, ONLINE])
def test_a_stream_gives_the_motion_of_the_file(way: Way, audio: Audio, portrait: Portrait) -> None:
    whole = full_size_motion(audio, portrait=portrait, delivery=DELIVERY, way=way)
    assert len(whole) == audio.n_frames
    stream, block = FullSizeStream(portrait=portrait, delivery=DELIVERY, way=way), 7001
    parts = [stream.push(audio.samples[at : at + block]) for at in range(0, len(audio.samples), block)]
    parts.append(stream.finish())
    assert sum(len(part) > 0 for part in parts) > 2
    for name in ("exp", "pitch_deg", "yaw_deg", "t"):
        joined = np.concatenate([getattr(part, name) for part in parts])
        np.testing.assert_allclose(joined, getattr(whole.motion, name), atol=1e-5)


def test_a_film_starts_as_the_photo_and_its_eyes_follow_the_blink_table(audio: Audio, portrait: Portrait) -> None:
    track = full_size_motion(audio, portrait=portrait, delivery=DELIVERY)
    exp = track.motion.exp.reshape(-1, 63)
    first = track.at(portrait, 0)
    np.testing.assert_allclose(first.exp, portrait.motion.exp, atol=1e-6)
    np.testing.assert_allclose(first.yaw_deg, portrait.motion.yaw_deg, atol=1e-5)
    np.testing.assert_array_equal(exp[:, EYES], Blinks(BlinkOptions(seed=DELIVERY.seed)).take(len(exp))[:, EYES])
    assert exp[1:, [dim.index for dim in DIMS if dim.region == "mouth"]].any(0).all()
    still = full_size_motion(audio, portrait=portrait, delivery=replace(DELIVERY, blinks=False, head=0.0))
    assert not still.motion.exp.reshape(-1, 63)[:, EYES].any() and not still.motion.yaw_deg.any()


def test_seed_mood_voice_and_portrait_all_act(portrait: Portrait) -> None:
    audio = Audio(noise(2 * SAMPLE_RATE))

    def made(sound: Audio = audio, face: Portrait = portrait, **change: object) -> Track:
        return full_size_motion(sound, portrait=face, delivery=replace(DELIVERY, **change))

    track, mood = made(), tuple(float(name == "happy") for name in EMOTION_NAMES)
    moved = replace(portrait, motion=portrait.motion.with_(exp=portrait.motion.exp + 0.1))
    other = replace(portrait, kp_canonical=portrait.kp_canonical * np.float32(1.3))
    changed = [made(seed=3), made(mood=mood), made(Audio(audio.samples[::-1].copy())), made(face=moved)]
    assert made() == track and all(value != track for value in [*changed, made(face=other)])


def test_a_stream_hears_as_far_ahead_as_it_says(audio: Audio, portrait: Portrait) -> None:
    assert look_ahead_s(ONLINE.segments, ONLINE.lead) == pytest.approx(FULL_SIZE_LOOK_AHEAD_S)
    stream = FullSizeStream(portrait=portrait, delivery=DELIVERY)
    needed = round(stream.look_ahead_s * SAMPLE_RATE)
    assert len(stream.push(audio.samples[: needed - 1])) == 0
    assert len(stream.push(audio.samples[needed - 1 : needed])) > 0


def test_features_of_another_width_are_one_sentence() -> None:
    net = MotionTransformer(replace(SIZES, cond_width=40 + FACE_WIDTH))
    with pytest.raises(StudioError, match=r"HuBERT should give the 40 features .* gives 32"):
        FullSizeModel.of(lambda window: np.zeros((20, 32), np.float32), net)


@pytest.mark.parametrize(("hubert_here", "names"), [(False, ("ditto/transformer", "ditto/hubert")), (True, ())])
def test_missing_files_are_one_sentence_with_the_command(
    hubert_here: bool,
    names: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "none"))
    if not hubert_here:
        monkeypatch.delenv(HUBERT_VARIABLE)
    assert main(["speak", str(PHOTO), "voice.wav", "-o", str(tmp_path / "film.mp4"), "--model", "full"]) == 2
    said = capsys.readouterr().err.strip()
    assert "python -m pipelines checkpoints fetch speech" in said and "\n" not in said
    assert all(name in said for name in names) and ("ditto/hubert" in said) is not hubert_here


def test_the_full_size_model_is_used_only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    automatic, asked = choose_model(), choose_model("full")
    assert asked is not None and asked.samples and asked.file_steps == 50
    assert automatic is None or automatic.name != asked.name
    monkeypatch.setenv(MODEL_VARIABLE, "full")
    assert choose_model() == asked
    monkeypatch.setenv(MODEL_VARIABLE, "huge")
    with pytest.raises(StudioError, match="full, embedded, rule"):
        choose_model()


@pytest.mark.parametrize("more", [[], ["--stream"]])
def test_speak_writes_a_film_with_the_users_weights(
    more: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    voice, film = tmp_path / "voice.wav", tmp_path / "film.mp4"
    soundfile.write(voice, noise(2 * SAMPLE_RATE), SAMPLE_RATE)
    options = ["--model", "full", "--steps", "5", "--size", "256", "--json", *more]
    assert main(["speak", str(PHOTO), str(voice), "-o", str(film), *options]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["frames"] == len(list(read_video(film))) == 50 and report["model"].startswith("Ditto")
