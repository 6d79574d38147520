"""What hands do: drag, type, press keys, undo, mirror, search, compare."""

from __future__ import annotations

import numpy as np
import pytest

from tests.browser.driver import Studio, difference

pytestmark = pytest.mark.browser


def _value(studio: Studio, name: str) -> str:
    return studio.row(name).locator(".value").input_value()


def test_dragging_a_slider_moves_value_field_and_pixels(studio: Studio) -> None:
    before = studio.pixels()
    box = studio.row("jaw_open").locator("input[type=range]").bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    studio.page.mouse.move(box["x"] + 6, y)
    studio.page.mouse.down()
    studio.page.mouse.move(box["x"] + 0.6 * box["width"], y, steps=12)
    studio.page.mouse.up()
    studio.settle()
    assert studio.get("jaw_open") == pytest.approx(0.6, abs=0.03)
    assert _value(studio, "jaw_open") == f"{100 * studio.get('jaw_open'):.0f}"
    assert difference(before, studio.pixels()) > 0.5
    assert studio.run("() => studio.history.size()") == 1


def test_a_handle_moves_its_sliders_and_a_slider_its_handle(studio: Studio) -> None:
    before = studio.pixels()
    knob = studio.page.locator('[data-point="19"] .hit')
    start = knob.bounding_box()
    assert start is not None
    x, y = start["x"] + start["width"] / 2, start["y"] + start["height"] / 2
    studio.page.mouse.move(x, y)
    studio.page.mouse.down()
    studio.page.mouse.move(x, y + 24, steps=6)
    studio.page.mouse.up()
    studio.settle()
    assert studio.get("dim_58") > 10
    assert float(_value(studio, "dim_58").replace("+", "")) == pytest.approx(studio.get("dim_58"), abs=0.06)
    moved = knob.bounding_box()
    assert moved is not None and moved["y"] - start["y"] == pytest.approx(24, abs=2)
    assert difference(before, studio.pixels()) > 0.2
    studio.set(dim_58=0)
    back = knob.bounding_box()
    assert back is not None and back["y"] == pytest.approx(start["y"], abs=0.5)


def test_the_face_map_lies_on_the_face_that_is_drawn(studio: Studio) -> None:
    lips = studio.inside("lips")
    at_rest = studio.ring("oval")
    studio.set(jaw_open=1)
    # the outline goes around the open mouth: teeth and a dark cavity
    mouth = studio.inside("lips_inner")
    assert len(mouth) > 600 and mouth.mean() < 0.8 * lips.mean()
    studio.set(jaw_open=0, yaw_deg=16)
    eye = studio.ring("eye_left").mean(0)
    knob = studio.page.locator('[data-point="16"] .hit').bounding_box()
    picture = studio.page.locator("canvas.picture").bounding_box()
    assert knob and picture
    x = 512 * (knob["x"] + knob["width"] / 2 - picture["x"]) / picture["width"]
    assert x == pytest.approx(eye[0], abs=13)
    studio.set(yaw_deg=0)
    assert np.allclose(studio.ring("oval"), at_rest, atol=0.06)


def test_arrow_keys_on_slider_handle_pad_and_rail(studio: Studio) -> None:
    press = studio.page.keyboard.press
    studio.row("jaw_open").locator("input[type=range]").focus()
    for _ in range(3):
        press("ArrowRight")
    press("PageUp")
    assert studio.get("jaw_open") == pytest.approx(0.13)
    press("End")
    assert studio.get("jaw_open") == pytest.approx(1)
    studio.page.locator('[data-point="7"]').focus()
    press("ArrowRight")
    assert studio.get("dim_21") == pytest.approx(0.5)
    press("Shift+ArrowUp")
    assert studio.get("dim_23") == pytest.approx(0.5)
    studio.panel("head")
    studio.page.locator("[data-pad=head]").focus()
    press("ArrowRight")
    press("ArrowDown")
    # right on the picture is the subject's left
    assert studio.get("yaw_deg") == pytest.approx(-1)
    assert studio.get("pitch_deg") == pytest.approx(1)
    studio.page.locator("[data-tab=head]").focus()
    press("ArrowDown")
    assert studio.run("() => studio.state.panel") == "eyes"
    assert studio.page.locator("[data-tab=eyes]").get_attribute("aria-selected") == "true"


