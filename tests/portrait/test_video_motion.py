"""Motion read from films: drawn ones whose motion is known, real ones, moved cameras and lost faces."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipelines.assets import PORTRAITS
from pipelines.errors import StudioError
from pipelines.motion.atlas import load_atlas
from pipelines.motion.edit import Edit, apply_edit
from pipelines.motion.space import N_EXP, Motion, keypoints
from pipelines.networks.bundle import Networks
from pipelines.networks.motion_extractor import MotionExtractor as MotionNet
from pipelines.networks.seeded import seed_weights
from pipelines.portrait.crop import scale_of, transform
from pipelines.portrait.load import load_photo
from pipelines.portrait.neural_motion import NeuralMotionExtractor
from pipelines.portrait.register import register
from pipelines.portrait.types import CROP_SIZE, Portrait
from pipelines.portrait.video_motion import (
    FaceMotion,
    LandmarkMotionExtractor,
    MotionExtractor,
    in_first_crop,
    read_motion,
)
from pipelines.render.mesh.renderer import MeshRenderer
from pipelines.video import read_video, write_video

Picture = NDArray[np.uint8]
JAW, BLINK_RIGHT, BLINK_LEFT = 58, 34, 46


@dataclass(frozen=True)
class Drawn:
    """A film of our own renderer and the motion that drew it."""

    portrait: Portrait
    frames: list[Picture]
    motion: Motion
    jaw: NDArray[np.float64]
    blink: NDArray[np.float64]


@lru_cache(maxsize=2)
def drawn(name: str, count: int = 40) -> Drawn:
    """The head turns, nods and tilts while the mouth talks and the eyes blink."""
    portrait = register(load_photo(PORTRAITS / f"{name}.jpg"))
    phase = np.linspace(0, 2 * np.pi, count, endpoint=False)
    jaw, blink = 0.4 - 0.4 * np.cos(2 * phase), 0.5 - 0.5 * np.cos(3 * phase)
    motions = []
    for i, a in enumerate(phase):
        turn = {"yaw_deg": 10 * np.sin(a), "pitch_deg": 6 * np.sin(2 * a), "roll_deg": 8 * np.sin(a)}
        motions.append(apply_edit(portrait, portrait.motion, Edit.of({**turn, "jaw_open": jaw[i], "blink": blink[i]})))
    renderer = MeshRenderer()
    handle = renderer.prepare(portrait)
    frames = [renderer.render(handle, motion) for motion in motions]
    names = ("exp", "pitch_deg", "yaw_deg", "roll_deg", "scale", "t")
    joined = Motion.of(**{key: np.concatenate([getattr(m, key) for m in motions]) for key in names})
    return Drawn(portrait, frames, joined, jaw, blink)


@lru_cache(maxsize=2)
def read_back(name: str) -> FaceMotion:
    return LandmarkMotionExtractor().extract(iter(drawn(name).frames))


def correlation(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    return float(np.corrcoef(a, b)[0, 1])


@pytest.mark.parametrize("name", ["astronaut", "la_velata"])
@pytest.mark.parametrize("angle", ["pitch_deg", "yaw_deg", "roll_deg"])
def test_pose_of_a_drawn_film(name: str, angle: str) -> None:
    """Root mean square error below two degrees, absolute and as a departure from the first frame."""
    got, drew = getattr(read_back(name).motion, angle), getattr(drawn(name).motion, angle)
    assert correlation(got, drew) > 0.95
    departure = (got - got[0]) - (drew - drew[0])
    assert np.sqrt(np.mean(departure**2)) < 2
    assert abs(float(np.mean(got - drew))) < 3


@pytest.mark.parametrize("name", ["astronaut", "la_velata"])
def test_expression_of_a_drawn_film(name: str) -> None:
    film, got = drawn(name), read_back(name)
    drew, exp = film.motion.exp.reshape(-1, N_EXP), got.motion.exp.reshape(-1, N_EXP)
    for dim in (JAW, BLINK_RIGHT, BLINK_LEFT):
        assert correlation(exp[:, dim], drew[:, dim]) > 0.8, dim
        assert 0.4 < np.polyfit(drew[:, dim], exp[:, dim], 1)[0] < 1.6, dim
    assert correlation(got.lip_ratio, film.jaw) > 0.9
    assert all(correlation(got.eye_ratio[:, side], film.blink) < -0.9 for side in (0, 1))


def test_what_a_film_gives() -> None:
    got = read_back("astronaut")
    assert len(got.motion) == len(got.seen) == len(got.lip_ratio) == 40 and got.seen.all()
    assert got.eye_ratio.shape == (40, 2) and got.kp_canonical.shape == (21, 3)
    assert not got.motion.side.any() and not got.motion.gaze_deg.any()
    mean = load_atlas().exp_mean_population.reshape(21, 3)
    np.testing.assert_allclose(got.motion.exp[0], mean, atol=1e-6)
    np.testing.assert_allclose(got.motion.scale, drawn("astronaut").motion.scale, rtol=0.04)


def test_another_face_follows_the_track() -> None:
    """At rest it is itself; its pose departs as the film's does."""
    other, got = drawn("la_velata").portrait, read_back("astronaut")
    track = got.track(label="a drawn film")
    rest = track.at(other, 0)
    np.testing.assert_allclose(rest.exp, other.motion.exp, atol=1e-6)
    np.testing.assert_allclose(rest.yaw_deg, other.motion.yaw_deg, atol=1e-4)
    moved = track.at(other, 10)
    np.testing.assert_allclose(
        moved.yaw_deg - other.motion.yaw_deg, got.motion.yaw_deg[10:11] - got.motion.yaw_deg[:1], atol=1e-4
    )
    assert (track.fps, track.label, len(track)) == (25, "a drawn film", 40)


