from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from threading import Barrier, Thread

import pytest
from sqlalchemy import Engine

from callscope.calls import Emotion, Hearing, Role, Word
from callscope.errors import InvalidResult
from callscope.jobs import FailureKind
from callscope.meaning.interpret import PIPELINE_VERSION
from models.reading import read_calls
from models.session import transaction
from models.waveforms import read_waveform
from tests.examples import a_hearing, a_segment, an_analysis
from tests.integration.models import steps

pytestmark = pytest.mark.integration

RunSql = Callable[..., list[tuple[object, ...]]]

EVENTS = len(an_analysis().meaning.events)
COUNTS = (
    "SELECT (SELECT count(*) FROM analysis), (SELECT count(*) FROM segment),"
    " (SELECT count(*) FROM emotion), (SELECT count(*) FROM event)"
)


def test_the_waveform_is_stored_under_the_analysis_that_heard_it(engine: Engine) -> None:
    steps.discover(engine, "a.wav")
    job = steps.take_one(engine)
    steps.start(engine, job)
    lanes = (bytes(range(256)), b"\x00\\\n\t")
    assert steps.finish(engine, job, replace(a_hearing(), waveform=lanes))
    with transaction(engine) as session:
        assert read_waveform(session, job.recording_id) == lanes
        assert read_waveform(session, job.recording_id + 1) is None


def test_every_field_is_stored(engine: Engine, run_sql: RunSql) -> None:
    steps.discover(engine, "a.wav")
    job = steps.take_one(engine)
    steps.start(engine, job)
    analysis = an_analysis()
    assert steps.finish(engine, job, analysis.hearing)
    with transaction(engine) as session:
        (call,) = read_calls(session, bucket="calls", keys=["a.wav"])
    assert (call.segments, call.events) == (analysis.hearing.segments, analysis.meaning.events)
    assert run_sql(
        "SELECT checkpoint, pipeline, rules, attempt_no, worker, engine, device, container, codec, sample_rate_hz,"
        " channels, duration_ms, truncated, dual_mono, speech_coverage, segment_count, event_count, timings_ms"
        " FROM analysis"
    ) == [
        (
            *(
                "demo-0123abcd",
                PIPELINE_VERSION,
                analysis.version.rules,
                1,
                steps.WORKER,
                "torch-fp32",
                "cpu",
                "wav",
                "pcm_mulaw",
                8_000,
            ),
            *(2, 5_000, False, False, 0.44, 2, len(analysis.meaning.events), dict(analysis.hearing.timings_ms)),
        )
    ]
    assert run_sql(
        "SELECT state, attempts, error_code, lease_until, finished_at IS NOT NULL, attempt_log -> 0 ->> 'code'"
        " FROM recording"
    ) == [("done", 1, None, None, True, "done")]


@pytest.mark.parametrize(
    ("said", "stored"),
    [
        ("tab\tnewline\nreturn\rbackslash\\ and \\N and \\.", "tab\tnewline\nreturn\rbackslash\\ and \\N and \\."),
        ("\\.", "\\."),
        ("\\N", "\\N"),
        ("", ""),
        ("nul\x00 gone", "nul gone"),
        ("half \ud83d pair", "half ? pair"),
        ("唉，三天了😡 ｱｱ 안녕 'quote' \"double\" {brace}", "唉，三天了😡 ｱｱ 안녕 'quote' \"double\" {brace}"),
    ],
)
def test_any_text_goes_round(engine: Engine, run_sql: RunSql, said: str, stored: str) -> None:
    steps.discover(engine, "a.wav")
    segment = replace(a_segment(text=said), words=(Word(said, 0, 10),))
    assert steps.finish(engine, steps.take_one(engine), a_hearing(segments=(segment,)))
    assert run_sql("SELECT text, words -> 0 ->> 'text' FROM segment") == [(stored, stored)]


def test_talk_speed_counts_words_a_minute(engine: Engine, run_sql: RunSql) -> None:
    steps.discover(engine, "a.wav")
    spoken, silent = a_segment(end_ms=2_000), replace(a_segment(start_ms=3_000, end_ms=3_000), words=())
    steps.finish(engine, steps.take_one(engine), a_hearing(segments=(spoken, silent)))
    assert run_sql("SELECT words_per_minute FROM segment ORDER BY segment_no") == [(60.0,), (None,)]


def test_a_second_copy_is_dropped(engine: Engine, run_sql: RunSql) -> None:
    steps.discover(engine, "a.wav")
    job = steps.take_one(engine)
    assert steps.finish(engine, job)
    assert not steps.finish(engine, job, a_hearing(segments=()))
    assert run_sql(COUNTS) == [(1, 2, 2, EVENTS)]
    assert run_sql("SELECT state, attempts, jsonb_array_length(attempt_log) FROM recording") == [("done", 1, 1)]


