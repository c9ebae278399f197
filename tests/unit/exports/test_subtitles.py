from __future__ import annotations

import html
import re
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscope.calls import AnalysedCall, Emotion, EventKind, Role, Segment
from callscope.exports.subtitles import to_srt, to_webvtt
from tests.examples import a_segment
from tests.whole_call import a_whole_call, an_analysed_call

pytestmark = pytest.mark.unit

SRT = """1
00:00:00,000 --> 00:00:01,000
Agent: 你好。

2
00:00:02,800 --> 00:00:04,000
Customer: 订单202611090012三天了。

3
00:00:04,200 --> 00:00:04,900
Agent: 对不起

4
00:00:04,950 --> 00:00:05,000
Customer: [laughter]
"""

CUES = """1
00:00:00.000 --> 00:00:01.000
<v Agent><c.neutral>你好。</c></v>

2
00:00:02.800 --> 00:00:04.000
<v Customer><c.angry>订单202611090012三天了。</c></v>

3
00:00:04.200 --> 00:00:04.900
<v Agent><c.neutral>对不起</c></v>

4
00:00:04.950 --> 00:00:05.000
<v Customer>[laughter]</v>
"""


@dataclass(frozen=True)
class Cue:
    start_ms: int
    end_ms: int
    voice: str
    classes: tuple[str, ...]
    text: str


def of(*segments: Segment) -> str:
    return to_webvtt(call_of(*segments))


def call_of(*segments: Segment) -> AnalysedCall:
    analysis = a_whole_call()
    return an_analysed_call(replace(analysis, hearing=replace(analysis.hearing, segments=segments)))


TIMING = re.compile(r"(\d{2,}):([0-5]\d):([0-5]\d)\.(\d{3}) --> (\d{2,}):([0-5]\d):([0-5]\d)\.(\d{3})")
PAYLOAD = re.compile(r"<v ([^<>&\n]+)>(?:<c((?:\.[a-z_]+)+)>([^<>]*)</c>|([^<>]*))</v>")


def parse_webvtt(text: str) -> list[Cue]:
    """
    Read the file as strictly as the W3C's syntax for authors is: signature, blocks by blank lines, ascending starts.

    No `-->` outside a timing, no `<` or `&` that isn't part of a tag or an escape.
    """
    blocks = text.removesuffix("\n").split("\n\n")
    assert blocks.pop(0) == "WEBVTT"
    cues: list[Cue] = []
    for block in blocks:
        lines = block.split("\n")
        assert all(lines), block
        if lines[0] in {"NOTE", "STYLE"}:
            assert not cues, "styles and notes of the file come before its cues"
            assert "-->" not in block
            continue
        identifier, timing, payload = lines
        assert identifier == str(len(cues) + 1)
        matched = TIMING.fullmatch(timing)
        assert matched, timing
        fields = [int(group) for group in matched.groups()]
        start_ms, end_ms = (
            ((hours * 60 + minutes) * 60 + seconds) * 1_000 + ms
            for hours, minutes, seconds, ms in (fields[:4], fields[4:])
        )
        assert start_ms < end_ms
        assert not cues or cues[-1].start_ms <= start_ms
        spoken = PAYLOAD.fullmatch(payload)
        assert spoken, payload
        voice, classes, inside, plain = spoken.groups()
        said = plain if classes is None else inside
        assert re.fullmatch(r"(?:[^&]|&(?:amp|lt|gt);)*", said)
        cues.append(Cue(start_ms, end_ms, voice, tuple((classes or "").split(".")[1:]), html.unescape(said)))
    return cues


def parse_srt(text: str) -> list[tuple[int, int, str]]:
    cues = []
    for number, block in enumerate(text.removesuffix("\n").split("\n\n"), start=1):
        identifier, timing, payload = block.split("\n")
        assert identifier == str(number)
        matched = re.fullmatch(TIMING.pattern.replace(r"\.", ","), timing)
        assert matched, timing
        fields = [int(group) for group in matched.groups()]
        start_ms, end_ms = (
            ((hours * 60 + minutes) * 60 + seconds) * 1_000 + ms
            for hours, minutes, seconds, ms in (fields[:4], fields[4:])
        )
        cues.append((start_ms, end_ms, payload))
    return cues


