"""Every setting, its default and its meaning: the sole reader of the environment."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from callscope.calls import Role
from callscope.errors import InvalidSetting


class Settings(BaseSettings):
    """
    Settings of every role, read from ``CALLSCOPE_*`` variables.

    A secret may also come from a file: ``CALLSCOPE_S3_SECRET_KEY_FILE=/run/secrets/s3``.
    """

    model_config = SettingsConfigDict(env_prefix="CALLSCOPE_", frozen=True, extra="ignore")

    # Servers. Without a URL, one machine starts its own.
    database_url: SecretStr | None = Field(None, description="postgresql+psycopg2://user:password@host:5432/name")
    broker_url: SecretStr | None = Field(None, description="redis://:password@host:6379/0")

    # Where recordings lie.
    store: Literal["folder", "s3"] = Field("folder", description="kind of object store")
    store_folder: Path = Field(Path(".callscope/store"), description="folder store: one folder a bucket")
    s3_endpoint: str | None = Field(None, description="S3 endpoint URL; empty: AWS")
    s3_region: str = Field("us-east-1", description="S3 region")
    s3_access_key: str | None = Field(None, description="S3 access key id")
    s3_secret_key: SecretStr | None = Field(None, description="S3 secret key")
    bucket: str = Field("recordings", description="bucket that the telephony system drops recordings into")
    prefix: str = Field("", description="watch only keys that begin so")

    # Finding recordings.
    key_pattern: str = Field(
        "{queue}/{date}/{agent_id}/{call_id}.{ext}", description="how a key names its call's metadata"
    )
    channel_roles: tuple[Role, ...] = Field((Role.AGENT, Role.CUSTOMER), description="role of channel 0, 1, ...")
    sweep_ms: int = Field(5_000, gt=0, description="time between two listings of the bucket")
    stable_ms: int = Field(2_000, ge=0, description="an object must not have changed for this long")
    window: int = Field(256, gt=0, description="jobs kept in the queue; the backlog waits in Postgres")
    sent_deadline_ms: int = Field(60_000, gt=0, description="a job not started by then is sent again")

    # Attempts.
    max_attempts: int = Field(3, gt=0, description="a recording is dead after so many attempts")
    lease_ms: int = Field(30_000, ge=3_000, description="an attempt not heard of for this long is lost")
    retry_delay_ms: int = Field(5_000, ge=0, description="wait after a failed attempt or an outage")
    analyse_timeout_ms: int = Field(900_000, gt=0, description="an attempt that takes longer is given up")

    # Analysis.
    checkpoint: str = Field("demo", description="`demo`, a FunASR checkpoint folder, or `iic/SenseVoiceSmall`")
    vad_checkpoint: str | None = Field(None, description="FSMN VAD folder; empty: `vad/` beside the checkpoint")
    engine: Literal["auto", "torch", "onnx", "funasr"] = Field(
        "auto", description="recogniser engine; auto: the fastest on the device"
    )
    dtype: Literal["auto", "fp32", "bf16", "int8"] = Field(
        "auto", description="number format of the network; auto: the fastest; fp32: stock FunASR's tokens"
    )
    device: str = Field("cpu", description="cpu, cuda:0, npu:0, mlu:0, ...")
    threads: int = Field(0, ge=0, description="recordings in flight in one worker process; 0: fits the device")
    cpu_threads: int = Field(0, ge=0, description="cores that a CPU device may use; 0: all")
    max_duration_ms: int = Field(4 * 3_600_000, gt=0, description="longer recordings are dead with `too_long`")
    min_silence_ms: int = Field(1_200, gt=0, description="shorter stretches without speech are pauses")
    min_crosstalk_ms: int = Field(300, gt=0, description="shorter overlaps are backchannels")

    pitch: bool = Field(default=True, description="measure the pitch at the end of each region")

    # Meaning.
    rules_folder: Path | None = Field(None, description="rules and scorecards, YAML; empty: those that come along")
    entity_values: Literal["masked", "clear"] = Field(
        "masked", description="clear: order, card and other numbers are stored unmasked too"
    )

    # Telling others.
    targets_file: Path | None = Field(None, description="receivers of webhooks and mail, YAML")
    smtp_url: SecretStr | None = Field(None, description="smtp://user:password@host:587, or smtps://")
    mail_from: str = Field("callscope@localhost", description="sender of mail")
    page_url: str = Field("", description="where the pages are served; empty: links name the recording only")
    translator: Literal["none", "openai", "libretranslate"] = Field("none", description="kind of translation endpoint")
    translator_url: str | None = Field(None, description="base URL, such as http://host:8000/v1")
    translator_key: SecretStr | None = Field(None, description="key of the translation endpoint")
    translator_model: str = Field("", description="openai: name of the model")

    # The pages and the API.
    api_host: str = Field("127.0.0.1", description="address that the pages and the API listen on")
    api_port: int = Field(8_300, ge=0, le=65_535, description="port of the pages and the API; 0: any free one")
    api_auth: Literal["keys", "open"] = Field("keys", description="open: no key is asked for; on loopback alone")
    api_hosts: tuple[str, ...] = Field((), description="names the pages answer to; empty: any (open: loopback's alone)")
    api_secret: SecretStr | None = Field(
        None, description="signs sessions and links; empty: made once, kept in the state folder"
    )
    api_rate: str = Field("600/minute", description="requests that one key may make")
    max_upload_bytes: int = Field(500_000_000, gt=0, description="larger uploads are refused")
    callback_secret: SecretStr | None = Field(
        None, description="whsec_…: signs webhooks to an upload's callback_url; empty: no upload may name one"
    )
    callback_private: bool = Field(default=False, description="callbacks may lead to addresses that aren't public")
    embed_origins: tuple[str, ...] = Field(
        (), description="sites that may frame a call's curve, such as https://crm.example"
    )

    # Running.
    state_folder: Path = Field(Path(".callscope"), description="data of the servers that one machine starts")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="least level that is printed")
    flower_user: str = Field("callscope", description="login of the monitor")
    flower_password: SecretStr | None = Field(None, description="password of the monitor; empty: made at start")
    failpoint: str | None = Field(None, description="for tests: `stage:fault` or `stage:fault:key part`")

    def as_environment(self) -> dict[str, str]:
        """Return the settings as variables, secrets in clear, so that another process reads the same."""
        variables = {}
        for name, value in self.model_dump().items():
            match value:
                case None:
                    continue
                case SecretStr():
                    text = value.get_secret_value()
                case tuple():
                    text = json.dumps(value)
                case _:
                    text = str(value)
            variables[f"CALLSCOPE_{name.upper()}"] = text
        return variables

    def require_database_url(self) -> str:
        """
        Return the database's URL, its password included.

        Raises
        ------
        InvalidSetting
            There is none.
        """
        return _required("CALLSCOPE_DATABASE_URL", self.database_url, why="the ledger and all results are in Postgres")

    def require_broker_url(self) -> str:
        """
        Return the broker's URL, its password included.

        Raises
        ------
        InvalidSetting
            There is none.
        """
        return _required("CALLSCOPE_BROKER_URL", self.broker_url, why="producer, workers and writers meet there")


def load_settings() -> Settings:
    """
    Read the environment.

    Raises
    ------
    InvalidSetting
        A value can't be used; the message names each variable and what is wrong with it.
    """
    prefix = Settings.model_config["env_prefix"]
    secrets = {
        name: _read_secret(prefix + name.upper() + "_FILE", path)
        for name, field in Settings.model_fields.items()
        if "SecretStr" in str(field.annotation) and (path := os.environ.get(prefix + name.upper() + "_FILE"))
    }
    try:
        return Settings(**secrets)  # type: ignore[arg-type]
    except ValidationError as error:
        faults = "; ".join(f"{prefix}{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors())
        raise InvalidSetting("a setting's value can't be used", why=faults) from error


def _required(variable: str, value: SecretStr | None, *, why: str) -> str:
    if value is None:
        raise InvalidSetting(f"{variable} isn't set", why=why)
    return value.get_secret_value()


def _read_secret(variable: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise InvalidSetting(f"{variable} names a file that can't be read", why=str(error)) from error
