"""The overview: charts and figures, each of which leads to the calls behind it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.cluster import DEAD_KEYS
from tests.browser.conftest import PHONE, Visitor, check_accessible

pytestmark = pytest.mark.acceptance

YEAR = "/overview?days=365"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everything_is_told(visitor: Visitor, theme: str) -> None:
    page = visitor.open(YEAR, theme=theme)  # type: ignore[arg-type]
    expect(page.locator(".figure", has_text="could not be analysed")).to_contain_text(str(len(DEAD_KEYS)))
    expect(page.locator("[data-chart=volume] svg")).to_be_visible()
    for heading in (
        "Anger by queue",
        "Anger after silence",
        "How agents take anger and sadness",
        "Words said in anger",
        "The queue",
        "Dead, and why",
        "Speed of each device",
    ):
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
    expect(page.get_by_text("13 of 13 recordings in the bucket are in the ledger")).to_be_visible()
    expect(page.locator("section", has_text="Speed of each device").last).to_contain_text("onnx-int8")
    check_accessible(page)


def test_numbers_lead_to_their_calls(visitor: Visitor) -> None:
    page = visitor.open(YEAR)
    figure = page.locator(".figure", has_text="Calls with anger")
    told = re.search(r"(\d+) calls", figure.inner_text())
    assert told is not None
    figure.click()
    page.wait_for_url(re.compile(r"/calls\?days=365&anger=burst"))
    expect(page.locator("tr[data-call]")).to_have_count(int(told[1]))


def test_a_word_leads_to_the_calls_that_say_it(visitor: Visitor) -> None:
    page = visitor.open(YEAR)
    page.locator(".words").get_by_role("link", name="退款", exact=True).click()
    expect(page.locator("tr[data-call] mark").first).to_have_text("退款")


def test_a_day_of_the_chart_leads_to_its_calls(visitor: Visitor) -> None:
    page = visitor.open("/overview?days=30")
    page.get_by_text("As a table").click()
    row = page.locator(".chart-table tbody tr").first
    count = row.locator("td").nth(1).inner_text()
    row.get_by_role("link").first.click()
    page.wait_for_url(re.compile(r"/calls\?from="))
    expect(page.locator("tr[data-call] .strip")).to_have_count(int(count))


def test_the_period_and_the_queue_are_chosen(visitor: Visitor) -> None:
    page = visitor.open("/overview")
    page.get_by_text("365 days").click()
    page.wait_for_url(re.compile("days=365"))
    page.locator("select[name=queue]").select_option("after-sales")
    page.wait_for_url(re.compile("queue=after-sales"))
    expect(page.locator(".figure").first).to_contain_text("5")


def test_on_a_phone_in_chinese(visitor: Visitor) -> None:
    page = visitor.open(YEAR, lang="zh", theme="dark", size=PHONE)
    expect(page.get_by_role("heading", name="总览")).to_be_visible()
    expect(page.get_by_role("heading", name="各设备速度")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    check_accessible(page)
