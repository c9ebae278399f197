from pathlib import Path

import pytest

from callscope.calls import Role
from callscope.errors import InvalidSetting
from callscope.settings import Settings, load_settings

pytestmark = pytest.mark.unit


def test_every_setting_says_what_it_means() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLSCOPE_SWEEP_MS", "250")
    monkeypatch.setenv("CALLSCOPE_CHANNEL_ROLES", '["customer", "agent"]')
    settings = load_settings()
    assert settings.sweep_ms == 250
    assert settings.channel_roles == (Role.CUSTOMER, Role.AGENT)


def test_a_secret_may_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secret = tmp_path / "s3"
    secret.write_text("hush\n")
    monkeypatch.setenv("CALLSCOPE_S3_SECRET_KEY_FILE", str(secret))
    settings = load_settings()
    assert settings.s3_secret_key is not None
    assert settings.s3_secret_key.get_secret_value() == "hush"
    assert "hush" not in repr(settings)


def test_a_secret_file_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CALLSCOPE_BROKER_URL_FILE", str(tmp_path / "nowhere"))
    with pytest.raises(InvalidSetting, match="CALLSCOPE_BROKER_URL_FILE"):
        load_settings()


def test_a_wrong_value_is_named_with_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLSCOPE_MAX_ATTEMPTS", "0")
    monkeypatch.setenv("CALLSCOPE_STORE", "tape")
    with pytest.raises(InvalidSetting) as caught:
        load_settings()
    assert "CALLSCOPE_MAX_ATTEMPTS" in caught.value.why
    assert "CALLSCOPE_STORE" in caught.value.why
