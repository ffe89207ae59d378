"""YAML without its surprises."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.config.document import MAX_CHARS, read


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("no", "no"),
        ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"),
        ("010", "010"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        (".inf", ".inf"),
        ("=", "="),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-1.5", -1.5),
        ('"12"', "12"),
        ("'true'", "true"),
        ("! 12", 12),
    ],
)
def test_a_plain_scalar_means_what_it_looks_like(text: str, value: object) -> None:
    document = read(f"key: {text}")
    assert document.problems == []
    assert document.tree == {"key": value}
    assert type(document.tree["key"]) is type(value)


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        ("a: 1\na: 2", "a", "written twice"),
        ('a: 1\n"\\u0061": 2', "a", "written twice"),
        ("x: [{b: 1, b: 1}]", "x[0].b", "written twice"),
        ("a: &x 1\nb: *x", "b", "anchors and aliases"),
        ("a: {<<: {b: 1}}", "", ""),
        ("a: !!python/object/apply:os.system [ls]", "a", "tag"),
        ("? [a]\n: 1", "", "not a text"),
        ("a: 1\n---\nb: 2", "", "second YAML document"),
        ("a: [", "", "not valid YAML"),
        ("a:\n\t- b", "", "not valid YAML"),
        ("a: \x00", "", "not valid YAML"),
        ("[" * 50 + "]" * 50, "", "nested deeper"),
        ("a" * (MAX_CHARS + 1), "", "longer"),
    ],
)
def test_what_is_a_guess_elsewhere_is_a_problem_here(text: str, path: str, message: str) -> None:
    document = read(text)
    if not message:  # a merge key is only a key: nothing is merged, and the schema does not know it
        assert document.tree == {"a": {"<<": {"b": 1}}}
        return
    assert any(problem.path == path and message in problem.message for problem in document.problems)


def test_each_place_knows_its_line() -> None:
    document = read("a:\n  - x: 1\n    y: 2\n  - 3\n")
    assert document.line_of(("a", 0, "y")) == 3
    assert document.line_of(("a", 1)) == 4
    assert document.line_of(("a", 0, "missing")) == 2


@given(st.text(max_size=200))
def test_no_text_whatever_makes_it_raise(text: str) -> None:
    read(text)
