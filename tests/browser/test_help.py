"""Help on the real page: two lines a panel, and a tooltip with unit and source for every control."""

from __future__ import annotations

import pytest

from tests.browser.driver import Studio

pytestmark = pytest.mark.browser

PANELS = 12
LINES = """key => [...document.querySelectorAll(`#st-panel-${key} .panel-head p`)].map(
    line => Math.round(line.getBoundingClientRect().height / parseFloat(getComputedStyle(line).lineHeight)))"""
WITHOUT_HELP = r"""() => {
    // Plotly's own buttons have tooltips of their own; file fields and the download are pressed by other buttons
    const controls = [...document.querySelectorAll(`#studio :is(button, input, select, textarea, a[href],
        [role=slider], [role=switch], [tabindex="0"])`)]
        .filter(control => !control.matches('[type=file], #st-download, .modebar *'));
    const tipOf = control => [control.closest('[title]')?.title, control.querySelector(':scope > title')?.textContent,
        control.getAttribute('aria-description')].filter(Boolean).join(' ');
    const isNumeric = control => control.matches('input[type=range], input.value, [role=slider]')
        || [...control.options ?? []].some(option => Number(option.value) && /^\d/.test(option.text))
        || control.matches('[role=radio]') && /^\d+$/.test(control.textContent.trim());
    const isHelped = control => isNumeric(control) ? /unit: .+ source: /.test(tipOf(control)) : tipOf(control);
    return {count: controls.length, values: controls.filter(isNumeric).length,
        without: controls.filter(control => !isHelped(control)).map(control =>
            `${control.closest('[data-panel-body], .block')?.id}: ${control.outerHTML.slice(0, 120)}`)};
}"""


@pytest.fixture
def everything(studio: Studio) -> Studio:
    """A page with a layer, chosen keys, poses and a comparison: all that comes and goes is there."""
    studio.run("() => studio.doc.send('add_layer', {index: 0}).then(() => studio.doc.setTarget(0))")
    for frame in (0, 20):
        studio.run("frame => studio.playback.seek(frame)", frame)
        studio.set(smile=0.3 + frame / 40)
        studio.run("() => studio.keying.addAtPlayhead()")
        studio.settle()
    studio.run("() => studio.keying.selectAll()")
    studio.run("() => studio.comparison.choose('wipe')")
    studio.panel("poses")
    studio.page.locator("#st-panel-poses .pose").first.wait_for()
    studio.page.locator("#st-voice button").first.wait_for(state="attached")
    return studio


def test_every_panel_has_two_lines_and_every_control_a_tooltip(everything: Studio) -> None:
    panels = everything.run("() => studio.availablePanels().map(panel => panel.key)")
    assert len(panels) == PANELS
    for panel in panels:
        everything.panel(panel)
        assert everything.run(LINES, panel) == [1, 1], panel
    everything.run("() => studio.keyMenu.open({clientX: 300, clientY: 300})")
    found = everything.run(WITHOUT_HELP)
    everything.run("() => studio.keyMenu.close()")
    assert found["count"] > 500 and found["values"] > 250
    assert found["without"] == []


PROBE = r"""() => {
    const looks = item => ['', '::before', '::after'].map(part => {
        const style = getComputedStyle(item, part || undefined);
        return [style.outline, style.boxShadow, style.borderTopColor, style.stroke, style.strokeWidth].join();
    });
    const around = item => [item, item.parentElement, item.parentElement.parentElement, ...item.querySelectorAll('*')];
    let last = null, before = null;
    window.stop = () => {
        const item = document.activeElement, problems = [];
        // the knob of a slider, which has the ring, tells its style to nobody
        const isOver = last?.isConnected && last !== item && !last.matches('[type=range]');
        if (isOver && around(last).map(looks).join() === before) {
            problems.push('no ring: ' + last.outerHTML.slice(0, 120));
        }
        last = item === document.body ? null : item;
        if (!last) return {problems, isEnd: true};
        before = around(item).map(looks).join();
        const {top, bottom, left, right} = item.getBoundingClientRect();
        const isSeen = item.checkVisibility({opacityProperty: true, visibilityProperty: true}) && right > left
            && top >= -1 && left >= -1 && bottom <= innerHeight + 1 && right <= innerWidth + 1;
        if (!isSeen) problems.push('hidden: ' + item.outerHTML.slice(0, 120));
        return {problems, isEnd: false};
    };
}"""


def test_tab_reaches_only_what_is_seen_and_leads_out_again(everything: Studio) -> None:
    page = everything.page
    everything.run("() => studio.playback.setLoop(true)")
    everything.run(PROBE)
    for panel in ("expression", "regions", "export"):
        everything.panel(panel)
        everything.run("() => { document.activeElement.blur(); stop(); }")
        stops, found = 0, {"isEnd": False}
        while not found["isEnd"] and stops < 250:
            stops += 1
            page.keyboard.press("Tab")
            found = everything.run("() => stop()")
            assert found["problems"] == [], panel
        assert found["isEnd"] and stops > 50, panel


@pytest.mark.parametrize("opener", [".badge", "[data-action=history]"])
def test_focus_goes_into_what_floats_and_back(everything: Studio, opener: str) -> None:
    button = everything.page.locator(f".bar {opener}")
    button.focus()
    everything.page.keyboard.press("Enter")
    assert everything.run("() => Boolean(document.activeElement.closest('.popover'))")
    if opener != ".badge":
        # a step is taken with the keys, and the list keeps them
        everything.page.keyboard.press("ArrowDown")
        everything.page.keyboard.press("Enter")
        everything.settle()
        assert everything.run("() => document.activeElement.ariaCurrent") == "step"
    everything.page.keyboard.press("Escape")
    assert everything.page.locator(".popover").count() == 0
    assert button.evaluate("button => button === document.activeElement")
