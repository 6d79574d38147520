"""The work comes back: after a reload, after the server was started anew, and from a project file."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.browser.driver import READY, Studio, open_context, open_studio
from tests.server import running_server

pytestmark = pytest.mark.browser

MAKE = """async () => {
    studio.set('yaw_deg', 8);
    studio.history.commit('Turn');
    await studio.layers.add({layer: {name: 'Smile'}});
    studio.set('smile', 0.8);
    studio.history.commit('Smile');
    await studio.doc.settled();
}"""
SAVED = "() => studio.state.savedAt"
LONGER = """{
    const start = window.setTimeout;
    window.setTimeout = (run, ms, ...more) => start(run, ms === 5000 ? 60000 : ms, ...more);
}"""
"""Information stays five seconds; a busy machine may look later."""


def make(studio: Studio) -> None:
    studio.run(MAKE)
    studio.settle()
    studio.page.wait_for_function(SAVED)


def came_back(studio: Studio) -> None:
    studio.page.wait_for_function(READY)
    studio.page.wait_for_function("() => studio.state.doc.layers.length === 1")
    studio.page.locator(".toast", has_text="Your last work is back.").wait_for()
    studio.settle()


def drop(studio: Studio, path: Path) -> None:
    """Let a file fall on the picture."""
    studio.run(
        """([name, bytes]) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))], name));
            const target = document.querySelector('#st-stage .viewport');
            target.dispatchEvent(new DragEvent('drop', {dataTransfer: transfer, bubbles: true, cancelable: true}));
        }""",
        [path.name, base64.b64encode(path.read_bytes()).decode()],
    )


@pytest.fixture
def context(browser: Browser):
    context = open_context(browser, accept_downloads=True)
    context.add_init_script(LONGER)
    yield context
    context.close()


def test_a_reload_and_a_closed_tab_bring_it_back_and_starting_over_ends_it(
    context: BrowserContext, studio_url: str
) -> None:
    studio = open_studio(context, studio_url)
    make(studio)
    before = studio.pixels()
    studio.page.reload()
    came_back(studio)
    assert (studio.pixels() == before).all()
    studio.page.close()
    again = open_studio(context, studio_url)
    came_back(again)
    assert (again.pixels() == before).all() and again.get("yaw_deg") == pytest.approx(8)
    again.page.locator(".toast [data-toast-action]").click()
    again.page.wait_for_function("() => studio.state.doc.layers.length === 0")
    again.page.reload()
    again.page.wait_for_function(READY)
    again.settle()
    assert again.run("() => studio.state.doc.layers.length") == 0 and again.get("yaw_deg") == 0


def test_a_restart_of_the_server_brings_it_back(context: BrowserContext, tmp_path: Path) -> None:
    folder = {"DITTO_RECOVERY": str(tmp_path)}
    with running_server(**folder) as (url, _):
        port = url.rsplit(":", 1)[1].strip("/")
        studio = open_studio(context, url.rstrip("/"))
        make(studio)
        before = studio.pixels()
    with running_server(**folder, GRADIO_SERVER_PORT=port):
        studio.page.reload()
        came_back(studio)
        assert (studio.pixels() == before).all()


def test_a_project_saved_and_opened_gives_the_same_pixels(
    context: BrowserContext, studio_url: str, tmp_path: Path
) -> None:
    studio = open_studio(context, studio_url)
    make(studio)
    before = studio.pixels()
    studio.panel("export")
    with studio.page.expect_download() as download:
        studio.page.locator("[data-action=save-project]").click()
    path = tmp_path / download.value.suggested_filename
    assert path.name == "ditto-mona_lisa-project.ditto"
    download.value.save_as(path)
    studio.page.locator("[data-action=start-over]").click()
    studio.page.wait_for_function("() => studio.state.doc.layers.length === 0")
    studio.settle()
    assert (studio.pixels() != before).any()
    studio.page.locator("[data-section=project] input[type=file]").set_input_files(path)
    studio.page.wait_for_function("() => studio.state.doc.layers.length === 1")
    studio.settle()
    assert (studio.pixels() == before).all()
    studio.run("() => studio.history.undo()")
    assert studio.run("() => studio.state.doc.layers.length") == 0
    drop(studio, path)
    studio.page.wait_for_function("() => studio.state.doc.layers.length === 1")
    bad = tmp_path / "bad.ditto"
    bad.write_bytes(b"PK no project")
    studio.page.locator("[data-section=project] input[type=file]").set_input_files(bad)
    studio.page.locator(".toast[data-kind=error]").wait_for()
    assert studio.run("() => studio.state.doc.layers.length") == 1


def test_the_list_of_steps_jumps(context: BrowserContext, studio_url: str) -> None:
    studio = open_studio(context, studio_url)
    make(studio)
    smile = studio.pixels()
    studio.page.locator(".bar [data-action=history]").click()
    steps = studio.page.locator(".popover.history [data-step]")
    assert steps.all_inner_texts() == ["Smile", "Add Smile", "Turn", "Open"]
    steps.last.click()
    studio.page.wait_for_function("() => studio.history.position() === 0")
    studio.settle()
    assert studio.get("yaw_deg") == 0
    steps.first.click()
    studio.page.wait_for_function("() => studio.history.position() === 3")
    studio.settle()
    assert (studio.pixels() == smile).all()
    studio.page.keyboard.press("Escape")
    assert steps.count() == 0
