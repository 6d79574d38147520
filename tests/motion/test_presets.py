"""The pose library: starter set, strength, regions, mirror, blend, files; neutral and matched expressions."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import StudioError
from pipelines.motion.controls import SLOT_BY_KEY, SLOT_DEFAULT, SLOTS
from pipelines.motion.edit import Edit, Source, apply_edit, mirror_edit
from pipelines.motion.match import expression_of_photo, match_expression, neutralise
from pipelines.motion.presets import (
    Pose,
    apply_pose,
    blend_poses,
    emotions_as_controls,
    find_pose,
    mirrored,
    starter_poses,
)
from pipelines.motion.regions import MEMBERSHIP, REGIONS
from pipelines.motion.space import Motion
from tests.motion.strategies import close, edits, same

quick = settings(max_examples=50, deadline=None)
SOURCE = Source(Motion.identity(), np.array([0.3, 0.3], np.float32))
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
MOUTH_ONLY = {f"region_{key}": float(key == "mouth") for key in REGIONS}


def moved(edit: Edit) -> Motion:
    return apply_edit(SOURCE, SOURCE.motion, edit)


def test_the_starter_set_has_emotions_visemes_and_expressions_that_all_differ() -> None:
    poses = starter_poses()
    groups = [pose.group for pose in poses]
    assert groups.count("emotion") == 8 and groups.count("viseme") >= 15 and groups.count("expression") >= 12
    assert len({pose.key for pose in poses}) == len({pose.label for pose in poses}) == len(poses)
    assert len({pose.edit for pose in poses}) == len(poses)
    assert find_pose("emotion_happy").edit.value("smile") == 1
    with pytest.raises(StudioError, match="emotion_happy"):
        find_pose("emotion_hapy")


def test_visemes_open_round_and_shut_the_lips() -> None:
    edit = {pose.key: pose.edit for pose in starter_poses()}
    assert edit["viseme_aa"].value("jaw_open") > 0.4 > 0.1 > edit["viseme_uw"].value("jaw_open")
    assert edit["viseme_uw"].value("pucker") > 0.6 and edit["viseme_iy"].value("smile") > 0.1
    assert edit["viseme_pbm"].value("jaw_open") == 0 and edit["viseme_pbm"].value("lip_press") > 0
    assert edit["viseme_sil"].value("jaw_open") < 0.05


@given(edits(), st.sampled_from(starter_poses()))
@quick
def test_strength_goes_from_the_edit_to_the_pose(edit: Edit, pose: Pose) -> None:
    assert apply_pose(edit, pose.edit, strength=0) == edit
    whole = apply_pose(edit, pose.edit)
    assert apply_pose(whole, pose.edit) == whole
    shapes = [slot.index for slot in SLOTS if slot.control.kind in ("semantic", "dim", "emotion")]
    assert np.array_equal(whole.vector[shapes], pose.edit.vector[shapes])
    rest = [slot.index for slot in SLOTS if slot.control.kind in ("region", "setting")]
    assert np.array_equal(whole.vector[rest], edit.vector[rest])
    half = apply_pose(edit, pose.edit, strength=0.5)
    assert np.allclose(half.vector[shapes], 0.5 * (edit.vector + whole.vector)[shapes], atol=1e-4)


@given(edits(), st.sampled_from(starter_poses()))
@quick
def test_regions_say_where_a_pose_acts(edit: Edit, pose: Pose) -> None:
    none = apply_pose(edit, pose.edit, regions={f"region_{key}": 0.0 for key in REGIONS})
    assert none == edit
    written = emotions_as_controls(pose.edit)
    mouth = apply_pose(edit, written, regions=MOUTH_ONLY)
    for name in ("brow_raise", "brow_knit", "blink", "squint"):
        assert mouth.value(name) == edit.value(name)


def test_emotions_written_out_are_the_same_face() -> None:
    edit = Edit.of({"emotion_happy": 0.5, "emotion_surprise": 0.3, "emotion_intensity": 1.1})
    assert close(moved(emotions_as_controls(edit)), moved(edit), 1e-6)


@given(edits(), edits(), st.floats(0, 1))
@quick
def test_blending_goes_from_one_to_the_other(a: Edit, b: Edit, share: float) -> None:
    assert blend_poses(a, b, 0) == a and blend_poses(a, a, share) == a
    assert np.array_equal(blend_poses(a, b, 1).vector, b.vector)
    mixed = blend_poses(a, b, share).vector
    unset = SLOT_DEFAULT < 0
    assert np.allclose(mixed[~unset], ((1 - share) * a.vector + share * b.vector)[~unset], atol=1e-4)
    assert all(value == -1 or value >= 0 for value in mixed[unset])


@given(st.sampled_from(starter_poses()))
@quick
def test_a_pose_mirrored_twice_is_the_pose(pose: Pose) -> None:
    assert mirrored(mirrored(pose)).edit == pose.edit and mirrored(pose).edit == mirror_edit(pose.edit)


@given(edits(), st.text(max_size=20), st.sampled_from([None, PNG]))
@quick
def test_the_file_restores_the_pose(edit: Edit, label: str, thumbnail: bytes | None) -> None:
    pose = Pose("own", label, "own", edit, thumbnail)
    assert Pose.from_json(pose.to_json()) == pose


@pytest.mark.parametrize(
    "changed",
    [
        {"format": "ditto-edit"},
        {"version": 2},
        {"version": True},
        {"label": 3},
        {"label": "x" * 81},
        {"thumbnail": 3},
        {"thumbnail": "%%%"},
        {"thumbnail": "aGVsbG8="},
        {"thumbnail": "A" * 600_000},
        {"edit": None},
        {"edit": {"format": "ditto-edit", "version": 1, "values": {"smile": 5}}},
    ],
)
def test_bad_pose_files_are_refused_in_one_sentence(changed: dict) -> None:
    document = json.loads(Pose("own", "a", "own", Edit.of({"smile": 0.5}), PNG).to_json()) | changed
    with pytest.raises(StudioError) as caught:
        Pose.from_json(json.dumps(document))
    assert "\n" not in str(caught.value)
    for bad in ("", "[", "[]"):
        with pytest.raises(StudioError):
            Pose.from_json(bad)


def test_bad_shares_are_refused() -> None:
    with pytest.raises(StudioError, match="strength"):
        apply_pose(Edit(), Edit(), strength=1.5)
    with pytest.raises(StudioError, match="share"):
        blend_poses(Edit(), Edit(), -0.1)
    with pytest.raises(StudioError, match="regions"):
        apply_pose(Edit(), Edit(), regions={"smile": 0.5})


class Photo:
    """Measured shapes and pose, as a portrait has them."""

    def __init__(self, scores: dict[str, float], **pose: float) -> None:
        from pipelines.motion.atlas import load_atlas

        names = [str(name) for name in load_atlas().blendshape_names]
        self.blendshapes = np.array([scores.get(name, 0.0) for name in names], np.float32)
        self.motion = Motion.of(**pose)


SMILING = {"mouthSmileLeft": 0.6, "mouthSmileRight": 0.2, "jawOpen": 0.3, "eyeBlinkRight": 0.4, "browInnerUp": 0.3}


def test_a_face_at_rest_is_left_alone() -> None:
    assert neutralise(Photo({"eyeBlinkLeft": 0.05, "eyeSquintRight": 0.3})).is_default


def test_neutralising_takes_away_what_the_photo_shows() -> None:
    photo = Photo(SMILING, yaw_deg=12, pitch_deg=-5)
    shown, taken = expression_of_photo(photo), moved(neutralise(photo))
    exp, wanted = taken.exp.reshape(63), -shown.exp.reshape(63)
    assert np.abs(exp - wanted).max() < 0.1 * np.abs(wanted).max()
    assert taken.yaw_deg[0] == pytest.approx(-12) and taken.pitch_deg[0] == pytest.approx(5)
    left, right = (taken.exp + taken.side).reshape(63)[43], (taken.exp - taken.side).reshape(63)[43]
    assert left > right > 0  # the corners come down, more on the side that smiles more


def test_neutralising_a_region_leaves_the_others() -> None:
    edit = neutralise(Photo(SMILING, yaw_deg=12), regions=MOUTH_ONLY)
    other = MEMBERSHIP[:, REGIONS.index("mouth")] == 0
    assert np.abs(moved(edit).exp.reshape(63)[other]).max() < 1e-8 and edit.value("yaw_deg") == 0
    assert neutralise(Photo(SMILING), strength=0).is_default


def test_matching_oneself_changes_nothing_and_matching_rest_is_neutralising() -> None:
    photo = Photo(SMILING)
    assert match_expression(photo, photo).is_default
    assert close(moved(match_expression(photo, Photo({}))), moved(neutralise(photo, regions={"region_head": 0})), 1e-6)
    taken = moved(match_expression(Photo({}), photo))
    assert taken.exp.reshape(63)[58] > 0.01 and not taken.yaw_deg.any()
    turned = match_expression(Photo({}), Photo({}, yaw_deg=9), head=True)
    assert turned.value("yaw_deg") == pytest.approx(9)
    assert same(moved(Edit()), SOURCE.motion) and SLOT_BY_KEY["yaw_deg"].control.hi >= 9
