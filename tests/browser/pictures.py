"""
The pictures of the pages in the documentation: `python -m tests.browser.pictures` takes them all anew.

Each page in light and dark, wide and on a phone; half of them in Chinese.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.cluster import RunningPages, pages_settings, running_pages
from tests.browser.conftest import PHONE, WIDE, find_chromium, ready, signed_in

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "images" / "pages"

SHOTS = (
    *(("light", "wide", WIDE, "en-GB"), ("dark", "wide", WIDE, "zh-CN")),
    *(("light", "phone", PHONE, "zh-CN"), ("dark", "phone", PHONE, "en-GB")),
)
_COLOURS = 256
_SETTLE_MS = 1_500
"""Charts are drawn and fonts are there."""


def take() -> None:
    """Run the pages over the sample calls, and write every picture."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        running_pages(pages_settings(Path(folder))) as pages,
        _browser() as browser,
    ):
        session = signed_in(browser, pages.url, pages.key)
        for theme, kind, size, locale in SHOTS:
            for state in (None, session):
                context = browser.new_context(
                    base_url=pages.url,
                    locale=locale,
                    timezone_id="Asia/Shanghai",
                    color_scheme="dark" if theme == "dark" else "light",
                    viewport={"width": size[0], "height": size[1]},
                    device_scale_factor=2 if kind == "phone" else 1.5,
                    storage_state=state,
                )
                page = context.new_page()
                for name, path in (_paths(pages, kind) if state else {"sign-in": "/sign-in"}).items():
                    _shoot(page, path, FOLDER / f"{name}-{theme}-{kind}.png")
                if state:
                    page.locator("[data-drop-open]").first.click()
                    _write(page, FOLDER / f"drop-{theme}-{kind}.png")
                context.close()


def _paths(pages: RunningPages, kind: str) -> Mapping[str, str]:
    call = f"/calls/{pages.recording('shipping-delay-zh')}"
    return {
        "call": call if kind == "phone" else f"{call}?t=28",
        "overview": "/overview",
        "dead": "/dead",
        "calls": "/calls?sort=angriest",
    }


def _shoot(page: Page, path: str, file: Path) -> None:
    page.goto(path)
    ready(page)
    page.wait_for_load_state("networkidle")
    _write(page, file)


def _write(page: Page, file: Path) -> None:
    page.wait_for_timeout(_SETTLE_MS)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.quantize(_COLOURS).save(file, optimize=True)


@contextmanager
def _browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        yield browser
        browser.close()


if __name__ == "__main__":
    take()
