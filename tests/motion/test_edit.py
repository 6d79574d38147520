"""How an edit acts: identity, order, regions, limits, gaze, eye ratio, files, mirror."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import StudioError
from pipelines.motion.controls import N_SLOTS, SLOT_DEFAULT, SLOTS, slots_of
from pipelines.motion.edit import Edit, Source, apply_edit, apply_vectors, mirror_edit, resolve_edit
from pipelines.motion.eyes import lid_closure
from pipelines.motion.mirror import mirror_exp
from pipelines.motion.regions import PRESETS
from pipelines.motion.space import Motion
from tests.motion.strategies import (
    close,
    edits,
    generators,
    random_motion,
    random_source,
    repeat,
    same,
    vectors,
)

quick = settings(max_examples=60, deadline=None)
FREE = {"limit_strength": 0.0}


def moved(source: Source, values: dict[str, float]) -> Motion:
    return apply_edit(source, source.motion, Edit.of(values))


def ratio_of(source: Source, motion: Motion) -> np.ndarray:
    exp = (motion.exp - source.motion.exp).reshape(-1, 63)
    side = (motion.side - source.motion.side).reshape(-1, 63)
    return source.eye_ratio * (1 - lid_closure(exp - side, exp + side))


@given(generators())
@quick
def test_default_edit_is_the_identity(rng: np.random.Generator) -> None:
    source, base = random_source(rng), random_motion(rng, 3)
    assert apply_edit(source, source.motion, Edit()) is source.motion
    assert apply_edit(source, base, Edit()) is base
    assert same(apply_vectors(source, base, SLOT_DEFAULT), base)
    assert not resolve_edit(source, base, Edit()).limits()


@given(generators(), edits())
@quick
def test_nothing_is_mutated_and_dtypes_hold(rng: np.random.Generator, edit: Edit) -> None:
    source, base = random_source(rng), random_motion(rng, 2)
    copy = Motion(**{name: value.copy() for name, value in vars(base).items()})
    vector = edit.vector.copy()
    motion = apply_edit(source, base, edit)
    assert same(base, copy)
    assert np.array_equal(edit.vector, vector)
    for name, value in vars(motion).items():
        assert value.dtype == np.float32, name
        assert value.shape == getattr(base, name).shape, name
        assert np.isfinite(value).all(), name


@given(generators(), edits({"semantic", "dim", "pose", "gaze"}))
@quick
def test_opposite_edit_undoes(rng: np.random.Generator, edit: Edit) -> None:
    source = random_source(rng)
    free = edit.vector.copy()
    free[slots_of("limit_strength")] = 0
    scale = slots_of("move_z")[0]
    back = np.where(SLOT_DEFAULT == 0, -free, free).astype(np.float32)
    back[scale] = 1 / (1 + free[scale]) - 1
    there = apply_vectors(source, source.motion, free)
    assert close(apply_vectors(source, there, back), source.motion)


@given(generators(), edits())
@quick
def test_a_clip_is_its_frames(rng: np.random.Generator, edit: Edit) -> None:
    source, base = random_source(rng), random_motion(rng, 3)
    whole = apply_edit(source, base, edit)
    for i in range(3):
        assert close(whole[i], apply_edit(source, base[i], edit))


def test_one_vector_per_frame() -> None:
    rng = np.random.default_rng(1)
    source = random_source(rng)
    track = np.stack([Edit.of({"smile": v, "yaw_deg": 10 * v, "eye_ratio": 0.1 + v / 5}).vector for v in (0, 0.5, 1)])
    motion = apply_vectors(source, repeat(source.motion, 3), track)
    for i, vector in enumerate(track):
        assert close(motion[i], apply_edit(source, source.motion, Edit.from_vector(vector)))


@given(generators(), st.floats(0, 1, width=32), st.floats(-1, 1, width=32))
@quick
def test_edits_on_different_regions_commute(rng: np.random.Generator, smile: float, brow: float) -> None:
    source = random_source(rng)
    first, second = {"corners_down": smile, **FREE}, {"brow_raise": brow, "brow_knit": abs(brow), **FREE}
    ab = apply_edit(source, moved(source, first), Edit.of(second))
    ba = apply_edit(source, moved(source, second), Edit.of(first))
    assert close(ab, ba)
    assert close(ab, moved(source, {**first, **second}))


@given(generators(), edits({"semantic", "dim", "pose", "gaze", "eye", "emotion"}))
@quick
def test_zero_weights_return_the_source(rng: np.random.Generator, edit: Edit) -> None:
    source, base = random_source(rng), random_motion(rng, 2)
    vector = edit.vector.copy()
    for slot in SLOTS:
        if slot.control.kind == "region":
            vector[slot.index] = 0
    assert same(apply_vectors(source, base, vector), repeat(source.motion, 2))


def test_lips_only_keeps_the_rest_of_a_driven_face() -> None:
    rng = np.random.default_rng(2)
    source, base = random_source(rng), random_motion(rng, 4)
    motion = apply_vectors(source, base, Edit.of(PRESETS["lips_only"][1]).vector)
    lips = [6, 12, 14, 17, 19, 20]
    others = [k for k in range(21) if k not in lips]
    assert np.array_equal(motion.exp[:, lips], base.exp[:, lips])
    assert np.array_equal(motion.exp[:, others], repeat(source.motion, 4).exp[:, others])
    assert np.array_equal(motion.yaw_deg, repeat(source.motion, 4).yaw_deg)


def test_neck_stable_is_the_published_mask() -> None:
    rng = np.random.default_rng(3)
    source, base = random_source(rng), random_motion(rng, 2)
    motion = apply_vectors(source, base, Edit.of(PRESETS["neck_stable"][1]).vector)
    followed = [6, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]
    for k in range(21):
        expected = base if k in followed else repeat(source.motion, 2)
        assert np.array_equal(motion.exp[:, k], expected.exp[:, k]), k
    assert np.array_equal(motion.pitch_deg, base.pitch_deg)


def test_side_weight_silences_one_side() -> None:
    source = Source(Motion.identity())
    both = moved(source, {"smile": 1})
    right_off = moved(source, {"smile": 1, "region_mouth_right": 0, "region_cheeks": 0, "region_eyes_right": 0})
    right = (right_off.exp - right_off.side).reshape(63)
    left = (right_off.exp + right_off.side).reshape(63)
    assert not right[[43, 60, 61, 52, 53]].any()
    assert np.allclose(left[[43, 60, 61]], both.exp.reshape(63)[[43, 60, 61]])


def test_head_and_gaze_weights_scale_them() -> None:
    source = Source(Motion.identity())
    half = moved(source, {"yaw_deg": 10, "move_x": 0.1, "move_z": 0.1, "region_head": 0.5, "gaze_compensation": 0})
    assert np.isclose(half.yaw_deg[0], 5)
    assert np.isclose(half.t[0, 0], 0.1)
    assert np.isclose(half.scale[0], 1.05)
    gaze = moved(source, {"gaze_x_deg": 10, "region_gaze_right": 0})
    assert np.allclose(gaze.gaze_deg[0, :, 0], [0, 10])


@given(generators(), vectors())
@quick
def test_limits_never_touch_an_unedited_dim(rng: np.random.Generator, vector: np.ndarray) -> None:
    source = random_source(rng)
    base = random_motion(rng)
    far = base.with_(exp=base.exp * 20)
    only = SLOT_DEFAULT.copy()
    slots = [s.index for s in SLOTS if s.control.kind == "dim"]
    only[slots] = vector[slots]
    only[slots_of("limit_strength")] = 2
    motion = apply_vectors(source, far, only)
    untouched = only[slots] == 0
    assert np.array_equal(motion.exp.reshape(63)[untouched], far.exp.reshape(63)[untouched])


def test_limit_report() -> None:
    source = Source(Motion.identity())
    resolved = resolve_edit(
        source, source.motion, Edit.of({"smile": 1.3, "dim_43": -30, "jaw_open": 0.5, "yaw_deg": 30})
    )
    limits = resolved.limits()
    assert set(limits) == {"smile_right", "smile_left", "dim_43", "yaw_deg"}
    assert limits["yaw_deg"] == (30, 25)
    asked, got = limits["dim_43"]
    assert asked == -30
    assert -30 < got < 0
    assert resolved.motion.yaw_deg[0] == 25
    assert not resolve_edit(source, source.motion, Edit.of({"smile": 1.3, "dim_43": -30, **FREE})).limits()


@given(generators(), edits())
@quick
def test_report_and_edit_agree(rng: np.random.Generator, edit: Edit) -> None:
    source, base = random_source(rng), random_motion(rng, 2)
    assert same(resolve_edit(source, base, edit).motion, apply_edit(source, base, edit))


@given(generators(), st.floats(0.0, 0.4), st.floats(0.0, 0.4), st.floats(0, 1), st.floats(0, 1))
@quick
def test_eye_ratio_is_reached_whatever_else_closes(
    rng: np.random.Generator, right: float, left: float, squint: float, smile: float
) -> None:
    source = Source(random_motion(rng), np.array([0.3, 0.35], np.float32))
    values = {"eye_ratio_right": right, "eye_ratio_left": left, "squint": squint, "smile": smile, "blink_left": 0.4}
    motion = moved(source, {**values, **FREE})
    assert np.allclose(ratio_of(source, motion)[0], [right, left], atol=1e-3)


def test_eye_ratio_is_portable_and_says_when_it_cannot() -> None:
    edit = Edit.of({"eye_ratio": 0.2})
    for rest in (0.25, 0.3, 0.4):
        source = Source(Motion.identity(), np.full(2, rest, np.float32))
        assert np.allclose(ratio_of(source, apply_edit(source, source.motion, edit)), 0.2, atol=1e-3)
    source = Source(Motion.identity(), np.full(2, 0.3, np.float32))
    asked, got = resolve_edit(source, source.motion, Edit.of({"eye_ratio": 0.6})).limits()["eye_ratio_right"]
    assert asked == pytest.approx(0.6)
    assert 0.4 < got < 0.45


def test_eyes_stay_on_the_camera_when_the_head_turns() -> None:
    source = Source(Motion.identity())
    turned = moved(source, {"yaw_deg": 10, "pitch_deg": 5})
    assert np.allclose(turned.gaze_deg[0], [[10, 5], [10, 5]])
    assert not moved(source, {"yaw_deg": 10, "gaze_compensation": 0}).gaze_deg.any()
    exp = turned.folded().exp.reshape(63)
    assert exp[33] > 0 < exp[45]


@given(edits())
@quick
def test_json_round_trip(edit: Edit) -> None:
    assert Edit.from_json(edit.to_json()) == edit
    assert Edit.of(edit.values()) == edit


def png_mask() -> bytes:
    import cv2

    grey = np.zeros((64, 64), np.uint8)
    grey[10:20, 5:25] = 200
    return cv2.imencode(".png", grey)[1].tobytes()


def test_mask_travels_in_the_file() -> None:
    edit = Edit.of({"smile": 0.25}, mask=png_mask())
    again = Edit.from_json(edit.to_json())
    assert again == edit
    assert hash(again) == hash(edit)
    assert again.mask == png_mask()
    assert edit != edit.with_mask(None)


def document(**changes: Any) -> str:
    return json.dumps({"format": "ditto-edit", "version": 1, "values": {}, "mask": None, **changes})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("no json", "JSON"),
        ("[1]", "format"),
        (document(format="other"), "ditto-edit"),
        (document(version=2), "version"),
        (document(version=True), "version"),
        (document(values=[]), "values"),
        (document(values={"smlie": 1}), "smlie"),
        (document(values={"smile": 3}), "smile_right"),
        (document(values={"smile": "1"}), "smile"),
        (document(values={"smile": True}), "smile"),
        (document(values={"yaw_deg": float("nan")}), "yaw_deg"),
        (document(values={"yaw_deg": float("inf")}), "yaw_deg"),
        (document(values={"eye_ratio": -0.5}), "eye_ratio"),
        (document(mask=5), "mask"),
        (document(mask="%%"), "mask"),
        (document(mask="aGVsbG8="), "mask"),
        (document(extra=1), "extra"),
    ],
)
def test_bad_files_are_refused_by_name(text: str, says: str) -> None:
    with pytest.raises(StudioError, match=says):
        Edit.from_json(text)


def test_from_vector_checks_and_clips() -> None:
    wild = np.full(N_SLOTS, 1e9, np.float32)
    assert resolve_edit(Source(Motion.identity()), Motion.identity(), Edit.from_vector(wild)).motion
    assert Edit.from_vector(SLOT_DEFAULT).is_default
    with pytest.raises(StudioError, match=str(N_SLOTS)):
        Edit.from_vector(np.zeros(3))
    wild[5] = np.nan
    with pytest.raises(StudioError, match=SLOTS[5].key):
        Edit.from_vector(wild)


def test_a_side_overrides_the_pair() -> None:
    edit = Edit.of({"smile_left": 0.2, "smile": 0.8})
    assert edit.value("smile_right") == pytest.approx(0.8)
    assert edit.value("smile_left") == pytest.approx(0.2)


@given(edits())
@quick
def test_mirror_twice_is_the_identity(edit: Edit) -> None:
    once = mirror_edit(edit)
    assert mirror_edit(once) == edit
    assert Edit.from_vector(once.vector) == once


def test_mirror_of_a_painted_mask() -> None:
    edit = Edit.of({"smile_right": 1, "yaw_deg": 5}, mask=png_mask())
    once = mirror_edit(edit)
    assert once.values() == {"smile_left": 1, "yaw_deg": -5}
    assert once.mask != edit.mask
    assert mirror_edit(once) == edit


def mirrored(motion: Motion, source: Motion) -> Motion:
    """The departure from a source that looks straight ahead, with sides exchanged."""
    exp = mirror_exp((motion.exp - source.exp).reshape(-1, 63)).reshape(motion.exp.shape)
    side = mirror_exp((motion.side - source.side).reshape(-1, 63)).reshape(motion.exp.shape)
    gaze_deg = (motion.gaze_deg - source.gaze_deg)[:, ::-1] * np.array([-1, 1], np.float32)
    return motion.with_(exp=source.exp + exp, side=source.side - side, yaw_deg=-motion.yaw_deg, gaze_deg=gaze_deg)


def test_mirrored_edit_is_the_mirrored_motion() -> None:
    source = Source(Motion.identity(), np.full(2, 0.3, np.float32))
    values = {"smile_right": 0.7, "blink_left": 1, "mouth_sideways": 0.4, "yaw_deg": 6, "gaze_x_deg_right": 5}
    edit = Edit.of({**values, "dim_34": 4, "brow_raise_right": 0.5, "eye_ratio_right": 0.1})
    got = apply_edit(source, source.motion, mirror_edit(edit))
    expected = mirrored(apply_edit(source, source.motion, edit), source.motion)
    lids = [33, 34, 40, 45, 46, 49]
    assert np.allclose(got.exp.reshape(63)[lids], expected.exp.reshape(63)[lids], atol=1e-6)
    assert np.allclose(got.gaze_deg, expected.gaze_deg)
    assert np.allclose(got.yaw_deg, expected.yaw_deg)
    assert np.allclose(got.side.reshape(63)[[7, 43, 61]], expected.side.reshape(63)[[7, 43, 61]], atol=1e-6)


@given(generators())
@quick
def test_mirror_of_expression_twice(rng: np.random.Generator) -> None:
    exp = rng.normal(size=63)
    assert np.array_equal(mirror_exp(mirror_exp(exp)), exp)


def test_importing_the_edit_stays_light() -> None:
    code = "import sys, pipelines.motion.edit; print({m.split('.')[0] for m in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for heavy in ("cv2", "torch", "mediapipe", "gradio", "scipy", "numba", "plotly"):
        assert f"'{heavy}'" not in loaded
