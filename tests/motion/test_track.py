"""Tracks: how a face follows one, time, cuts, joins, files from strangers."""

from __future__ import annotations

import io
import pickle
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import StudioError
from pipelines.motion.edit import Edit, apply_edit
from pipelines.motion.pack import mix_relative
from pipelines.motion.space import Motion
from pipelines.motion.track import MAX_FRAMES, Track, frame_count, join, sample
from pipelines.npz import pack_npz, read_npz
from tests.motion.strategies import close, generators, random_motion, random_source, same

quick = settings(max_examples=40, deadline=None)


def random_track(rng: np.random.Generator, length: int = 6, *, relative: bool = True) -> Track:
    return Track(random_motion(rng, length), fps=float(rng.choice([12.5, 25, 30])), relative=relative, label="a b")


@given(generators(), st.integers(1, 9))
@quick
def test_a_face_follows_the_departure_from_the_first_frame(rng: np.random.Generator, length: int) -> None:
    source, track = random_source(rng), random_track(rng, length)
    expected = mix_relative(source.motion, track.motion)
    assert same(track.base(source), expected)
    for frame in range(length):
        assert same(track.at(source, frame), expected[frame])
    assert same(track.at(source, 0), source.motion) or close(track.at(source, 0), source.motion, 1e-6)
    assert same(track.at(source, -3), expected[0]) and same(track.at(source, length + 3), expected[length - 1])


@given(generators())
@quick
def test_a_still_track_and_a_track_at_rest_leave_the_photo(rng: np.random.Generator) -> None:
    source = random_source(rng)
    assert same(Track.still().at(source, 0), source.motion)
    rest = Track(Motion.identity(4), reference=Motion.identity())
    assert same(rest.at(source, 2), source.motion)


@given(generators())
@quick
def test_absolute_tracks_keep_only_the_scale_of_the_photo(rng: np.random.Generator) -> None:
    source, track = random_source(rng), random_track(rng, 4, relative=False)
    base = track.at(source, 2)
    assert np.array_equal(base.scale, source.motion.scale)
    assert same(base.with_(scale=track.motion.scale[2:3]), track.motion[2])


@given(generators(), st.floats(0, 5))
@quick
def test_fractions_of_a_frame_lie_between_their_neighbours(rng: np.random.Generator, frame: float) -> None:
    source, track = random_source(rng), random_track(rng)
    base, low, high = track.at(source, frame), track.at(source, int(frame)), track.at(source, min(int(frame) + 1, 5))
    share = frame - int(frame)
    assert np.allclose(base.exp, (1 - share) * low.exp + share * high.exp, atol=1e-6)
    assert np.allclose(base.yaw_deg, (1 - share) * low.yaw_deg + share * high.yaw_deg, atol=1e-4)


@given(generators(), st.integers(0, 3), st.integers(4, 6))
@quick
def test_cuts_keep_what_the_face_does(rng: np.random.Generator, start: int, stop: int) -> None:
    source, track = random_source(rng), random_track(rng)
    assert same(track[start:stop].base(source), track.base(source)[start:stop])


@given(generators(), st.integers(1, 5))
@quick
def test_a_cut_track_joined_again_is_the_track(rng: np.random.Generator, cut: int) -> None:
    track = random_track(rng)
    assert join([track[:cut], track[cut:]]) == track


@given(generators())
@quick
def test_joined_tracks_keep_their_own_departures(rng: np.random.Generator) -> None:
    source, a, b = random_source(rng), random_track(rng), random_track(rng)
    b = Track(b.motion, fps=a.fps)
    base = join([a, b]).base(source)
    assert close(base[:6], a.base(source), 1e-4) and close(base[6:], b.base(source), 1e-4)


@given(generators(), st.sampled_from([12.5, 24, 25, 30, 60]), st.integers(1, 40))
@quick
def test_resampling_keeps_duration_and_retiming_divides_it(rng: np.random.Generator, fps: float, length: int) -> None:
    track = Track(random_motion(rng, length))
    assert len(track.resampled(fps)) == frame_count(length, 25, fps)
    assert abs(track.resampled(fps).duration_s - track.duration_s) <= max(0.5 / fps, 1 / fps - track.duration_s) + 1e-9
    assert same(track.resampled(track.fps).motion, track.motion)
    doubled = track.retimed(0.5)
    assert len(doubled) == 2 * length and close(sample(doubled.motion, 2 * np.arange(length)), track.motion)


def test_frames_come_at_the_rate_asked_for() -> None:
    rng = np.random.default_rng(3)
    source, track = random_source(rng), Track(random_motion(rng, 50))
    assert len(list(track.frames(source))) == 50
    half = list(track.frames(source, fps=12.5))
    assert len(half) == 25 and same(half[3], track.at(source, 6))
    assert track.duration_s == 2


@given(generators(), st.text(max_size=20), st.booleans())
@quick
def test_the_file_restores_every_bit(rng: np.random.Generator, label: str, relative: bool) -> None:
    label = label.rstrip("\0")  # numpy drops them
    track = Track(random_motion(rng, 5), 30, relative, label, random_motion(rng))
    again = Track.from_bytes(track.to_bytes())
    assert again == track and same(again.reference, track.reference) and again.to_bytes() == track.to_bytes()


