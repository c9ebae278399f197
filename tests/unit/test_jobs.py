import base64
import json
import math
import zlib
from collections.abc import Mapping
from dataclasses import asdict, replace

import pytest

from callscope.calls import RecordingRef, Role
from callscope.errors import UnknownSchemaVersion
from callscope.jobs import (
    SCHEMA_VERSION,
    AnalyseJob,
    AttemptNote,
    FailureKind,
    FailureNote,
    ResultNote,
    pack,
    unpack,
)
from tests.examples import a_hearing, a_segment

pytestmark = pytest.mark.unit

JOB = AnalyseJob(7, 2, RecordingRef("recordings", "退款/呼叫 1.wav", '"e"', 12), (Role.CUSTOMER, Role.AGENT))


def packed(message: Mapping[str, object], *, version: int = SCHEMA_VERSION) -> str:
    envelope = {"schema_version": version, "message": message}
    return base64.b64encode(zlib.compress(json.dumps(envelope).encode())).decode()


def test_a_job_survives_the_wire() -> None:
    assert unpack(AnalyseJob, pack(JOB)) == JOB


def test_a_failure_survives_the_wire() -> None:
    note = FailureNote(7, 2, FailureKind.OUTAGE, "storage_unavailable", "fetch", "no answer\n\tin 4 s", "host:1:cpu")
    assert unpack(FailureNote, pack(note)) == note


def test_a_whole_result_survives_the_wire() -> None:
    note = ResultNote(7, 2, "host:1:cpu", replace(a_hearing(), waveform=(bytes(range(256)), b"")))
    assert unpack(ResultNote, pack(note)) == note


def test_an_urgent_job_survives_the_wire() -> None:
    job = replace(JOB, urgent=True)
    assert unpack(AnalyseJob, pack(job)) == job


def test_a_field_that_an_older_writer_does_not_know_has_its_default() -> None:
    message = {"recording_id": 7, "attempt": 2, "ref": asdict(JOB.ref), "channel_roles": ["customer", "agent"]}
    assert unpack(AnalyseJob, packed(message)) == JOB


def test_a_field_that_an_older_reader_does_not_know_is_ignored() -> None:
    message = {"recording_id": 7, "attempt": 2, "worker": "host:1:cpu", "mood": "fine"}
    assert unpack(AttemptNote, packed(message)) == AttemptNote(7, 2, "host:1:cpu")


def test_numbers_that_are_none_reach_the_tables_which_refuse_them() -> None:
    note = ResultNote(7, 2, "host:1:cpu", a_hearing(segments=(replace(a_segment(), loudness_dbfs=math.nan),)))
    assert math.isnan(unpack(ResultNote, pack(note)).hearing.segments[0].loudness_dbfs)


def test_a_newer_schema_is_refused_by_name() -> None:
    with pytest.raises(UnknownSchemaVersion, match=f"version {SCHEMA_VERSION + 1}"):
        unpack(AnalyseJob, packed({}, version=SCHEMA_VERSION + 1))


@pytest.mark.parametrize("text", ["", "not base64!", base64.b64encode(b"not zlib").decode(), pack(JOB)[:-8]])
def test_bytes_that_are_no_message_are_refused_by_name(text: str) -> None:
    with pytest.raises(UnknownSchemaVersion):
        unpack(AnalyseJob, text)


def test_a_message_of_another_kind_is_refused() -> None:
    with pytest.raises(UnknownSchemaVersion, match="no ResultNote"):
        unpack(ResultNote, pack(JOB))
