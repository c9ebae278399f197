"""Who is told: the receivers of webhooks and mail, as read from the file that ``CALLSCOPE_TARGETS_FILE`` names."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Self

import structlog
import yaml
from pydantic import BaseModel, ConfigDict, Field, HttpUrl, SecretStr, TypeAdapter, ValidationError, model_validator

from callscope.calls import Notice, NoticeKind
from callscope.errors import TargetsInvalid

SECRET_PREFIX = "whsec_"  # noqa: S105 - how the Standard Webhooks scheme marks a secret, not one
SECRET_BYTES = range(24, 65)
"""Lengths that the Standard Webhooks scheme allows for a secret."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Receiver:
    """Whom a message goes to, and how."""

    kind: NoticeKind
    target: str


class _FromFile(BaseModel):
    # A value is never shown in an error: it may be a secret, or an URL with one in it.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class WebhookTarget(_FromFile):
    """A receiver of signed HTTP requests."""

    url: HttpUrl = Field(repr=False)
    secret: SecretStr | None = None
    """``whsec_`` and base64 of 24 to 64 random bytes; None: it stands in ``secret_file``."""
    secret_file: Path | None = None
    """Holds the secret, and is read when it is needed; a relative path starts at the file of targets."""
    allow_private: bool = False
    """Whether the URL may lead to an address that isn't public: one inside the own network."""

    @model_validator(mode="after")
    def _one_secret(self) -> Self:
        if (self.secret is None) == (self.secret_file is None):
            raise ValueError("give it a secret, or a secret_file: one of the two")
        if self.secret is not None:
            require_key(self.secret)
        return self

    def read_secret(self) -> str:
        """
        Return the secret.

        Raises
        ------
        TargetsInvalid
            Its file can't be read, or holds something else.
        """
        if self.secret_file is None:
            return self.secret.get_secret_value() if self.secret else ""
        try:
            secret = SecretStr(self.secret_file.read_text(encoding="utf-8").strip())
            require_key(secret)
        except (OSError, ValueError) as error:
            raise TargetsInvalid(f"the secret_file {self.secret_file} can't be used", why=_reason(error)) from None
        return secret.get_secret_value()


class MailTarget(_FromFile):
    """Receivers of one mail."""

    to: list[Annotated[str, Field(pattern=r"^[^@\s<>,;:]+@[^@\s<>,;:]+$")]] = Field(min_length=1)
    subject_prefix: str = ""


class Target(_FromFile):
    """A receiver by its name; one that has both is told by webhook or by mail, as the message says."""

    webhook: WebhookTarget | None = None
    mail: MailTarget | None = None

    @model_validator(mode="after")
    def _some_way(self) -> Self:
        if self.webhook is None and self.mail is None:
            raise ValueError("say how it is reached: webhook, or mail")
        return self


_FILE = TypeAdapter(dict[Annotated[str, Field(min_length=1)], Target])


def load_targets(file: Path) -> Mapping[str, Target]:
    """
    Return the receivers that a file names; files of secrets are not looked into.

    Raises
    ------
    TargetsInvalid
        The file can't be read, or says what can't be used; the message names the place, and never a value.
    """
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise TargetsInvalid(f"{file} can't be read", why=_reason(error)) from error
    except yaml.MarkedYAMLError as error:
        # Its own text shows the line, which may hold a secret.
        line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise TargetsInvalid(f"{file} is no YAML", why=f"{error.problem or 'it breaks off'}{line}") from None
    except yaml.YAMLError:
        raise TargetsInvalid(f"{file} is no YAML", why="it holds characters that YAML doesn't know") from None
    try:
        targets = _FILE.validate_python({} if content is None else content)
    except ValidationError as error:
        mistakes = "; ".join(f"{_place(e['loc'])}: {e['msg'].removeprefix('Value error, ')}" for e in error.errors())
        raise TargetsInvalid(f"{file} says what can't be used", why=mistakes) from None
    return {name: _located(target, file.parent) for name, target in targets.items()}


class TargetsSource:
    """
    The receivers of a running process: follows changes of the file, and keeps the last good ones.

    It raises nothing, for the store must not wait for a file: who wants mistakes told at start calls `load_targets`.

    Parameters
    ----------
    file : Path, optional
        None: there are no receivers.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._seen: tuple[int, int] | None = None
        self._targets: Mapping[str, Target] = MappingProxyType({})

    def current(self) -> Mapping[str, Target]:
        """Return the newest good receivers by name; the same object until the file changes."""
        if self._file is not None and (version := _version(self._file)) != self._seen:
            self._seen = version
            try:
                self._targets = load_targets(self._file)
            except TargetsInvalid as error:
                _log.error("targets_refused", code=error.code, what=error.what, why=error.why)
        return self._targets

    def receivers(self) -> frozenset[Receiver]:
        """Return who can be told; a message to anybody else need not be written."""
        targets = self.current()
        by_webhook = {Receiver(NoticeKind.WEBHOOK, name) for name, target in targets.items() if target.webhook}
        by_mail = {Receiver(NoticeKind.MAIL, name) for name, target in targets.items() if target.mail}
        return frozenset(by_webhook | by_mail)


def addressed(notices: Iterable[Notice], receivers: Collection[Receiver]) -> list[Notice]:
    """Return the notices whose receiver is configured."""
    return [notice for notice in notices if Receiver(notice.kind, notice.target) in receivers]


def _located(target: Target, folder: Path) -> Target:
    """Return a target whose file of the secret is found from anywhere."""
    webhook = target.webhook
    if webhook is None or webhook.secret_file is None:
        return target
    found = webhook.model_copy(update={"secret_file": folder / webhook.secret_file})
    return target.model_copy(update={"webhook": found})


def _version(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def require_key(secret: SecretStr) -> None:
    """
    Let a secret pass that the Standard Webhooks scheme takes.

    Raises
    ------
    ValueError
        It is none.
    """
    try:
        key = base64.b64decode(secret.get_secret_value().removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if len(key) not in SECRET_BYTES:
        raise ValueError(f"a secret is {SECRET_PREFIX} and base64 of {SECRET_BYTES[0]} to {SECRET_BYTES[-1]} bytes")


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location) or "the whole file"


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else "") or str(error)
