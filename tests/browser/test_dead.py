"""What could not be analysed: why, what to do, and once more."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from models.ledger import State
from tests.browser.cluster import DEAD_KEYS
from tests.browser.conftest import PHONE, Visitor, check_accessible

pytestmark = pytest.mark.acceptance

_COPIES = """
INSERT INTO recording (key, bucket, etag, size_bytes, state, error_code, error_stage, error_message, finished_at)
SELECT 'copy/' || number || '.wav', bucket, etag, size_bytes, state, error_code, error_stage, error_message, finished_at
FROM recording, generate_series(1, 55) AS number WHERE key LIKE '%%notes.wav'
"""


def test_each_dead_recording_has_its_reason_and_advice(visitor: Visitor) -> None:
    page = visitor.open("/dead")
    for key in DEAD_KEYS:
        row = page.locator(f"tr[data-recording='{visitor.pages.recording(key)}']")
        expect(row).to_contain_text(key.rsplit("/", 1)[1])
    text = page.locator(f"tr[data-recording='{visitor.pages.recording('notes.wav')}']")
    expect(text).to_contain_text("Not audio that a decoder knows")
    expect(text).to_contain_text("Correct the recording at its source")
    check_accessible(page)


def test_a_reason_leads_to_its_recordings(visitor: Visitor) -> None:
    page = visitor.open("/dead")
    page.get_by_role("link", name="The file is empty 1").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody tr")).to_contain_text("cut-off.wav")


def test_one_is_replayed_and_dies_again(visitor: Visitor) -> None:
    number = visitor.pages.recording("cut-off.wav")
    page = visitor.open("/dead")
    page.locator(f"tr[data-recording='{number}']").get_by_role("button", name="Replay").click()
    expect(page.locator("#toasts")).to_contain_text("1 waiting to be analysed again")
    _wait_until_dead(visitor)
    page.reload()
    row = page.locator(f"tr[data-recording='{number}']")
    row.locator("summary").click()
    expect(row).to_contain_text("Replayed by a person")


def test_chosen_ones_and_all_are_replayed(visitor: Visitor) -> None:
    page = visitor.open("/dead")
    chosen = page.get_by_role("button", name="Replay chosen")
    expect(chosen).to_be_disabled()
    page.get_by_label("Choose all shown").check()
    chosen.click()
    expect(page.locator("#toasts")).to_contain_text(f"{len(DEAD_KEYS)} waiting to be analysed again")
    _wait_until_dead(visitor)
    page.goto("/dead?code=undecodable")
    page.get_by_role("button", name="Replay all 2").click()
    page.get_by_role("dialog").get_by_role("button", name="Replay all 2").click()
    expect(page.locator("#toasts")).to_contain_text("2 waiting to be analysed again")
    _wait_until_dead(visitor)


def test_who_may_only_read_is_offered_no_replay(visitor: Visitor) -> None:
    page = visitor.reader().open("/dead")
    expect(page.locator("tbody tr")).to_have_count(len(DEAD_KEYS))
    expect(page.get_by_role("button", name="Replay")).to_have_count(0)
    expect(page.locator("[data-drop-open]")).to_have_count(0)


@pytest.mark.parametrize("size", [(1440, 900), PHONE], ids=["wide", "phone"])
def test_it_speaks_chinese(visitor: Visitor, size: tuple[int, int]) -> None:
    page = visitor.open("/dead", lang="zh", theme="dark", size=size)
    expect(page.get_by_role("heading", level=1)).to_have_text("失败的录音")
    expect(page.locator("tbody")).to_contain_text("请在源头修正录音后重新上传")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page is wider than the screen"
    check_accessible(page)


def test_more_than_a_page_of_them_come_when_asked_for(visitor: Visitor) -> None:
    cluster = visitor.pages.cluster
    with cluster.engine.begin() as connection:
        connection.exec_driver_sql(_COPIES)
    try:
        page = visitor.open("/dead")
        expect(page.locator("tr[data-recording]")).to_have_count(50)
        page.get_by_role("link", name="More").click()
        expect(page.locator("tr[data-recording]")).to_have_count(55 + len(DEAD_KEYS))
        expect(page.get_by_role("link", name="More")).to_have_count(0)
    finally:
        with cluster.engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM recording WHERE starts_with(key, 'copy/')")


def _wait_until_dead(visitor: Visitor) -> None:
    visitor.pages.cluster.wait(lambda counts: counts[State.DEAD] == len(DEAD_KEYS), timeout_s=60)
