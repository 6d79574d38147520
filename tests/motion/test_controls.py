"""The table is complete and consistent, and the named controls do on the measured face what they are called."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from pipelines.errors import StudioError
from pipelines.motion.atlas import load_atlas
from pipelines.motion.controls import CONTROLS, N_SLOTS, SLOT_DEFAULT, SLOT_HI, SLOT_LO, SLOTS, clip_to_slots, resolve
from pipelines.motion.dims import DIMS
from pipelines.motion.edit import Edit, Source, apply_edit, resolve_edit
from pipelines.motion.emotion import EMOTION_NAMES
from pipelines.motion.eyes import lid_closure
from pipelines.motion.space import Motion

NAMED = {
    "jaw_open",
    "lip_opening",
    "smile",
    "corners_down",
    "pucker",
    "lip_press",
    "mouth_sideways",
    "upper_lip_raise",
    "brow_raise",
    "brow_knit",
    "squint",
    "blink",
    "eye_wide",
}
SEMANTIC = [c for c in CONTROLS if c.kind == "semantic"]
CORNER = {"right": 61, "left": 291}


def halves(values: Mapping[str, float]) -> dict[str, np.ndarray]:
    """Landmark displacement (478, 3) in % of eye distance of the right and the left half of the face."""
    source = Source(Motion.identity())
    motion = apply_edit(source, source.motion, Edit.of(values))
    exp, side = motion.exp.reshape(63), motion.side.reshape(63)
    jacobian = load_atlas().J
    return {
        name: 100 * np.einsum("d,dvc->vc", e, jacobian) for name, e in (("right", exp - side), ("left", exp + side))
    }


def inner_lips(move: np.ndarray) -> float:
    return float(move[14, 1] - move[13, 1])


def width(move: np.ndarray) -> float:
    return float(move[291, 0] - move[61, 0])


def corner_up(move: np.ndarray, side: str) -> float:
    return -float(move[CORNER[side], 1])


def brow_up(move: np.ndarray, side: str) -> float:
    ring = load_atlas().region_brows
    ring = ring[: len(ring) // 2] if side == "right" else ring[len(ring) // 2 :]
    return -float(move[ring, 1].mean())


def test_table_is_complete() -> None:
    keys = [c.key for c in CONTROLS]
    assert len(set(keys)) == len(keys)
    assert {c.key for c in SEMANTIC} == NAMED
    assert [c.dim for c in CONTROLS if c.kind == "dim"] == list(range(63))
    assert sum(c.live for c in CONTROLS if c.kind == "dim") == 36
    assert EMOTION_NAMES == ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise", "contempt")
    assert len({s.key for s in SLOTS}) == N_SLOTS == len(SLOTS)
    assert [s.index for s in SLOTS] == list(range(N_SLOTS))


def test_live_dims_have_their_own_names() -> None:
    names = [dim.name for dim in DIMS if dim.live]
    assert len(set(names)) == 36
    assert not any(name.startswith("Point") for name in names)


@pytest.mark.parametrize("control", CONTROLS, ids=lambda c: c.key)
def test_ranges_are_sane(control) -> None:
    assert control.lo < control.hi
    assert control.kind == "eye" or control.lo <= control.default <= control.hi
    assert 0 < control.step <= control.hi - control.lo
    assert control.label
    assert control.tip
    if control.band:
        assert control.band[0] < control.band[1]
    if control.limit and control.kind == "dim":
        assert control.lo <= control.limit[0] <= 0 <= control.limit[1] <= control.hi


def test_sided_names_set_both_sides() -> None:
    assert [s.key for s in resolve("smile")] == ["smile_right", "smile_left"]
    assert [s.key for s in resolve("smile_left")] == ["smile_left"]
    assert [s.key for s in resolve("jaw_open")] == ["jaw_open"]
    with pytest.raises(StudioError, match="smile"):
        resolve("smiel")


def test_clip_to_slots() -> None:
    assert (clip_to_slots(SLOT_LO - 1) <= SLOT_LO).all()
    assert (clip_to_slots(SLOT_HI + 1) == SLOT_HI).all()
    assert (clip_to_slots(SLOT_DEFAULT) == SLOT_DEFAULT).all()


def test_jaw_open_opens_the_lips_and_drops_the_chin() -> None:
    move = halves({"jaw_open": 1})["right"]
    assert inner_lips(move) > 10
    assert move[152, 1] > 4


def test_lip_opening_leaves_the_jaw() -> None:
    move = halves({"lip_opening": 1})["right"]
    assert inner_lips(move) > 7
    assert abs(move[152, 1]) < 1


def test_smile_moves_both_corners_out_and_up() -> None:
    moves = halves({"smile": 1})
    for side, outward in (("right", -1), ("left", 1)):
        assert corner_up(moves[side], side) > 5
        assert outward * moves[side][CORNER[side], 0] > 5
        assert abs(moves[side][[61, 291, 13, 14], 0].mean()) < 1


@pytest.mark.parametrize(("one", "other"), [("right", "left"), ("left", "right")])
def test_a_one_sided_smile_stays_on_its_side(one: str, other: str) -> None:
    moves = halves({f"smile_{one}": 1})
    assert corner_up(moves[one], one) > 5
    assert np.abs(moves[other][CORNER[other]]).max() < 0.5


def test_corners_down_goes_down_without_narrowing_much() -> None:
    moves = halves({"corners_down": 1})
    for side in CORNER:
        assert corner_up(moves[side], side) < -4
    assert abs(width(moves["right"])) < 4.5
    assert abs(inner_lips(moves["right"])) < 1


def test_pucker_narrows() -> None:
    move = halves({"pucker": 1})["right"]
    assert width(move) < -10
    assert abs(inner_lips(move)) < 1.5


def test_lip_press_closes() -> None:
    move = halves({"lip_press": 1})["right"]
    assert inner_lips(move) < -2
    assert abs(width(move)) < 1.5


@pytest.mark.parametrize("sign", [-1, 1])
def test_mouth_sideways(sign: int) -> None:
    move = halves({"mouth_sideways": sign})["right"]
    assert sign * move[[61, 291, 0, 17, 13, 14], 0].mean() > 3.5
    assert abs(inner_lips(move)) < 1.5


def test_upper_lip_raise_moves_the_upper_lip_only() -> None:
    move = halves({"upper_lip_raise": 1})["right"]
    assert -move[0, 1] > 3
    assert abs(move[17, 1]) < 0.6
    assert abs(move[152, 1]) < 0.6


@pytest.mark.parametrize("side", ["right", "left"])
def test_brow_raise_is_signed_and_sided(side: str) -> None:
    other = "left" if side == "right" else "right"
    up, down = halves({f"brow_raise_{side}": 1}), halves({f"brow_raise_{side}": -1})
    assert brow_up(up[side], side) > 3
    assert brow_up(down[side], side) < -3
    assert abs(brow_up(up[other], other)) < 1e-6


def test_brow_knit_draws_together() -> None:
    move = halves({"brow_knit": 1})["right"]
    assert move[285, 0] - move[55, 0] < -1
    assert brow_up(move, "right") < 0


@pytest.mark.parametrize(
    ("key", "closure"), [("blink", (1.0, 1.0)), ("squint", (0.2, 0.5)), ("eye_wide", (-0.5, -0.2))]
)
@pytest.mark.parametrize("side", ["right", "left"])
def test_lids(key: str, closure: tuple[float, float], side: str) -> None:
    source = Source(Motion.identity())
    motion = apply_edit(source, source.motion, Edit.of({f"{key}_{side}": 1}))
    exp, half = motion.exp.reshape(63), motion.side.reshape(63)
    got = lid_closure(exp - half, exp + half)
    index = ("right", "left").index(side)
    assert closure[0] - 1e-6 <= got[index] <= closure[1] + 1e-6
    assert got[1 - index] == 0


@pytest.mark.parametrize("control", SEMANTIC, ids=lambda c: c.key)
def test_full_value_stays_inside_the_limits(control) -> None:
    source = Source(Motion.identity())
    for value in (control.lo, control.hi):
        assert not resolve_edit(source, source.motion, Edit.of({control.key: value})).limits()


def test_every_control_changes_the_motion() -> None:
    source = Source(Motion.identity())
    settings = {"setting", "region"}
    for slot in SLOTS:
        if slot.control.kind in settings or slot.key in ("emotion_neutral", "emotion_intensity"):
            continue
        motion = apply_edit(source, source.motion, Edit.of({slot.key: slot.control.hi}))
        changed = any(not np.array_equal(getattr(motion, n), getattr(source.motion, n)) for n in vars(motion))
        assert changed, slot.key
