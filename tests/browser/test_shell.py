"""What every page has: signing in, the bar, languages, themes, errors."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PHONE, Visitor, check_accessible, ready

pytestmark = pytest.mark.acceptance


def test_a_stranger_signs_in_and_comes_where_they_wanted(visitor: Visitor) -> None:
    page = visitor.open("/dead?code=undecodable", signed_in=False)
    expect(page).to_have_url(re.compile(r"/sign-in\?next="))
    check_accessible(page)
    page.get_by_label("Key").fill(visitor.pages.key)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{visitor.pages.url}/dead?code=undecodable")
    page.get_by_label("Language, theme, account").click()
    expect(page.locator(".menu-list")).to_contain_text("Signed in as Ada")
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(f"{visitor.pages.url}/sign-in")
    page.goto("/dead")
    expect(page).to_have_url(re.compile("/sign-in"))


def test_a_wrong_key_is_told(visitor: Visitor) -> None:
    visitor.expected.append("401 (Unauthorized)")
    page = visitor.open("/sign-in", signed_in=False)
    page.get_by_label("Key").fill("csk_wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("This key isn't valid")
    check_accessible(page)


def test_signing_in_never_leads_off_the_site(visitor: Visitor) -> None:
    page = visitor.open("/sign-in?next=//example.com/", signed_in=False)
    page.get_by_label("Key").fill(visitor.pages.key)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{visitor.pages.url}/calls")


def test_the_language_is_chosen_and_stays(visitor: Visitor) -> None:
    page = visitor.open("/dead?code=undecodable")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.get_by_label("Language, theme, account").click()
    page.get_by_role("button", name="中文").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh")
    expect(page).to_have_url(f"{visitor.pages.url}/dead?code=undecodable")
    page.goto("/sign-in")
    expect(page.locator("html")).to_have_attribute("lang", "zh")


def test_the_browsers_language_is_spoken(visitor: Visitor) -> None:
    page = visitor.open("/dead", lang="zh")
    expect(page.locator("html")).to_have_attribute("lang", "zh")
    expect(page.get_by_role("navigation").first).to_contain_text("通话")


def test_the_theme_is_chosen_and_stays(visitor: Visitor) -> None:
    page = visitor.open("/dead")
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_label("Language, theme, account").click()
    page.get_by_role("button", name="Dark").click()
    dark = page.evaluate(ground)
    assert light != dark
    page.reload()
    assert page.evaluate(ground) == dark
    ready(page)
    page.get_by_label("Language, theme, account").click()
    page.get_by_role("button", name="As the system").click()
    assert page.evaluate(ground) == light


def test_menus_close_by_escape_and_give_the_focus_back(visitor: Visitor) -> None:
    page = visitor.open("/dead")
    menu = page.get_by_label("Language, theme, account")
    menu.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".menu-list")).to_be_visible()
    check_accessible(page)
    page.keyboard.press("Escape")
    expect(page.locator(".menu-list")).to_be_hidden()
    expect(menu).to_be_focused()


def test_the_keyboard_skips_to_the_page(visitor: Visitor) -> None:
    page = visitor.open("/dead")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the page")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_an_unknown_page_says_so(visitor: Visitor, lang: str) -> None:
    visitor.expected.append("404 (Not Found)")
    page = visitor.open("/nowhere", lang="zh" if lang == "zh" else "en")
    expect(page.get_by_role("heading")).to_have_text({"en": "Nothing here", "zh": "这里什么也没有"}[lang])
    check_accessible(page)


def test_a_phone_has_the_pages_at_its_foot(visitor: Visitor) -> None:
    page = visitor.open("/dead", size=PHONE)
    box = page.get_by_role("navigation").first.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] == PHONE[1]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
