"""What runs together in a joined leaf is not taken out of a part that has nothing to hide."""

import json

from extproc.guard.echoes import MOST_BEYOND, without_echoes
from extproc.guard.leaves import request_leaves, with_edits
from extproc.guard.redaction import Redactor
from extproc.guard.rules import scan_leaves
from extproc.model.guard import Direction, Finding, Leaf, Part, Trust
from extproc.model.guard_policy import RuleSpec

A, B = Leaf(("a",), "x" * 30, Trust.USER), Leaf(("b",), "y" * 40, Trust.USER)
BOTH = Leaf(("ab",), A.text + B.text, Trust.USER, parts=(Part(("a",), 0, 30), Part(("b",), 30, 70)))
OWN = Finding("pii.email", ("a",), 10, 30)


def kept(*findings: Finding) -> list[Finding]:
    return without_echoes((A, B, BOTH), findings)


def test_what_a_part_shows_by_itself_and_a_word_more_is_an_echo() -> None:
    assert kept(OWN, Finding("pii.email", ("ab",), 10, 30)) == [OWN]
    assert kept(OWN, Finding("pii.email", ("ab",), 10, 30 + MOST_BEYOND)) == [OWN]


def test_what_was_split_stays() -> None:
    half = Finding("pii.card", ("a",), 20, 30)
    more = Finding("pii.card", ("ab",), 20, 41)
    assert kept(half, more) == [half, more], "more than half of it would stay"
    assert kept(half, Finding("pii.card", ("ab",), 20, 40)) == [half]
    longer = Finding("pii.email", ("ab",), 10, 31 + MOST_BEYOND)
    assert kept(OWN, longer) == [OWN, longer]
    alone = Finding("pii.card", ("ab",), 25, 35)
    assert kept(OWN, alone) == [OWN, alone]
    elsewhere = Finding("pii.email", ("ab",), 40, 50)
    assert kept(OWN, elsewhere) == [OWN, elsewhere]


def test_the_values_beside_a_redacted_one_stay_as_they_are() -> None:
    arguments = json.dumps({"mail": "jo@example.com", "name": "x", "n": 4111111111111111})
    call = {"id": "1", "type": "function", "function": {"name": "pay", "arguments": arguments}}
    payload = {"model": "m", "messages": [{"role": "assistant", "content": None, "tool_calls": [call]}]}
    leaves = request_leaves(payload)
    (scanned,) = scan_leaves((RuleSpec("pii"),), leaves, Direction.INPUT)
    redactor = Redactor("483920")
    texts = {leaf.place: leaf for leaf in leaves}
    findings = without_echoes(leaves, scanned.findings)
    edits = {
        place: redactor.edits(
            texts[place].text, [f for f in findings if f.place == place], is_json=texts[place].is_json
        )
        for place in {f.place for f in findings}
    }
    after = with_edits(payload, edits)["messages"][0]["tool_calls"][0]["function"]["arguments"]  # type: ignore[index]
    values = json.loads(after)
    assert values["name"] == "x"
    assert "jo@" not in after
    assert "4111" not in after
