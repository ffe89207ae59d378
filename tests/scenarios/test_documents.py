"""What the documents list is what the code has."""

import re
from pathlib import Path

from extproc.cli.main import COMMANDS
from extproc.config.environment import VARIABLES
from extproc.model import refusals

ROOT = Path(__file__).parents[2]


def test_every_error_code_is_documented_with_its_status() -> None:
    rows = set(re.findall(r"^\| (\d{3}) \| `([a-z_]+)` \|", (ROOT / "docs/errors.md").read_text(), re.MULTILINE))
    kinds = [value for value in vars(refusals).values() if isinstance(value, refusals.Kind)]
    assert rows == {(str(kind.status), kind.code) for kind in kinds}
    assert len({kind.code for kind in kinds}) == len(kinds)


def test_every_variable_is_in_the_readme() -> None:
    assert set(re.findall(r"EXTPROC_[A-Z_]+[A-Z]", (ROOT / "README.md").read_text())) == set(VARIABLES)


def test_every_command_that_the_readme_names_exists() -> None:
    named = set(re.findall(r"\bextproc ([a-z]+(?:-[a-z]+)*)\b", (ROOT / "README.md").read_text()))
    # The first request and the examples; "command" is prose.
    assert named - {"command"} <= set(COMMANDS)
    assert {"check", "render", "keys", "status", "explain", "up", "down"} <= named


def test_every_room_of_the_map_exists() -> None:
    block = (ROOT / "README.md").read_text().partition("## The rooms")[2].partition("```\n")[2].partition("```")[0]
    rooms = re.findall(r"^ {0,2}([a-z_.]+/?) ", block, re.MULTILINE)
    assert len(rooms) > 12
    for room in rooms:
        assert (ROOT / room).exists() or (ROOT / "extproc" / room).exists(), room