def test_undo_and_redo_walk_the_whole_history(studio: Studio) -> None:
    before = studio.pixels()
    studio.run("""() => {
        for (let i = 1; i <= 220; i++) { studio.set('smile', i / 220); studio.history.commit(`step ${i}`); }
    }""")
    studio.settle()
    last = studio.pixels()
    studio.page.keyboard.press("Control+z")
    studio.settle()
    assert studio.get("smile") == pytest.approx(219 / 220, abs=1e-4)
    studio.page.keyboard.press("Control+Shift+z")
    studio.settle()
    assert studio.get("smile") == pytest.approx(1, abs=1e-4)
    studio.run("async () => { while (await studio.history.undo()); }")
    studio.settle()
    assert (studio.pixels() == before).all()
    studio.run("async () => { while (await studio.history.redo()); }")
    studio.settle()
    assert (studio.pixels() == last).all()


def test_sides_link_part_and_join(studio: Studio) -> None:
    studio.row("smile").locator("[data-action=link]").click()
    right, left = studio.row("smile_right"), studio.row("smile_left")
    assert right.is_visible() and left.is_visible()
    right.locator(".value").fill("60")
    right.locator(".value").press("Enter")
    assert (studio.get("smile_right"), studio.get("smile_left")) == (pytest.approx(0.6), 0)
    # apart, the parent row moves both by the same difference
    studio.run("() => studio.set('smile', 0.5)")
    assert (studio.get("smile_right"), studio.get("smile_left")) == (pytest.approx(0.8), pytest.approx(0.2))
    studio.row("smile").locator("[data-action=link]").click()
    assert studio.get("smile_right") == studio.get("smile_left") == pytest.approx(0.5)
    assert not right.is_visible()
    # each of it is a step, also where no value changed
    studio.settle()
    assert studio.run("() => studio.history.labels().slice(1)") == [
        "Part the sides of Smile", "Smile, right", "Edit", "Join the sides of Smile",
    ]  # fmt: skip
    studio.page.keyboard.press("Control+z")
    studio.settle()
    assert right.is_visible() and studio.get("smile_left") == pytest.approx(0.2)
    studio.run("() => studio.history.jump(1)")
    studio.settle()
    assert right.is_visible() and studio.get("smile_right") == studio.get("smile_left") == 0
    studio.page.keyboard.press("Control+z")
    studio.settle()
    assert not right.is_visible()
    studio.page.keyboard.press("Control+Shift+z")
    studio.settle()
    assert right.is_visible()


def test_mirror_exchanges_the_sides_and_twice_is_nothing(studio: Studio) -> None:
    studio.set(smile_right=0.7, blink_left=0.4, yaw_deg=6, dim_34=3, gaze_x_deg_right=5)
    edit = studio.run("() => studio.store.edits()")
    studio.page.keyboard.press("m")
    mirrored = studio.run("() => studio.store.edits()")
    assert mirrored["smile_left"] == pytest.approx(0.7) and mirrored["blink_right"] == pytest.approx(0.4)
    assert mirrored["yaw_deg"] == pytest.approx(-6) and mirrored["dim_46"] == pytest.approx(3)
    assert mirrored["gaze_x_deg_left"] == pytest.approx(-5)
    studio.page.keyboard.press("m")
    assert studio.run("() => studio.store.edits()") == pytest.approx(edit)


def test_emotions_share_a_hundred_percent(studio: Studio) -> None:
    studio.panel("emotion")
    studio.set(emotion_happy=0.6, emotion_sad=0.4, emotion_fear=0.5)
    shares = [studio.get(f"emotion_{name}") for name in ("happy", "sad", "fear")]
    assert sum(shares) == pytest.approx(1)
    assert shares == pytest.approx([0.3, 0.2, 0.5])
    studio.settle()
    spans = studio.page.locator(".panel.open .mix span").all_inner_texts()
    assert spans == ["Fear", "Happy", "Sad"]


def test_gaze_per_eye_and_converge(studio: Studio) -> None:
    studio.panel("eyes")
    studio.set(gaze_x_deg=6)
    field = studio.row("gaze_converge").locator(".value")
    field.fill("4")
    field.press("Enter")
    assert (studio.get("gaze_x_deg_right"), studio.get("gaze_x_deg_left")) == (pytest.approx(10), pytest.approx(2))
    studio.page.locator("[data-side=left]").click()
    field = studio.row("gaze_x_deg_left").locator(".value")
    field.fill("-3")
    field.press("Enter")
    assert (studio.get("gaze_x_deg_right"), studio.get("gaze_x_deg_left")) == (pytest.approx(10), pytest.approx(-3))
    studio.page.locator("[data-side=both]").click()


