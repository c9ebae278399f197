from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, event

from callscope.calls import CallAnalysis, CallMetadata, Emotion, EventKind
from callscope.cli import callscope
from callscope.comparison import Changes
from callscope.errors import UsageError
from models.comparison import list_versions, read_pairs
from models.session import transaction
from reports import compare
from tests.integration.models.stored import store, version
from tests.whole_call import CUSTOMER, METADATA, a_whole_call

pytestmark = pytest.mark.integration

OLD, NEW = "shop-00000001", "shop-00000002"


@pytest.fixture
def run(database_url: str) -> Any:
    def invoke(*words: str) -> Result:
        environment = {"CALLSCOPE_DATABASE_URL": database_url}
        return CliRunner().invoke(callscope, ["compare", *words], env=environment, catch_exceptions=False)

    return invoke


def with_rules(rules: str, *, finding: bool = True) -> CallAnalysis:
    call = a_whole_call(rules=rules)
    findings = call.meaning.findings if finding else ()
    return replace(call, meaning=replace(call.meaning, findings=findings))


def store_both(engine: Engine, key: str, old: CallAnalysis, new: CallAnalysis, *, day: int = 9) -> None:
    started_at = datetime(2026, 11, day, 8, 30, tzinfo=UTC)
    metadata = replace(METADATA, call_id=key.removesuffix(".wav"), started_at=started_at)
    base_id = store(engine, key, old, metadata=metadata)
    store(engine, key, new, base_id=base_id if new.version.checkpoint == old.version.checkpoint else None)


@pytest.fixture
def rules_changed(engine: Engine) -> None:
    """Three calls: in the second the rule fires no more; a third of them has no new analysis."""
    store_both(engine, "same.wav", with_rules(OLD), with_rules(NEW), day=9)
    store_both(engine, "quiet.wav", with_rules(OLD), with_rules(NEW, finding=False), day=10)
    store(engine, "alone.wav", with_rules(OLD), metadata=CallMetadata(call_id="alone"))


@pytest.mark.usefixtures("rules_changed")
def test_other_rules_change_findings_alone(run: Any) -> None:
    told = json.loads(run(OLD, NEW, "--json").stdout)
    assert (told["calls"], told["changed_calls"]) == (2, 1)
    assert told["total"]["findings"] == {
        "anger-after-silence": {"gained": 0, "lost": 1, "kept": 1, "mean_overlap": 1.0}
    }
    assert (told["total"]["text"]["edits"], told["total"]["emotions"]["changed_ms"]) == (0, 0)
    assert told["total"]["events"]["SILENCE"] == {"gained": 0, "lost": 0, "kept": 2, "mean_overlap": 1.0}
    assert [call["call_id"] for call in told["most_changed"]] == ["quiet"]
    assert told["most_changed"][0]["findings"]["anger-after-silence"]["lost"] == 1
    back = json.loads(run(NEW, OLD, "--json").stdout)
    assert back["total"]["findings"]["anger-after-silence"]["gained"] == 1


@pytest.mark.usefixtures("rules_changed")
def test_only_calls_since_a_date(run: Any) -> None:
    assert json.loads(run(OLD, NEW, "--since", "2026-11-10", "--json").stdout)["calls"] == 1
    assert json.loads(run(OLD, NEW, "--since", "2026-11-11", "--json").stdout)["calls"] == 0


