"""The table of commands. What each does is in its own test."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import extproc
from extproc.cli.main import COMMANDS, main
from tests.unit.cli.scripted_admin import typed

_ROOM = Path(extproc.__file__).parent / "cli"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_is_there_under_its_name_and_explains_itself(name: str) -> None:
    module = import_module(f"extproc.cli.{name.replace('-', '_')}")
    assert isinstance(module.command, click.Command)
    assert module.command.name == name
    result = typed(name, "--help")
    assert result.exit_code == 0
    assert f"Usage: main {name}" in result.stdout


_PARTS = {"main", "ledger_adjust"}
"""Files whose command is the table's own, or one of another file's group."""


def test_every_file_that_has_a_command_is_in_the_table() -> None:
    with_command = {path.stem for path in _ROOM.glob("*.py") if "@click.command(" in path.read_text()} - _PARTS
    with_group = {path.stem for path in _ROOM.glob("*.py") if "@click.group(" in path.read_text()}
    assert with_command | with_group == {name.replace("-", "_") for name in COMMANDS}


def test_help_lists_every_command_with_what_it_does() -> None:
    shown = " ".join(CliRunner(env={"COLUMNS": "200"}).invoke(main, ["--help"]).stdout.split())
    for name, what in COMMANDS.items():
        assert f"{name} {what}" in shown


def test_help_loads_no_command_and_none_of_what_they_need() -> None:
    program = (
        "import sys; from click.testing import CliRunner; from extproc.cli.main import main; "
        "assert CliRunner().invoke(main, ['--help']).exit_code == 0; "
        "print([name for name in sys.modules if name.split('.')[0] in ('grpc', 'psycopg', 'redis', 'hvac')"
        " or name.startswith('extproc.cli.') and name != 'extproc.cli.main'])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_a_command_that_is_not_there_is_wrong_use() -> None:
    for name in ("destroy", "admin", "explain_view", "log_level", "main", "../x"):
        result = typed(name)
        assert result.exit_code == 2
        assert "No such command" in result.stderr


def test_the_version_is_the_packages() -> None:
    assert typed("--version").stdout == f"extproc, version {extproc.__version__}\n"
