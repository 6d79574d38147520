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
    """A page with a layer, chosen keys, their menu, poses and a comparison: all that comes and goes is there."""
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
    studio.run("() => studio.keyMenu.open({clientX: 300, clientY: 300})")
    return studio


def test_every_panel_has_two_lines_and_every_control_a_tooltip(everything: Studio) -> None:
    panels = everything.run("() => studio.availablePanels().map(panel => panel.key)")
    assert len(panels) == PANELS
    for panel in panels:
        everything.panel(panel)
        assert everything.run(LINES, panel) == [1, 1], panel
    found = everything.run(WITHOUT_HELP)
    assert found["count"] > 500 and found["values"] > 250
    assert found["without"] == []
