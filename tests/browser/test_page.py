"""The page as a whole: sizes, themes, contrast, reconnecting, other visitors, bad files, shared links."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, WebSocketRoute, expect

from tests.browser.driver import DESKTOP, PHONE, Studio, difference, open_context, open_studio

pytestmark = pytest.mark.browser


@contextmanager
def _fresh(browser: Browser, url: str, query: str = "", **options) -> Iterator[Studio]:
    context = open_context(browser, **options)
    try:
        yield open_studio(context, url, query)
    finally:
        context.close()


# ---- sizes ----
def _fits(page: Page) -> None:
    overflow = page.evaluate("""() => {
        const page = document.documentElement;
        const isCut = item => item.offsetParent && item.scrollWidth > item.clientWidth + 1
            && getComputedStyle(item).overflow !== 'visible';
        const texts = '#studio .panel.open :is(.name, h2, h3, .chip, .value), #studio .rail span';
        const cut = [...document.querySelectorAll(texts)].filter(isCut).map(item => item.value ?? item.textContent);
        const lines = document.createRange();
        for (const name of document.querySelectorAll('#studio .panel.open .sl.dense .name')) {
            lines.selectNodeContents(name);
            const room = name.parentElement.clientHeight - 16;
            if (lines.getBoundingClientRect().height > room) cut.push(name.textContent);
        }
        const pen = document.createElement('canvas').getContext('2d');
        for (const field of document.querySelectorAll('#studio input[placeholder]')) {
            if (!field.offsetParent) continue;
            const {font, paddingLeft, paddingRight} = getComputedStyle(field);
            pen.font = font;
            const room = field.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight);
            if (pen.measureText(field.placeholder).width > room) cut.push(field.placeholder);
        }
        for (const lines of document.querySelectorAll('#studio .panel.open .panel-head p')) {
            // a phone shows its help when asked and may wrap it
            if (innerWidth > 900 && lines.offsetHeight > 20) cut.push(lines.textContent);
        }
        const side = document.querySelector('#st-side');
        const sideways = side.scrollWidth - side.clientWidth;
        return [page.scrollWidth - innerWidth, page.scrollHeight - innerHeight, sideways, cut];
    }""")
    assert overflow == [0, 0, 0, []]


@pytest.mark.parametrize("size", [DESKTOP, (1920, 1080), (1100, 800)])
def test_nothing_scrolls_or_is_cut(studio: Studio, size: tuple[int, int]) -> None:
    studio.page.set_viewport_size({"width": size[0], "height": size[1]})
    try:
        for panel in studio.run("() => studio.availablePanels().map(panel => panel.key)"):
            studio.panel(panel)
            _fits(studio.page)
        board = studio.page.locator(".board").bounding_box()
        viewport = studio.page.locator(".viewport").bounding_box()
        assert board and viewport
        # the picture is as large as the space allows
        assert min(viewport["width"] - board["width"], viewport["height"] - board["height"]) <= 34
    finally:
        studio.page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})


STALL_AT_NEXT_FRAME = """ms => {
    const stall = () => {
        studio.stage.onframe.splice(studio.stage.onframe.indexOf(stall), 1);
        for (const end = performance.now() + ms; performance.now() < end;);
    };
    studio.stage.onframe.push(stall);
}"""
"""Keeps the page busy as a slow phone is, for longer than the meter takes a face for moving."""


def _explains_itself_when_asked(phone: Studio) -> None:
    """The two lines of help open and close, and the portrait's name is whole on the smallest phone."""
    help_lines, button = (
        phone.page.locator(".panel.open .panel-head p"),
        phone.page.locator(".panel.open [data-action=explain]"),
    )
    assert not help_lines.first.is_visible()
    button.tap()
    assert help_lines.first.is_visible() and help_lines.last.is_visible()
    phone.page.set_viewport_size({"width": 360, "height": 740})
    phone.run(STALL_AT_NEXT_FRAME, 1700)
    phone.set(smile=0.3)
    phone.page.wait_for_function("() => document.querySelector('.badge').textContent.includes('ms')")
    _fits(phone.page)
    assert phone.page.locator(".doc span").evaluate("name => name.scrollWidth <= name.clientWidth")
    phone.set(smile=0)
    phone.page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    button.tap()
    assert not help_lines.first.is_visible()


def _menu(phone: Studio, item: str) -> None:
    phone.page.locator(".bar [data-action=menu]").tap()
    phone.page.locator(f".popover.menu [data-item={item}]").tap()
    assert phone.page.locator(".popover").count() == 0


GROUND = "() => getComputedStyle(document.querySelector('#studio .bar')).backgroundColor.match(/\\d+/g).map(Number)"


