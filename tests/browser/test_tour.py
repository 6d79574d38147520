"""The first-visit tour."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.driver import DESKTOP, PHONE, Studio, open_context, open_studio

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("size", "is_touch"), [(DESKTOP, False), (PHONE, True)])
def test_a_first_visit_gets_three_steps_once(
    browser: Browser, studio_url: str, size: tuple[int, int], is_touch: bool
) -> None:
    context = open_context(browser, size, is_first_visit=True, has_touch=is_touch, is_mobile=is_touch)
    try:
        studio = open_studio(context, studio_url)
        page, card = studio.page, studio.page.get_by_role("dialog")
        titles = []
        for step in (1, 2, 3):
            expect(card.locator("small")).to_have_text(f"{step} of 3", timeout=20_000)
            titles.append(card.locator("h2").inner_text())
            # the card is whole on the screen, has the focus and names itself to a screen reader
            box = card.bounding_box()
            assert box and box["x"] >= 0 and box["y"] >= 0
            assert box["x"] + box["width"] <= size[0] and box["y"] + box["height"] <= size[1]
            assert page.evaluate("() => document.activeElement.dataset.tour") == "next"
            assert card.get_attribute("aria-describedby") == "tour-text"
            # what it speaks of is ringed whole, over what sticks in it, and the card covers none of the tabs
            target = page.locator((".viewport", "#st-side", ".bar .primary")[step - 1]).bounding_box()
            assert page.locator(".tour-ring").bounding_box() == target
            rail = page.locator(".rail").bounding_box()
            assert rail
            is_clear = box["x"] + box["width"] <= rail["x"] or box["y"] + box["height"] <= rail["y"]
            assert is_clear or step == 3
            words = card.locator("p").inner_text()
            assert not any(key in words for key in ("Ctrl", "Shift", "Hold C", "ouble click")) or not is_touch
            page.keyboard.press("Enter")
        assert len(set(titles)) == 3
        expect(card).to_have_count(0)
        assert page.locator(".tour-ring").count() == 0
        page.reload()
        page.wait_for_function("() => window.studio?.stage?.drawnSeq > 0")
        page.wait_for_timeout(1500)
        expect(page.locator(".tour")).to_have_count(0)
    finally:
        context.close()


def test_escape_skips_it_and_the_sheet_begins_it_again(browser: Browser, studio_url: str) -> None:
    context = open_context(browser, is_first_visit=True)
    try:
        studio = open_studio(context, studio_url)
        page = studio.page
        expect(page.locator(".tour")).to_be_visible(timeout=20_000)
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowLeft")
        expect(page.locator(".tour small")).to_have_text("1 of 3")
        # of two things that float the one in use closes first
        page.locator(".badge").press("Enter")
        expect(page.locator(".popover")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator(".popover")).to_have_count(0)
        expect(page.locator(".tour")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator(".tour")).to_have_count(0)
        assert studio.run("() => localStorage.getItem('studio.tour')") == "done"
        page.keyboard.press("?")
        page.locator("dialog.sheet [data-action=tour]").click()
        expect(page.locator(".tour small")).to_have_text("1 of 3")
        # trying what it speaks of keeps it; working elsewhere ends it and does what was clicked
        page.locator('[data-point="19"] .knob').click()
        expect(page.locator(".tour small")).to_have_text("1 of 3")
        page.locator("[data-tour=next]").click()
        page.locator("[data-tab=eyes]").click()
        expect(page.locator(".tour small")).to_have_text("2 of 3")
        page.locator(".tools [data-action=map]").click()
        expect(page.locator(".tour")).to_have_count(0)
        assert studio.run("() => [studio.state.panel, studio.state.map]") == ["eyes", False]
        studio.run("() => studio.tour.begin()")
        page.locator("[data-tour=skip]").click()
        expect(page.locator(".tour")).to_have_count(0)
    finally:
        context.close()


def test_a_returning_visitor_sees_the_picture_alone(studio: Studio) -> None:
    studio.page.wait_for_timeout(1200)
    assert studio.page.locator(".tour").count() == 0
