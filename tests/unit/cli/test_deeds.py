"""The options of every change of limits."""

import click
import pytest
from click.testing import CliRunner

from extproc.cli.deeds import with_deed
from extproc.model.keys import Deed


def typed(*words: str, is_required: bool) -> tuple[int, list[Deed | None]]:
    found: list[Deed | None] = []

    @click.command()
    @with_deed(is_required=is_required)
    def command(*, deed: Deed | None) -> None:
        found.append(deed)

    return CliRunner().invoke(command, words).exit_code, found


def test_a_deed_is_who_does_it_and_which_change_whom_approved_it() -> None:
    words = ("--change", "CHG-1", "--approver", "grace", "--actor", "ada")
    assert typed(*words, is_required=True) == (0, [Deed("ada", "CHG-1, approved by grace")])


@pytest.mark.parametrize("words", [(), ("--change", "CHG-1"), ("--approver", "grace")])
def test_half_a_deed_is_none(words: tuple[str, ...]) -> None:
    assert typed(*words, is_required=True) == (2, [])
    assert typed(*words, is_required=False) == (0, [None])
