"""
A browser on the pages of a real cluster; neither outlives the tests of this folder.

Each page that a test opens fails the test, when it closes, for anything that the browser complained about and for
any request that left the machine.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import pytest
import soundfile
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, StorageState, sync_playwright

from models import keys
from models.keys import Scope
from models.session import transaction
from standalone.demo import SAMPLES
from tests.browser.cluster import RunningPages, pages_settings, running_pages

Language = Literal["en", "zh"]
Theme = Literal["light", "dark"]

WIDE = (1440, 900)
PHONE = (390, 844)

_LOOK_EVERY_MS = 50


def find_chromium() -> str:
    """Return the browser's program; without one the tests can't tell anything, so they fail."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    pytest.fail("there is no chromium on this machine; on Debian: apt-get install chromium fonts-noto-cjk")


@dataclass
class Visitor:
    """Opens pages as one person, and keeps an eye on what the browser says."""

    browser: Browser
    pages: RunningPages
    session: StorageState | None
    contexts: list[BrowserContext] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    """Parts of complaints that a test provokes."""

    def open(
        self,
        path: str,
        *,
        lang: Language = "en",
        theme: Theme = "light",
        size: tuple[int, int] = WIDE,
        signed_in: bool = True,
    ) -> Page:
        """Open a page in a browser of its own, and wait until its scripts have started."""
        context = self.browser.new_context(
            base_url=self.pages.url,
            locale={"en": "en-GB", "zh": "zh-CN"}[lang],
            timezone_id="Asia/Shanghai",
            color_scheme=theme,
            viewport={"width": size[0], "height": size[1]},
            storage_state=self.session if signed_in else None,
            permissions=["microphone", "clipboard-read", "clipboard-write"],
        )
        self.contexts.append(context)
        context.set_default_timeout(10_000)
        context.on("request", self._on_request)
        context.on("console", self._on_console)
        context.on("weberror", lambda error: self.complaints.append(f"error: {error.error}"))
        page = context.new_page()
        page.goto(path)
        ready(page)
        return page

    def reader(self) -> Visitor:
        """Become somebody whose key may only read."""
        with transaction(self.pages.cluster.engine) as session:
            key = keys.replace_key(session, "Reader", [Scope.READ])
        self.session = signed_in(self.browser, self.pages.url, key)
        return self

    def close(self) -> None:
        """Close every page, and fail for whatever was wrong on one."""
        for context in self.contexts:
            context.close()
        unexpected = [line for line in self.complaints if not any(part in line for part in self.expected)]
        assert not unexpected, "\n".join(unexpected)

    def _on_request(self, request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme in {"http", "https", "ws", "wss"} and url.hostname != "127.0.0.1":
            self.complaints.append(f"off this machine: {request.url}")

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.type}: {message.text} ({message.location.get('url')})")


def signed_in(browser: Browser, url: str, key: str) -> StorageState:
    """Sign in with a key, and return what the browser keeps of that."""
    context = browser.new_context(base_url=url, locale="en-GB")
    page = context.new_page()
    page.goto("/sign-in?next=/dead")
    page.locator("input[name=key]").fill(key)
    page.locator("main form button").click()
    page.wait_for_url("**/dead")
    state = context.storage_state()
    context.close()
    return state


def ready(page: Page) -> None:
    """Wait until the page's scripts have started."""
    page.wait_for_selector("html[data-ready]", state="attached")


def until(page: Page, condition: str, *, timeout_s: float = 10) -> None:
    """
    Wait until an expression of the page's is true.

    Playwright's own ``wait_for_function`` compiles text inside the page whenever it has to look twice, and the pages'
    Content-Security-Policy forbids that.
    """
    deadline = time.monotonic() + timeout_s
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, f"never true: {condition}"
        page.wait_for_timeout(_LOOK_EVERY_MS)


def check_accessible(page: Page) -> None:
    """Fail for whatever axe-core calls serious or critical."""
    results = Axe().run(page, options={"resultTypes": ["violations"]})
    serious = [one for one in results.response["violations"] if one["impact"] in {"serious", "critical"}]
    told = [
        f"{one['id']} ({one['impact']}): {one['help']}\n  "
        + "\n  ".join(f"{node['html']} {json.dumps(node['any'][:1], ensure_ascii=False)}" for node in one["nodes"][:5])
        for one in serious
    ]
    assert not told, "\n".join(told)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory, _no_settings_from_outside: None) -> Iterator[RunningPages]:
    """The pages, over a cluster that has heard the sample calls; a module's own, for some tests add calls."""
    with running_pages(pages_settings(tmp_path_factory.mktemp("pages"))) as running:
        yield running


@pytest.fixture(scope="package")
def microphone_sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Chromium's microphone hears: a sample call, as it can read it."""
    samples, rate_hz = soundfile.read(SAMPLES / "refund-zh.wav", dtype="int16", always_2d=True)
    file = tmp_path_factory.mktemp("microphone") / "refund-zh.wav"
    soundfile.write(file, samples.max(axis=1), rate_hz, subtype="PCM_16")
    return file


@pytest.fixture(scope="package")
def browser(microphone_sound: Path) -> Iterator[Browser]:
    """
    Chromium without a window; its microphone hears a sample call.

    It ends with this folder: while it runs, the main thread has an event loop, and no other test could start one.
    """
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=find_chromium(),
            args=[
                "--use-fake-ui-for-media-stream",
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-audio-capture={microphone_sound}",
            ],
        )
        yield running
        running.close()


@pytest.fixture(scope="module")
def session(browser: Browser, pages: RunningPages) -> StorageState:
    """What the browser keeps of somebody who has signed in."""
    return signed_in(browser, pages.url, pages.key)


@pytest.fixture
def visitor(browser: Browser, pages: RunningPages, session: StorageState) -> Iterator[Visitor]:
    """Somebody who has signed in."""
    visiting = Visitor(browser, pages, session)
    yield visiting
    visiting.close()
