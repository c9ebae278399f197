"""The list of calls: found by what was said and felt, kept as views, taken away and analysed again."""

from __future__ import annotations

import csv
import io
import re
import zipfile

import pytest
from playwright.sync_api import Page, expect

from models import extracts
from models.ledger import State
from models.tables import FINISHED
from tests.browser.cluster import DEAD_KEYS
from tests.browser.conftest import PHONE, Visitor, check_accessible

pytestmark = pytest.mark.acceptance

ROWS = "tr[data-call]"


def names(page: Page) -> list[str]:
    return [name.strip() for name in page.locator(f"{ROWS} .calls-name > a").all_inner_texts()]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_all_calls_and_what_is_felt_in_them(visitor: Visitor, theme: str) -> None:
    page = visitor.open("/calls", theme=theme)  # type: ignore[arg-type]
    expect(page.locator(ROWS)).to_have_count(10 + len(DEAD_KEYS))
    expect(page.locator("#count")).to_have_text("13 calls")
    row = page.locator(ROWS, has_text="bad-review-zh")
    expect(row).to_contain_text("Angry")
    expect(row).to_contain_text("Mandarin")
    expect(row.locator(".strip rect[data-emotion=ANGRY]").first).to_be_visible()
    expect(page.locator(ROWS, has_text="notes")).to_contain_text("Dead")
    check_accessible(page)


def test_filtered_to_angry_calls_and_back(visitor: Visitor) -> None:
    page = visitor.open("/calls")
    page.locator("select[name=emotion]").select_option("ANGRY")
    expect(page.locator("#results .chip.removable")).to_contain_text("Angry")
    page.locator("select[name=share]").select_option("50")
    expect(page).to_have_url(re.compile(r"emotion=ANGRY&share=50"))
    expect(page.locator("#results .chip.removable")).to_contain_text("≥ 50 %")
    for row in page.locator(ROWS).all():
        share = re.search(r"Angry (\d+)%", row.inner_text().replace("\n", " "))
        assert share is not None
        assert int(share[1]) >= 50
    angry = names(page)
    assert 0 < len(angry) < 10
    page.locator("select[name=sort]").select_option("longest")
    expect(page).to_have_url(re.compile("sort=longest"))
    assert sorted(names(page)) == sorted(angry)
    page.go_back()
    page.go_back()
    page.go_back()
    expect(page.locator(ROWS)).to_have_count(13)
    expect(page.locator("select[name=emotion]")).to_have_value("")


def test_found_by_two_chinese_characters_at_the_second_where_they_are_said(visitor: Visitor) -> None:
    page = visitor.open("/calls")
    page.keyboard.press("/")
    page.keyboard.type("退款")
    expect(page.locator("mark").first).to_have_text("退款")
    expect(page).to_have_url(re.compile("q="))
    assert all("退款" in row.inner_text() for row in page.locator(ROWS).all())
    expect(page.locator(f"{ROWS} .calls-name > a").first).to_have_attribute("href", re.compile(r"/calls/\d+\?t=\d"))
    page.get_by_label("Search").fill("乌兰巴托")
    expect(page.get_by_role("heading", name="No call fits")).to_be_visible()
    page.get_by_role("link", name="Clear all filters").click()
    expect(page.locator(ROWS)).to_have_count(13)


def test_the_other_filters(visitor: Visitor) -> None:
    page = visitor.open("/calls")
    page.locator("#more-filters > summary").click()
    page.locator("select[name=language]").select_option("ja")
    expect(page.locator(ROWS)).to_have_count(1)
    expect(page.locator(ROWS)).to_contain_text("birthday-cake-ja")
    page.get_by_role("link", name="Remove the filter: Language").click()
    expect(page.locator(ROWS)).to_have_count(13)
    page.locator("#more-filters > summary").click()
    page.locator("select[name=state]").select_option("dead")
    expect(page.locator(ROWS)).to_have_count(len(DEAD_KEYS))
    check_accessible(page)