def test_any_frame_or_picture_may_be_the_reference() -> None:
    film, plain = drawn("astronaut"), read_back("astronaut")
    later = LandmarkMotionExtractor().extract(film.frames, reference=7)
    np.testing.assert_allclose(later.reference.exp, plain.reference.exp, atol=1e-6)
    departure = later.motion.exp - later.reference.exp
    np.testing.assert_allclose(departure, plain.motion.exp - plain.motion.exp[7], atol=1e-6)
    by_picture = LandmarkMotionExtractor().extract(film.frames[:3], reference=film.portrait)
    np.testing.assert_allclose(by_picture.reference.yaw_deg, film.portrait.motion.yaw_deg, atol=1e-4)
    # the first frame is the portrait itself, found again
    np.testing.assert_allclose(by_picture.motion.exp[0], by_picture.reference.exp[0], atol=4e-3)


@settings(deadline=None, max_examples=50)
@given(
    angle_deg=st.floats(-60, 60), zoom=st.floats(0.5, 2), x=st.floats(-200, 200), y=st.floats(-200, 200),
    yaw=st.floats(-30, 30), pitch=st.floats(-20, 20), roll=st.floats(-30, 30),
)  # fmt: skip
def test_the_same_head_in_two_crops(
    angle_deg: float, zoom: float, x: float, y: float, yaw: float, pitch: float, roll: float
) -> None:
    """Keypoints of the motion told in another crop are the keypoints moved there."""
    a = np.radians(angle_deg)
    matrix = np.array([[np.cos(a), -np.sin(a), x], [np.sin(a), np.cos(a), y]])
    matrix[:, :2] *= zoom
    rest = load_atlas().kp_mean
    motion = Motion.of(pitch_deg=pitch, yaw_deg=yaw, roll_deg=roll, scale=1.3, t=[0.1, -0.05, 0.0])

    def to_px(units: NDArray[np.floating]) -> NDArray[np.floating]:
        return (units[0] + [1, 1, 0]) * (0.5 * CROP_SIZE) - [0.5, 0.5, 0]

    moved = to_px(keypoints(rest, in_first_crop(motion, matrix)))
    np.testing.assert_allclose(moved, transform(matrix, to_px(keypoints(rest, motion))), atol=0.01)
    assert scale_of(matrix) == pytest.approx(zoom)


