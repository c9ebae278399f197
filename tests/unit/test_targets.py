from __future__ import annotations

import base64
from pathlib import Path

import pytest
import structlog

from callscope.calls import NoticeKind
from callscope.errors import TargetsInvalid
from callscope.targets import Receiver, TargetsSource, load_targets

pytestmark = pytest.mark.unit

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


def write(folder: Path, content: str) -> Path:
    file = folder / "targets.yaml"
    file.write_text(content, encoding="utf-8")
    return file


def test_a_file_names_webhooks_and_mail(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET + "\n")
    targets = load_targets(
        write(
            tmp_path,
            f"""
            tickets: {{webhook: {{url: "https://tickets.example.com/in", secret: {SECRET}}}}}
            crm: {{webhook: {{url: "http://crm:8080/hook", secret_file: secret, allow_private: true}}}}
            quality: {{mail: {{to: [ann@example.com, bo@example.com], subject_prefix: "[calls]"}}}}
            """,
        )
    )
    assert set(targets) == {"tickets", "crm", "quality"}
    tickets, crm, quality = targets["tickets"].webhook, targets["crm"].webhook, targets["quality"].mail
    assert tickets is not None
    assert crm is not None
    assert quality is not None
    assert not tickets.allow_private
    assert crm.allow_private
    assert tickets.read_secret() == crm.read_secret() == SECRET
    assert quality.to == ["ann@example.com", "bo@example.com"]
    assert quality.subject_prefix == "[calls]"
    assert SECRET not in repr(targets)
    assert "tickets.example.com" not in repr(targets)


def test_an_empty_file_names_nobody(tmp_path: Path) -> None:
    assert load_targets(write(tmp_path, "# nobody yet\n")) == {}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("- tickets", "the whole file: Input should be a valid dictionary"),
        ("tickets: {}", "tickets: say how it is reached"),
        ("tickets: {hook: {}}", "tickets.hook: Extra inputs are not permitted"),
        ("tickets: {webhook: {url: 'https://a.example'}}", "tickets.webhook: give it a secret, or a secret_file"),
        (f"tickets: {{webhook: {{url: 'ftp://a.example', secret: {SECRET}}}}}", "tickets.webhook.url: URL scheme"),
        ("tickets: {webhook: {url: 'https://a.example', secret: hush}}", "tickets.webhook: a secret is whsec_"),
        ("quality: {mail: {to: []}}", "quality.mail.to: List should have at least 1 item"),
        ("quality: {mail: {to: [ann]}}", "quality.mail.to.0: String should match"),
        ("quality: {mail: {to: ['ann@example.com, bo@example.com']}}", "quality.mail.to.0: String should match"),
        ("tickets:\n  webhook: {url: [hush\n", "line 3"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, content: str, told: str) -> None:
    with pytest.raises(TargetsInvalid) as caught:
        load_targets(write(tmp_path, content))
    assert "targets.yaml" in caught.value.what
    assert told in caught.value.why


@pytest.mark.parametrize(
    "content",
    [
        "tickets: {webhook: {url: 'https://a.example/hush', secret: hush, more: hush}}",
        "tickets: {webhook: {url: 'hush', secret: {hush: hush}}}",
        "tickets:\n  webhook: {url: [hush\n",
        "tickets: {webhook: {url: 'https://a.example', secret: hush\x07}}",
    ],
)
def test_a_mistake_shows_no_value(tmp_path: Path, content: str) -> None:
    with pytest.raises(TargetsInvalid) as caught:
        load_targets(write(tmp_path, content))
    assert "hush" not in caught.value.why.replace("secret.hush", "")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TargetsInvalid, match="nowhere"):
        load_targets(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize(("content", "told"), [(None, "No such file"), ("hush", "a secret is whsec_")])
def test_a_secret_that_can_not_be_used_is_told_without_showing_it(
    tmp_path: Path, content: str | None, told: str
) -> None:
    if content is not None:
        (tmp_path / "secret").write_text(content)
    file = write(tmp_path, "tickets: {webhook: {url: 'https://a.example', secret_file: secret}}")
    webhook = load_targets(file)["tickets"].webhook
    assert webhook is not None
    with pytest.raises(TargetsInvalid) as caught:
        webhook.read_secret()
    assert told in caught.value.why
    assert "hush" not in caught.value.what + caught.value.why


def test_without_a_file_nobody_can_be_told() -> None:
    source = TargetsSource(None)
    assert source.current() == {}
    assert source.receivers() == frozenset()


def test_a_running_process_follows_the_file_and_keeps_the_last_good_one(tmp_path: Path) -> None:
    file = tmp_path / "targets.yaml"
    source = TargetsSource(file)
    assert source.receivers() == frozenset()

    write(
        tmp_path,
        f"""
        tickets: {{webhook: {{url: "https://a.example", secret: {SECRET}}}, mail: {{to: [ann@example.com]}}}}
        quality: {{mail: {{to: [ann@example.com]}}}}
        """,
    )
    told = {
        Receiver(NoticeKind.WEBHOOK, "tickets"),
        Receiver(NoticeKind.MAIL, "tickets"),
        Receiver(NoticeKind.MAIL, "quality"),
    }
    assert source.receivers() == told
    assert source.current() is source.current()

    with structlog.testing.capture_logs() as logs:
        write(tmp_path, "tickets: {}")
        assert source.receivers() == told
        assert source.receivers() == told
        file.unlink()
        assert source.receivers() == told
    assert [line["event"] for line in logs] == ["targets_refused"] * 2

    write(tmp_path, "# nobody any more\n")
    assert source.receivers() == frozenset()
