"""A call of an hour with 1,500 segments, stored as a worker's result is, with its sound in the bucket."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile
from playwright.sync_api import sync_playwright
from sqlalchemy import select

from callscope.calls import AudioFacts, CallMetadata, Emotion, Hearing, Role, Segment, Word
from callscope.jobs import ResultNote
from models import ledger, results
from models.session import transaction
from models.tables import Recording
from tests.browser.cluster import pages_settings, running_pages
from tests.browser.conftest import find_chromium, signed_in
from tests.clusters import RunningCluster
from tests.examples import a_segment, an_interpreter

SEGMENTS = 1_500
DURATION_MS = 3_600_000

_STEP_MS = DURATION_MS // SEGMENTS
_RATE_HZ = 8_000
_TEXT = "您好我的订单已经等了三天还没有到请您尽快帮我查一下谢谢"
_FEELINGS = (Emotion.NEUTRAL, Emotion.NEUTRAL, Emotion.ANGRY, Emotion.HAPPY, Emotion.SAD, Emotion.NEUTRAL)


def store_long_call(cluster: RunningCluster, folder: Path) -> int:
    """Return the number of its recording."""
    file = folder / "hour.wav"
    sound = np.random.default_rng(1).integers(-3_000, 3_000, _RATE_HZ * DURATION_MS // 1_000, dtype=np.int16)
    soundfile.write(file, np.stack([sound, sound[::-1]], axis=1), _RATE_HZ, subtype="PCM_16")
    segments = tuple(_segment(number) for number in range(SEGMENTS))
    peaks = np.random.default_rng(2).integers(0, 200, DURATION_MS // 50, dtype=np.uint8).tobytes()
    hearing = Hearing(
        checkpoint="demo-00000000",
        engine="torch-fp32",
        device="cpu",
        audio=AudioFacts("wav", "pcm_s16le", _RATE_HZ, 2, DURATION_MS, truncated=False, dual_mono=False),
        segments=segments,
        timings_ms={"transcribe": 1},
        waveform=(peaks, peaks[::-1]),
    )
    stored = cluster.storage.put(cluster.settings.bucket, "long/hour.wav", file)
    with transaction(cluster.engine) as session:
        # In one transaction, so that no worker ever sees it waiting.
        ledger.discover(session, [ledger.Discovered(stored.ref, CallMetadata(call_id="hour", agent_id="A104"))])
        of_key = select(Recording.id).where(Recording.key == stored.ref.key, Recording.etag == stored.ref.etag)
        number: int = session.scalars(of_key).one()
        assert results.store(session, ResultNote(number, 1, "test:1:cpu", hearing), an_interpreter())
    return number


def _segment(number: int) -> Segment:
    start_ms, channel = number * _STEP_MS, number % 2
    length = 8 + number % 19
    text = _TEXT[:length] + "。"
    made = a_segment(
        channel=channel,
        role=(Role.AGENT, Role.CUSTOMER)[channel],
        start_ms=start_ms,
        end_ms=start_ms + _STEP_MS - 300,
        text=text,
        emotion=_FEELINGS[number * number // 7 % len(_FEELINGS)] if channel else Emotion.NEUTRAL,
    )
    return replace(
        made, words=tuple(Word(text[at], start_ms + 80 * at, start_ms + 80 * (at + 1)) for at in range(length))
    )


def measure(visits: int = 10) -> list[float]:
    """Return after how many ms the page of such a call is usable in Chromium, visit by visit, caches cold each time."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running_pages(pages_settings(Path(folder))) as pages,
        sync_playwright() as playwright,
    ):
        number = store_long_call(pages.cluster, Path(folder))
        browser = playwright.chromium.launch(executable_path=find_chromium())
        session = signed_in(browser, pages.url, pages.key)
        taken_ms = []
        for _ in range(visits):
            context = browser.new_context(base_url=pages.url, storage_state=session)
            page = context.new_page()
            page.goto(f"/calls/{number}")
            page.wait_for_selector("#lines[data-words]", state="attached")
            taken_ms.append(page.evaluate("performance.getEntriesByName('usable')[0].startTime"))
            context.close()
        browser.close()
    return taken_ms


if __name__ == "__main__":
    print(*(f"{taken_ms:,.0f} ms" for taken_ms in measure()))  # noqa: T201 - a person asked
