"""What the folder store promises beyond the contract: nothing leads out of it, and every version is told apart."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from callscope.errors import ConfigurationFault, ObjectGone, StorageUnavailable, UsageError
from callscope.storage.folder import RESERVED, FolderStorage

pytestmark = pytest.mark.integration


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def storage(root: Path) -> FolderStorage:
    made = FolderStorage(root)
    made.ensure_bucket("calls")
    return made


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "source"
    file.write_bytes(b"RIFF")
    return file


def keys(storage: FolderStorage) -> list[str]:
    return [found.ref.key for found in storage.list("calls")]


def test_a_file_dropped_in_is_an_object(storage: FolderStorage, root: Path, tmp_path: Path) -> None:
    (root / "calls" / "support").mkdir()
    (root / "calls" / "support" / "a.wav").write_bytes(b"RIFF")
    [found] = storage.list("calls")
    storage.fetch(found.ref, tmp_path / "fetched")
    assert found.ref.key == "support/a.wav"
    assert (tmp_path / "fetched").read_bytes() == b"RIFF"


@pytest.mark.parametrize(
    "key",
    ["", "/etc/passwd", "..", "../x", "a/../../x", "a/..", ".", "./x", "a//b", "a/", f"{RESERVED}/x", "x\0", "\udcff"],
)
def test_a_key_that_no_file_below_can_have_is_refused(storage: FolderStorage, source: Path, key: str) -> None:
    with pytest.raises(UsageError):
        storage.put("calls", key, source)
    with pytest.raises(ObjectGone):
        storage.read("calls", key, max_bytes=10)
    storage.delete("calls", key)
    assert source.exists()


@pytest.mark.parametrize("bucket", ["", "..", "../calls", "/tmp", ".", "a/b", RESERVED])  # noqa: S108 - refused
def test_a_bucket_is_a_folder_right_below(storage: FolderStorage, bucket: str) -> None:
    with pytest.raises(ConfigurationFault):
        storage.ensure_bucket(bucket)
    with pytest.raises(ConfigurationFault):
        list(storage.list(bucket))


def test_links_are_neither_listed_nor_followed(storage: FolderStorage, root: Path, source: Path) -> None:
    secret = source.with_name("secret")
    secret.mkdir()
    (secret / "file").write_bytes(b"secret")
    (root / "calls" / "folder").symlink_to(secret)
    (root / "calls" / "file").symlink_to(secret / "file")
    assert keys(storage) == []
    for key in ("folder/file", "file"):
        with pytest.raises(ObjectGone):
            storage.read("calls", key, max_bytes=10)
    with pytest.raises(UsageError):
        storage.put("calls", "folder/file", source)
    storage.delete("calls", "folder/file")
    storage.put("calls", "file", source)
    assert (secret / "file").read_bytes() == b"secret"
    assert keys(storage) == ["file"]


def test_a_bucket_that_is_a_link_is_no_bucket(storage: FolderStorage, root: Path) -> None:
    (root / "linked").symlink_to(root / "calls")
    with pytest.raises(ConfigurationFault):
        list(storage.list("linked"))


def test_pipes_and_sockets_are_no_objects(storage: FolderStorage, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root / "calls")  # a socket's path may have 107 bytes
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        assert keys(storage) == []
        for key in ("pipe", "socket"):
            with pytest.raises(ObjectGone):
                storage.read("calls", key, max_bytes=10)


def test_a_name_that_is_no_text_is_left_out_and_told(storage: FolderStorage, root: Path) -> None:
    (root / "calls" / os.fsdecode(b"\xff.wav")).touch()
    (root / "calls" / "good.wav").touch()
    with capture_logs() as told:
        assert keys(storage) == ["good.wav"]
    assert [entry["event"] for entry in told] == ["file_name_not_utf8"]


def test_a_file_in_the_way_of_a_folder_is_told(storage: FolderStorage, source: Path) -> None:
    storage.put("calls", "a", source)
    with pytest.raises(UsageError, match="a/b"):
        storage.put("calls", "a/b", source)
    storage.put("calls", "c/d", source)
    with pytest.raises(UsageError):
        storage.put("calls", "c", source)
    assert keys(storage) == ["a", "c/d"]


def test_nothing_unfinished_is_left_behind(storage: FolderStorage, root: Path, source: Path) -> None:
    storage.put("calls", "a", source)
    with pytest.raises(UsageError):
        storage.put("calls", "a/b", source)
    with pytest.raises(StorageUnavailable):
        storage.put("calls", "c", source.with_name("absent"))
    assert {path.suffix for path in (root / "calls" / RESERVED).iterdir()} == {".json"}
    storage.delete("calls", "a")
    assert keys(storage) == []


def test_each_put_of_the_same_size_is_another_version(storage: FolderStorage, source: Path) -> None:
    etags = [storage.put("calls", "a.wav", source).ref.etag for _ in range(50)]
    assert len(set(etags)) == 50


def test_a_file_dropped_over_an_object_has_none_of_its_metadata(
    storage: FolderStorage, root: Path, source: Path
) -> None:
    storage.put("calls", "a.wav", source, metadata={"agent": "7"})
    (root / "calls" / "a.wav").write_bytes(b"another")
    assert storage.metadata("calls", "a.wav") == {}


def test_a_store_of_read_only_files_is_read(storage: FolderStorage, root: Path, tmp_path: Path) -> None:
    (root / "calls" / "a.wav").write_bytes(b"RIFF")
    (root / "calls" / "a.wav").chmod(0o444)
    (root / "calls").chmod(0o555)
    [found] = storage.list("calls")
    storage.fetch(found.ref, tmp_path / "fetched")
    assert storage.metadata("calls", "a.wav") == {}
    assert (tmp_path / "fetched").stat().st_size == 4
    (root / "calls").chmod(0o755)
