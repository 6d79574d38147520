"""Compare on the stage: wipe, side by side, difference in grey levels, zoomed and in both views."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import numpy as np
import pytest

from tests.browser.driver import Studio, difference

pytestmark = pytest.mark.browser

EDIT = {"yaw_deg": 10, "smile": 0.8, "jaw_open": 0.3}
SIDES = """() => ['canvas.against', 'canvas.picture'].map(name => {
    const canvas = document.querySelector(name);
    const bytes = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    let text = '';
    for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
    return [canvas.width, canvas.height, btoa(text)];
})"""


def both_sides(studio: Studio) -> list[np.ndarray]:
    """(H, W, 3) uint8 of what stands against the edit, and of the edit, at one moment."""
    return [
        np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width, 4)[:, :, :3]
        for width, height, text in studio.run(SIDES)
    ]


def against(studio: Studio) -> np.ndarray:
    """(H, W, 3) uint8 of what stands against the edit."""
    return both_sides(studio)[0]


def choose(studio: Studio, mode: str) -> None:
    studio.run("mode => studio.comparison.choose(mode)", mode)
    studio.run("() => studio.comparison.settled()")


def shot(studio: Studio) -> np.ndarray:
    """(H, W, 3) of the picture as it shows on the screen."""
    import cv2

    data = studio.page.locator("canvas.picture").screenshot(animations="disabled")
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


@pytest.fixture
def edited(studio: Studio) -> Iterator[Studio]:
    studio.set(**EDIT)
    yield studio
    studio.run("() => studio.comparison.choose('')")


def test_wipe_shows_the_source_left_of_a_divider_that_follows_pointer_and_keys(edited: Studio) -> None:
    page, picture = edited.page, edited.pixels()
    page.keyboard.press("v")
    choose(edited, "wipe")
    assert (against(edited) == edited.source()).all() and (edited.pixels() == picture).all()
    box = page.locator("canvas.picture").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 60, steps=4)
    page.mouse.up()
    wipe = page.locator(".wipe")
    assert abs(int(wipe.get_attribute("aria-valuenow") or 0) - 25) <= 1
    wipe.press("ArrowRight")
    wipe.press("Shift+ArrowRight")
    assert abs(int(wipe.get_attribute("aria-valuenow") or 0) - 36) <= 1
    wipe.press("End")
    whole = shot(edited)
    wipe.press("Home")
    none = shot(edited)
    side = whole.shape[1]
    wipe.press("End")
    for _ in range(5):
        wipe.press("Shift+ArrowLeft")
    half = shot(edited)
    left, right = (slice(60, side - 60), slice(20, side // 2 - 40)), (slice(60, side - 60), slice(side // 2 + 40, -40))
    assert (half[left] == whole[left]).all() and (half[right] == none[right]).all()
    assert np.abs(whole[left].astype(int) - none[left]).mean() > 1
    page.keyboard.press("v")
    assert page.locator(".wipe").is_hidden() and (edited.pixels() == picture).all()


@pytest.mark.parametrize("view", ["crop", "photo"])
def test_side_by_side_is_source_and_edit_at_one_size_and_zooms_together(edited: Studio, view: str) -> None:
    page = edited.page
    edited.run("view => studio.view.choose(view)", view)
    edited.settle()
    choose(edited, "side")
    edited.settle()
    assert (against(edited) == edited.source(view)).all()
    for _ in range(2):
        edited.stand_still()
        source, edit = (page.locator(f"canvas.{name}").bounding_box() for name in ("against", "picture"))
        assert source and edit
        assert source["width"] == pytest.approx(edit["width"], abs=1)
        assert source["y"] == pytest.approx(edit["y"], abs=1)
        assert source["x"] + source["width"] < edit["x"]
        edited.run("() => studio.viewport.zoomIn()")
    edited.run("() => studio.viewport.fit()")
    edited.stand_still()
    source, edit, room = (
        page.locator(css).bounding_box() for css in ("canvas.against", "canvas.picture", ".viewport")
    )
    assert source and edit and room
    assert source["x"] >= room["x"] and edit["x"] + edit["width"] <= room["x"] + room["width"]


@pytest.mark.parametrize("view", ["crop", "photo"])
def test_difference_is_the_largest_of_three_channels_times_the_gain(edited: Studio, view: str) -> None:
    edited.run("view => studio.view.choose(view)", view)
    edited.settle()
    choose(edited, "difference")
    level = np.abs(edited.pixels().astype(int) - edited.source(view)).max(-1)
    scale = against(edited)
    figures = edited.page.locator("[data-figures]").inner_text()
    assert f"largest {level.max()} " in figures and f"{100 * np.mean(level > 0):.1f}" in figures
    # equal levels have one colour, more is brighter, and with gain 4 everything from 64 on is the last one
    brightness = np.array([scale[level == step].sum(-1).mean() for step in (0, 8, 16, 32, 63)])
    assert (np.diff(brightness) > 0).all()
    assert len(np.unique(scale[level >= 64], axis=0)) == 1
    assert all(len(np.unique(scale[level == step], axis=0)) == 1 for step in (0, 8, 32))
    gain = edited.page.locator(".gain input")
    gain.press("Home")
    assert edited.page.locator("[data-full]").inner_text() == "255 levels"
    assert against(edited)[level >= 8].sum(-1).mean() < scale[level >= 8].sum(-1).mean()
    edited.page.locator(".gain input").press("ArrowRight")
    edited.page.locator(".gain input").press("ArrowRight")


def test_without_an_edit_nothing_differs_and_a_drag_is_followed(studio: Studio) -> None:
    choose(studio, "difference")
    assert "largest 0 · 0.0" in studio.page.locator("[data-figures]").inner_text()
    dark = against(studio)
    assert len(np.unique(dark.reshape(-1, 3), axis=0)) == 1
    studio.set(smile=0.6)
    assert (against(studio) != dark).any()
    studio.run("() => studio.comparison.choose('')")


def test_holding_shows_the_source_in_every_mode(edited: Studio) -> None:
    choose(edited, "wipe")
    picture = edited.pixels()
    edited.page.keyboard.down("c")
    edited.run("() => studio.comparison.settled()")
    assert (edited.pixels() == edited.source()).all() and edited.page.locator("canvas.against").is_hidden()
    edited.page.keyboard.up("c")
    assert (edited.pixels() == picture).all() and edited.page.locator("canvas.against").is_visible()


def test_before_and_after_of_one_layer(edited: Studio) -> None:
    edited.run("() => studio.history.commit('Edit')")
    edited.settle()
    alone = edited.pixels()
    edited.run("() => studio.doc.send('add_layer', {layer: {name: 'Brows', channels: {}}})")
    edited.run("""() => studio.doc.send('key',
        {index: 0, time_s: 0, values: {brow_raise_right: 0.9, brow_raise_left: 0.9}, auto_key: false})""")
    edited.settle()
    both = edited.pixels()
    assert (both != alone).any()
    choose(edited, "wipe")
    edited.page.locator(".against-choice select").select_option(label="Without Brows")
    edited.run("() => studio.comparison.settled()")
    assert (against(edited) == alone).all() and (edited.pixels() == both).all()
    assert edited.page.locator(".side-label.left").inner_text() == "Without Brows"
    # what the others do goes on in both, from the first move of the hand
    edited.set(yaw_deg=-8)
    assert difference(against(edited), alone) > 3
    edited.run("() => studio.history.commit('Yaw')")
    edited.settle()
    edited.run("() => studio.comparison.settled()")
    turned = edited.pixels()
    off = against(edited)
    edited.run("() => studio.doc.send('remove_layer', {index: 0})")
    edited.settle()
    edited.run("() => studio.comparison.settled()")
    assert (off == edited.pixels()).all() and (turned != off).any()
    # the layer is gone: the source again
    assert (against(edited) == edited.source()).all() and edited.page.locator(".against-choice").is_hidden()