def test_saving_leaves_no_half_file(tmp_path: Path) -> None:
    track = random_track(np.random.default_rng(1))
    assert Track.load(track.save(tmp_path / "a.npz")) == track
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]
    with pytest.raises(StudioError, match="folder"):
        track.save(tmp_path / "missing" / "a.npz")
    with pytest.raises(StudioError, match="can be read"):
        Track.load(tmp_path / "b.npz")


def test_a_track_cannot_be_changed() -> None:
    motion = random_motion(np.random.default_rng(1), 3)
    track = Track(motion)
    with pytest.raises(ValueError, match="read-only"):
        track.motion.exp[0] = 0
    motion.exp[0, 0, 0] += 1  # the caller's own array stays the caller's


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"motion": Motion.identity(0)}, "frames"),
        ({"motion": Motion.identity(MAX_FRAMES + 1)}, "frames"),
        ({"motion": Motion.identity(), "fps": 0}, "fps"),
        ({"motion": Motion.identity(), "fps": float("nan")}, "fps"),
        ({"motion": Motion.identity(), "label": "x" * 201}, "label"),
        ({"motion": Motion.identity(), "reference": Motion.identity(2)}, "reference"),
        ({"motion": Motion.of(yaw_deg=[np.nan])}, "yaw_deg"),
        ({"motion": Motion.identity(), "reference": Motion.of(exp=np.full((21, 3), np.inf))}, "reference"),
    ],
)
def test_bad_tracks_are_refused_in_one_sentence(arguments: dict, name: str) -> None:
    with pytest.raises(StudioError, match=name):
        Track(**arguments)


def test_relative_and_absolute_tracks_do_not_join() -> None:
    track = random_track(np.random.default_rng(1))
    with pytest.raises(StudioError, match="joined"):
        join([track, Track(track.motion, relative=False)])
    with pytest.raises(StudioError, match="at least one"):
        join([])
    with pytest.raises(StudioError, match="speed"):
        track.retimed(0)


class _Bomb:
    def __reduce__(self) -> tuple:
        return (exec, ("raise SystemExit('unpickled')",))


def _zip_of(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def _object_array() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, exp=np.array([_Bomb()], dtype=object))
    return buffer.getvalue()


def _giant_header() -> bytes:
    body = io.BytesIO()
    np.lib.format.write_array_header_1_0(body, {"descr": "<f4", "fortran_order": False, "shape": (1 << 40,)})
    return _zip_of({"exp.npy": body.getvalue()})


def _without(name: str) -> bytes:
    arrays = read_npz(random_track(np.random.default_rng(1)).to_bytes(), what="x")
    return pack_npz({key: value for key, value in arrays.items() if key != name})


def _with(**changed: object) -> bytes:
    arrays = read_npz(random_track(np.random.default_rng(1)).to_bytes(), what="x")
    return pack_npz(arrays | changed)  # type: ignore[arg-type]


MALICIOUS = {
    "not a zip": b"hello",
    "empty": b"",
    "a bare pickle": pickle.dumps(_Bomb()),
    "a pickle inside": _object_array(),
    "a pickle as member": _zip_of({"exp.npy": pickle.dumps(_Bomb())}),
    "a giant header": _giant_header(),
    "a bomb": _zip_of({"exp.npy": bytes(200 << 20)}),
    "a path": _zip_of({"../../etc/passwd.npy": b""}),
    "many members": _zip_of({f"{i}.npy": b"" for i in range(100)}),
    "other members": _zip_of({"run.py": b"1"}),
    "cut off": random_track(np.random.default_rng(1)).to_bytes()[:-200],
    "no format": _without("format"),
    "no expression": _without("exp"),
    "no rate": _without("fps"),
    "another version": _with(version=99),
    "text as version": _with(version="1"),
    "double precision": _with(exp=np.zeros((6, 21, 3))),
    "another shape": _with(exp=np.zeros((6, 22, 3), np.float32)),
    "other lengths": _with(exp=np.zeros((5, 21, 3), np.float32)),
    "not finite": _with(yaw_deg=np.full(6, np.nan, np.float32)),
    "rate of zero": _with(fps=0.0),
}


@pytest.mark.parametrize("name", MALICIOUS)
def test_bad_files_are_refused_in_one_sentence(name: str) -> None:
    with pytest.raises(StudioError) as caught:
        Track.from_bytes(MALICIOUS[name])
    assert str(caught.value).count("\n") == 0 and len(str(caught.value)) < 300


@given(st.integers(0, 4000), st.binary(min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_damaged_files_raise_nothing_but_a_sentence(where: int, noise: bytes) -> None:
    data = bytearray(random_track(np.random.default_rng(1)).to_bytes())
    where %= len(data)
    data[where : where + len(noise)] = noise
    try:
        Track.from_bytes(bytes(data))
    except StudioError as error:
        assert "\n" not in str(error)


def test_a_frame_of_a_long_track_costs_as_much_as_one_of_a_short_track() -> None:
    rng = np.random.default_rng(5)
    source, edit = random_source(rng), Edit.of({"smile": 0.5})

    def ms_per_frame(length: int) -> float:
        track = Track(random_motion(rng, length))
        track.at(source, 0)
        start = time.thread_time()
        for frame in range(200):
            apply_edit(source, track.at(source, frame * length // 200), edit)
        return 1e3 * (time.thread_time() - start) / 200

    assert ms_per_frame(20_000) < 2 * ms_per_frame(200) + 0.1
