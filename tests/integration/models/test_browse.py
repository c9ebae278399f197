"""The list of calls: each filter, each order, page by page, and what it is made from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine

from callscope.calls import CallMetadata, Emotion, EventKind, Finding, Language, Role, Segment, Severity, Soothing
from callscope.jobs import FailureKind
from models import browse, call_index
from models.browse import Anger, CallPage, Filter, Place, Sort
from models.session import transaction
from models.tables import State
from tests.examples import a_hearing, a_segment
from tests.integration.models import steps

pytestmark = pytest.mark.integration

RunSql = Callable[..., list[tuple[object, ...]]]

BEGAN = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)


def said(
    text: str,
    *,
    start_ms: int = 0,
    end_ms: int = 1_000,
    emotion: Emotion = Emotion.NEUTRAL,
    role: Role = Role.CUSTOMER,
    language: Language = Language.ZH,
) -> Segment:
    segment = a_segment(channel=1, role=role, start_ms=start_ms, end_ms=end_ms, text=text, emotion=emotion)
    return replace(segment, words=(), language=language)


def enter(
    engine: Engine,
    name: str,
    segments: Sequence[Segment],
    *,
    days: int = 0,
    agent: str = "a-1",
    queue: str = "refunds",
    duration_ms: int = 10_000,
) -> None:
    """Store a call that began some days after the first one."""
    told = CallMetadata(call_id=name, agent_id=agent, queue=queue, started_at=BEGAN + timedelta(days=days))
    steps.discover(engine, f"{name}.wav", metadata=told)
    hearing = a_hearing(segments=tuple(segments))
    steps.finish(
        engine, steps.take_one(engine), replace(hearing, audio=replace(hearing.audio, duration_ms=duration_ms))
    )


@pytest.fixture
def calls(engine: Engine) -> Engine:
    """Four analysed calls, the newest last, then one that is dead and one that waits."""
    enter(engine, "calm", [said("我的包裹已经三天没有更新了")], agent="a-1", queue="parcels")
    enter(
        engine,
        "angry",
        [said("我要退款", end_ms=3_000, emotion=Emotion.ANGRY), said("快点", start_ms=4_000, end_ms=5_000)],
        days=1,
        agent="a-2",
        duration_ms=30_000,
    )
    enter(
        engine,
        "english",
        [said("My Parcel is late, a refund please", emotion=Emotion.SAD, language=Language.EN)],
        days=2,
        agent="a-2",
        duration_ms=20_000,
    )
    enter(
        engine,
        "half",
        [said("退货款", emotion=Emotion.ANGRY), said("好的", start_ms=2_000, end_ms=3_000)],
        days=3,
        duration_ms=5_000,
    )
    steps.discover(engine, "dead.wav", metadata=CallMetadata(call_id="dead", started_at=BEGAN + timedelta(days=4)))
    steps.fail(engine, steps.take_one(engine), FailureKind.PERMANENT)
    steps.discover(engine, "waits.wav", metadata=CallMetadata(call_id="waits", started_at=BEGAN + timedelta(days=5)))
    return engine


@dataclass
class List:
    """The list as a person leafs through it."""

    engine: Engine

    def page(self, wanted: Filter, *, limit: int = 50, after: Place | None = None) -> CallPage:
        with transaction(self.engine) as session:
            return browse.list_calls(session, wanted, limit=limit, after=after)

    def names(self, limit: int = 50, **wanted: object) -> list[str]:
        """Return the numbers of the calls of every page."""
        found: list[str] = []
        after: Place | None = None
        while True:
            page = self.page(Filter(**wanted), limit=limit, after=after)  # type: ignore[arg-type]
            found += [str(item.call_id) for item in page.items]
            after = page.next_place
            if after is None:
                return found


EVERY = ["waits", "dead", "half", "english", "angry", "calm"]


FILTERS: list[tuple[dict[str, object], list[str]]] = [
    ({}, EVERY),
    ({"sort": Sort.ANGRIEST}, ["angry", "half", "english", "calm"]),
    ({"sort": Sort.LONGEST}, ["angry", "english", "calm", "half"]),
    ({"agent_id": "a-2"}, ["english", "angry"]),
    ({"queue": "parcels"}, ["calm"]),
    ({"agent_id": "a-1", "queue": "refunds"}, ["half"]),
    ({"agent_id": "a-2", "sort": Sort.ANGRIEST}, ["angry", "english"]),
    ({"first": date(2026, 11, 4)}, ["waits", "dead", "half", "english"]),
    ({"first": date(2026, 11, 3), "last": date(2026, 11, 4)}, ["english", "angry"]),
    ({"last": date(2026, 11, 3), "sort": Sort.LONGEST}, ["angry", "calm"]),
    ({"language": Language.EN}, ["english"]),
    ({"emotion": Emotion.ANGRY}, ["half", "angry"]),
    ({"emotion": Emotion.ANGRY, "min_percent": 75}, ["angry"]),
    ({"emotion": Emotion.ANGRY, "min_percent": 60}, ["half", "angry"]),
    ({"emotion": Emotion.SAD, "min_percent": 75}, ["english"]),
    ({"event": EventKind.SILENCE}, ["half", "english", "angry", "calm"]),
    ({"event": EventKind.LAUGHTER}, []),
    ({"anger": Anger.BURST}, ["half", "angry"]),
    ({"device": "cpu", "agent_id": "a-1"}, ["half", "calm"]),
    ({"state": State.DEAD}, ["dead"]),
    ({"state": State.DEAD, "code": "code_permanent"}, ["dead"]),
    ({"state": State.DEAD, "code": "another"}, []),
    ({"state": State.DISCOVERED}, ["waits"]),
    ({"state": State.DONE, "emotion": Emotion.ANGRY}, ["half", "angry"]),
    ({"state": State.DEAD, "emotion": Emotion.ANGRY}, []),
    ({"text": "退款"}, ["angry"]),
    ({"text": "退"}, ["half", "angry"]),
    ({"text": "款"}, ["half", "angry"]),
    ({"text": "三天没有更新"}, ["calm"]),
    ({"text": "没有三天"}, []),
    ({"text": "PARC"}, ["english"]),
    ({"text": "late refund"}, ["english"]),
    ({"text": '"refund please"'}, ["english"]),
    ({"text": '"please refund"'}, []),
    ({"text": "angry.wav"}, ["angry"]),
    ({"text": "退", "sort": Sort.LONGEST}, ["angry", "half"]),
    ({"text": "%_"}, []),
    ({"text": "';--"}, []),
]


@pytest.mark.parametrize("walked", [0, 1, browse.WALKED])
def test_each_filter_by_each_way_to_a_page(calls: Engine, monkeypatch: pytest.MonkeyPatch, walked: int) -> None:
    for name in ("WALKED", "WALKED_FAR", "TEXTS_WALKED"):
        monkeypatch.setattr(browse, name, walked)
    listed = List(calls)
    for wanted, names in FILTERS:
        for limit in (1, 3, 50):
            assert (wanted, listed.names(limit, **wanted)) == (wanted, names)
        with transaction(calls) as session:
            assert (wanted, browse.count_calls(session, Filter(**wanted))) == (wanted, len(names))  # type: ignore[arg-type]


def test_what_a_row_tells(calls: Engine) -> None:
    (call,) = List(calls).page(Filter(text="退款")).items
    assert (call.call_id, call.agent_id, call.queue, call.state) == ("angry", "a-2", "refunds", State.DONE)
    assert (call.duration_ms, call.languages, call.call_at) == (30_000, ("zh",), BEGAN + timedelta(days=1))
    assert (call.angry_share, call.emotion_shares) == (0.75, {"ANGRY": 0.75, "NEUTRAL": 0.25})
    assert (call.anger_bursts, "SILENCE" in call.events) == (1, True)
    assert call.strip == "AAAAA.NN" + "." * 40
    assert (call.snippet, call.marked, call.snippet_ms) == ("我要退款", (2, 4), 0)


def test_a_call_without_analysis_is_listed_too(calls: Engine) -> None:
    dead = List(calls).page(Filter(state=State.DEAD)).items[0]
    assert (dead.error_code, dead.duration_ms, dead.angry_share, dead.finding_count) == (
        "code_permanent",
        None,
        None,
        0,
    )
    assert set(dead.strip) == {"."}


def test_what_is_counted(calls: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with transaction(calls) as session:
        assert browse.count_calls(session, Filter()) == len(EVERY)
        assert browse.count_calls(session, Filter(text="退")) == 2
        assert browse.count_calls(session, Filter(text="！")) == 0
        assert len(browse.ids(session, Filter(), limit=3)) == 3
        monkeypatch.setattr(browse, "COUNTED", 3)
        assert browse.count_calls(session, Filter()) == 4


def test_what_the_menus_offer(calls: Engine) -> None:
    with transaction(calls) as session:
        offered = browse.choices(session)
    assert (offered.agents, offered.queues) == (("a-1", "a-2"), ("parcels", "refunds"))
    assert len(offered.rules) > 5


def test_numbers_of_people_are_not_found(engine: Engine) -> None:
    enter(engine, "number", [said("我的电话是13912345678")])
    assert List(engine).names(text="13912345678") == []
    assert List(engine).names(text="电话") == ["number"]


def test_findings_and_outcomes(engine: Engine) -> None:
    enter(engine, "plain", [said("好")])
    with transaction(engine) as session:
        told = call_index.Told(
            segments=[said("好")],
            findings=[
                Finding(rule, severity, 1.0, Role.AGENT, 0, 1, 1.0, ())
                for rule, severity in (("promise", Severity.LOW), ("threat", Severity.HIGH))
            ],
        )
        call_index.index_call(session, 1, told)
    found = List(engine)
    (call,) = found.page(Filter(rule="threat")).items
    assert (call.severity, call.rules, call.finding_count) == (Severity.HIGH, ("promise", "threat"), 2)
    assert found.names(severity=Severity.LOW) == ["plain"]
    assert found.names(rule="other") == found.names(outcome=Soothing.POOR) == []


def test_calls_stored_before_the_index_are_filled_in(calls: Engine, run_sql: RunSql) -> None:
    question = (
        "SELECT recording_id, analysis_id, call_at, agent_id, angry_share, facets, strip, grams::text, text, starts_ms"
        " FROM call_index ORDER BY 1"
    )
    before = run_sql(question)
    run_sql("DELETE FROM call_index")
    with transaction(calls) as session:
        assert not call_index.is_complete(session)
    after_id, batches = 0, 0
    while True:
        with transaction(calls) as session:
            last = call_index.fill(session, after_id=after_id, limit=3)
        if last is None:
            break
        after_id, batches = last, batches + 1
    assert batches == 2
    assert run_sql(question) == before
    with transaction(calls) as session:
        assert call_index.is_complete(session)


def test_erasing_a_recording_takes_it_off_the_list(calls: Engine, run_sql: RunSql) -> None:
    run_sql("DELETE FROM recording WHERE call_id = 'angry'")
    assert List(calls).names(emotion=Emotion.ANGRY) == ["half"]