def test_a_row_leads_to_its_call(visitor: Visitor) -> None:
    page = visitor.open("/calls")
    number = visitor.pages.recording("refund-ko")
    page.route(f"**/calls/{number}", lambda route: route.fulfill(body="the call"))
    page.locator(f"tr[data-call='{number}'] td.calls-who").click()
    page.wait_for_url(f"**/calls/{number}")


def test_a_view_is_kept_and_removed(visitor: Visitor) -> None:
    page = visitor.open("/calls?language=ko")
    page.get_by_role("button", name="Save view").click()
    page.get_by_label("Name").fill("Korean")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    tab = page.locator(".calls-views a", has_text="Korean")
    expect(tab).to_have_attribute("aria-current", "true")
    page.locator(".calls-views a", has_text="All").click()
    expect(page.locator(ROWS)).to_have_count(13)
    tab.click()
    expect(page.locator(ROWS)).to_have_count(2)
    page.get_by_role("button", name="Save view").click()
    page.get_by_role("button", name="Remove the view Korean").click()
    expect(tab).to_have_count(0)


def test_chosen_calls_are_exported(visitor: Visitor) -> None:
    page = visitor.open("/calls?language=ko")
    page.locator(ROWS, has_text="refund-ko").get_by_role("checkbox").check()
    bar = page.locator("#bulk")
    expect(bar).to_contain_text("1 chosen")
    check_accessible(page)
    bar.locator("summary").click()
    with page.expect_download() as begun:
        bar.get_by_role("button", name="All tables").click()
    with zipfile.ZipFile(begun.value.path()) as archive:
        assert {entry.removesuffix(".csv") for entry in archive.namelist()} == set(extracts.NAMES)
        rows = list(csv.DictReader(io.StringIO(archive.read("calls.csv").decode())))
        assert [row["recording_id"] for row in rows] == [str(visitor.pages.recording("refund-ko"))]
        assert archive.read("segments.csv").count(b"\n") > 3


def test_all_that_fit_are_exported(visitor: Visitor) -> None:
    page = visitor.open("/calls?emotion=ANGRY")
    expect(page.locator(ROWS).first).to_be_visible()
    shown = page.locator(ROWS).count()
    page.locator(".page-head summary").click()
    with page.expect_download() as begun:
        page.get_by_role("button", name="Calls (CSV)").click()
    assert len(list(csv.DictReader(io.StringIO(begun.value.path().read_text(encoding="utf-8"))))) == shown


def test_a_chosen_call_is_analysed_again(visitor: Visitor) -> None:
    number = visitor.pages.recording("allergy-zh")
    page = visitor.open("/calls")
    page.locator(f"tr[data-call='{number}']").get_by_role("checkbox").check()
    page.locator("#bulk").get_by_role("button", name="Analyse again").click()
    page.get_by_role("dialog").get_by_role("button", name="Analyse again").click()
    expect(page.locator("#toasts")).to_contain_text("1 wait to be analysed")
    visitor.pages.cluster.wait(
        lambda counts: sum(counts[state] for state in FINISHED) == 13 and counts[State.DONE] == 10
    )


def test_who_may_only_read_is_offered_no_change(visitor: Visitor) -> None:
    page = visitor.reader().open("/calls")
    expect(page.locator(ROWS)).to_have_count(13)
    page.locator(ROWS).first.get_by_role("checkbox").check()
    expect(page.locator("#bulk")).to_be_visible()
    expect(page.get_by_role("button", name="Analyse again")).to_have_count(0)
    expect(page.get_by_role("button", name="Save view")).to_have_count(0)


def test_on_a_phone_in_chinese(visitor: Visitor) -> None:
    page = visitor.open("/calls?q=退款", lang="zh", theme="dark", size=PHONE)
    expect(page.get_by_role("heading", name="通话", exact=True)).to_be_visible()
    expect(page.locator("mark").first).to_have_text("退款")
    page.locator("#more-filters > summary").click()
    expect(page.locator("input[name=agent]")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    check_accessible(page)
