"""The Layers panel on the real page: a layer changes pixels, mute takes them back, every step can be undone."""

from __future__ import annotations

import pytest

from tests.browser.driver import Studio, difference

pytestmark = pytest.mark.browser


def press(studio: Studio, selector: str) -> None:
    studio.page.locator(f"#st-panel-layers {selector}").click()
    studio.settle()


def layers(studio: Studio) -> list[dict]:
    return studio.run("() => studio.state.doc.layers")


@pytest.fixture
def smiling(studio: Studio) -> Studio:
    """A page whose only layer smiles and takes the sliders."""
    studio.panel("layers")
    press(studio, "[data-action=add-layer]")
    studio.panel("expression")
    field = studio.row("smile").locator(".value")
    field.fill("80")
    field.press("Enter")
    studio.settle()
    return studio


def test_a_slider_edits_the_layer_at_hand_and_says_so(studio: Studio) -> None:
    still = studio.pixels()
    studio.panel("layers")
    press(studio, "[data-action=add-layer]")
    studio.panel("expression")
    strip = studio.page.locator("#st-panel-expression .target")
    assert "Layer 1" in strip.inner_text()
    studio.set(smile=0.8)
    dragged = studio.pixels()
    assert difference(still, dragged) > 0.3
    assert layers(studio)[0]["channels"] == {}
    studio.run("() => studio.history.commit('Smile')")
    studio.settle()
    assert layers(studio)[0]["channels"]["smile_left"] == [[0, 0.8, "hold"]]
    assert (studio.pixels() == dragged).all()
    strip.locator("[data-action=to-base]").click()
    studio.settle()
    assert studio.get("smile") == 0 and strip.count() == 0
    assert (studio.pixels() == dragged).all()


def test_mute_takes_it_back_and_opacity_is_between(smiling: Studio) -> None:
    smile = smiling.pixels()
    smiling.panel("layers")
    press(smiling, "[data-action=mute]")
    still = smiling.pixels()
    assert difference(still, smile) > 0.3
    press(smiling, "[data-action=mute]")
    assert (smiling.pixels() == smile).all()
    field = smiling.row("layer_opacity").locator(".value")
    field.fill("50")
    field.press("Enter")
    smiling.settle()
    assert layers(smiling)[0]["opacity"] == 0.5
    assert 0 < difference(smiling.pixels(), still) < difference(smile, still)


def test_undo_redo_and_jump_walk_over_layers(smiling: Studio) -> None:
    smile = smiling.pixels()
    smiling.panel("layers")
    press(smiling, "[data-action=duplicate]")
    press(smiling, "[data-action=remove]")
    labels = smiling.run("() => studio.history.labels()")
    assert labels[1:] == ["Add Layer 1", "Smile", "Duplicate Layer 1", "Delete Layer 1 copy"]
    for _ in range(4):
        smiling.page.keyboard.press("Control+z")
    smiling.settle()
    assert layers(smiling) == [] and smiling.run("() => studio.state.target") is None
    assert difference(smiling.pixels(), smile) > 0.3
    smiling.page.keyboard.press("Control+Shift+z")
    smiling.page.keyboard.press("Control+Shift+z")
    smiling.settle()
    assert (smiling.pixels() == smile).all()
    smiling.run("() => studio.history.jump(3)")
    smiling.settle()
    assert [layer["name"] for layer in layers(smiling)] == ["Layer 1", "Layer 1 copy"]


def test_rename_reorder_solo_and_mode(smiling: Studio) -> None:
    smiling.panel("layers")
    press(smiling, "[data-action=add-layer]")
    page = smiling.page
    page.locator("#st-panel-layers .layer >> nth=0").locator(".pick").dblclick()
    field = page.locator(".layers .rename")
    field.fill("Brows")
    field.press("Enter")
    smiling.settle()
    assert [layer["name"] for layer in layers(smiling)] == ["Layer 1", "Brows"]
    press(smiling, "[data-action=lower]")
    assert [layer["name"] for layer in layers(smiling)] == ["Brows", "Layer 1"]
    assert smiling.run("() => studio.state.target") == 0
    smile = smiling.pixels()
    press(smiling, ".layer >> nth=1 >> [data-action=solo]")
    assert difference(smiling.pixels(), smile) > 0.3
    press(smiling, ".layer >> nth=1 >> [data-action=solo]")
    press(smiling, "[data-mode=set]")
    assert layers(smiling)[0]["mode"] == "set"
    press(smiling, "[data-mode=multiply]")
    smiling.panel("expression")
    assert smiling.row("smile").locator("input[type=range]").is_disabled()
    smiling.run("() => studio.doc.setTarget(null)")
    assert smiling.row("smile").locator("input[type=range]").is_enabled()


def test_the_edit_moves_into_a_layer_without_a_change_and_regions_hold_it_back(studio: Studio) -> None:
    still = studio.pixels()
    studio.set(smile=0.8, brow_raise=0.8)
    studio.run("() => studio.history.commit('Face')")
    edited = studio.pixels()
    studio.panel("layers")
    press(studio, "[data-action=from-edit]")
    assert studio.run("() => studio.doc.edit()") == {} and difference(studio.pixels(), edited) < 0.2
    press(studio, "[data-layer-preset=upper_face]")
    upper = studio.pixels()
    assert difference(upper[330:430], still[330:430]) < 0.2 < difference(upper[120:230], still[120:230])


def test_a_dragged_opacity_is_one_step(smiling: Studio) -> None:
    smiling.panel("layers")
    before = smiling.run("() => studio.history.position()")
    box = smiling.row("layer_opacity").locator("input[type=range]").bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    smiling.page.mouse.move(box["x"] + box["width"] - 6, y)
    smiling.page.mouse.down()
    smiling.page.mouse.move(box["x"] + 0.3 * box["width"], y, steps=20)
    smiling.page.mouse.up()
    smiling.settle()
    assert layers(smiling)[0]["opacity"] == pytest.approx(0.3, abs=0.04)
    assert smiling.run("() => studio.history.position()") == before + 1


HUES = """() => [...document.querySelectorAll('.layers .layer:not(.base), .trow, .tl')]
    .filter(row => row.textContent.includes('Layer 1'))
    .map(row => row.querySelector('.dot-region').style.getPropertyValue('--c'))"""


def test_a_layer_has_one_hue_in_the_stack_and_on_the_timeline(studio: Studio) -> None:
    studio.set(pucker=0.2, brow_raise=0.8)
    studio.run("() => studio.history.commit('Face')")
    studio.panel("layers")
    press(studio, "[data-action=from-edit]")
    press(studio, "[data-action=pick] >> nth=0")
    studio.page.keyboard.press("k")
    studio.page.wait_for_function("() => studio.timeline.isOpen()")
    studio.settle()
    assert studio.run(HUES) == ["var(--rg-brows)"] * 2
