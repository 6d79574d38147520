"""Motion files of other tools: round trips on real recordings, and files from strangers."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.checkpoints.pickles import read_pickle
from pipelines.errors import StudioError
from pipelines.motion.arkit import SHAPES, motion_to_shapes, shapes_to_motion
from pipelines.motion.atlas import load_atlas
from pipelines.motion.edit import Edit, Source, apply_edit
from pipelines.motion.exchange import FORMATS, decode_track, encode_track, read_json_track, read_track, write_track
from pipelines.motion.exchange_arkit import read_arkit, write_arkit
from pipelines.motion.exchange_template import read_template, write_template
from pipelines.motion.eyes import lid_closure
from pipelines.motion.fold import fold
from pipelines.motion.regions import MEMBERSHIP, REGIONS
from pipelines.motion.space import Motion, rotation_degrees
from pipelines.motion.track import Track
from tests.motion.strategies import close, generators, random_motion, random_source

quick = settings(max_examples=25, deadline=None)


def small_track(rng: np.random.Generator, length: int = 6) -> Track:
    return Track(random_motion(rng, length), fps=25, label="a")


def real_track(shared: Path, name: str) -> Track:
    file = np.load(shared / "motion" / "templates.npz")
    pitch, yaw, roll = rotation_degrees(file[f"{name}/R"])
    motion = Motion.of(
        exp=file[f"{name}/exp"],
        pitch_deg=pitch,
        yaw_deg=yaw,
        roll_deg=roll,
        t=file[f"{name}/t"],
        scale=file[f"{name}/scale"],
    )
    return Track(motion, fps=25)


def explained(found: np.ndarray, wanted: np.ndarray) -> float:
    return float(1 - ((found - wanted) ** 2).sum() / (wanted**2).sum())


def landmark_motion(motion: Motion) -> np.ndarray:
    return np.einsum("td,dvc->tvc", fold(motion).exp.reshape(-1, 63), load_atlas().J)[..., :2]


@given(generators(), st.text(max_size=10))
@quick
def test_json_restores_every_bit(rng: np.random.Generator, label: str) -> None:
    track = Track(random_motion(rng, 3), 30, False, label, random_motion(rng))
    assert decode_track(encode_track(track, ".json"), ".json") == track


@given(generators())
@quick
def test_templates_restore_what_they_can_hold(rng: np.random.Generator) -> None:
    track = small_track(rng)
    again = read_template(write_template(track))
    assert close(again.motion, track.motion.folded(), 2e-4) and again.fps == 25


@given(generators())
@quick
def test_a_track_that_rests_elsewhere_gets_its_rest_frame_first(rng: np.random.Generator) -> None:
    source = random_source(rng)
    track = Track(random_motion(rng, 4).folded(), reference=random_motion(rng).folded())
    again = read_template(write_template(track))
    assert len(again) == 5 and close(again.base(source)[1:], track.base(source), 5e-4)


def test_templates_hold_what_liveportrait_reads() -> None:
    track = Track(
        apply_edit(still(), Motion.identity(), Edit.of({"blink": 1, "jaw_open": 0.8})), reference=Motion.identity()
    )
    template = read_pickle(write_template(track))
    assert template["n_frames"] == 2 and template["output_fps"] == 25
    frame = template["motion"][1]
    shapes = {"scale": (1, 1), "R": (1, 3, 3), "exp": (1, 21, 3), "t": (1, 3), "kp": (1, 21, 3), "x_s": (1, 21, 3)}
    assert {name: value.shape for name, value in frame.items()} == shapes
    assert all(value.dtype == np.float32 for value in frame.values())
    assert template["c_eyes_lst"][0].shape == (1, 2) and template["c_lip_lst"][0].shape == (1, 1)
    assert template["c_eyes_lst"][1].max() < 0.02 < template["c_eyes_lst"][0].min()
    assert template["c_lip_lst"][1][0, 0] > 0.2 and template["c_lip_lst"][0][0, 0] == 0


def test_templates_name_only_numpy_and_load_in_a_plain_unpickler() -> None:
    data = write_template(small_track(np.random.default_rng(0)))
    code = "import pickle,sys; d=pickle.load(sys.stdin.buffer); print(len(d['motion']), d['motion'][0]['exp'].shape)"
    result = subprocess.run([sys.executable, "-W", "ignore", "-c", code], input=data, capture_output=True, check=True)
    assert result.stdout.split() == [b"6", b"(1,", b"21,", b"3)"]
    assert b"numpy._core" not in data


def still() -> Source:
    return Source(Motion.identity(), np.array([0.3, 0.3], np.float32))


@given(generators())
@settings(max_examples=15, deadline=None)
def test_shapes_restore_their_motion(rng: np.random.Generator) -> None:
    shapes = rng.uniform(0, 1, (4, len(SHAPES))) * (rng.random((4, len(SHAPES))) < 0.2)
    for pair in (("In", "Out"), ("Up", "Down")):
        for eye in ("Left", "Right"):
            shapes[:, SHAPES.index(f"eyeLook{pair[1]}{eye}")] = 0
    motion = shapes_to_motion(shapes)
    again = shapes_to_motion(motion_to_shapes(motion))
    assert explained(landmark_motion(again), landmark_motion(motion)) > 0.98
    assert np.allclose(again.gaze_deg, motion.gaze_deg, atol=1e-3)


@pytest.mark.parametrize("name", ["d19", "d5", "laugh", "talking", "wink", "shake_face"])
def test_real_recordings_survive_the_shapes(shared: Path, name: str) -> None:
    track = real_track(shared, name)
    again = read_arkit(write_arkit(track))
    departure = Motion.of(exp=track.motion.exp - track.reference.exp)
    assert explained(landmark_motion(again.motion), landmark_motion(departure)) > 0.95
    assert np.allclose(again.motion.yaw_deg, track.motion.yaw_deg - track.reference.yaw_deg, atol=1e-3)
    assert np.allclose(again.motion.pitch_deg, track.motion.pitch_deg - track.reference.pitch_deg, atol=1e-3)
    assert np.allclose(again.motion.roll_deg, track.motion.roll_deg - track.reference.roll_deg, atol=1e-3)
    assert again.fps == 25 and len(again) == len(track)


def one_shape(**scores: float) -> Motion:
    row = np.zeros((1, len(SHAPES)))
    for name, value in scores.items():
        row[0, SHAPES.index(name)] = value
    return shapes_to_motion(row)


def test_a_wink_shuts_one_eye_and_moves_nothing_else() -> None:
    motion = one_shape(eyeBlinkRight=1)
    exp, side = motion.exp.reshape(1, 63), motion.side.reshape(1, 63)
    assert np.allclose(lid_closure(exp - side, exp + side), [[1, 0]], atol=1e-6)
    mouth = MEMBERSHIP[:, REGIONS.index("mouth")] > 0
    assert not exp[:, mouth].any() and not side[:, mouth].any()


def test_sides_directions_and_amounts_are_those_of_the_face() -> None:
    assert one_shape(jawOpen=1).exp.reshape(63)[58] > 0.05
    smile = one_shape(mouthSmileLeft=1)
    left, right = (smile.exp + smile.side).reshape(63), (smile.exp - smile.side).reshape(63)
    assert left[43] < -0.015 and right[43] == 0
    assert one_shape(mouthLeft=1).exp.reshape(63)[57] > 0 > one_shape(mouthRight=1).exp.reshape(63)[57]
    assert one_shape(eyeLookOutLeft=1, eyeLookInRight=1).gaze_deg[0, :, 0].tolist() == [30, 30]
    assert one_shape(eyeLookUpLeft=1).gaze_deg[0, 1, 1] == 25
    assert not any(getattr(one_shape(tongueOut=1), name).any() for name in ("exp", "side", "gaze_deg"))


@pytest.mark.parametrize("fps", [24.0, 25.0, 30.0, 60.0])
def test_the_csv_tells_its_frame_rate(fps: float) -> None:
    track = Track(random_motion(np.random.default_rng(0), 100)).resampled(25)
    again = read_arkit(write_arkit(track, fps=fps))
    assert again.fps == fps and abs(again.duration_s - 4) < 0.1


def test_a_csv_without_head_eyes_and_tongue_is_read() -> None:
    names = [name for name in SHAPES if name != "tongueOut"]
    row = ["0.5" if name == "jawOpen" else "0" for name in names]
    text = "\ufeff" + ",".join(names) + "\n" + ",".join(row) + "\n"
    track = read_arkit(text.encode())
    assert len(track) == 1 and track.motion.exp.reshape(63)[58] > 0.02 and track.motion.yaw_deg[0] == 0


def test_rest_may_be_the_first_frame() -> None:
    data = write_arkit(Track(random_motion(np.random.default_rng(0), 4), reference=Motion.identity()))
    source = random_source(np.random.default_rng(1))
    assert close(read_arkit(data, rest="first").at(source, 0), source.motion, 1e-6)


@pytest.mark.parametrize("suffix", FORMATS)
def test_files_by_their_endings(suffix: str, tmp_path: Path) -> None:
    track = small_track(np.random.default_rng(0), 75)
    path = write_track(tmp_path / f"a{suffix}", track, fps=30)
    again = read_track(path)
    assert again.fps == 30 and len(again) == 90 and [file.name for file in tmp_path.iterdir()] == [path.name]


def test_unknown_endings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="should end in"):
        read_track(tmp_path / "a.bvh")
    with pytest.raises(StudioError, match="should end in"):
        write_track(tmp_path / "a.exe", Track.still())
    with pytest.raises(StudioError, match="can be read"):
        read_track(tmp_path / "a.csv")


class _Bomb:
    def __reduce__(self) -> tuple:
        return (exec, ("raise SystemExit('unpickled')",))


def template(**changed: object) -> bytes:
    frame = {"scale": np.ones((1, 1)), "R": np.eye(3)[None], "exp": np.zeros((1, 21, 3)), "t": np.zeros((1, 3))}
    return pickle.dumps({"motion": [frame | changed], "output_fps": 25})


def opcodes(head: bytes, *, item: str = "exp") -> bytes:
    """A template in which one field, or the rate, is made by a few opcodes of a pickle."""
    mark = b"HERE"
    whole = pickle.loads(template(exp=mark)) if item == "exp" else {**pickle.loads(template()), item: mark}
    # protocol 3 has no frames, whose length would have to be right
    return pickle.dumps(whole, 3).replace(b"C\x04HERE", head)


def _global(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


ARRAY = _global("numpy", "ndarray")
DTYPE = _global("numpy", "dtype") + b"X\x02\x00\x00\x00"
DOUBLE = b"]q\x64" + b"0](h\x64h\x64eq\x64" * 60
"""A list of two times the same list, 60 deep: 2**60 entries for whoever looks at all."""
KNOT = b"K\x01q\x64" + b"h\x64\x86q\x64" * 60
"""The same of tuples, whose hash looks at all."""
ENDLESS = {
    "an array of 2 GB": opcodes(
        _global("numpy.core.multiarray", "_reconstruct") + b"(" + ARRAY + b"J\x00\x00\x00\x7f\x85C\x01ftR"
    ),
    "an array of no content": opcodes(ARRAY + b"J\x00\x00\x00\x7f\x85\x85R"),
    "bytes of 2 GB": opcodes(_global("builtins", "bytearray") + b"J\x00\x00\x00\x7f\x85R"),
    "one part used 400 times": opcodes(
        b"X\x00\x00\x10\x00"
        + b"x" * (1 << 20)
        + b"q\x640]("
        + (_global("_codecs", "encode") + b"h\x64X\x06\x00\x00\x00latin1\x86R") * 400
        + b"e"
    ),
    "a memo of 32 GB": opcodes(b"]r\xff\xff\xff\x7f"),
    "lists of lists": opcodes(DOUBLE),
    "lists of lists as rate": opcodes(DOUBLE, item="output_fps"),
    "a key of knots": opcodes(b"}" + KNOT + b"K\x01s"),
    "a set of knots": opcodes(b"\x8f(" + KNOT + b"\x90"),
    "pointers as numbers": opcodes(DTYPE + b"V8\x85R(K\x03X\x01\x00\x00\x00|NNNK\x08K\x01K\x3ftb"),
    "numpy's own type changed": opcodes(
        DTYPE + b"f8\x89\x89\x87R(K\x03X\x01\x00\x00\x00>NNNJ\xff\xff\xff\xffK\x00K\x00tb"
    ),
    "a number without end": opcodes(b"\x8b\x00\x00\x10\x00" + b"\x7f" * (1 << 20)),
    "a number without end as rate": opcodes(b"\x8b\x00\x00\x10\x00" + b"\x7f" * (1 << 20), item="output_fps"),
}


def test_templates_that_ask_for_all_memory_or_time_cost_nothing() -> None:
    """In a process that may use one gigabyte more and ten seconds: what is not refused at once kills it."""
    code = """if True:
        import pickle, resource, sys, time
        import numpy as np
        from pipelines.errors import StudioError
        from pipelines.motion.exchange_template import read_template
        cases = pickle.load(sys.stdin.buffer)
        used = resource.getrusage(resource.RUSAGE_SELF).ru_utime
        resource.setrlimit(resource.RLIMIT_CPU, (int(used) + 10, int(used) + 10))
        resource.setrlimit(resource.RLIMIT_DATA, (3 << 30, 3 << 30))
        for name, data in cases.items():
            try:
                read_template(data)
                sys.exit(name + " was taken")
            except StudioError as error:
                assert "MemoryError" not in str(error) and len(str(error)) < 300, (name, str(error))
        assert np.dtype("f8").isnative and np.ones(1, "f8")[0] == 1
    """
    result = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps(ENDLESS), capture_output=True, timeout=120
    )
    assert result.returncode == 0, result.stderr.decode()[-500:]


BAD_TEMPLATES = {
    "a bomb": pickle.dumps(_Bomb()),
    "a bomb in a frame": template(exp=_Bomb()),
    "objects": template(exp=np.array([_Bomb()], dtype=object)),
    "a system call": b"cos\nsystem\n(S'echo'\ntR.",
    "not a pickle": b"hello",
    "empty": b"",
    "a list": pickle.dumps([1]),
    "no motion": pickle.dumps({"n_frames": 1}),
    "no frames": pickle.dumps({"motion": []}),
    "text frames": pickle.dumps({"motion": ["x"]}),
    "no expression": template(exp=None),
    "text expression": template(exp="x"),
    "short expression": template(exp=np.zeros((1, 20, 3))),
    "not finite": template(t=np.full((1, 3), np.nan)),
    "gigantic": template(scale=np.full((1, 1), 1e30)),
    "no rotation": template(R=np.zeros((1, 3, 3))),
    "a rate of nothing": pickle.dumps({**pickle.loads(template()), "output_fps": 0}),
    "a rate of text": pickle.dumps({**pickle.loads(template()), "output_fps": "25"}),
}


@pytest.mark.parametrize("name", BAD_TEMPLATES)
def test_bad_templates_are_refused_in_one_sentence(name: str) -> None:
    with pytest.raises(StudioError) as caught:
        read_template(BAD_TEMPLATES[name])
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


def test_older_templates_are_read() -> None:
    old = pickle.loads(template())
    old["motion"][0]["R_d"] = old["motion"][0].pop("R")
    assert len(read_template(pickle.dumps(old))) == 1


HEADER = ",".join(SHAPES)
BAD_TABLES = {
    "empty": "",
    "no rows": HEADER + "\n",
    "other columns": "a,b\n1,2\n",
    "text in a cell": HEADER + "\n" + ",".join(["x"] * 52),
    "not a number": HEADER + "\n" + ",".join(["nan"] * 52),
    "endless": HEADER + "\n" + ",".join(["1e99"] * 52),
    "a short row": HEADER + "\n0.1,0.2\n",
    "ten million columns": "aa," * 10_000_000,
}


@pytest.mark.parametrize("name", [*BAD_TABLES, "bytes"])
def test_bad_tables_are_refused_in_one_sentence(name: str) -> None:
    with pytest.raises(StudioError) as caught:
        read_arkit(b"\xff\xfe\x00\x01" if name == "bytes" else BAD_TABLES[name].encode())
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "changed",
    [
        {"format": "x"},
        {"version": 2},
        {"version": True},
        {"fps": "25"},
        {"fps": True},
        {"fps": 0},
        {"relative": 1},
        {"label": None},
        {"label": "x" * 300},
        {"motion": {}},
        {"motion": []},
        {"reference": None},
    ],
)
def test_bad_json_tracks_are_refused_in_one_sentence(changed: dict) -> None:
    document = json.loads(encode_track(small_track(np.random.default_rng(0)), ".json")) | changed
    with pytest.raises(StudioError):
        read_json_track(json.dumps(document).encode())


@pytest.mark.parametrize("field", ["NaN", "[1, 2]", '"x"', "null", "[[1e999]]", "{}"])
def test_bad_numbers_in_json_tracks_are_refused(field: str) -> None:
    text = encode_track(small_track(np.random.default_rng(0)), ".json").decode()
    document = json.loads(text)
    document["motion"]["yaw_deg"] = "HERE"
    with pytest.raises(StudioError):
        read_json_track(json.dumps(document).replace('"HERE"', field).encode())
    names = b"{" + b'"a":0,' * 10_000_000 + b'"b":0}'
    for bad in (b"", b"[", b"\xff", names):
        with pytest.raises(StudioError):
            read_json_track(bad)
