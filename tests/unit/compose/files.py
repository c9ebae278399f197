"""What compose.yaml and the Dockerfile say, as records."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from dotenv import dotenv_values

ROOT = Path(__file__).resolve().parents[3]
COMPOSE = ROOT / "compose"
DOCKERFILE = COMPOSE / "Dockerfile"

_VARIABLE = re.compile(r"\$\$|\$\{(?P<name>\w+)(?::-(?P<default>[^}]*))?\}")


def interpolate(text: str, variables: Mapping[str, str]) -> str:
    """Return the text as Compose hands it on: ``${NAME:-default}`` filled in, ``$$`` a plain dollar."""

    def value(found: re.Match[str]) -> str:
        if found.group() == "$$":
            return "$"
        return variables.get(found["name"], "") or found["default"] or ""

    return _VARIABLE.sub(value, text)


@dataclass(frozen=True, slots=True)
class Service:
    name: str
    raw: Mapping[str, Any]

    @property
    def target(self) -> str | None:
        """Stage of our Dockerfile; None for an image of somebody else."""
        target: str | None = self.raw.get("build", {}).get("target")
        return target

    @property
    def command(self) -> list[str]:
        return [*self.raw.get("entrypoint", []), *self.raw.get("command", [])]

    @property
    def environment(self) -> dict[str, str]:
        return dict(self.raw.get("environment", {}))

    @property
    def secrets(self) -> set[str]:
        return set(self.raw.get("secrets", []))

    @property
    def networks(self) -> set[str]:
        return set(self.raw.get("networks", []))

    @property
    def names(self) -> set[str]:
        """Host names under which other services reach it."""
        networks = self.raw["networks"]
        aliases = [n["aliases"] for n in networks.values() if n] if isinstance(networks, dict) else []
        return {self.name, *(alias for names in aliases for alias in names)}

    @property
    def ports(self) -> list[tuple[str, int]]:
        """Address and container port of everything that is published."""
        published = [port.split(":") for port in self.raw.get("ports", [])]
        return [(address, int(inside)) for address, _, inside in published]


@cache
def compose() -> dict[str, Any]:
    """Return the file as it is without an .env."""
    loaded: dict[str, Any] = yaml.safe_load(interpolate((COMPOSE / "compose.yaml").read_text(), {}))
    return loaded


@cache
def example() -> dict[str, str]:
    """Return the variables of .env.example."""
    return {name: value or "" for name, value in dotenv_values(COMPOSE / ".env.example").items()}


def services() -> list[Service]:
    return [Service(name, raw) for name, raw in compose()["services"].items()]


def service(name: str) -> Service:
    return Service(name, compose()["services"][name])


@dataclass(frozen=True, slots=True)
class Stage:
    """One ``FROM … AS …`` of the Dockerfile."""

    name: str
    base: str
    instructions: tuple[tuple[str, str], ...]


@cache
def stages() -> dict[str, Stage]:
    text = re.sub(r"(?m)^#.*\n", "", DOCKERFILE.read_text()).replace("\\\n", " ")
    parts = [line.partition(" ") for line in text.splitlines() if line.strip()]
    found: dict[str, Stage] = {}
    name, base, instructions = "", "", list[tuple[str, str]]()
    for instruction, _, rest in [*parts, ("FROM", "", " AS ")]:
        if instruction == "FROM":
            if name:
                found[name] = Stage(name, base, tuple(instructions))
            base, _, name = (part.strip() for part in rest.partition(" AS "))
            instructions = []
        else:
            instructions.append((instruction, rest.strip()))
    return found


def history(target: str) -> Iterator[tuple[str, str]]:
    """Yield every instruction that a target is made by, its base images' first."""
    stage = stages().get(target)
    if stage is not None:
        yield from history(stage.base)
        yield from stage.instructions


def copied(target: str) -> list[str]:
    """Return what comes from the repository into the image, not through another stage."""
    copies = [rest.split() for instruction, rest in history(target) if instruction == "COPY"]
    return [source for words in copies if not words[0].startswith("--from") for source in words[:-1]]


def package_stage(target: str) -> str:
    """Return the stage whose virtual environment the image gets."""
    (found,) = re.findall(r"--from=(\S+)", " ".join(rest for i, rest in history(target) if i == "COPY"))
    return str(found)


def extra(target: str) -> str:
    """Return the extra of pyproject.toml that the image's packages come from."""
    (found,) = re.findall(r"'\.\[(\w+)\]'", " ".join(rest for _, rest in history(package_stage(target))))
    return str(found)


def default_command(target: str) -> list[str]:
    command: list[str] = json.loads([rest for instruction, rest in history(target) if instruction == "CMD"][-1])
    return command


def targets() -> list[str]:
    """Return the stages that are images of their own: those with a command."""
    return [name for name, stage in stages().items() if "CMD" in dict(stage.instructions)]


@cache
def project() -> dict[str, Any]:
    loaded: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return loaded
