import base64
import json
import zlib

import pytest

from callscope.calls import RecordingRef, Role
from callscope.errors import UnknownSchemaVersion
from callscope.jobs import SCHEMA_VERSION, AnalyseJob, FailureKind, FailureNote, ResultNote, pack, unpack
from tests.examples import an_analysis

pytestmark = pytest.mark.unit

JOB = AnalyseJob(7, 2, RecordingRef("recordings", "退款/呼叫 1.wav", '"e"', 12), (Role.CUSTOMER, Role.AGENT))


def test_a_job_survives_the_wire() -> None:
    assert unpack(AnalyseJob, pack(JOB)) == JOB


def test_a_failure_survives_the_wire() -> None:
    note = FailureNote(7, 2, FailureKind.OUTAGE, "storage_unavailable", "fetch", "no answer\n\tin 4 s", "host:1:cpu")
    assert unpack(FailureNote, pack(note)) == note


def test_a_whole_result_survives_the_wire() -> None:
    note = ResultNote(7, 2, "host:1:cpu", an_analysis())
    assert unpack(ResultNote, pack(note)) == note


def test_a_newer_schema_is_refused_by_name() -> None:
    envelope = {"schema_version": SCHEMA_VERSION + 1, "message": {}}
    packed = base64.b64encode(zlib.compress(json.dumps(envelope).encode())).decode()
    with pytest.raises(UnknownSchemaVersion, match=f"version {SCHEMA_VERSION + 1}"):
        unpack(AnalyseJob, packed)


@pytest.mark.parametrize("packed", ["", "not base64!", base64.b64encode(b"not zlib").decode(), pack(JOB)[:-8]])
def test_bytes_that_are_no_message_are_refused_by_name(packed: str) -> None:
    with pytest.raises(UnknownSchemaVersion):
        unpack(AnalyseJob, packed)


def test_a_message_of_another_kind_is_refused() -> None:
    with pytest.raises(UnknownSchemaVersion, match="no ResultNote"):
        unpack(ResultNote, pack(JOB))