def test_srt() -> None:
    assert to_srt(an_analysed_call()) == SRT


def test_webvtt() -> None:
    written = to_webvtt(an_analysed_call())
    assert written.endswith("\n\n" + CUES)
    assert "NOTE\ncall: c-1\nrecording: 17\nagent: a-7\nkey: returns/2026-11-09/a-7/c-1.wav\n" in written
    assert "analysis: demo-0123abcd/3/shop-00000001\n" in written
    assert parse_webvtt(written)[1] == Cue(2_800, 4_000, "Customer", ("angry",), "订单202611090012三天了。")


def test_nothing_said_is_no_cue() -> None:
    silent = replace(a_segment(text=""), event=EventKind.EVENT_UNK)
    assert to_srt(call_of(silent)) == ""
    assert parse_webvtt(of(silent)) == []


def test_marks_of_the_format_are_escaped() -> None:
    said = "a <b> & c --> d &amp;\n\n00:00 --> \u2028 e"
    (cue,) = parse_webvtt(of(a_segment(text=said)))
    assert cue.text == "a <b> & c --> d &amp; 00:00 --> e"
    assert to_srt(call_of(a_segment(text=said))).endswith("Agent: a ‹b› & c --› d &amp; 00:00 --› e\n")


def test_a_key_can_not_end_the_note() -> None:
    call = an_analysed_call()
    written = to_webvtt(replace(call, ref=replace(call.ref, key="a\n\n1\n00:00:00.000 --> 00:00:01.000\n<v X>b")))
    assert len(parse_webvtt(written)) == 4


def test_overlapping_cues_keep_their_times() -> None:
    both = a_segment(start_ms=0, end_ms=5_000), a_segment(channel=1, role=Role.CUSTOMER, start_ms=100, end_ms=3_000)
    assert [(cue.start_ms, cue.end_ms) for cue in parse_webvtt(of(*both))] == [(0, 5_000), (100, 3_000)]


@pytest.mark.parametrize(
    ("segment", "voice", "classes", "text"),
    [
        (replace(a_segment(), role=Role.UNKNOWN, channel=1), "Speaker 2", ("neutral",), "你好。"),
        (replace(a_segment(), emotion=Emotion.EMO_UNKNOWN), "Agent", (), "你好。"),
        (replace(a_segment(), event=EventKind.BGM), "Agent", ("neutral",), "[music] 你好。"),
        (replace(a_segment(text=""), event=EventKind.GBG), "Agent", (), "[noise]"),
        (replace(a_segment(text=""), event=EventKind.HOLD_MUSIC), "Agent", (), "[hold music]"),
    ],
)
def test_voices_emotions_and_sounds(segment: Segment, voice: str, classes: tuple[str, ...], text: str) -> None:
    assert parse_webvtt(of(segment)) == [Cue(0, 1_000, voice, classes, text)]


def test_times_run_beyond_a_day() -> None:
    late = a_segment(start_ms=90_061_007, end_ms=360_000_000)
    assert "25:01:01,007 --> 100:00:00,000" in to_srt(call_of(late))


LINES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1).map(
    lambda text: " ".join(text.split())
)


@given(st.lists(st.tuples(st.integers(0, 10**8), st.integers(0, 10**5), LINES.filter(bool)), min_size=1))
def test_any_call_goes_round(spoken: list[tuple[int, int, str]]) -> None:
    segments = [a_segment(start_ms=start, end_ms=start + length, text=text) for start, length, text in spoken]
    expected = sorted(((s.start_ms, max(s.end_ms, s.start_ms + 1), s.text) for s in segments), key=lambda cue: cue[0])
    assert [(cue.start_ms, cue.end_ms, cue.text) for cue in parse_webvtt(of(*segments))] == expected
    as_srt = [(start, end, "Agent: " + text.replace("<", "‹").replace(">", "›")) for start, end, text in expected]
    assert parse_srt(to_srt(call_of(*segments))) == as_srt
