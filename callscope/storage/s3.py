"""An S3-compatible bucket as object store: the sole importer of boto3."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from pathlib import Path
from typing import IO, Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    IncompleteReadError,
    ParamValidationError,
    ResponseStreamingError,
)
from typing_extensions import override
from urllib3.exceptions import IncompleteRead

from callscope.calls import RecordingRef
from callscope.errors import (
    ConfigurationFault,
    IncompleteDownload,
    ObjectGone,
    ObjectTooLarge,
    StorageUnavailable,
)
from callscope.ports import Storage, StoredObject
from callscope.storage.landing import landing

CONNECT_TIMEOUT_S = 3
READ_TIMEOUT_S = 10
"""For each read from the socket, not for the whole body. With the tries below, a dead store is told within 40 s."""
TRIES = 3

CONNECTIONS = 128
"""Kept open at most: a worker may fetch a hundred recordings at once, and a connection of one's own costs TLS again."""

_BLOCK_BYTES = 1 << 20
_MD5 = re.compile(r"[0-9a-f]{32}")
_NOT_FOUND, _PRECONDITION_FAILED, _METHOD_NOT_ALLOWED, _NOT_IMPLEMENTED = 404, 412, 405, 501
_MISCONFIGURED = {"NoSuchBucket", "InvalidBucketName", "PermanentRedirect", "AuthorizationHeaderMalformed"}
_ABSENT = {_NOT_FOUND, _PRECONDITION_FAILED}
_NO_TAGS = {"NotImplemented", "MethodNotAllowed", "NoSuchTagSet", "NoSuchTagSetError"}


class S3Storage(Storage):
    """
    A client of any S3-compatible store; safe to use from several threads.

    Parameters
    ----------
    endpoint : str, optional
        URL of the store; None: AWS.
    region : str
        Such as ``eu-central-1``; most stores that are not AWS take any.
    access_key, secret_key : str, optional
        None: whatever boto3 finds (profile, role of the machine).
    connect_timeout_s, read_timeout_s : float > 0
        Of one connection and of one read.
    page_keys : int in 1 .. 1000
        How many keys a listing asks for at a time.
    """

    def __init__(
        self,
        *,
        endpoint: str | None,
        region: str,
        access_key: str | None,
        secret_key: str | None,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        read_timeout_s: float = READ_TIMEOUT_S,
        page_keys: int = 1_000,
    ) -> None:
        self._page_keys = page_keys
        self._region = region
        self._client: Any = boto3.session.Session().client(
            "s3",
            endpoint_url=endpoint,
            region_name=region,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            config=Config(
                connect_timeout=connect_timeout_s,
                read_timeout=read_timeout_s,
                retries={"mode": "standard", "total_max_attempts": TRIES},
                # Bucket names as host names need a DNS that only AWS has.
                s3={"addressing_style": "path" if endpoint else "auto"},
                # The default adds checksums that S3-compatible stores of before 2025 refuse.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                max_pool_connections=CONNECTIONS,
            ),
        )

    @override
    def list(self, bucket: str, prefix: str = "") -> Iterator[StoredObject]:
        with _faults(f"the bucket {bucket}"):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=bucket, Prefix=prefix, PaginationConfig={"PageSize": self._page_keys}
            )
            for page in pages:
                for entry in page.get("Contents", ()):
                    ref = RecordingRef(bucket, entry["Key"], entry["ETag"].strip('"'), entry["Size"])
                    yield StoredObject(ref, _unix_ms(entry["LastModified"]))

    @override
    def head(self, bucket: str, key: str) -> StoredObject:
        found = self._head(bucket, key)
        ref = RecordingRef(bucket, key, found["ETag"].strip('"'), found["ContentLength"])
        return StoredObject(ref, _unix_ms(found["LastModified"]))

    def _head(self, bucket: str, key: str) -> Any:  # noqa: ANN401 - boto3 publishes no types
        try:
            with _faults(f"{bucket}/{key}"):
                return self._client.head_object(Bucket=bucket, Key=key)
        except ObjectGone:
            # A HEAD has no body to say what is missing; a misspelt bucket must not read as a deleted recording.
            with _faults(f"the bucket {bucket}", absent=ConfigurationFault):
                self._client.head_bucket(Bucket=bucket)
            raise

    @override
    def metadata(self, bucket: str, key: str) -> Mapping[str, str]:
        told = {name.lower(): _decoded(value) for name, value in self._head(bucket, key)["Metadata"].items()}
        return {**self._tags(bucket, key), **told}

    def _tags(self, bucket: str, key: str) -> dict[str, str]:
        with _faults(f"the tags of {bucket}/{key}"):
            try:
                answer = self._client.get_object_tagging(Bucket=bucket, Key=key)
            except ClientError as error:
                if error.response["Error"]["Code"] in _NO_TAGS or _status(error) in {
                    _NOT_IMPLEMENTED,
                    _METHOD_NOT_ALLOWED,
                }:
                    return {}  # a store without tags
                raise
        return {tag["Key"].lower(): tag["Value"] for tag in answer["TagSet"]}

    @override
    def read(self, bucket: str, key: str, *, max_bytes: int) -> bytes:
        with _faults(f"{bucket}/{key}"):
            answer = self._client.get_object(Bucket=bucket, Key=key)
            with closing(answer["Body"]) as body:
                if (size_bytes := answer["ContentLength"]) > max_bytes:
                    raise ObjectTooLarge(f"{bucket}/{key} has {size_bytes} bytes, more than {max_bytes}")
                content: bytes = body.read()
                return content

    @override
    def fetch(self, ref: RecordingRef, target: Path) -> None:
        for remaining in reversed(range(TRIES)):
            try:
                with landing(target) as file:
                    self._receive(ref, file)
            except IncompleteDownload:
                if not remaining:
                    raise  # boto3 itself tries again up to the first byte of a body, not after it
            else:
                return

    def _receive(self, ref: RecordingRef, file: IO[bytes]) -> None:
        with _faults(f"{ref.bucket}/{ref.key}"):
            # Some stores ignore If-Match. The answer's own ETag is the one of the body that follows it.
            answer = self._client.get_object(Bucket=ref.bucket, Key=ref.key, IfMatch=f'"{ref.etag}"')
            with closing(answer["Body"]) as body:
                if (etag := answer["ETag"].strip('"')) != ref.etag:
                    raise ObjectGone(
                        f"{ref.bucket}/{ref.key} was replaced", why=f"its ETag is {etag}, no longer {ref.etag}"
                    )
                md5 = hashlib.md5(usedforsecurity=False)
                arrived_bytes = 0
                for block in body.iter_chunks(_BLOCK_BYTES):
                    md5.update(block)
                    arrived_bytes += file.write(block)
        # A body cut on its way through a proxy comes with a Content-Length that fits it: compare with the listing.
        if arrived_bytes != ref.size_bytes:
            raise IncompleteDownload(f"{arrived_bytes} of {ref.size_bytes} bytes of {ref.key} arrived")
        if _etag_is_md5(answer) and md5.hexdigest() != ref.etag:
            raise IncompleteDownload(f"{ref.key} arrived with MD5 {md5.hexdigest()}", why=f"its ETag is {ref.etag}")

    @override
    def put(self, bucket: str, key: str, source: Path, *, metadata: Mapping[str, str] | None = None) -> StoredObject:
        told = {name.lower(): _encoded(value) for name, value in (metadata or {}).items()}
        with source.open("rb") as file, _faults(f"{bucket}/{key}"):
            md5 = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).digest()
            file.seek(0)
            self._client.put_object(
                Bucket=bucket, Key=key, Body=file, Metadata=told, ContentMD5=base64.b64encode(md5).decode()
            )
        return self.head(bucket, key)

    @override
    def delete(self, bucket: str, key: str) -> None:
        try:
            with _faults(f"{bucket}/{key}"):
                self._client.delete_object(Bucket=bucket, Key=key)
        except ObjectGone:
            return

    @override
    def ensure_bucket(self, bucket: str) -> None:
        place = {} if self._region == "us-east-1" else {"LocationConstraint": self._region}
        try:
            with _faults(f"the bucket {bucket}"):
                self._client.head_bucket(Bucket=bucket)
        except ObjectGone:
            with _faults(f"the bucket {bucket}"):
                self._client.create_bucket(Bucket=bucket, **({"CreateBucketConfiguration": place} if place else {}))


