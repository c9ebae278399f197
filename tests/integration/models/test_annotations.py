from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.exc import IntegrityError

from callscope.calls import Emotion, Language, Role
from models.annotations import Correction, annotate, labelled_stretches, read_annotations, remove
from models.session import transaction
from models.tables import Recording
from tests.examples import an_analysis
from tests.integration.models import stored

pytestmark = pytest.mark.integration

KEY = "support/2026-11-02/zhang/7.wav"


@pytest.fixture
def recording_id(engine: Engine) -> int:
    stored.store(engine, KEY, an_analysis())
    with transaction(engine) as session:
        return session.scalars(select(Recording.id)).one()


def test_a_correction_stands_beside_what_was_heard(engine: Engine, recording_id: int) -> None:
    angry = Correction(1, 2_000, 3_500, emotion=Emotion.ANGRY, note="听得出来")
    said = Correction(0, 500, 1_500, text="您好。", role=Role.AGENT, language=Language.ZH)
    with transaction(engine) as session:
        for correction in (angry, said):
            annotate(session, recording_id, correction, author="wei")
    with transaction(engine) as session:
        found = read_annotations(session, recording_id)
    assert [one.correction for one in found] == [said, angry], "in the order of the call"
    assert {one.author for one in found} == {"wei"}


def test_a_second_opinion_replaces_the_first_and_keeps_its_number(engine: Engine, recording_id: int) -> None:
    first = Correction(1, 2_000, 3_500, emotion=Emotion.ANGRY, text="a")
    with transaction(engine) as session:
        before = annotate(session, recording_id, first, author="wei")
    with transaction(engine) as session:
        after = annotate(session, recording_id, replace(first, emotion=Emotion.SAD, text=None), author="li")
    assert after.annotation_id == before.annotation_id
    assert after.correction == replace(first, emotion=Emotion.SAD, text=None)
    assert (after.author, after.created_at) == ("li", before.created_at)
    assert after.updated_at > before.updated_at


def test_a_correction_can_be_taken_back(engine: Engine, recording_id: int) -> None:
    with transaction(engine) as session:
        number = annotate(session, recording_id, Correction(0, 0, 10, text="x"), author="wei").annotation_id
        assert not remove(session, recording_id + 1, number), "it belongs to another recording"
        assert remove(session, recording_id, number)
        assert not remove(session, recording_id, number)
        assert read_annotations(session, recording_id) == []


def test_one_that_says_nothing_is_refused(engine: Engine, recording_id: int) -> None:
    with pytest.raises(IntegrityError, match="says_something"), transaction(engine) as session:
        annotate(session, recording_id, Correction(0, 0, 10), author="wei")


def test_what_postgres_does_not_take_is_left_out(engine: Engine, recording_id: int) -> None:
    with transaction(engine) as session:
        kept = annotate(session, recording_id, Correction(0, 0, 10, text="a\x00b"), author="w\x00")
    assert (kept.correction.text, kept.author) == ("ab", "w")


def test_an_evaluation_gets_what_was_corrected_and_the_language_heard(engine: Engine, recording_id: int) -> None:
    segment = an_analysis().hearing.segments[0]
    here = Correction(segment.channel, segment.start_ms, segment.end_ms, text="改过")
    elsewhere = Correction(0, 99_000, 99_500, emotion=Emotion.HAPPY)
    with transaction(engine) as session:
        for correction in (here, elsewhere, Correction(0, 1, 2, role=Role.AGENT)):
            annotate(session, recording_id, correction, author="wei")
    with transaction(engine) as session:
        found = list(labelled_stretches(session))
    assert [(one.ref.key, one.correction, one.heard_language) for one in found] == [
        (KEY, here, segment.language),
        (KEY, elsewhere, None),
    ]
