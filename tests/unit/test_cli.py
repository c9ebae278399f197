import click
import pytest
from click.testing import CliRunner

from callscope.cli import COMMANDS, callscope, tell
from callscope.errors import EmptyObject

pytestmark = pytest.mark.unit


def test_the_overview_names_every_command_without_loading_it() -> None:
    result = CliRunner().invoke(callscope, ["--help"])
    assert result.exit_code == 0
    for name, entry in COMMANDS.items():
        assert name in result.output
        assert entry.summary.split(",")[0][:30] in result.output


def every_command() -> list[list[str]]:
    """Return the words of each command, those of groups with their subcommands."""
    words: list[list[str]] = []
    for name in COMMANDS:
        command = callscope.get_command(click.Context(callscope), name)
        words += [[name, sub] for sub in command.commands] if isinstance(command, click.Group) else [[name]]
    return words


@pytest.mark.parametrize("words", every_command(), ids=" ".join)
def test_every_command_has_help_with_an_example(words: list[str]) -> None:
    result = CliRunner().invoke(callscope, [*words, "--help"])
    assert result.exit_code == 0, result.output
    assert f"callscope {' '.join(words)}" in result.output.split("Example:")[1]


def test_an_unknown_command_is_wrong_usage() -> None:
    assert CliRunner().invoke(callscope, ["listen"]).exit_code == 2


def test_an_error_is_told_in_three_parts(capsys: pytest.CaptureFixture[str]) -> None:
    tell(EmptyObject("recordings/a.wav has no bytes", why="the upload was cut off"))
    printed = capsys.readouterr().err
    assert "empty_object: recordings/a.wav has no bytes" in printed
    assert "why: the upload was cut off" in printed
    assert "do:  Check the telephony system's upload" in printed
