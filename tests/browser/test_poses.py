"""The Poses panel: click, strength, region, mirror, blend, preview, own poses, files, neutral, another photo."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

from pipelines.assets import ASSETS
from pipelines.motion.presets import find_pose, starter_poses
from tests.browser.driver import Studio, difference

pytestmark = pytest.mark.browser

PORTRAITS = ASSETS / "portraits"
LAUGH, WINK = "expression_laugh", "expression_wink"


@pytest.fixture
def poses(studio: Studio) -> Studio:
    """The panel with all thumbnails, nothing chosen, no own pose."""
    studio.panel("poses")
    studio.page.wait_for_function(
        "count => document.querySelectorAll('.pose img').length >= count", arg=len(starter_poses())
    )
    studio.page.locator("[data-action=reset-pose]").click()
    studio.run("() => studio.poseShelf.own().forEach(pose => studio.poseShelf.remove(pose.key))")
    studio.page.mouse.move(10, 300)
    return studio


def click(studio: Studio, key: str) -> None:
    card = studio.page.locator(f'.pose[data-pose="{key}"] button').first
    card.click()
    expect(card).to_have_attribute("aria-pressed", "true")
    studio.page.mouse.move(10, 300)
    studio.settle()


def edits(studio: Studio) -> dict[str, float]:
    return studio.run("() => studio.store.edits()")


def test_a_click_lays_the_pose_and_undo_takes_it_off(poses: Studio) -> None:
    rest = poses.pixels()
    click(poses, LAUGH)
    wanted = find_pose(LAUGH).edit.values()
    assert edits(poses) == pytest.approx(wanted)
    assert difference(poses.pixels(), rest) > 0.5
    poses.run("() => studio.history.undo()")
    poses.settle()
    assert edits(poses) == {} and (poses.pixels() == rest).all()


def test_strength_region_and_mirror_go_on_acting_on_the_chosen_pose(poses: Studio) -> None:
    click(poses, LAUGH)
    strength = poses.row("pose_strength").locator("input.value")
    strength.fill("50")
    strength.press("Enter")
    poses.page.wait_for_function("() => Math.abs(studio.get('smile') - 0.5) < 0.01")
    poses.page.locator('[data-region-choice="lips_only"]').click()
    poses.page.wait_for_function("() => Math.abs(studio.get('squint')) < 0.02")
    assert poses.get("smile") > 0.3
    poses.page.locator("[data-action=reset-pose]").click()
    poses.page.wait_for_function("() => Math.abs(studio.get('squint') - 0.5) < 0.01")
    click(poses, WINK)
    assert poses.get("blink_left") == 1 and poses.get("blink_right") == 0
    poses.page.locator("[data-flag=mirror]").check()
    poses.page.wait_for_function("() => studio.get('blink_right') === 1 && studio.get('blink_left') === 0")
    # a change by hand ends that: the next strength no longer touches the edit
    poses.run("() => { studio.set('yaw_deg', 5); studio.history.commit('Yaw'); }")
    expect(poses.page.locator('.pose [aria-pressed="true"]')).to_have_count(0)


def test_two_poses_blend_with_a_slider(poses: Studio) -> None:
    poses.page.locator("[data-blend]").select_option("expression_kiss")
    click(poses, LAUGH)
    poses.page.wait_for_function("() => Math.abs(studio.get('pucker') - 0.5) < 0.01")
    share = poses.row("pose_share").locator("input[type=range]")
    share.press("End")
    poses.page.wait_for_function("() => studio.get('pucker') === 1 && Math.abs(studio.get('smile')) < 0.01")


def test_over_a_layer_that_multiplies_a_pose_becomes_a_layer_of_its_own(poses: Studio) -> None:
    rest = poses.pixels()
    poses.run("() => studio.doc.send('add_layer', {layer: {name: 'Twice', mode: 'multiply', channels: {}}})")
    poses.run("() => studio.doc.setTarget(0)")
    click(poses, LAUGH)
    layers = poses.run("() => studio.state.doc.layers.map(layer => [layer.name, layer.mode])")
    assert layers == [["Twice", "multiply"], [find_pose(LAUGH).label, "add"]]
    assert poses.run("() => studio.state.target") == 1
    expect(poses.page.locator(".toast[data-kind=info]")).to_contain_text("a layer of its own")
    assert poses.get("smile") == pytest.approx(1) and difference(poses.pixels(), rest) > 0.5
    # strength goes on acting on that layer, and one step of undo takes it away
    strength = poses.row("pose_strength").locator("input.value")
    strength.fill("50")
    strength.press("Enter")
    poses.page.wait_for_function(
        "() => Math.abs((studio.state.doc.layers[1]?.channels.smile_left?.[0][1] ?? 0) - 0.5) < 0.01"
    )
    assert len(poses.run("() => studio.state.doc.layers")) == 2
    poses.run("() => studio.history.undo()")
    poses.run("() => studio.history.undo()")
    poses.settle()
    assert poses.run("() => studio.state.doc.layers.length") == 1 and (poses.pixels() == rest).all()


def test_hovering_shows_the_pose_and_keeps_the_edit(poses: Studio) -> None:
    rest = poses.pixels()
    poses.page.locator(f'.pose[data-pose="{LAUGH}"]').hover()
    poses.page.wait_for_function("() => studio.dom.root().classList.contains('previewing')")
    assert difference(poses.pixels(), rest) > 0.5
    assert edits(poses) == {} and not poses.run("() => studio.history.canUndo()")
    poses.page.mouse.move(10, 300)
    poses.page.wait_for_function("() => !studio.dom.root().classList.contains('previewing')")
    assert (poses.pixels() == rest).all()
    poses.run("() => studio.transport.request()")
    poses.settle()
    assert (poses.pixels() == rest).all()


def test_own_poses_are_kept_exported_and_imported(poses: Studio, tmp_path: Path) -> None:
    page = poses.page
    poses.set(smile=0.7, brow_raise=0.4)
    page.locator("[data-section=own-poses] form input").fill("Glad")
    page.locator("[data-section=own-poses] form button").click()
    own = page.locator("[data-group=own] .pose")
    expect(own).to_have_text("Glad")
    assert len(json.loads(poses.run("() => localStorage.getItem('studio.poses')"))) == 1
    with page.expect_download() as download:
        page.locator("[data-action=export-poses]").click()
    file = tmp_path / "poses.json"
    download.value.save_as(file)
    own.hover()
    own.locator("[data-action=delete-pose]").click()
    expect(own).to_have_count(0)
    poses.run("() => studio.actions.resetAll()")
    page.locator("[data-section=own-poses] input[type=file]").set_input_files(file)
    expect(own).to_have_text("Glad")
    page.mouse.move(10, 300)
    own.locator("button").first.click()
    page.wait_for_function("() => Math.abs(studio.get('smile') - 0.7) < 1e-3")
    assert poses.get("brow_raise") == pytest.approx(0.4)
    bad = tmp_path / "bad.json"
    bad.write_text('{"format": "ditto-poses", "version": 9}')
    page.locator("[data-section=own-poses] input[type=file]").set_input_files(bad)
    expect(page.locator(".toast[data-kind=error]")).to_contain_text("Version of the pose file should be 1")
    expect(own).to_have_count(1)


def test_neutral_takes_the_photos_expression_away_and_another_photo_gives_its_own(poses: Studio) -> None:
    page = poses.page
    rest = poses.pixels()
    page.locator("[data-pose-chip=neutral]").click()
    page.wait_for_function("() => Object.keys(studio.store.edits()).length > 5")
    poses.settle()
    neutral = edits(poses)
    assert difference(poses.pixels(), rest) > 0.2
    poses.run("() => studio.actions.resetAll()")
    page.locator("#st-match input[type=file]").set_input_files(PORTRAITS / "astronaut.jpg")
    expect(page.locator("[data-pose-chip=match]")).to_have_attribute("aria-pressed", "true", timeout=20_000)
    matched = edits(poses)
    assert len(matched) > 5 and matched != neutral and "yaw_deg" not in matched
    page.locator("[data-flag=head]").check()
    page.wait_for_function("() => 'yaw_deg' in studio.store.edits()")
    page.locator("[data-flag=head]").uncheck()
