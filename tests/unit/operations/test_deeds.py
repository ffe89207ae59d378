"""What a deed must look like."""

import pytest

from extproc.model.keys import Deed
from extproc.operations.deeds import find_deed_problems, find_line_problems


def test_a_deed_names_who_and_which_approval_each_on_one_line() -> None:
    assert find_deed_problems(Deed("ada", "CHG-1, approved by grace")) == []
    problems = find_deed_problems(Deed("", "CHG-1\nCHG-2"))
    assert [problem.partition(" ")[0] for problem in problems] == ["actor", "approval"]


@pytest.mark.parametrize("value", ["", " ", "a\nb", "a\x1b[31m", "x" * 201])
def test_a_line_cannot_forge_another(value: str) -> None:
    (problem,) = find_line_problems("owner", value)
    assert problem.isprintable()
    assert len(problem) < 300
