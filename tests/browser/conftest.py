"""One server and one browser for all browser tests; a shared page that is reset before each of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.browser.driver import LAUNCH, Studio, open_context, open_studio


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where the browser is."""
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next((found for name in names if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("no Chromium on this machine; `make browser` installs it")
    return path


@pytest.fixture(scope="package")
def driver() -> Iterator[Playwright]:
    """Ends with the browser tests: while it lives its event loop runs, and no other can in this thread."""
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="package")
def browser(driver: Playwright, chromium: str) -> Iterator[Browser]:
    browser = driver.chromium.launch(executable_path=chromium, args=list(LAUNCH))
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def studio_url(request: pytest.FixtureRequest) -> str:
    """Address of a running studio: STUDIO_URL, or a server started for this session."""
    url = os.environ.get("STUDIO_URL") or request.getfixturevalue("server_url")
    return url.rstrip("/")


@pytest.fixture(scope="package")
def _shared(browser: Browser, studio_url: str) -> Iterator[Studio]:
    context = open_context(browser)
    yield open_studio(context, studio_url)
    context.close()


@pytest.fixture
def studio(_shared: Studio) -> Studio:
    """The shared page, back at the photo."""
    _shared.reset()
    return _shared
