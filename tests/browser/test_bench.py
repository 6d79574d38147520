"""The Bench panel: a sweep with progress and cancel, figures, table, sheet, CSV and plot; two settings."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.driver import Studio

pytestmark = pytest.mark.browser
MEASURE_MS = 60_000


@pytest.fixture
def bench(studio: Studio) -> Studio:
    studio.panel("bench")
    studio.page.locator("[data-section=sweep] [data-steps='5']").click()
    return studio


def measure(studio: Studio, action: str, title: str) -> None:
    studio.page.locator(f"[data-action={action}]").click()
    expect(studio.page.locator("[data-section=result] [data-title]")).to_have_text(title, timeout=MEASURE_MS)
    studio.page.wait_for_function("() => !studio.jobs.running()")


def test_a_sweep_shows_figures_table_sheet_csv_and_plot(bench: Studio, tmp_path: Path) -> None:
    page = bench.page
    page.locator("[data-control]").select_option("jaw_open")
    measure(bench, "sweep", "Jaw open")
    assert "% of the change outside its regions" in page.locator(".figures-list").inner_text()
    values = page.locator(".bench-table tbody tr td:first-child").all_inner_texts()
    assert (len(values), values[-1]) == (5, "100\u202f%")
    page.wait_for_function("() => document.querySelector('.sheet-view img').naturalWidth >= 5 * 240")
    # all of the sheet shows in the panel, and a click shows it large
    sheet, side = page.locator(".sheet-view img").bounding_box(), page.locator("#st-side").bounding_box()
    assert sheet and side and sheet["x"] >= side["x"] and sheet["x"] + sheet["width"] <= side["x"] + side["width"]
    page.locator(".sheet-view a").click()
    page.wait_for_function("() => document.querySelector('dialog .large img')?.offsetWidth === 5 * 240")
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    with page.expect_download() as download:
        page.locator("[data-file=csv]").click()
    file = tmp_path / "figures.csv"
    download.value.save_as(file)
    rows = list(csv.DictReader(file.open()))
    assert [float(row["value"]) for row in rows] == [0, 0.25, 0.5, 0.75, 1]
    assert float(rows[-1]["jaw_pct"]) > float(rows[0]["jaw_pct"])
    page.wait_for_function("() => document.querySelectorAll('#st-bench-plot .scatterlayer .trace').length === 7")
    # measuring never touches the edit
    assert bench.run("() => studio.store.edits()") == {} and not bench.run("() => studio.history.canUndo()")


def test_a_side_of_a_control_is_swept_alone(bench: Studio) -> None:
    bench.page.locator("[data-control]").select_option("smile")
    bench.page.locator("[data-sweep-side]").select_option("smile_left")
    measure(bench, "sweep", "Smile, left")
    bench.page.locator("[data-control]").select_option("jaw_open")
    expect(bench.page.locator("[data-sweep-side]")).to_be_hidden()


def test_now_is_compared_with_a_stored_setting(bench: Studio) -> None:
    page = bench.page
    compare = page.locator("[data-action=compare-b]")
    page.locator("[data-action=keep-b]").click()
    expect(page.locator("[data-stored]")).to_contain_text("B: 0 values")
    bench.set(jaw_open=0.7)
    expect(compare).to_be_enabled()
    measure(bench, "compare-b", "A against B")
    rows = {cells[0]: float(cells[1]) for cells in (row.split() for row in page.locator("tbody tr").all_inner_texts())}
    assert rows["jaw"] > 2 * rows["brows"]


EDIT_AND_CANCEL = """() => new Promise(done => {
    const observer = new MutationObserver(() => {
        const cancel = [...document.querySelectorAll('.toast button')].find(button => button.textContent === 'Cancel');
        if (!cancel || !studio.jobs.running()) return;
        observer.disconnect();
        studio.set('smile', 0.8);
        cancel.click();
        done();
    });
    observer.observe(document.body, {childList: true, subtree: true, attributes: true, characterData: true});
    document.querySelector('[data-action=sweep]').click();
})"""
"""Starts a sweep, edits and cancels as soon as it says that it runs: from outside the page it may be over by then."""


def test_a_sweep_runs_beside_the_stage_and_can_be_cancelled(bench: Studio) -> None:
    page = bench.page
    title = page.locator("[data-section=result] [data-title]")
    page.locator("[data-control]").select_option("lip_press")
    measure(bench, "sweep", "Lip press")
    page.locator("[data-steps='13']").first.click()
    page.locator("[data-control]").select_option("pucker")
    before = bench.pixels()
    bench.run(EDIT_AND_CANCEL)
    bench.settle()
    assert (bench.pixels() != before).any()
    page.wait_for_function("() => !studio.jobs.running()", timeout=MEASURE_MS)
    assert title.text_content() == "Lip press"
