"""The rule pii finds every kind in the hand-written cases, and nothing in what only looks like one."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from extproc.guard.pii import DEFAULT_KINDS, KINDS, make
from extproc.guard.reading import Reading, View
from extproc.guard.rule import Rule
from extproc.model.guard import Direction, Finding, Leaf, Trust

CASES = Path(__file__).parents[2] / "cases/guard/pii.jsonl"
ROWS = [json.loads(line) for line in CASES.read_text(encoding="utf-8").splitlines()]


def scan(rule: Rule, text: str) -> tuple[Finding, ...]:
    return tuple(rule.scan(Reading(Leaf(("x",), text, Trust.USER), (View(text),)), Direction.INPUT))


def cases() -> Iterator[tuple[str, str, str]]:
    for row in ROWS:
        for value in row.get("values", ()):
            for text in row["texts"]:
                yield row["kind"], value, text.replace("{}", value)


def test_every_case_is_found_where_it_stands() -> None:
    rule = make(())
    missed = [
        (kind, text)
        for kind, value, text in cases()
        if not any(
            f.kind == f"pii.{kind}" and f.start < text.index(value) + len(value) and text.index(value) < f.end
            for f in scan(rule, text)
        )
    ]
    assert missed == []
    assert len(list(cases())) > 500


def test_nothing_is_found_in_what_only_looks_like_one() -> None:
    rule = make(())
    texts = [text for row in ROWS if row["kind"] is None for text in row["texts"]]
    assert [(text, scan(rule, text)) for text in texts if scan(rule, text)] == []
    assert len(texts) > 80


def test_a_finding_says_where_and_never_what() -> None:
    (finding,) = scan(make(()), "card 4111111111111111 ok")
    assert (finding.kind, finding.start, finding.end) == ("pii.card", 5, 21)
    assert "1111" not in repr(finding)


def test_what_has_a_better_name_is_no_phone_number() -> None:
    assert {f.kind for f in scan(make(()), "5105 1051 0510 5100 and NL91 ABNA 0417 1643 00")} == {
        "pii.card",
        "pii.iban",
    }


def test_kinds_and_countries_are_chosen() -> None:
    text = "jo@example.com 4111111111111111 AB123456C 12345678Z 192.0.2.17"
    assert {f.kind for f in scan(make((("kinds", ("card", "ip")),)), text)} == {"pii.card", "pii.ip"}
    assert {f.kind for f in scan(make((("countries", ("gb",)),)), text)} == {"pii.card", "pii.email", "pii.uk_nino"}
    assert {"ip"} == KINDS - DEFAULT_KINDS


@pytest.mark.parametrize(
    "options", [(("kinds", ("nothing",)),), (("countries", ("xx",)),), (("other", 1),), (("kinds", ()),)]
)
def test_settings_that_mean_nothing_are_told(options: tuple[tuple[str, tuple[str, ...]], ...]) -> None:
    with pytest.raises(ValueError, match=r"^pii"):
        make(options)