def test_phone_reaches_theme_tour_keys_and_reset_by_its_menu(
    browser: Browser, studio: Studio, studio_url: str
) -> None:
    # a wide bar has a button for each
    assert studio.page.locator(".bar [data-action=menu]").is_hidden()
    with _fresh(browser, studio_url, size=PHONE, has_touch=True) as phone:
        page = phone.page
        phone.set(smile=0.7)
        dark = phone.run(GROUND)
        _menu(phone, "theme")
        assert max(dark) < 60 and min(phone.run(GROUND)) > 200
        _menu(phone, "theme")
        assert phone.run(GROUND) == dark
        _menu(phone, "keys")
        assert page.locator("dialog.sheet h2").inner_text() == "Keyboard shortcuts"
        page.locator("dialog.sheet [data-action=close]").tap()
        _menu(phone, "reset")
        phone.settle()
        assert phone.run("() => studio.store.edits()") == {}
        # an error with a remedy: the words have the width, the button stands below them
        phone.run("""() => studio.toast.show({kind: 'error', text: '`photo` should be a picture. '.repeat(5),
            action: {label: 'Try another photo', run() {}}})""")
        words, button = (page.locator(f".toast {css}").bounding_box() for css in ("span", ".chip"))
        assert words and button and words["width"] > 220 and button["y"] >= words["y"] + words["height"]
        phone.run("() => studio.toast.hide()")
        _menu(phone, "tour")
        expect(page.locator(".tour small")).to_have_text("1 of 3")


def test_phone_shows_picture_three_sliders_and_tabs_at_once(browser: Browser, studio_url: str) -> None:
    with _fresh(browser, studio_url, size=PHONE, has_touch=True) as phone:
        for panel in phone.run("() => studio.availablePanels().map(panel => panel.key)"):
            phone.panel(panel)
            _fits(phone.page)
        phone.panel("expression")
        _explains_itself_when_asked(phone)
        rail = phone.page.locator(".rail").bounding_box()
        picture = phone.page.locator("canvas.picture").bounding_box()
        assert rail and picture
        assert rail["y"] + rail["height"] <= PHONE[1]
        assert picture["y"] >= 0 and picture["height"] > 300
        rows = phone.page.locator(".panel.open .sl:not([hidden])")
        boxes = [rows.nth(i).bounding_box() for i in range(3)]
        assert all(box and box["height"] >= 44 and box["y"] + box["height"] <= rail["y"] for box in boxes)
        # a finger takes the nearest handle
        before = phone.pixels()
        spot = phone.page.locator('[data-point="19"] .knob').bounding_box()
        assert spot
        phone.page.touchscreen.tap(spot["x"] + 4, spot["y"] + 4)
        assert phone.run("() => document.activeElement.dataset.point") == "19"
        phone.set(jaw_open=0.6)
        assert difference(before, phone.pixels()) > 0.5
        # every step can be tapped, and the whole list is on the screen
        phone.run("() => studio.history.commit('Jaw open')")
        phone.settle()
        phone.page.locator("[data-action=history]").tap()
        steps = phone.page.locator(".popover.history").bounding_box()
        assert steps and steps["x"] >= 0 and steps["x"] + steps["width"] <= PHONE[0]
        assert steps["y"] + steps["height"] <= PHONE[1]
        first = phone.page.locator("[data-step='0']")
        box = first.bounding_box()
        assert box and box["height"] >= 44
        first.tap()
        phone.settle()
        assert (phone.pixels() == before).all()


# ---- themes ----
CONTRAST = """() => {
    const parse = text => (text.match(/[\\d.]+/g) || []).map(Number);
    const luminance = ([r, g, b]) => {
        const [x, y, z] = [r, g, b].map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * x + 0.7152 * y + 0.0722 * z;
    };
    const ground = item => {
        for (; item; item = item.parentElement) {
            const color = parse(getComputedStyle(item).backgroundColor);
            if (color.length === 3 || color[3] > 0.9) return color;
        }
        return [255, 255, 255];
    };
    const worst = [];
    const texts = '#studio :is(span, em, small, p, h2, h3, b, dt, dd, button, input, i, div)';
    for (const item of document.querySelectorAll(texts)) {
        const words = [...item.childNodes].some(node => node.nodeType === 3 && node.data.trim());
        const own = words || item.matches('.value');
        const opacity = parseFloat(getComputedStyle(item).opacity);
        if (!own || !item.offsetParent || item.disabled || opacity < 1 || item.closest('svg, :disabled')) continue;
        const [a, b] = [luminance(parse(getComputedStyle(item).color)), luminance(ground(item))];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) worst.push(`${ratio.toFixed(2)} ${item.className} ${item.textContent.trim()}`);
    }
    return worst;
}"""


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_text_contrast_is_at_least_four_and_a_half(studio: Studio, theme: str) -> None:
    studio.run("theme => studio.chooseTheme(theme)", theme)
    try:
        studio.set(jaw_open=0.5, dim_34=studio.run("() => studio.table.controls.get('dim_34').hi"), limit_strength=2)
        assert studio.run("() => document.body.classList.contains('dark')") is (theme == "dark")
        for panel in studio.run("() => studio.availablePanels().map(panel => panel.key)"):
            studio.panel(panel)
            assert studio.run(CONTRAST) == [], panel
    finally:
        studio.run("() => studio.chooseTheme('dark')")


