"""What every store promises: the same tests on a folder, on a real S3 server and on moto."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from callscope.calls import RecordingRef
from callscope.errors import ConfigurationFault, IncompleteDownload, ObjectGone, ObjectTooLarge
from tests.services import Bucket

pytestmark = pytest.mark.integration

Put = Callable[..., RecordingRef]


@pytest.fixture
def put(bucket: Bucket, tmp_path: Path) -> Put:
    def put_bytes(key: str, content: bytes = b"RIFF", **metadata: str) -> RecordingRef:
        source = tmp_path / "source"
        source.write_bytes(content)
        return bucket.storage.put(bucket.name, key, source, metadata=metadata).ref

    return put_bytes


def keys_under(bucket: Bucket, prefix: str = "") -> list[str]:
    return [found.ref.key for found in bucket.storage.list(bucket.name, prefix)]


def test_a_new_bucket_is_empty_and_may_be_ensured_again(bucket: Bucket) -> None:
    bucket.storage.ensure_bucket(bucket.name)
    assert keys_under(bucket) == []


def test_what_was_put_is_listed_as_head_tells_it(bucket: Bucket, put: Put) -> None:
    ref = put("support/2026-11-22/7/abc.wav", b"x" * 1_000)
    [listed] = bucket.storage.list(bucket.name)
    headed = bucket.storage.head(bucket.name, ref.key)
    assert listed.ref == headed.ref == ref
    assert ref.size_bytes == 1_000
    assert headed.modified_at_ms // 1_000 == listed.modified_at_ms // 1_000


def test_keys_come_in_the_order_of_their_bytes(bucket: Bucket, put: Put) -> None:
    keys = ["a", "a-1/x", "a.wav", "a0/b", "b/10.wav", "b/9.wav", "b/c/d/e.wav", "Z", "中文/录音 1.wav", "😀"]
    for key in keys:
        put(key)
    assert keys_under(bucket) == sorted(keys, key=str.encode)


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("queue", ["queue/1.wav", "queue/2.wav", "queue2/1.wav"]),
        ("queue/", ["queue/1.wav", "queue/2.wav"]),
        ("queue/2", ["queue/2.wav"]),
        ("queue/2.wav", ["queue/2.wav"]),
        ("other", []),
        ("queue/1.wav/", []),
    ],
)
def test_a_prefix_is_a_beginning_of_the_key_not_a_folder(
    bucket: Bucket, put: Put, prefix: str, expected: list[str]
) -> None:
    for key in ("queue/1.wav", "queue/2.wav", "queue2/1.wav", "zzz"):
        put(key)
    assert keys_under(bucket, prefix) == expected


@pytest.mark.parametrize("key", ["客服/通話 + 50%.wav", "a b/c&d=e?f#g.wav", "é́/x.wav", "dots/..a/.hidden.wav"])
def test_any_readable_key_survives_the_way_there_and_back(bucket: Bucket, put: Put, tmp_path: Path, key: str) -> None:
    ref = put(key, b"sound")
    bucket.storage.fetch(ref, tmp_path / "fetched")
    assert keys_under(bucket) == [key]
    assert (tmp_path / "fetched").read_bytes() == b"sound"


def test_metadata_comes_back_with_names_in_lower_case(bucket: Bucket, put: Put) -> None:
    put("a.wav", **{"Agent-Id": "7", "call_id": "A 1", "customer": "陈小姐 \u2019"})
    assert bucket.storage.metadata(bucket.name, "a.wav") == {
        "agent-id": "7",
        "call_id": "A 1",
        "customer": "陈小姐 \u2019",
    }


def test_metadata_of_an_object_without_any_is_empty(bucket: Bucket, put: Put) -> None:
    put("a.wav")
    assert bucket.storage.metadata(bucket.name, "a.wav") == {}


def test_a_replaced_object_forgets_the_metadata_of_the_former(bucket: Bucket, put: Put) -> None:
    put("a.wav", b"first", agent="7")
    put("a.wav", b"other")
    assert bucket.storage.metadata(bucket.name, "a.wav") == {}


def test_a_users_own_json_is_an_object_like_any(bucket: Bucket, put: Put) -> None:
    put("a.wav", agent="7")
    put("a.wav.json", b'{"agent": "8"}')
    put("a.json", b"{}")
    assert keys_under(bucket) == ["a.json", "a.wav", "a.wav.json"]
    assert bucket.storage.metadata(bucket.name, "a.wav") == {"agent": "7"}


@pytest.mark.parametrize("size_bytes", [0, 1, 3_000_001])
def test_fetch_gives_the_bytes_that_were_put(bucket: Bucket, put: Put, tmp_path: Path, size_bytes: int) -> None:
    content = bytes(range(251)) * (size_bytes // 251 + 1)
    ref = put("a.wav", content[:size_bytes])
    bucket.storage.fetch(ref, tmp_path / "fetched")
    assert ref.size_bytes == size_bytes
    assert (tmp_path / "fetched").read_bytes() == content[:size_bytes]


def test_fetch_of_a_replaced_object_says_that_it_is_gone(bucket: Bucket, put: Put, tmp_path: Path) -> None:
    old = put("a.wav", b"first")
    new = put("a.wav", b"other")
    assert old.etag != new.etag
    with pytest.raises(ObjectGone, match=r"a\.wav"):
        bucket.storage.fetch(old, tmp_path / "fetched")
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["source"]
    bucket.storage.fetch(new, tmp_path / "fetched")
    assert (tmp_path / "fetched").read_bytes() == b"other"


def test_fetch_compares_the_size_with_what_was_listed(bucket: Bucket, put: Put, tmp_path: Path) -> None:
    ref = put("a.wav", b"sound")
    with pytest.raises(IncompleteDownload, match="5 of 6 bytes"):
        bucket.storage.fetch(replace(ref, size_bytes=6), tmp_path / "fetched")
    assert not (tmp_path / "fetched").exists()


def test_a_deleted_object_is_gone_for_every_question(bucket: Bucket, put: Put, tmp_path: Path) -> None:
    ref = put("a.wav", agent="7")
    bucket.storage.delete(bucket.name, "a.wav")
    bucket.storage.delete(bucket.name, "a.wav")
    questions: list[Callable[[], object]] = [
        lambda: bucket.storage.head(bucket.name, "a.wav"),
        lambda: bucket.storage.metadata(bucket.name, "a.wav"),
        lambda: bucket.storage.read(bucket.name, "a.wav", max_bytes=100),
        lambda: bucket.storage.fetch(ref, tmp_path / "fetched"),
    ]
    for question in questions:
        with pytest.raises(ObjectGone):
            question()
    assert keys_under(bucket) == []


def test_read_gives_small_objects_and_refuses_large_ones(bucket: Bucket, put: Put) -> None:
    put("a.json", b"{}" * 50)
    assert bucket.storage.read(bucket.name, "a.json", max_bytes=100) == b"{}" * 50
    with pytest.raises(ObjectTooLarge, match="100 bytes"):
        bucket.storage.read(bucket.name, "a.json", max_bytes=99)


def test_a_bucket_that_is_not_there_is_a_fault_of_configuration(bucket: Bucket, tmp_path: Path) -> None:
    ref = RecordingRef("no-such-bucket", "a.wav", "0", 1)
    questions: list[Callable[[], object]] = [
        lambda: list(bucket.storage.list("no-such-bucket")),
        lambda: bucket.storage.head("no-such-bucket", "a.wav"),
        lambda: bucket.storage.metadata("no-such-bucket", "a.wav"),
        lambda: bucket.storage.fetch(ref, tmp_path / "fetched"),
        lambda: bucket.storage.put("no-such-bucket", "a.wav", Path(__file__)),
        lambda: bucket.storage.delete("no-such-bucket", "a.wav"),
    ]
    for question in questions:
        with pytest.raises(ConfigurationFault, match="no-such-bucket"):
            question()


def test_no_key_reads_a_file_of_the_machine(bucket: Bucket, put: Put, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    put("a/b.wav")
    for key in ("../secret", "../../secret", "a/../../../secret", str(tmp_path / "secret"), "a//b.wav", "./a/b.wav"):
        with pytest.raises(ObjectGone):
            bucket.storage.head(bucket.name, key)
        with pytest.raises(ObjectGone):
            bucket.storage.read(bucket.name, key, max_bytes=100)
