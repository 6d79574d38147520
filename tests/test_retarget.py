"""Drivers of every kind move a face: strength, regions, smoothing, rest, lids; the command."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.cli import main
from pipelines.errors import StudioError
from pipelines.motion.exchange import read_track, write_track
from pipelines.motion.eyes import lid_closure
from pipelines.motion.regions import MEMBERSHIP, REGIONS
from pipelines.motion.smoothing import SMOOTHERS, Smoothing, kalman, one_euro, savgol, smooth_track
from pipelines.motion.space import Motion
from pipelines.motion.track import Track
from pipelines.retarget import RetargetOptions, read_driver, retarget, with_measured_lids
from pipelines.video import read_video
from tests.motion.strategies import close, generators, random_motion, random_source, same

quick = settings(max_examples=40, deadline=None)
PHOTO = Path(__file__).resolve().parent.parent / "assets" / "portraits" / "mona_lisa.jpg"


def random_driver(rng: np.random.Generator, length: int = 5) -> Track:
    return Track(random_motion(rng, length), reference=random_motion(rng))


@given(generators())
@quick
def test_plain_options_leave_the_track(rng: np.random.Generator) -> None:
    track = random_driver(rng)
    assert retarget(track, random_source(rng), RetargetOptions()) is track


@given(generators(), st.floats(0, 2))
@quick
def test_strength_scales_the_departure(rng: np.random.Generator, strength: float) -> None:
    source, track = random_source(rng), random_driver(rng)
    whole = track.base(source)
    moved = retarget(track, source, RetargetOptions(strength=strength)).base(source)
    for name in ("exp", "side", "yaw_deg", "t", "gaze_deg"):
        own = getattr(source.motion, name)
        assert np.allclose(getattr(moved, name), own + strength * (getattr(whole, name) - own), atol=1e-4)
    nothing = retarget(track, source, RetargetOptions(strength=0)).base(source)
    assert close(nothing, source.motion[np.zeros(5, np.intp)], 1e-5)


@given(generators(), st.sampled_from(REGIONS))
@quick
def test_a_region_can_be_left_out(rng: np.random.Generator, region: str) -> None:
    source, track = random_source(rng), random_driver(rng)
    base = retarget(track, source, RetargetOptions(regions={f"region_{region}": 0})).base(source)
    whole = track.base(source)
    own = MEMBERSHIP[:, REGIONS.index(region)] > 1 - 1e-6
    others = MEMBERSHIP[:, REGIONS.index(region)] == 0
    exp, rest, all_exp = (m.exp.reshape(-1, 63) for m in (base, source.motion, whole))
    assert np.allclose(exp[:, own], rest[:, own], atol=1e-6)
    assert np.allclose(exp[:, others], all_exp[:, others], atol=1e-6)
    still = {"head": "yaw_deg", "gaze": "gaze_deg"}
    for key, name in still.items():
        wanted = source.motion if key == region else whole
        assert np.allclose(getattr(base, name), getattr(wanted, name), atol=1e-4)


@given(generators())
@quick
def test_absolute_takes_the_drivers_expression_and_pose_and_keeps_the_build(rng: np.random.Generator) -> None:
    source, track = random_source(rng), random_driver(rng)
    base = retarget(track, source, RetargetOptions(relative=False)).base(source)
    assert np.allclose(base.yaw_deg, track.motion.yaw_deg, atol=1e-4)
    mouth = MEMBERSHIP[:, REGIONS.index("mouth")] == 1
    outline = MEMBERSHIP[:, REGIONS.index("neck")] == 1
    exp, motion, rest, own = (m.exp.reshape(-1, 63) for m in (base, track.motion, track.reference, source.motion))
    assert np.allclose(exp[:, mouth], motion[:, mouth], atol=1e-6)
    assert np.allclose(exp[:, outline], (own + motion - rest)[:, outline], atol=1e-6)


@given(generators(), st.integers(0, 4))
@quick
def test_the_rest_frame_is_where_the_face_is_the_photo(rng: np.random.Generator, frame: int) -> None:
    source, track = random_source(rng), random_driver(rng)
    base = retarget(track, source, RetargetOptions(rest_frame=frame)).base(source)
    assert close(base[frame], source.motion, 1e-5)


@given(generators(), st.sampled_from([s for s in SMOOTHERS if s != "none"]), st.floats(0.5, 30))
@quick
def test_smoothing_keeps_what_is_still_and_calms_jitter(rng: np.random.Generator, kind: str, amount: float) -> None:
    still = Track(random_motion(rng)[np.zeros(40, np.intp)])
    smoothing = Smoothing(kind, amount)  # type: ignore[arg-type]
    assert close(smooth_track(still, smoothing).motion, still.motion, 1e-4)
    shaky = Track(random_motion(rng, 40))
    smooth = smooth_track(shaky, smoothing).motion
    rough = np.abs(np.diff(shaky.motion.yaw_deg, n=2)).sum()
    assert np.abs(np.diff(smooth.yaw_deg, n=2)).sum() <= rough * 1.001
    assert smooth.exp.dtype == np.float32 and np.array_equal(smooth.scale, shaky.motion.scale)


def test_each_filter_follows_a_slow_movement() -> None:
    time = np.linspace(0, 4, 100)
    slow = np.sin(2 * np.pi * 0.5 * time)[:, None]
    noisy = slow + np.random.default_rng(0).normal(0, 0.05, slow.shape)
    for smooth, worst in (
        (savgol(noisy, fps=25), 0.04),
        (one_euro(noisy, fps=25), 0.2),
        (100 * kalman(noisy / 100, amount=3), 0.06),
    ):
        assert np.sqrt(np.mean((smooth - slow)[5:-5] ** 2)) < worst


def test_no_smoothing_is_no_change() -> None:
    track = random_driver(np.random.default_rng(0))
    assert smooth_track(track, Smoothing()) is track and smooth_track(track, Smoothing("savgol", 0)) is track
    assert Smoothing.parse("kalman=12") == Smoothing("kalman", 12) and Smoothing.parse("none") == Smoothing()


@pytest.mark.parametrize("text", ["gauss", "savgol=x", "savgol=-1", "kalman=1000", "savgol=nan"])
def test_bad_smoothing_is_refused(text: str) -> None:
    with pytest.raises(StudioError):
        Smoothing.parse(text)


def test_measured_lids_close_the_other_face() -> None:
    track = Track(Motion.identity(3), reference=Motion.identity())
    ratio = np.array([[0.3, 0.3], [0.0, 0.3], [0.15, 0.0]], np.float32)
    base = with_measured_lids(track, ratio, rest=ratio[0])
    exp = base.motion.exp.reshape(-1, 63)
    assert np.allclose(lid_closure(exp, exp), [[0, 0], [1, 0], [0.5, 1]], atol=1e-5)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"strength": 3}, "strength"),
        ({"strength": float("nan")}, "strength"),
        ({"regions": {"region_mouth": 3}}, "region_mouth"),
        ({"regions": {"smile": 1}}, "region"),
        ({"regions": {"region_feather": 1}}, "region"),
    ],
)
def test_bad_options_are_refused_in_one_sentence(options: dict, name: str) -> None:
    with pytest.raises(StudioError, match=name):
        RetargetOptions(**options)


def test_bad_rest_frames_and_drivers_are_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(StudioError, match="rest"):
        retarget(random_driver(rng), random_source(rng), RetargetOptions(rest_frame=9))
    with pytest.raises(StudioError, match="driver"):
        read_driver(tmp_path / "a.txt")
    (tmp_path / "a.mp4").write_bytes(b"hello")
    with pytest.raises(StudioError, match="video"):
        read_driver(tmp_path / "a.mp4")


def test_a_motion_file_drives_a_photo_into_a_film_and_into_motion(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    calm = random_motion(rng, 4)
    track = Track(calm.with_(exp=0.3 * calm.exp, scale=np.ones(4, np.float32)), fps=25)
    driver = write_track(tmp_path / "driver.csv", track)
    film, motion = tmp_path / "out.mp4", tmp_path / "out.npz"
    common = [str(PHOTO), str(driver), "--smooth", "savgol", "--region", "region_mouth=0.5"]
    assert main(["retarget", *common, "--size", "128", "--set", "smile=0.3", "-o", str(film)]) == 0
    frames = list(read_video(film))
    assert len(frames) == 4 and frames[0].shape == (128, 128, 3)
    assert main(["retarget", *common, "--fps", "50", "-o", str(motion)]) == 0
    written = read_track(motion)
    assert len(written) == 8 and written.fps == 50
    assert main(["retarget", str(PHOTO), str(tmp_path / "none.csv"), "-o", str(film)]) == 2


def test_a_film_drives_a_photo(shared: Path) -> None:
    film = shared / "clips" / "d3.mp4"
    track = read_driver(film, fps=5)
    source = random_source(np.random.default_rng(0))
    base = track.base(source)
    assert len(track) > 4 and close(base[0], source.motion, 1e-4)
    assert base.exp.std(0).max() > 1e-3
    assert same(replace(track, label="").motion, track.motion)