def test_another_checkpoint_changes_what_was_heard(engine: Engine, run: Any) -> None:
    old, new = a_whole_call(), a_whole_call(checkpoint="better-00000002")
    heard = list(new.hearing.segments)
    heard[1] = replace(
        CUSTOMER, text="订单202611090012三年了。", emotion=Emotion.SAD, emotion_distribution={Emotion.SAD: 1.0}
    )
    silence, laughter = new.meaning.events
    events = (replace(silence, end_ms=1_900), replace(laughter, kind=EventKind.CRY))
    scores = (replace(new.meaning.scores[0], score=2.0),)
    new = replace(
        new,
        hearing=replace(new.hearing, segments=tuple(heard)),
        meaning=replace(new.meaning, events=events, scores=scores),
    )
    store_both(engine, "a.wav", old, new)
    told = json.loads(run("demo", "better", "--json").stdout)["total"]
    assert told["text"] == {"edits": 1, "old_characters": 22, "new_characters": 22, "cer": pytest.approx(1 / 22)}
    assert told["emotions"]["changed_ms"] == 1_200
    assert {"old": "ANGRY", "new": "SAD", "ms": 1_200} in told["emotions"]["confusion"]
    assert told["events"] == {
        "CRY": {"gained": 1, "lost": 0, "kept": 0, "mean_overlap": 1.0},
        "LAUGHTER": {"gained": 0, "lost": 1, "kept": 0, "mean_overlap": 1.0},
        "SILENCE": {"gained": 0, "lost": 0, "kept": 1, "mean_overlap": 0.5},
    }
    assert told["scores"]["soothing"]["mean_difference"] == 1.0
    shown = run("demo", "better").stdout
    for fact in ("1 (4.55%)", "ANGRY", "SAD", "-1 LAUGHTER", "+1 CRY", "50.0%", "+1.00"):
        assert fact in shown, fact


def test_the_most_changed_calls_come_first(engine: Engine, run: Any) -> None:
    for number in range(1, 5):
        call = a_whole_call(rules=NEW)
        heard = tuple(
            replace(segment, text="嗯" * len(segment.text)) if place < number else segment
            for place, segment in enumerate(call.hearing.segments)
        )
        other = replace(call, hearing=replace(call.hearing, segments=heard, checkpoint="x-1"))
        other = replace(other, version=replace(other.version, checkpoint="x-1"))
        store_both(engine, f"{number}.wav", a_whole_call(rules=OLD), other)
    told = json.loads(run(OLD, NEW, "--limit", "2", "--json").stdout)
    assert told["changed_calls"] == 4
    # The fourth segment has no text: equally changed, and later.
    assert [call["call_id"] for call in told["most_changed"]] == ["3", "4"]
    assert json.loads(run(OLD, NEW, "--limit", "0", "--json").stdout)["most_changed"] == []


def test_calls_are_read_batch_by_batch(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        store_both(engine, f"{number}.wav", with_rules(OLD), with_rules(NEW, finding=number % 2 == 0))
    monkeypatch.setattr(compare, "CALLS_AT_ONCE", 2)
    counts: list[int] = []
    summary = compare.compare_versions(engine, version(OLD), version(NEW), limit=10, since=None, on_call=counts.append)
    assert counts == [1, 2, 3, 4, 5]
    assert summary.total.findings == {"anger-after-silence": Changes(lost=2, kept=3, overlap=3.0)}
    sent: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *arguments: sent.append(arguments[2]))
    with transaction(engine) as session:
        pairs = read_pairs(session, version(OLD), version(NEW), after_id=0, limit=5)
    assert len(sent) == 6
    # A derived analysis shares what was heard, so it is read once.
    assert all(pair.old.segments is pair.new.segments for pair in pairs)


@pytest.mark.usefixtures("rules_changed")
def test_versions_are_listed(engine: Engine, run: Any) -> None:
    with transaction(engine) as session:
        newest, *rest = list_versions(session)
    assert (newest.version, newest.analyses, newest.current) == (version(OLD), 3, 1)
    assert [(one.version, one.analyses, one.current) for one in rest] == [(version(NEW), 2, 2)]
    assert (rest[0].first_call, rest[0].last_call) == (date(2026, 11, 9), date(2026, 11, 10))
    told = json.loads(run("--list", "--json").stdout)
    assert [one["name"] for one in told] == [f"demo-0123abcd/3/{OLD}", f"demo-0123abcd/3/{NEW}"]
    assert told[1]["last_call"] == "2026-11-10"
    shown = run("--list").stdout
    assert f"demo-0123abcd/3/{NEW}" in shown
    assert "2026-11-09 to 2026-11-10" in shown


@pytest.mark.parametrize("words", [[], [OLD], [OLD, NEW, "--list"]])
def test_wrong_words(run: Any, words: list[str]) -> None:
    assert run(*words).exit_code == 2


@pytest.mark.usefixtures("rules_changed")
def test_a_name_that_fits_several_is_refused(run: Any) -> None:
    with pytest.raises(UsageError, match="several"):
        run("demo-0123abcd", NEW)
