from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, event

from callscope.calls import Word
from models.reading import StoredHearing, read_call, read_calls, read_hearings, read_named_call
from models.session import transaction
from tests.examples import a_segment
from tests.integration.models.stored import store, version
from tests.whole_call import METADATA, a_whole_call

pytestmark = pytest.mark.integration


def test_a_call_is_read_as_it_was_stored(engine: Engine) -> None:
    analysis = a_whole_call()
    analysis_id = store(engine, "a.wav", analysis, metadata=METADATA, keep_values=True)
    with transaction(engine) as session:
        call = read_call(session, call_id="c-1")
    assert call is not None
    assert (call.analysis, call.metadata, call.analysis_id) == (analysis, METADATA, analysis_id)
    assert (call.ref.bucket, call.ref.key, call.ref.etag, call.ref.size_bytes) == ("calls", "a.wav", "v1", 1_000)
    assert call.call_date == datetime(2026, 11, 9, tzinfo=UTC).date()


def test_a_value_that_was_not_stored_is_its_masked_form(engine: Engine) -> None:
    analysis = a_whole_call()
    store(engine, "a.wav", analysis)
    with transaction(engine) as session:
        call = read_call(session, bucket="calls", key="a.wav")
    assert call is not None
    (entity,) = call.analysis.meaning.entities
    assert entity == replace(analysis.meaning.entities[0], value="********0012")


def test_a_derived_analysis_reads_the_segments_of_its_base(engine: Engine) -> None:
    first = a_whole_call(rules="shop-00000001")
    base_id = store(engine, "a.wav", first, keep_values=True)
    derived = replace(
        a_whole_call(rules="shop-00000002"), meaning=replace(first.meaning, findings=(), scores=(), events=())
    )
    store(engine, "a.wav", derived, base_id=base_id, keep_values=True)
    with transaction(engine) as session:
        current = read_call(session, key="a.wav")
        old = read_call(session, key="a.wav", version=version("shop-00000001"))
        assert current is not None
        assert old is not None
        assert (current.analysis, old.analysis) == (derived, first)
        (shown,) = read_calls(session, bucket="calls", keys=["a.wav"])
        assert (shown.segments, shown.events) == (first.hearing.segments, ())
        (heard,) = read_hearings(session, 0, 10)
    assert (heard.base_id, heard.analysis_id, heard.hearing) == (base_id, current.analysis_id, first.hearing)


def test_what_is_not_there_is_none(engine: Engine) -> None:
    store(engine, "a.wav", a_whole_call(), metadata=METADATA)
    with transaction(engine) as session:
        assert read_call(session, call_id="c-2") is None
        assert read_call(session, call_id="c-1", version=version("shop-99999999")) is None
        assert read_call(session, bucket="other", key="a.wav") is None
        with pytest.raises(ValueError, match="named by"):
            read_call(session, bucket="calls")


def test_hearings_come_in_batches_by_analysis(engine: Engine) -> None:
    stored = {}
    for number in range(5):
        day = METADATA.started_at or datetime.max.replace(tzinfo=UTC)
        metadata = replace(METADATA, call_id=f"c-{number}", started_at=day.replace(month=number + 1))
        stored[store(engine, f"{number}.wav", a_whole_call(), metadata=metadata)] = metadata
    found: list[StoredHearing] = []
    with transaction(engine) as session:
        while batch := read_hearings(session, found[-1].analysis_id if found else 0, 2):
            assert len(batch) <= 2
            found += batch
        later = read_hearings(session, 0, 10, since=datetime(2026, 3, 9, tzinfo=UTC).date())
        assert [one.metadata.call_id for one in later] == ["c-2", "c-3", "c-4"]
        earlier = read_hearings(session, 0, 10, until_id=found[1].analysis_id)
        assert [one.metadata.call_id for one in earlier] == ["c-0", "c-1"]
    assert [one.analysis_id for one in found] == list(stored)
    assert [one.metadata for one in found] == list(stored.values())
    assert all(one.hearing == a_whole_call().hearing for one in found)
    assert {(one.attempt_no, one.worker) for one in found} == {(1, "gpu-1:4711:cpu")}


@pytest.mark.parametrize("calls", [1, 6])
def test_a_batch_takes_three_statements(engine: Engine, calls: int) -> None:
    for number in range(calls):
        store(engine, f"{number}.wav", a_whole_call())
    sent: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *arguments: sent.append(arguments[2]))
    with transaction(engine) as session:
        assert len(read_hearings(session, 0, 100)) == calls
    assert len(sent) == 3


def test_texts_and_words_come_back_unchanged(engine: Engine) -> None:
    said = 'tab\tquote" back\\slash 唉 안녕 {brace}'
    segment = replace(a_segment(text=said), words=(Word(said, 0, 10),))
    analysis = a_whole_call()
    store(engine, "a.wav", replace(analysis, hearing=replace(analysis.hearing, segments=(segment,))))
    with transaction(engine) as session:
        call = read_call(session, key="a.wav")
    assert call is not None
    assert call.analysis.hearing.segments == (segment,)


def test_a_person_names_a_call_by_its_number_its_key_or_ours(engine: Engine) -> None:
    store(engine, "first.wav", a_whole_call(), metadata=replace(METADATA, call_id="c-9"))
    # Telephony's number looks like our number of the first recording, and comes first.
    store(engine, "second.wav", a_whole_call(), metadata=replace(METADATA, call_id="1"))
    with transaction(engine) as session:
        found = {
            name: call and call.ref.key
            for name in ("c-9", "first.wav", "1", "2", "99", "9" * 30, "\u0662", "nothing")
            for call in [read_named_call(session, name, bucket="calls")]
        }
        assert read_named_call(session, "first.wav", bucket="other") is None
    assert found == {
        "c-9": "first.wav",
        "first.wav": "first.wav",
        "1": "second.wav",
        "2": "second.wav",
        "99": None,
        "9" * 30: None,
        "\u0662": None,
        "nothing": None,
    }
