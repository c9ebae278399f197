"""A recording dropped on a page, or spoken into it, and what became of it."""

from __future__ import annotations

import base64
import math
import re
import time
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile
from playwright.sync_api import Page, expect

from callscope.errors import Undecodable
from standalone.demo import SAMPLES
from tests.browser.conftest import PHONE, Visitor, check_accessible, ready

pytestmark = pytest.mark.acceptance

_DROP = """([event, files]) => {
    const carried = new DataTransfer();
    for (const [name, content] of files)
        carried.items.add(new File([Uint8Array.from(atob(content), (c) => c.charCodeAt(0))], name));
    document.body.dispatchEvent(new DragEvent(event, { dataTransfer: carried, bubbles: true, cancelable: true }));
}"""


@pytest.fixture(scope="module")
def three_minutes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A call of three minutes: a sample over and over."""
    samples, rate_hz = soundfile.read(SAMPLES / "refund-zh.wav", dtype="int16", always_2d=True)
    file = tmp_path_factory.mktemp("long") / "three-minutes.wav"
    times = math.ceil(180 * rate_hz / len(samples))
    soundfile.write(file, np.tile(samples, (times, 1))[: 180 * rate_hz], rate_hz, subtype="PCM_16")
    return file


def drag(page: Page, event: str, *files: Path) -> None:
    """Let the page feel files that are dragged over it."""
    page.evaluate(_DROP, [event, [[file.name, base64.b64encode(file.read_bytes()).decode()] for file in files]])


def test_a_dropped_call_ends_on_its_own_page(visitor: Visitor, three_minutes: Path) -> None:
    page = visitor.open("/dead")
    stages: list[str] = []
    page.expose_function("noteStage", lambda stage: stages.append(str(stage)))
    page.evaluate(
        """() => new MutationObserver(() => {
            for (const line of document.querySelectorAll(".tray-item")) noteStage(line.dataset.stage);
        }).observe(document.getElementById("tray-list"), { subtree: true, childList: true, attributes: true })"""
    )
    drag(page, "dragenter", three_minutes)
    expect(page.get_by_text("Drop to analyse")).to_be_visible()
    drag(page, "drop", three_minutes)
    began = time.monotonic()
    expect(page.get_by_text("Drop to analyse")).to_be_hidden()
    page.wait_for_url(re.compile(r"/calls/\d+"), timeout=60_000)
    page.locator("#call[data-ready]").wait_for(state="attached")
    took_ms = (time.monotonic() - began) * 1_000
    assert [stage for stage in ("sending", "queued", "analysing", "done") if stage in stages] == list(
        dict.fromkeys(stage for stage in stages if stage not in {"waiting", "fetching"})
    )
    assert {"queued", "analysing", "done"} <= set(stages)
    number = int(re.findall(r"/calls/(\d+)", page.url)[0])
    [row] = visitor.pages.cluster.query(
        "SELECT r.id, r.key, r.state, r.priority, a.segment_count, a.timings_ms FROM recording r"
        " JOIN analysis a ON a.recording_id = r.id AND a.is_current ORDER BY r.id DESC LIMIT 1"
    )
    assert row["id"] == number
    assert row["state"] == "done"
    assert row["priority"] > 0
    assert row["segment_count"] > 0
    cluster = visitor.pages.cluster
    assert cluster.storage.head(cluster.settings.bucket, row["key"]).ref.size_bytes == three_minutes.stat().st_size
    assert took_ms - sum(row["timings_ms"].values()) < 3_000, f"{took_ms} ms, {row['timings_ms']}"


def test_who_comes_too_early_waits_on_the_call_s_own_page(visitor: Visitor, three_minutes: Path) -> None:
    headers = {"Authorization": f"Bearer {visitor.pages.key}"}
    numbers = []
    for _ in range(6):
        with three_minutes.open("rb") as file:
            answer = httpx.post(f"{visitor.pages.url}/v1/recordings", files={"file": file}, headers=headers)
        numbers.append(answer.json()["recording_id"])
    page = visitor.open(f"/calls/{numbers[-1]}")
    expect(page.locator("#waiting")).to_be_visible()
    check_accessible(page)
    expect(page.locator("#call[data-ready]")).to_be_attached(timeout=120_000)


def test_several_at_once_are_followed_in_the_tray(visitor: Visitor) -> None:
    visitor.expected.append("422 (Unprocessable Entity)")
    page = visitor.open("/dead")
    names = ["refund-zh.wav", "wrong-size-zh.mp3", "hold-music-zh.ogg", "late-parcel-yue.m4a"]
    drag(page, "drop", *(SAMPLES / name for name in names), SAMPLES / "manifest.jsonl")
    lines = page.locator(".tray-item")
    expect(lines).to_have_count(len(names) + 1)
    for name in names:
        expect(lines.filter(has_text=name)).to_contain_text("Done in", timeout=30_000)
    refused = lines.filter(has_text="manifest.jsonl")
    expect(refused).to_contain_text("Not audio that a decoder knows")
    expect(refused).to_contain_text(Undecodable.advice.split(" and ")[0])
    expect(page).to_have_url(re.compile("/dead$"))
    check_accessible(page)
    page.goto("/calls")
    ready(page)
    expect(page.get_by_role("link", name="hold-music-zh.ogg")).to_be_visible()
    expect(lines).to_have_count(len(names))
    page.get_by_role("button", name="Clear what is finished").click()
    expect(page.locator("#tray")).to_be_hidden()


def test_files_are_chosen_in_the_dialog_with_their_language(visitor: Visitor) -> None:
    page = visitor.open("/dead", lang="zh", theme="dark", size=PHONE)
    page.get_by_role("button", name="分析", exact=True).click()
    dialog = page.get_by_role("dialog")
    check_accessible(page)
    dialog.get_by_label("通话语言").select_option("yue")
    with page.expect_response("**/v1/recordings") as answered:
        dialog.locator("#drop-files").set_input_files(SAMPLES / "late-parcel-yue.m4a")
    assert answered.value.status == 202
    expect(dialog).to_be_hidden()
    [row] = visitor.pages.cluster.query("SELECT language FROM recording ORDER BY id DESC LIMIT 1")
    assert row["language"] == "yue"
    page.wait_for_url(re.compile(r"/calls/\d+"))


def test_what_the_microphone_hears_becomes_a_call(visitor: Visitor) -> None:
    page = visitor.open("/dead")
    page.get_by_role("button", name="Analyse a recording").click()
    page.get_by_role("button", name="Record from the microphone").click()
    expect(page.locator("#drop-mic-time")).to_have_text("0:08", timeout=20_000)
    page.get_by_role("button", name="Stop and analyse").click()
    page.wait_for_url(re.compile(r"/calls/\d+"), timeout=30_000)
    [row] = visitor.pages.cluster.query("SELECT key, state FROM recording ORDER BY id DESC LIMIT 1")
    assert row["key"].endswith(".webm")
    assert row["state"] == "done"


def test_a_discarded_recording_is_sent_nowhere(visitor: Visitor) -> None:
    page = visitor.open("/dead")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    page.get_by_role("button", name="Analyse a recording").click()
    page.get_by_role("button", name="Record from the microphone").click()
    page.get_by_role("button", name="Discard").click()
    expect(page.get_by_role("button", name="Record from the microphone")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert not sent


def test_what_the_server_can_not_take_now_is_sent_again(visitor: Visitor) -> None:
    visitor.expected.append("503 (Service Unavailable)")
    page = visitor.open("/dead")
    page.route("**/v1/recordings", lambda route: route.fulfill(status=503, json={"code": "outage", "detail": "away"}))
    drag(page, "drop", SAMPLES / "refund-zh.wav")
    line = page.locator(".tray-item")
    expect(line).to_contain_text("Refused: away")
    page.unroute("**/v1/recordings")
    line.get_by_role("button", name="Try again").click()
    page.wait_for_url(re.compile(r"/calls/\d+"))