def test_theme_is_remembered(browser: Browser, studio_url: str) -> None:
    with _fresh(browser, studio_url) as studio:
        assert studio.run("() => document.body.classList.contains('dark')")
        studio.page.locator("[data-action=theme]").click()
        assert not studio.run("() => document.body.classList.contains('dark')")
        studio.page.reload()
        studio.page.wait_for_function("() => window.studio?.stage?.drawnSeq > 0")
        assert not studio.run("() => document.body.classList.contains('dark')")


# ---- connection ----
def test_two_visitors_do_not_see_each_other(browser: Browser, studio: Studio, studio_url: str) -> None:
    with _fresh(browser, studio_url) as other:
        assert other.run("() => studio.stage.token") != studio.run("() => studio.stage.token")
        rest = other.pixels()
        studio.set(yaw_deg=15, jaw_open=0.8)
        other.run("() => studio.transport.request()")
        other.settle()
        assert (other.pixels() == rest).all()
        other.set(smile=1)
        mine = studio.pixels()
        studio.run("() => studio.transport.request()")
        studio.settle()
        assert (studio.pixels() == mine).all()


def _refuse(socket: WebSocketRoute) -> None:
    socket.close()


@pytest.mark.parametrize(("blocked", "expected"), [("ws", "post"), ("ws and post", "server")])
def test_the_page_falls_back_when_a_way_is_refused(
    browser: Browser, studio_url: str, blocked: str, expected: str
) -> None:
    context = open_context(browser)
    context.route_web_socket("**/studio/live**", _refuse)
    if "post" in blocked:
        context.route("**/studio/frame**", lambda route: route.abort())
    try:
        studio = open_studio(context, studio_url)
        assert studio.run("() => studio.stage.transport") == expected
        before = studio.pixels()
        studio.set(jaw_open=0.7)
        assert difference(before, studio.pixels()) > 0.5
        assert studio.page.locator(".badge").get_attribute("data-health") == "warn"
    finally:
        context.close()


def test_a_lost_connection_keeps_the_edit_and_sends_it_on_return(browser: Browser, studio_url: str) -> None:
    context = open_context(browser)
    sockets: list[WebSocketRoute] = []
    down = False

    def live(socket: WebSocketRoute) -> None:
        if down:
            socket.close()
            return
        socket.connect_to_server()
        sockets.append(socket)

    context.route_web_socket("**/studio/live**", live)
    try:
        studio = open_studio(context, studio_url)
        before = studio.pixels()
        down = True
        context.set_offline(True)
        sockets[-1].close()
        studio.page.wait_for_function("() => document.querySelector('.badge').textContent.includes('Reconnecting')")
        studio.run("() => studio.set('jaw_open', 0.7)")
        assert (studio.pixels() == before).all()
        down = False
        context.set_offline(False)
        studio.page.wait_for_function("() => studio.stage.connection === 'live'")
        studio.settle()
        assert studio.get("jaw_open") == pytest.approx(0.7)
        assert difference(before, studio.pixels()) > 0.5
    finally:
        context.close()


# ---- photos and links ----
def test_a_bad_file_says_one_sentence_and_keeps_the_work(studio: Studio, tmp_path: Path) -> None:
    studio.set(jaw_open=0.6)
    work = studio.pixels()
    bad = tmp_path / "portrait.jpg"
    bad.write_text("this is no picture")
    studio.panel("portrait")
    studio.page.locator(".for-portrait input[type=file]").set_input_files(str(bad))
    toast = studio.page.locator(".toast[data-kind=error]")
    toast.wait_for()
    sentence = toast.locator("span").first.inner_text()
    assert 10 < len(sentence) < 220 and "Traceback" not in sentence
    assert studio.get("jaw_open") == pytest.approx(0.6)
    assert difference(studio.pixels(), work) == 0
    # what came meanwhile is told when the error has been read
    studio.run("() => studio.toast.news({text: 'Something is ready.'})")
    assert toast.locator("span").first.inner_text() == sentence
    toast.locator("[data-action=dismiss]").click()
    assert studio.page.locator(".toast span").all_inner_texts() == ["Something is ready."]
    studio.page.locator(".toast [data-action=dismiss]").click()
    assert studio.page.locator(".toast").count() == 0


