"""Layers and stacks: what each mode does to the face, where and when; cost; files."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import StudioError
from pipelines.motion.controls import SLOT_BY_KEY
from pipelines.motion.edit import Edit, Source, apply_edit, resolve_edit
from pipelines.motion.keyframes import Curve, Key
from pipelines.motion.layers import MAX_LAYERS, Layer
from pipelines.motion.regions import MEMBERSHIP, REGIONS
from pipelines.motion.space import Motion
from pipelines.motion.stack import Stack
from pipelines.motion.track import Track
from tests.motion.layer_strategies import OFFSETS, TIMES, busy_layers, layers
from tests.motion.strategies import close, edits, generators, random_motion, random_source, same

quick = settings(max_examples=40, deadline=None)
FREE = Edit.of({"limit_strength": 0, "gaze_compensation": 0})
PLAIN = {"semantic", "dim", "pose", "gaze", "emotion"}


def constant(values: dict[str, float], **settings: object) -> Layer:
    layer = Layer(**settings)  # type: ignore[arg-type]
    return layer.with_curves({name: Curve.constant(value) for name, value in values.items()})


def small_base(rng: np.random.Generator, source: Source, length: int = 1) -> Motion:
    """Motion near the source, so that nothing meets a limit."""
    return Track(random_motion(rng, length + 1)).base(source)[1:]


@given(generators(), edits())
@quick
def test_a_stack_without_layers_is_the_edit(rng: np.random.Generator, edit: Edit) -> None:
    source, base = random_source(rng), random_motion(rng)
    assert same(Stack(edit).apply(source, base, 0), apply_edit(source, base, edit))
    assert Stack().apply(source, base, 0) is base


@given(generators(), edits(), TIMES)
@quick
def test_an_edit_as_an_add_layer_is_the_edit(rng: np.random.Generator, edit: Edit, seconds: float) -> None:
    values = {k: v for k, v in edit.values().items() if not k.startswith(("region_", "mask_"))}
    edit = Edit.of(values)
    source, base = random_source(rng), random_motion(rng)
    stack = Stack(layers=(Layer.of_edit(edit),))
    expected = apply_edit(source, base, edit)
    assert close(stack.apply(source, base, seconds), expected, 2e-5)


@given(generators(), st.lists(layers(), max_size=4), TIMES)
@quick
def test_layers_that_do_not_act_change_no_bit(rng: np.random.Generator, many: list[Layer], seconds: float) -> None:
    source, base = random_source(rng), random_motion(rng)
    idle = [constant({"smile": 0.5}, muted=True), constant({"smile": 0.5}, opacity=0), Layer("empty")]
    idle += [constant({"smile": 0.5}, start_s=20), constant({"smile": 0.5}, stop_s=0.0, start_s=0.0)]
    seconds += 0.001
    assert Stack(layers=tuple(idle)).apply(source, base, seconds) is base
    heard = tuple(many)
    assert same(
        Stack(layers=(*idle, *heard)).apply(source, base, seconds), Stack(layers=heard).apply(source, base, seconds)
    )


@given(generators(), st.sampled_from([key for key in OFFSETS if key != "move_z"]), st.floats(0.1, 0.9))
@quick
def test_a_set_control_reads_its_value_whatever_the_base_does(
    rng: np.random.Generator, key: str, share: float
) -> None:
    slot = SLOT_BY_KEY[key]
    source = random_source(rng)
    base = small_base(rng, source)
    value = float(np.float32(slot.control.lo + share * (slot.control.hi - slot.control.lo)))
    stack = Stack(FREE, (constant({slot.key: value}, mode="set"),))
    moved = stack.apply(source, base, 0)
    reading = Stack(FREE, (constant({slot.key: 0.0}, mode="multiply"),))
    # taking all of the control away again leaves what taking it away from the base leaves
    assert close(reading.apply(source, moved, 0), reading.apply(source, base, 0), 2e-4)
    if slot.control.kind == "dim":
        departure = (moved.exp - source.motion.exp).reshape(63)[slot.control.dim]
        assert departure == pytest.approx(1e-3 * value, abs=1e-6)
    if slot.key == "yaw_deg":
        assert moved.yaw_deg[0] - source.motion.yaw_deg[0] == pytest.approx(value, abs=1e-4)


@given(generators(), st.lists(st.sampled_from(OFFSETS), min_size=1, max_size=6, unique=True), st.booleans())
@quick
def test_multiplying_by_one_changes_nothing(rng: np.random.Generator, keys: list[str], masked: bool) -> None:
    source, base = random_source(rng), random_motion(rng)
    layer = constant(dict.fromkeys(keys, 1.0), mode="multiply")
    stack = Stack(FREE, (layer.with_regions({"region_mouth": 0.5}) if masked else layer,))
    assert close(stack.apply(source, base, 0), apply_edit(source, base, FREE), 1e-6)


@given(
    generators(), st.sampled_from(["yaw_deg", "dim_58", "gaze_x_deg_left", "jaw_open", "smile_right"]), st.floats(0, 2)
)
@quick
def test_multiplying_scales_what_the_base_does(rng: np.random.Generator, key: str, factor: float) -> None:
    source = random_source(rng)
    base = small_base(rng, source)
    scaled = Stack(FREE, (constant({key: factor}, mode="multiply"),)).apply(source, base, 0)
    gone = Stack(FREE, (constant({key: 0.0}, mode="multiply"),)).apply(source, base, 0)
    whole = apply_edit(source, base, FREE)
    for name in ("exp", "side", "yaw_deg", "gaze_deg"):
        a, b, c = (getattr(m, name) for m in (gone, whole, scaled))
        assert np.allclose(c, a + np.float32(factor) * (b - a), atol=2e-4 if "deg" in name else 1e-6)


@given(generators(), st.sampled_from(REGIONS[:-1]), edits({"semantic", "dim", "gaze", "pose", "emotion"}))
@quick
def test_a_layer_leaves_other_regions_alone(rng: np.random.Generator, region: str, edit: Edit) -> None:
    source, base = random_source(rng), random_motion(rng)
    layer = Layer.of_edit(edit).with_regions({f"region_{region}": 0.0})
    moved = Stack(FREE, (layer,)).apply(source, base, 0)
    still = apply_edit(source, base, FREE)
    dims = MEMBERSHIP[:, REGIONS.index(region)] > 1 - 1e-6
    for name in ("exp", "side"):
        assert np.array_equal(getattr(moved, name).reshape(63)[dims], getattr(still, name).reshape(63)[dims])
    if region == "gaze":
        assert np.array_equal(moved.gaze_deg, still.gaze_deg)


@given(generators(), edits({"semantic", "dim"}), st.floats(0, 1))
@quick
def test_a_layer_and_its_complement_make_the_whole(rng: np.random.Generator, edit: Edit, weight: float) -> None:
    source, base = random_source(rng), random_motion(rng)
    layer = Layer.of_edit(edit)
    part = dict.fromkeys([f"region_{key}" for key in REGIONS], weight)
    rest = dict.fromkeys(part, 1 - weight)
    split = Stack(FREE, (layer.with_regions(part), layer.with_regions(rest)))
    assert close(split.apply(source, base, 0), Stack(FREE, (layer,)).apply(source, base, 0), 1e-5)


@given(generators(), st.lists(layers(("add",), OFFSETS), min_size=2, max_size=4), TIMES)
@quick
def test_add_layers_may_change_places(rng: np.random.Generator, many: list[Layer], seconds: float) -> None:
    source, base = random_source(rng), random_motion(rng)
    forwards, backwards = Stack(FREE, tuple(many)), Stack(FREE, tuple(reversed(many)))
    a, b = forwards.merge(source, base, seconds), backwards.merge(source, base, seconds)
    assert np.allclose(a.vectors, b.vectors, atol=1e-2)


@given(generators(), edits(), st.lists(layers(), max_size=4))
@quick
def test_frame_by_frame_is_all_at_once(rng: np.random.Generator, edit: Edit, many: list[Layer]) -> None:
    source, track = random_source(rng), Track(random_motion(rng, 30), fps=5)
    stack = Stack(edit, tuple(many))
    whole = stack.motion(source, track)
    assert len(whole) == 30
    for frame in (0, 7, 29):
        assert close(stack.apply(source, track.at(source, frame), frame / 5), whole[frame], 2e-4)


@given(generators(), st.floats(0.05, 2), st.floats(0.05, 2))
@quick
def test_fades_go_from_nothing_to_all_and_back(rng: np.random.Generator, ease_in: float, ease_out: float) -> None:
    source = random_source(rng)
    layer = constant({"yaw_deg": 10}, start_s=1, stop_s=6, ease_in_s=ease_in, ease_out_s=ease_out)
    stack = Stack(FREE, (layer,))

    def yaw(seconds: float) -> float:
        return float(stack.apply(source, source.motion, seconds).yaw_deg[0] - source.motion.yaw_deg[0])

    assert yaw(0.99) == yaw(1) == 0 and yaw(6) == yaw(6.01) == 0
    assert yaw(1 + ease_in) == pytest.approx(10, abs=1e-4) == yaw(6 - ease_out)
    assert yaw(1 + ease_in / 2) == pytest.approx(5, abs=1e-3) and yaw(6 - ease_out / 2) == pytest.approx(5, abs=1e-3)


def test_a_layer_without_fades_acts_from_its_first_to_its_last_moment() -> None:
    source = random_source(np.random.default_rng(0))
    stack = Stack(FREE, (constant({"yaw_deg": 10}, start_s=1, stop_s=2),))
    asked = [
        stack.merge(source, source.motion, t).vectors[0, SLOT_BY_KEY["yaw_deg"].index] for t in (0.99, 1, 2, 2.01)
    ]
    assert asked == [0, 10, 10, 0]


def test_only_solo_layers_act_where_there_is_one() -> None:
    source = random_source(np.random.default_rng(0))
    a, b = constant({"yaw_deg": 10}), constant({"pitch_deg": 5}, solo=True)
    muted_solo = constant({"roll_deg": 5}, solo=True, muted=True)
    for stacked, heard in (((a, b, muted_solo), {"pitch_deg": 5.0}), ((a, muted_solo), {"yaw_deg": 10.0})):
        assert Edit(Stack(layers=stacked).merge(source, source.motion, 0).vectors[0]).values() == heard


def test_half_of_an_eye_ratio_starts_from_the_lids_of_the_base() -> None:
    source = Source(random_motion(np.random.default_rng(0)), np.array([0.3, 0.3], np.float32))
    blinking = apply_edit(source, source.motion, Edit.of({"blink": 0.5}))
    stack = Stack(layers=(constant({"eye_ratio": 0.3}, opacity=0.5),))
    asked = Edit(stack.merge(source, blinking, 0).vectors[0])
    assert asked.value("eye_ratio") == pytest.approx(0.5 * (0.15 + 0.3), abs=1e-4)
    gone = Stack(layers=(constant({"eye_ratio": 0.3}, start_s=5),)).apply(source, blinking, 0)
    assert gone is blinking
    factor = Stack(layers=(constant({"eye_ratio": 0.5}, mode="multiply"),)).merge(source, blinking, 0)
    assert Edit(factor.vectors[0]).value("eye_ratio") == pytest.approx(0.075, abs=1e-4)


@given(generators(), st.lists(layers(), max_size=3), TIMES)
@quick
def test_the_limit_report_is_that_of_the_merged_edit(
    rng: np.random.Generator, many: list[Layer], seconds: float
) -> None:
    source, base = random_source(rng), random_motion(rng)
    stack = Stack(layers=tuple(many))
    resolved = stack.resolve(source, base, seconds)
    assert close(resolved.motion, stack.apply(source, base, seconds), 1e-6)
    merged = stack.merge(source, base, seconds)
    if merged.extra is None:
        assert resolve_edit(source, base, Edit(merged.vectors[0])).limits() == resolved.limits()


def test_limits_hold_for_layers_too() -> None:
    source = random_source(np.random.default_rng(0))
    pushes = tuple(constant({"dim_58": 90}) for _ in range(4))
    half = tuple(layer.with_regions({"region_mouth": 0.9}) for layer in pushes)
    for stack in (Stack(layers=pushes), Stack(layers=half)):
        moved = stack.apply(source, source.motion, 0)
        reach = (moved.exp - source.motion.exp).reshape(63)[58]
        high = (SLOT_BY_KEY["dim_58"].control.limit or (0, 0))[1]
        assert reach <= 1e-3 * high + 1e-6


@given(layers())
@quick
def test_the_json_restores_a_layer(layer: Layer) -> None:
    assert Layer.from_dict(json.loads(json.dumps(layer.to_dict(), allow_nan=False))) == layer


@given(layers(), TIMES)
@quick
def test_copied_keys_paste_into_another_layer(layer: Layer, at: float) -> None:
    names = [channel.slot for channel in layer.channels]
    clip = layer.copy(names, start_s=0, stop_s=10)
    other = Layer("other", layer.mode).paste(clip, at_s=at)
    assert other.copy(names, start_s=at, stop_s=at + 10) == clip
    assert layer.without_keys(names, start_s=0, stop_s=10).channels == ()
    assert layer.without_keys(names, start_s=0, stop_s=10).paste(clip, at_s=0) == layer


def test_retiming_moves_keys_range_and_fades() -> None:
    layer = constant({"smile": 0.5}, start_s=1, stop_s=3, ease_in_s=0.5).with_key("smile", Key(2, 1.0, "linear"))
    slow = layer.retimed(factor=2, shift_s=1)
    assert (slow.start_s, slow.stop_s, slow.ease_in_s) == (3, 7, 1)
    curve = slow.curve("smile_left")
    assert curve is not None and [key.time_s for key in curve.keys] == [1, 5]
    with pytest.raises(StudioError, match="factor"):
        layer.retimed(factor=-1)


@pytest.mark.parametrize(
    ("record", "name"),
    [
        ([], "object"),
        ({"mode": "screen"}, "mode"),
        ({"mode": ["add"]}, "mode"),
        ({"opacity": 2}, "opacity"),
        ({"opacity": "1"}, "opacity"),
        ({"muted": 1}, "muted"),
        ({"name": 3}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"start_s": -1}, "start_s"),
        ({"start_s": 2, "stop_s": 1}, "stop_s"),
        ({"__class__": 1}, "__class__"),
        ({"channels": []}, "channels"),
        ({"channels": {"smile": 1}}, "channel"),
        ({"channels": {"smile": [1, 2]}}, "channel"),
        ({"channels": {"smile": [[0, 9]]}}, "smile"),
        ({"channels": {"frown": [[0, 0]]}}, "frown"),
        ({"channels": {"mask_enabled": [[0, 1]]}}, "mask"),
        ({"regions": {"smile": 0.5}}, "regions"),
        ({"regions": {"region_mouth": 2}}, "region_mouth"),
    ],
)
def test_bad_layers_are_refused_in_one_sentence(record: object, name: str) -> None:
    with pytest.raises(StudioError, match=name) as caught:
        Layer.from_dict(record)
    assert "\n" not in str(caught.value)


def test_too_many_layers_are_refused() -> None:
    with pytest.raises(StudioError, match="layers"):
        Stack(layers=(Layer(),) * (MAX_LAYERS + 1))


def test_a_value_must_fit_the_mode() -> None:
    layer = constant({"jaw_open": -0.4})
    assert layer.mode == "add"
    with pytest.raises(StudioError, match="jaw_open"):
        layer.with_mode("set")


def test_twenty_layers_on_three_thousand_frames_stay_live() -> None:
    rng = np.random.default_rng(0)
    source, track = random_source(rng), Track(random_motion(rng, 3000))
    stack = Stack(Edit.of({"smile": 0.3}), busy_layers(rng, count=20, keys=100, slots=8))
    stack.apply(source, track.at(source, 0), 0.0)
    batches = []
    for _ in range(6):
        start = time.thread_time()
        for frame in range(0, 3000, 50):
            stack.apply(source, track.at(source, frame), frame / track.fps)
        batches.append(1e3 * (time.thread_time() - start) / 60)
    assert min(batches) < 1.5