@contextmanager
def _faults(what: str, *, absent: type[ObjectGone | ConfigurationFault] = ObjectGone) -> Iterator[None]:
    """Turn whatever boto3 raises into an error of ours."""
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in _MISCONFIGURED:
            raise ConfigurationFault(f"the object store refuses {what}", why=str(error)) from error
        if _status(error) in _ABSENT:
            raise absent(f"{what} isn't there", why=str(error)) from error
        # Refused credentials too: nothing in the recording is wrong.
        raise StorageUnavailable(f"the object store fails on {what}", why=str(error)) from error
    except ParamValidationError as error:
        raise ConfigurationFault(f"{what} can't be named so in an object store", why=str(error)) from error
    except IncompleteReadError as error:
        raise IncompleteDownload(f"the body of {what} was cut", why=str(error)) from error
    except ResponseStreamingError as error:
        # Of urllib3's protocol errors, a body that ends early carries an IncompleteRead; a reset connection doesn't.
        if any(isinstance(part, IncompleteRead) for part in error.kwargs["error"].args):
            raise IncompleteDownload(f"the body of {what} was cut", why=str(error)) from error
        raise StorageUnavailable(f"the connection broke on {what}", why=str(error)) from error
    except BotoCoreError as error:
        raise StorageUnavailable(f"the object store doesn't answer on {what}", why=str(error)) from error


def _status(error: ClientError) -> int:
    status: int = error.response["ResponseMetadata"]["HTTPStatusCode"]
    return status


def _etag_is_md5(answer: Mapping[str, Any]) -> bool:
    """Say whether the ETag is the body's MD5: neither of an upload in parts, nor of one the store keeps encrypted."""
    encrypted = answer.get("ServerSideEncryption", "AES256") != "AES256" or "SSECustomerAlgorithm" in answer
    return not encrypted and _MD5.fullmatch(answer["ETag"].strip('"')) is not None


def _unix_ms(moment: Any) -> int:  # noqa: ANN401 - boto3 publishes no types
    return int(moment.timestamp() * 1_000)


def _encoded(value: str) -> str:
    """Return a metadata value as a header can carry it: S3 itself writes other than ASCII as RFC 2047 says."""
    if value.isascii() and value.isprintable():
        return value
    return f"=?UTF-8?B?{base64.b64encode(value.encode()).decode()}?="


def _decoded(value: str) -> str:
    try:
        return str(make_header(decode_header(value)))
    except (HeaderParseError, LookupError, UnicodeDecodeError):
        return value  # looks like an encoded word, and is none