def test_copies_from_eight_threads_are_stored_once(engine: Engine, run_sql: RunSql) -> None:
    steps.discover(engine, "a.wav")
    job = steps.take_one(engine)
    together, stored = Barrier(8), list[bool]()

    def deliver() -> None:
        together.wait()
        stored.append(steps.finish(engine, job))

    threads = [Thread(target=deliver) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(stored) == [False] * 7 + [True]
    assert run_sql(COUNTS) == [(1, 2, 2, EVENTS)]


def test_another_version_stands_beside_the_first(engine: Engine, run_sql: RunSql) -> None:
    steps.discover(engine, "a.wav")
    job = steps.take_one(engine)
    assert steps.finish(engine, job)
    assert steps.finish(engine, job, a_hearing(checkpoint="other-00000000"))
    assert run_sql(COUNTS) == [(2, 4, 4, 2 * EVENTS)]


def test_no_segment_with_speech_is_no_speech(engine: Engine, run_sql: RunSql) -> None:
    steps.discover(engine, "a.wav")
    steps.finish(engine, steps.take_one(engine), a_hearing(segments=(a_segment(text="", is_speech=False),)))
    assert run_sql("SELECT state FROM recording") == [("no_speech",)]


@pytest.mark.parametrize("known_as", ["waiting", "dead", "under way again"])
def test_a_late_result_of_a_lost_attempt_wins(engine: Engine, run_sql: RunSql, known_as: str) -> None:
    steps.discover(engine, "a.wav")
    lost = steps.take_one(engine)
    steps.lose(engine, lost)
    if known_as == "dead":
        for _ in range(2):
            steps.lose(engine, steps.take_one(engine))
    elif known_as == "under way again":
        steps.start(engine, steps.take_one(engine))
    assert steps.finish(engine, lost)
    losses = 3 if known_as == "dead" else 1
    assert run_sql("SELECT state, attempts, error_code, isolate FROM recording") == [("done", losses, None, False)]
    assert run_sql(COUNTS) == [(1, 2, 2, EVENTS)]


def test_after_a_replay_the_stored_version_ends_it_again(engine: Engine, run_sql: RunSql) -> None:
    steps.discover(engine, "a.wav")
    job = steps.take_one(engine)
    steps.finish(engine, job)
    steps.replay(engine, job.recording_id)
    assert not steps.finish(engine, steps.take_one(engine))
    assert run_sql("SELECT state FROM recording") == [("done",)]


def test_an_erased_recording_takes_no_result(engine: Engine, run_sql: RunSql) -> None:
    steps.discover(engine, "a.wav")
    job = steps.take_one(engine)
    run_sql("DELETE FROM recording")
    assert not steps.finish(engine, job)
    assert run_sql(COUNTS) == [(0, 0, 0, 0)]


def test_erasing_a_recording_leaves_no_row(engine: Engine, run_sql: RunSql) -> None:
    steps.discover(engine, "a.wav", "b.wav")
    for taken in steps.take(engine):
        steps.finish(engine, taken.job)
    run_sql("DELETE FROM recording WHERE key = 'a.wav'")
    assert run_sql(COUNTS) == [(1, 2, 2, EVENTS)]


SEGMENT = a_segment()


@pytest.mark.parametrize(
    "impossible",
    [
        a_hearing(segments=(SEGMENT, replace(SEGMENT, event_probability=1.5))),
        a_hearing(segments=(SEGMENT, replace(SEGMENT, event_probability=float("nan")))),
        a_hearing(segments=(SEGMENT, replace(SEGMENT, loudness_dbfs=float("nan")))),
        a_hearing(segments=(SEGMENT, replace(SEGMENT, start_ms=9, end_ms=8))),
        a_hearing(segments=(SEGMENT, replace(SEGMENT, end_ms=1 << 40))),
        a_hearing(segments=(SEGMENT, replace(SEGMENT, emotion_distribution={Emotion.SAD: 1.0}))),
        a_hearing(
            segments=(SEGMENT, replace(SEGMENT, emotion_distribution={Emotion.NEUTRAL: 1.0, Emotion.SAD: float("nan")}))
        ),
        replace(a_hearing(), audio=replace(a_hearing().audio, duration_ms=1_000)),
        replace(a_hearing(), audio=replace(a_hearing().audio, duration_ms=1 << 40)),
    ],
)
def test_an_impossible_result_leaves_nothing(engine: Engine, run_sql: RunSql, impossible: Hearing) -> None:
    steps.discover(engine, "a.wav")
    job = steps.take_one(engine)
    with pytest.raises(InvalidResult) as caught:
        steps.finish(engine, job, impossible)
    assert caught.value.why
    assert SEGMENT.text not in caught.value.why
    assert run_sql(COUNTS) == [(0, 0, 0, 0)]
    assert steps.fail(engine, job, FailureKind.ATTEMPT)


def test_a_call_of_hours_is_stored_whole(engine: Engine, run_sql: RunSql) -> None:
    steps.discover(engine, "a.wav")
    segments = tuple(
        a_segment(channel=number % 2, role=Role.AGENT, start_ms=number * 1_000, end_ms=number * 1_000 + 900)
        for number in range(5_000)
    )
    hearing = a_hearing(segments=segments)
    hearing = replace(hearing, audio=replace(hearing.audio, duration_ms=5_000_000))
    assert steps.finish(engine, steps.take_one(engine), hearing)
    assert run_sql("SELECT count(*), max(segment_no), max(start_ms) FROM segment") == [(5_000, 4_999, 4_999_000)]
