"""What a client of S3 makes of stores that fail, on a real S3 server and on moto."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from pydantic import SecretStr

from callscope.calls import RecordingRef
from callscope.errors import (
    ConfigurationFault,
    IncompleteDownload,
    ObjectGone,
    Outage,
    StorageUnavailable,
)
from callscope.processes import LOOPBACK, free_ports
from callscope.settings import Settings
from callscope.storage import open_storage
from callscope.storage.s3 import TRIES, S3Storage
from tests.services import Bucket, Spoil, SpoilingProxy

pytestmark = pytest.mark.integration

CONTENT = bytes(range(256)) * 1_024


def storage_at(settings: Settings, **options: Any) -> S3Storage:
    assert settings.s3_secret_key is not None
    given = {
        "endpoint": settings.s3_endpoint,
        "region": settings.s3_region,
        "access_key": settings.s3_access_key,
        "secret_key": settings.s3_secret_key.get_secret_value(),
    }
    return S3Storage(**{**given, **options})


def client_at(settings: Settings) -> Any:
    assert settings.s3_secret_key is not None
    return boto3.session.Session().client(
        "s3",
        endpoint_url=settings.s3_endpoint,
        region_name=settings.s3_region,
        aws_access_key_id=settings.s3_access_key,
        aws_secret_access_key=settings.s3_secret_key.get_secret_value(),
    )


@pytest.fixture(params=["s3", "moto"])
def settings(request: pytest.FixtureRequest) -> Settings:
    made: Settings = request.getfixturevalue(f"{request.param}_settings")
    open_storage(made).ensure_bucket(made.bucket)
    return made


@pytest.fixture
def ref(settings: Settings, tmp_path: Path) -> RecordingRef:
    source = tmp_path / "source"
    source.write_bytes(CONTENT)
    return open_storage(settings).put(settings.bucket, "queue/a.wav", source).ref


@pytest.fixture
def proxy(settings: Settings) -> Iterator[SpoilingProxy]:
    assert settings.s3_endpoint is not None
    with SpoilingProxy(settings.s3_endpoint).running() as running:
        yield running


def test_a_listing_of_several_pages_has_every_key_once(settings: Settings, tmp_path: Path) -> None:
    storage = storage_at(settings, page_keys=3)
    source = tmp_path / "source"
    source.touch()
    keys = [f"queue/{number}.wav" for number in range(8)]
    for key in keys:
        storage.put(settings.bucket, key, source)
    assert [found.ref.key for found in storage.list(settings.bucket)] == keys


def test_the_proxy_passes_everything_on(
    settings: Settings, ref: RecordingRef, proxy: SpoilingProxy, tmp_path: Path
) -> None:
    storage_at(settings, endpoint=proxy.url).fetch(ref, tmp_path / "fetched")
    assert (tmp_path / "fetched").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (Spoil.SHORTEN, "131072 of 262144 bytes"),
        (Spoil.CUT, "cut"),
        (Spoil.CORRUPT, "MD5"),
    ],
)
def test_a_body_that_is_not_what_was_announced_is_asked_for_again_then_given_up(
    settings: Settings, ref: RecordingRef, proxy: SpoilingProxy, tmp_path: Path, *, spoil: Spoil, message: str
) -> None:
    proxy.spoil = spoil
    with pytest.raises(IncompleteDownload, match=message):
        storage_at(settings, endpoint=proxy.url).fetch(ref, tmp_path / "fetched")
    assert proxy.spoiled == TRIES
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_a_body_cut_once_arrives_the_second_time(
    settings: Settings, ref: RecordingRef, proxy: SpoilingProxy, tmp_path: Path
) -> None:
    proxy.spoil, proxy.spoils_left = Spoil.CUT, 1
    storage_at(settings, endpoint=proxy.url).fetch(ref, tmp_path / "fetched")
    assert (tmp_path / "fetched").read_bytes() == CONTENT
    assert proxy.spoiled == 1


@pytest.mark.parametrize("spoil", [Spoil.STALL, Spoil.REFUSE, Spoil.DENY])
def test_a_store_that_stalls_or_refuses_is_an_outage(
    settings: Settings, ref: RecordingRef, proxy: SpoilingProxy, tmp_path: Path, spoil: Spoil
) -> None:
    proxy.spoil = spoil
    storage = storage_at(settings, endpoint=proxy.url, read_timeout_s=0.3)
    with pytest.raises(StorageUnavailable):
        storage.fetch(ref, tmp_path / "fetched")
    with pytest.raises(StorageUnavailable):
        storage.read(ref.bucket, ref.key, max_bytes=ref.size_bytes)
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_nobody_listening_is_an_outage_for_every_question(
    settings: Settings, ref: RecordingRef, tmp_path: Path
) -> None:
    [port] = free_ports(1)
    storage = storage_at(settings, endpoint=f"http://{LOOPBACK}:{port}", connect_timeout_s=0.2)
    questions: list[Callable[[], object]] = [
        lambda: list(storage.list(ref.bucket)),
        lambda: storage.head(ref.bucket, ref.key),
        lambda: storage.metadata(ref.bucket, ref.key),
        lambda: storage.fetch(ref, tmp_path / "fetched"),
        lambda: storage.put(ref.bucket, ref.key, tmp_path / "source"),
        lambda: storage.delete(ref.bucket, ref.key),
        lambda: storage.ensure_bucket("another"),
    ]
    for question in questions:
        with pytest.raises(StorageUnavailable):
            question()


def test_a_full_disk_here_is_an_outage(settings: Settings, ref: RecordingRef) -> None:
    with pytest.raises(StorageUnavailable, match="can't be written"):
        storage_at(settings).fetch(ref, Path("/proc/recording.wav"))


def test_an_upload_in_parts_has_no_md5_to_compare_with(settings: Settings, tmp_path: Path) -> None:
    client = client_at(settings)
    part = b"x" * 5 * 1_024 * 1_024
    upload = client.create_multipart_upload(Bucket=settings.bucket, Key="long.wav")["UploadId"]
    tags = [
        client.upload_part(Bucket=settings.bucket, Key="long.wav", UploadId=upload, PartNumber=number, Body=body)[
            "ETag"
        ]
        for number, body in ((1, part), (2, b"end"))
    ]
    parts = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, start=1)]
    client.complete_multipart_upload(
        Bucket=settings.bucket, Key="long.wav", UploadId=upload, MultipartUpload={"Parts": parts}
    )
    [found] = [each for each in open_storage(settings).list(settings.bucket) if each.ref.key == "long.wav"]
    open_storage(settings).fetch(found.ref, tmp_path / "fetched")
    assert (tmp_path / "fetched").read_bytes() == part + b"end"
    assert found.ref.etag != hashlib.md5(part + b"end", usedforsecurity=False).hexdigest()


def test_wrong_credentials_are_an_outage_with_the_stores_own_words(s3_bucket: Bucket, s3_settings: Settings) -> None:
    storage = open_storage(s3_settings.model_copy(update={"s3_secret_key": SecretStr("wrong")}))
    with pytest.raises(Outage) as caught:
        list(storage.list(s3_bucket.name))
    assert "SignatureDoesNotMatch" in caught.value.why
    assert "wrong" not in caught.value.why


def test_a_name_that_no_bucket_can_have_is_a_fault_of_configuration(settings: Settings) -> None:
    with pytest.raises(ConfigurationFault):
        list(open_storage(settings).list("no bucket/at all"))


def test_a_key_that_climbs_is_a_key_like_any_to_s3(settings: Settings) -> None:
    with pytest.raises(ObjectGone):
        open_storage(settings).head(settings.bucket, "../../etc/passwd")


def test_tags_are_metadata_too_where_the_store_has_them(moto_bucket: Bucket, moto_settings: Settings) -> None:
    client_at(moto_settings).put_object(
        Bucket=moto_bucket.name,
        Key="a.wav",
        Body=b"RIFF",
        Metadata={"agent": "7"},
        Tagging="Queue=support&agent=8",
    )
    assert moto_bucket.storage.metadata(moto_bucket.name, "a.wav") == {"queue": "support", "agent": "7"}