def test_a_sentence_reads_as_words_and_its_names_stay_exact(studio: Studio) -> None:
    studio.run("""() => studio.toast.show({kind: 'error',
        text: '`jaw_open` should be below `smile_x` but <b>is not</b>; run `python -m pipelines edit`.'})""")
    said = studio.page.locator(".toast span")
    assert said.inner_text() == "Jaw open should be below “smile_x” but <b>is not</b>; run python -m pipelines edit."
    assert said.locator("code").inner_text() == "python -m pipelines edit" and said.locator("b").count() == 0


TIMERS = """() => {
    const real = [window.setTimeout, window.clearTimeout];
    const running = new Map();
    window.setTimeout = (run, ms) => { const id = running.size + 1e6; running.set(id, ms); return id; };
    window.clearTimeout = id => running.set(id, 0);
    const left = () => Math.max(...running.values());
    const show = action => { studio.toast.show({kind: 'info', text: 'Ready.', action}); return left(); };
    try {
        const plain = show(), acting = show({label: 'Show', run() {}});
        const toast = document.querySelector('.toast');
        toast.dispatchEvent(new PointerEvent('pointerenter'));
        const held = left();
        toast.dispatchEvent(new PointerEvent('pointerleave'));
        return [plain, acting, held, left()];
    } finally {
        [window.setTimeout, window.clearTimeout] = real;
        studio.toast.hide();
    }
}"""


def test_news_with_a_button_stays_long_and_while_it_is_read(studio: Studio) -> None:
    assert studio.run(TIMERS) == [5_000, 20_000, 0, 20_000]


DROP = """async key => {
    const address = studio.address(studio.state.data.routes.thumb.replace('{example}', key));
    const photo = await (await fetch(address)).blob();
    const files = new DataTransfer();
    files.items.add(new File([photo], 'photo.jpg', {type: 'image/jpeg'}));
    const options = {dataTransfer: files, bubbles: true, cancelable: true};
    document.querySelector('.viewport').dispatchEvent(new DragEvent('drop', options));
}"""


def test_a_photo_dropped_on_the_stage_becomes_the_portrait(browser: Browser, studio_url: str) -> None:
    with _fresh(browser, studio_url) as studio:
        studio.set(smile=0.5)
        # the second drop meets the native upload after it has been used
        for example in ("pearl_earring", "admiral"):
            before = studio.run("() => studio.state.portrait.id")
            studio.run(DROP, example)
            studio.page.wait_for_function("id => studio.state.portrait.id !== id", arg=before)
            studio.settle()
            assert studio.run("() => studio.state.portrait.size") == [224, 224]
            assert studio.get("smile") == pytest.approx(0.5)
        assert studio.page.locator(".doc span").inner_text() == "Your photo"


def test_another_example_opens_and_keeps_the_edit(browser: Browser, studio_url: str) -> None:
    with _fresh(browser, studio_url) as studio:
        studio.set(jaw_open=0.5)
        first = studio.pixels()
        current = studio.run("() => studio.state.portrait.key")
        other = studio.run("key => studio.state.data.examples.find(item => item.key !== key).key", current)
        studio.panel("portrait")
        studio.page.locator(f'[data-example="{other}"]').click()
        studio.page.wait_for_function("key => studio.state.portrait.key === key", arg=other)
        studio.settle()
        assert studio.get("jaw_open") == pytest.approx(0.5)
        assert difference(first, studio.pixels()) > 5
        assert studio.page.locator(f'[data-example="{other}"]').get_attribute("aria-pressed") == "true"


def test_a_shared_link_restores_the_edit(browser: Browser, studio: Studio, studio_url: str) -> None:
    studio.set(smile=0.6, brow_raise_right=0.5, eye_ratio_left=0.1, dim_07=4.5)
    picture = studio.pixels()
    link = studio.run("() => studio.actions.shareLink()")
    with _fresh(browser, studio_url, "/?" + link.split("?", 1)[1]) as other:
        assert other.run("() => studio.store.edits()") == pytest.approx(
            studio.run("() => studio.store.edits()"), abs=1e-4
        )
        assert difference(other.pixels(), picture) < 0.3


def test_a_link_with_an_unknown_control_says_so(browser: Browser, studio_url: str) -> None:
    with _fresh(browser, studio_url, "/?edit=jaw_open:0.4,third_eye:1") as studio:
        assert studio.get("jaw_open") == pytest.approx(0.4)
        assert "third_eye" in studio.page.locator(".toast[data-kind=error]").inner_text()