def test_eye_ratio_rests_at_the_photo(studio: Studio) -> None:
    studio.panel("eyes")
    measured = studio.run("() => studio.state.portrait.eye_ratio")
    assert _value(studio, "eye_ratio") == f"{sum(measured) / 2:.3f}"
    before = studio.pixels()
    studio.set(eye_ratio=0.05)
    assert difference(before, studio.pixels()) > 0.2
    studio.row("eye_ratio").locator("[data-reset]").click()
    studio.settle()
    assert studio.run("() => studio.store.raw('eye_ratio_right')") == -1
    assert (studio.pixels() == before).all()


def test_search_finds_by_name_number_and_point(studio: Studio) -> None:
    studio.page.keyboard.press("/")
    box = studio.page.locator("[data-section=dims] input[type=search]")
    assert box.evaluate("element => element === document.activeElement")

    def hits(text: str) -> list[str]:
        box.fill(text)
        return studio.run("""() => [...document.querySelectorAll('[data-section=dims] .sl')]
            .filter(cell => cell.offsetParent).map(cell => cell.dataset.key)""")

    assert hits("jaw open") == ["dim_58"]
    assert set(hits("34")) == {"dim_34"}
    assert set(hits("point 19")) >= {"dim_57", "dim_58", "dim_59"}
    assert hits("nothing like it") == []
    # single letters typed here are text, not shortcuts
    box.press("m")
    assert studio.run("() => studio.history.size()") == 0
    assert len(hits("")) > 20


def test_limited_controls_are_marked_and_listed(studio: Studio) -> None:
    studio.set(dim_34=studio.run("() => studio.table.controls.get('dim_34').hi"), limit_strength=2)
    row = studio.row("dim_34")
    assert "limited" in (row.get_attribute("class") or "")
    asked, given = studio.run("() => studio.state.limits.dim_34")
    assert abs(given) < abs(asked)
    assert "limited to" in (row.locator("input[type=range]").get_attribute("aria-valuetext") or "")
    # the field keeps what was asked
    assert float(_value(studio, "dim_34").replace("+", "")) == pytest.approx(asked, abs=0.06)
    studio.page.locator(".foot .bites").click()
    assert studio.run("() => studio.state.panel") == "regions"
    studio.page.locator("[data-jump=dim_34]").click()
    assert studio.run("() => studio.state.panel") == "expression"
    assert row.locator("input[type=range]").evaluate("element => element === document.activeElement")


def test_regions_follow_silhouette_row_preset_and_invert(studio: Studio) -> None:
    studio.panel("regions")
    studio.page.locator('.rgn[data-region="region_mouth_right"]').click()
    studio.settle()
    assert (studio.get("region_mouth_right"), studio.get("region_mouth_left")) == (0, 0)
    assert studio.row("region_mouth").locator(".switch").get_attribute("aria-checked") == "false"
    # a name is as good as its switch
    studio.page.locator('[data-panel-body=regions] .sl[data-key="region_nose"] .name').click()
    studio.settle()
    assert (studio.get("region_nose"), studio.get("region_jaw")) == (0, 1)
    studio.page.locator('[data-preset="lips_only"]').click()
    studio.settle()
    assert studio.get("region_mouth") == 1 and studio.get("region_nose") == 0
    assert studio.page.locator('[data-preset="lips_only"]').get_attribute("aria-pressed") == "true"
    studio.page.locator("[data-panel-body=regions] [data-action=invert]").click()
    studio.settle()
    assert studio.get("region_mouth") == 0 and studio.get("region_nose") == 1
    assert studio.page.locator('[data-preset="except_lips"]').get_attribute("aria-pressed") == "true"
    studio.set(region_nose=0.5)
    assert studio.page.locator('.chip[data-preset][aria-pressed="true"]').count() == 0


def test_hold_to_compare_shows_the_source(studio: Studio) -> None:
    source = studio.pixels()
    studio.set(yaw_deg=12, smile=0.8)
    edited = studio.pixels()
    studio.page.keyboard.down("c")
    studio.page.wait_for_function("() => studio.dom.root().classList.contains('comparing')")
    studio.page.wait_for_timeout(150)
    assert difference(studio.pixels(), source) < 3 < difference(edited, source)
    studio.page.keyboard.up("c")
    assert (studio.pixels() == edited).all()


def test_reset_by_key_for_control_panel_and_all(studio: Studio) -> None:
    studio.set(jaw_open=0.5, smile=0.5, yaw_deg=5)
    studio.row("jaw_open").locator("input[type=range]").focus()
    studio.page.keyboard.press("r")
    assert studio.get("jaw_open") == 0 and studio.get("smile") == pytest.approx(0.5)
    studio.page.keyboard.press("Shift+R")
    assert studio.get("smile") == 0 and studio.get("yaw_deg") == pytest.approx(5)
    studio.page.locator(".bar [data-action=reset-all]").click()
    assert studio.run("() => studio.store.edits()") == {}