def camera(photo: Picture, *, turn_deg: float, zoom: float, right_px: float) -> Picture:
    """The photo as a moved camera would see it."""
    height, width = photo.shape[:2]
    matrix = cv2.getRotationMatrix2D((0.45 * width, 0.3 * height), turn_deg, zoom)
    matrix[0, 2] += right_px
    return np.asarray(cv2.warpAffine(photo, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def test_a_moved_camera(photo: Callable[[str], Picture]) -> None:
    """A face that tilts, nears and wanders through the frame is told in one place."""
    still = photo("astronaut")
    steps = [camera(still, turn_deg=-2.0 * i, zoom=1 + 0.02 * i, right_px=6.0 * i) for i in range(10)]
    got = LandmarkMotionExtractor().extract(steps)
    assert got.seen.all()
    np.testing.assert_allclose(got.motion.roll_deg - got.motion.roll_deg[0], 2.0 * np.arange(10), atol=1.5)
    np.testing.assert_allclose(got.motion.scale / got.motion.scale[0], 1 + 0.02 * np.arange(10), atol=0.03)
    assert np.diff(got.motion.t[:, 0]).min() > 0
    assert np.abs(np.diff(got.motion.exp, axis=0)).max() < 6e-3


def test_frames_without_a_face_lie_between_their_neighbours() -> None:
    film, black = drawn("astronaut").frames, np.zeros((512, 512, 3), np.uint8)
    got = LandmarkMotionExtractor().extract([black, film[0], black, black, film[6], black])
    assert got.seen.tolist() == [False, True, False, False, True, False]
    yaw = got.motion.yaw_deg
    np.testing.assert_allclose(yaw, np.interp([0, 1, 2, 3, 4, 5], [1, 4], yaw[[1, 4]]), atol=1e-4)
    assert got.lip_ratio[5] == got.lip_ratio[4]
    np.testing.assert_array_equal(got.reference.exp, got.motion.exp[1:2])


def test_errors_in_one_sentence() -> None:
    film, black = drawn("astronaut").frames, np.zeros((64, 64, 3), np.uint8)
    extractor = LandmarkMotionExtractor()
    with pytest.raises(StudioError, match="`video` should show a face but none was found in 2 frames"):
        extractor.extract([black, black])
    with pytest.raises(StudioError, match="`reference` should be a frame from 0 to 0 but is 3"):
        extractor.extract(film[:1], reference=3)
    with pytest.raises(StudioError, match="shows the face but frame 1 does not"):
        extractor.extract([film[0], np.zeros_like(film[0])], reference=1)
    with pytest.raises(StudioError, match="`video` should be a video file"):
        read_motion(Path("/nowhere.mp4"), extractor)


@pytest.mark.parametrize(
    "extractor", [LandmarkMotionExtractor(), NeuralMotionExtractor(Networks.seeded(debug=True).motion)]
)
def test_pictures_pass_one_by_one(extractor: MotionExtractor) -> None:
    """No more pictures are alive than a batch of the network takes."""
    pictures: list[weakref.ref[Picture]] = []
    most = 0

    def frames() -> Iterator[Picture]:
        nonlocal most
        for picture in drawn("astronaut").frames[:24]:
            copy = picture.copy()
            pictures.append(weakref.ref(copy))
            most = max(most, sum(picture() is not None for picture in pictures))
            yield copy
            del copy

    seen: list[float] = []
    extractor.extract(frames(), total=24, progress=lambda share, _: seen.append(share))
    assert most <= 10
    assert seen[-1] == 1 and seen == sorted(seen)


def test_progress_may_stop_it() -> None:
    def stop(share: float, text: str) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        LandmarkMotionExtractor().extract(drawn("astronaut").frames, total=40, progress=stop)


def test_network_reads_absolute_motion_frame_by_frame() -> None:
    """Random weights: the numbers mean nothing, but each frame has its own, whatever comes before it."""
    extractor = NeuralMotionExtractor(Networks.seeded(debug=True).motion)
    frames = drawn("astronaut").frames[:12]
    got = extractor.extract(frames)
    assert len(got.motion) == 12 and got.kp_canonical.shape == (21, 3)
    again = extractor.extract([frames[0], *frames[:5]])
    for field in ("exp", "pitch_deg", "roll_deg", "t", "scale"):
        np.testing.assert_allclose(getattr(again.motion, field)[1:], getattr(got.motion, field)[:5], atol=2e-4)
    np.testing.assert_array_equal(got.reference.exp, got.motion.exp[:1])
    portrait = drawn("astronaut").portrait
    by_picture = extractor.extract(frames[:2], reference=portrait)
    np.testing.assert_array_equal(by_picture.reference.exp, extractor.read([portrait.image])[0].exp)


def test_a_file_at_another_rate(tmp_path: Path) -> None:
    film = drawn("astronaut").frames[:20]
    path = write_video(film, tmp_path / "film.mp4", fps=10)
    got = read_motion(path, LandmarkMotionExtractor(), fps=5)
    assert 9 <= len(got.motion) <= 11 and got.fps == 5
    ends = got.motion.yaw_deg[[0, -1]] - read_back("astronaut").motion.yaw_deg[[0, 18]]
    assert np.abs(ends).max() < 1.5


def test_a_real_clip(shared: Path) -> None:
    """Against the released motion of the same clip: the dims that matter, and the head."""
    frames = [np.array(frame) for _, frame in zip(range(60), read_video(shared / "clips" / "d5.mp4"), strict=False)]
    got = LandmarkMotionExtractor().extract(frames)
    with np.load(shared / "motion" / "pairs.npz", allow_pickle=False) as pairs:
        own = pairs["clip_id"] == list(pairs["clip_names"]).index("d5")
        where, real = pairs["frame"][own], pairs["exp"][own].reshape(-1, N_EXP)
    real = real[where < len(frames)]
    exp = got.motion.exp.reshape(-1, N_EXP)[where[where < len(frames)]]
    for dim in (JAW, BLINK_RIGHT, BLINK_LEFT, 61, 43):
        assert correlation(exp[:, dim], real[:, dim]) > 0.9, dim
    assert got.seen.all()


def test_the_network_on_a_real_clip(shared: Path) -> None:
    """Full size with random weights: what it says of a frame does not hang on its batch."""
    frames = [np.array(frame) for _, frame in zip(range(10), read_video(shared / "clips" / "d5.mp4"), strict=False)]
    extractor = NeuralMotionExtractor(seed_weights(MotionNet()))
    got = extractor.extract(frames)
    assert len(got.motion) == 10 and got.seen.all()
    assert np.isfinite(got.motion.exp).all() and got.motion.exp.std() > 0
    alone = extractor.extract(frames[:1])
    np.testing.assert_allclose(alone.motion.exp[0], got.motion.exp[0], atol=1e-5)
    np.testing.assert_allclose(alone.motion.yaw_deg[0], got.motion.yaw_deg[0], atol=1e-3)
    assert len(got.track()) == 10
