"""Every control of the table changes the picture; no edit shows the source."""

from __future__ import annotations

import pytest

from pipelines.motion.controls import CONTROLS, SLOTS
from tests.browser.driver import Studio, difference

pytestmark = pytest.mark.browser

SCENE = {
    "jaw_open": 0.5,
    "smile_right": 0.6,
    "smile_left": 0.6,
    "brow_raise_right": 0.6,
    "brow_raise_left": 0.6,
    "blink_right": 0.4,
    "blink_left": 0.4,
    "gaze_x_deg_right": 12,
    "gaze_x_deg_left": 12,
    "yaw_deg": 12,
    "dim_10": 12,
    "dim_22": 12,
    "dim_07": 8,
    "dim_16": 10,
    "dim_30": 10,
    "dim_01": 20,
    "emotion_happy": 0.5,
}
"""Something in every region, so that weights and settings have an edit to act on."""


def _cases() -> list[dict]:
    """What to show before and after for each slot of the table."""
    cases = []
    for slot in SLOTS:
        control = slot.control
        before: dict[str, float] = {}
        if control.kind in ("region", "setting") or control.key == "emotion_intensity":
            before = dict(SCENE)
        value = control.hi if control.default != control.hi else control.lo
        if control.key == "emotion_neutral":
            # neutral is the rest: its share takes from the others
            before["emotion_happy"] = 1.0
        if control.key == "region_feather":
            # equal weights have no border to soften
            before["region_mouth_right"] = before["region_mouth_left"] = 0.0
        if control.key == "limit_strength":
            before["dim_58"] = control_of("dim_58").hi
        if control.key.startswith("mask"):
            before["mask_enabled"] = 0.0 if control.key == "mask_enabled" else 1.0
        cases.append({"slot": slot.key, "before": before, "value": value})
    return cases


def control_of(key: str):
    return next(control for control in CONTROLS if control.key == key)


SWEEP = """async cases => {
    const grey = new Uint8Array(512 * 512);
    for (let y = 180; y < 330; y++) grey.fill(255, y * 512 + 100, y * 512 + 400);
    await studio.mask.set(grey);
    const result = {};
    for (const {slot, before, value} of cases) {
        const a = await probe.show(before);
        const b = await probe.show({...before, [slot]: value});
        result[slot] = probe.difference(a, b).largest;
    }
    await studio.mask.set(null);
    return result;
}"""


def test_every_slot_of_the_table_changes_the_picture(studio: Studio) -> None:
    differences = studio.run(SWEEP, _cases())
    assert set(differences) == {slot.key for slot in SLOTS}
    # inert dims carry a small hand-made field; everything else must be plain to see
    faint = {
        slot.key: differences[slot.key] for slot in SLOTS if differences[slot.key] < (10 if slot.control.live else 4)
    }
    assert not faint


def test_no_edit_shows_the_source(studio: Studio) -> None:
    assert difference(studio.pixels(), studio.source()) < 0.6


def test_an_edit_and_its_reset_return_to_the_same_pixels(studio: Studio) -> None:
    before = studio.pixels()
    studio.set(jaw_open=0.7, yaw_deg=8)
    assert difference(before, studio.pixels()) > 1
    studio.run("() => studio.actions.resetAll()")
    studio.settle()
    assert (studio.pixels() == before).all()


def test_every_control_has_a_row_or_a_switch(studio: Studio) -> None:
    keys = set(studio.run("() => [...document.querySelectorAll('#studio [data-key]')].map(item => item.dataset.key)"))
    switches = set(
        studio.run("() => [...document.querySelectorAll('#studio [data-switch]')].map(item => item.dataset.switch)")
    )
    missing = [control.key for control in CONTROLS if control.key not in keys | switches]
    assert not missing
    sides = [slot.key for slot in SLOTS if slot.side and slot.key not in keys]
    assert not sides


def test_region_weight_zero_keeps_the_photo_there(studio: Studio) -> None:
    source = studio.pixels()
    studio.set(jaw_open=0.8, smile=0.8)
    edited = studio.pixels()
    studio.run(
        "() => studio.actions.applyPreset(studio.state.data.presets.find(preset => preset.key === 'except_lips'))"
    )
    studio.settle()
    masked = studio.pixels()
    mouth = (slice(300, 400), slice(180, 332))
    assert difference(masked[mouth], source[mouth]) < 0.25 * difference(edited[mouth], source[mouth])
    studio.run("() => studio.actions.regionControls().forEach(control => studio.set(control.key, 0))")
    studio.settle()
    assert (studio.pixels() == source).all()


def test_painted_mask_limits_the_edit_to_the_paint(studio: Studio) -> None:
    source = studio.pixels()
    studio.set(yaw_deg=15)
    studio.run("() => studio.history.commit('Turn')")
    everywhere = studio.pixels()
    studio.panel("regions")
    studio.page.locator("[data-action=paint]").click()
    box = studio.page.locator(".board").bounding_box()
    assert box is not None
    y = box["y"] + 0.5 * box["height"]
    studio.page.mouse.move(box["x"] + 0.3 * box["width"], y)
    studio.page.mouse.down()
    studio.page.mouse.move(box["x"] + 0.7 * box["width"], y, steps=8)
    studio.page.mouse.up()
    studio.run("() => studio.mask.sent()")
    studio.settle()
    painted = studio.pixels()
    assert studio.get("mask_enabled") == 1
    stripe, outside = (slice(245, 267), slice(180, 330)), (slice(0, 150), slice(None))
    assert difference(painted[stripe], everywhere[stripe]) < 1.5
    assert difference(painted[outside], source[outside]) < 0.2 < difference(everywhere[outside], source[outside])
    studio.page.keyboard.press("Control+z")
    studio.run("() => studio.mask.sent()")
    studio.settle()
    assert difference(studio.pixels(), everywhere) < 0.2