OVERLAYS_OF_A_CHANGE = """async () => {
    const shows = (name) => getComputedStyle(document.querySelector(name)).display !== 'none';
    const seen = () => [document.querySelector('canvas.picture').width, shows('.map .handles'), shows('.crop-frame')];
    const change = studio.view.choose('photo');
    const before = seen();
    await change;
    await studio.stage.settled();
    return [before, seen()];
}"""


def test_full_photo_zoom_and_face_map_keys(studio: Studio) -> None:
    studio.set(jaw_open=0.6)
    studio.page.keyboard.press("p")
    studio.page.wait_for_function("() => studio.state.view === 'photo'")
    studio.page.wait_for_function(
        "() => { const c = document.querySelector('canvas.picture'); return c.width !== 512 || c.height !== 512; }"
    )
    height, width = studio.pixels().shape[:2]
    photo = studio.run("() => studio.state.portrait.size")
    assert width / height == pytest.approx(photo[0] / photo[1], rel=0.02)
    studio.page.keyboard.press("p")
    studio.page.wait_for_function("() => document.querySelector('canvas.picture').width === 512")
    # the map stays with the face until the photo is here, the outline of the crop comes with it
    assert studio.run(OVERLAYS_OF_A_CHANGE) == [[512, True, False], [photo[0], False, True]]
    studio.page.keyboard.press("p")
    studio.page.wait_for_function("() => document.querySelector('canvas.picture').width === 512")
    studio.page.keyboard.press("+")
    assert studio.run("() => studio.viewport.level()") == pytest.approx(1.25)
    studio.page.keyboard.press("0")
    assert studio.run("() => studio.viewport.level()") == 1
    studio.page.keyboard.press("f")
    assert not studio.page.locator(".map .handles").is_visible()
    studio.page.keyboard.press("f")
    assert studio.page.locator(".map .handles").is_visible()


def test_sheet_popover_and_escape(studio: Studio) -> None:
    studio.page.keyboard.press("?")
    assert studio.page.locator("dialog.sheet").is_visible()
    studio.page.keyboard.press("Escape")
    assert studio.page.locator("dialog.sheet").count() == 0
    studio.page.locator(".badge").click()
    text = studio.page.locator(".popover").inner_text()
    assert "WebSocket" in text and studio.run("() => studio.state.data.renderer.reason") in text
    studio.page.keyboard.press("Escape")
    assert studio.page.locator(".popover").count() == 0


def test_badge_and_export_panel_say_how_to_get_the_neural_renderer(studio: Studio) -> None:
    command = "python -m pipelines checkpoints fetch neural"
    words = ("No neural weight files are on this machine.", command, "522 MB to download")
    studio.page.locator(".badge").click()
    popover = studio.page.locator(".popover").inner_text()
    assert "Mesh renderer" in popover and "draws on any CPU" in popover
    assert all(word in popover for word in words)
    studio.page.keyboard.press("Escape")
    studio.panel("export")
    section = studio.page.locator("#st-neural")
    section.get_by_text(command).wait_for()
    assert section.get_by_role("button", name="Render this still with the neural renderer").is_disabled()
    assert all(word in section.inner_text() for word in words)
    assert section.get_by_role("button", name="Build engines").count() == 0


@pytest.mark.alone
def test_a_fast_drag_stays_cheap_and_its_last_value_arrives(studio: Studio) -> None:
    script = """async () => {
        const input = document.querySelector('.sl[data-key="jaw_open"] input[type=range]');
        const times = [];
        for (let i = 0; i < 60; i++) {
            input.value = i / 60;
            const start = performance.now();
            input.dispatchEvent(new Event('input', {bubbles: true}));
            times.push(performance.now() - start);
            await new Promise(done => setTimeout(done, 16));
        }
        input.dispatchEvent(new Event('change', {bubbles: true}));
        const sent = studio.stage.sentSeq;
        await studio.stage.settled();
        times.sort((a, b) => a - b);
        return {median: times[30], last: studio.get('jaw_open'), drawn: studio.stage.drawnSeq >= sent};
    }"""
    result = studio.run(script)
    assert result["last"] == pytest.approx(0.98, abs=0.005)
    assert result["drawn"]
    # generous against the two milliseconds of the design: test machines are shared
    assert result["median"] < 4
    shown = studio.pixels()
    studio.run("() => { studio.set('jaw_open', 0.1); studio.set('jaw_open', 0.98); }")
    studio.settle()
    assert (studio.pixels() == shown).all()
