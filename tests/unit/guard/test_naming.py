"""What was found is told by places that an application knows, and never by a name that may be what was found."""

import pytest

from extproc.guard.leaves import request_leaves
from extproc.guard.naming import named
from extproc.model.guard import Finding, Place

REQUEST = {
    "model": "m",
    "user": "hunter2",
    "metadata": {"hunter2": {"name": "x"}, "#odd": "hunter2"},
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "it is hunt"}, {"type": "text", "text": "er2 now"}]},
        {
            "role": "assistant",
            "tool_calls": [
                {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a": "\\u0068unter2"}'}}
            ],
        },
    ],
}
LEAVES = {leaf.place: leaf for leaf in request_leaves(REQUEST)}


def told() -> set[tuple[Place, int, int]]:
    """Where the word is, in any leaf."""
    findings = [
        Finding("t.word", leaf.place, at, at + len("hunter2"))
        for leaf in LEAVES.values()
        if (at := leaf.text.find("hunter2")) >= 0
    ]
    return {(each.place, each.start, each.end) for each in (named(finding, LEAVES) for finding in findings)}


def test_what_is_in_a_joined_leaf_is_told_of_the_first_string_that_it_touches() -> None:
    assert (("messages", 0, "content", 0, "text"), 6, 10) in told()


def test_what_is_within_json_is_told_of_the_text() -> None:
    arguments = ("messages", 1, "tool_calls", 0, "function", "arguments")
    assert (arguments, 0, len('{"a": "\\u0068unter2"}')) in told()


def test_what_is_in_a_gathered_leaf_is_told_of_its_own_string() -> None:
    short = next(leaf for leaf in LEAVES.values() if leaf.place[0] == "#short" and "hunter2" in leaf.text)
    findings = [
        named(Finding("t.word", short.place, part.start, part.end), LEAVES)
        for part in short.parts
        if "hunter2" in short.text[part.start : part.end]
    ]
    assert {(each.place, each.start, each.end) for each in findings} == {
        (("user",), 0, 7),
        (("metadata",), 0, 7),
        (("metadata", "*"), 0, 7),
    }


@pytest.mark.parametrize(
    ("place", "told"),
    [
        (("messages", 2, "content", "#at", 10), ("messages", 2, "content")),
        (("metadata", "hunter2", "name"), ("metadata", "*", "name")),
        (("choices", 0, "delta", "#key"), ("choices", 0)),
        (("#aside", "content"), ("content",)),
    ],
)
def test_a_step_of_our_own_and_a_name_of_somebodys_are_not_told(place: Place, told: Place) -> None:
    finding = named(Finding("t.word", place, 1, 2), {})
    assert finding.place == told
    assert finding.end - finding.start == 1


def test_a_finding_of_no_length_and_one_beyond_all_strings_have_a_place_too() -> None:
    joined = next(leaf for leaf in LEAVES.values() if leaf.place[-1] == "#joined")
    for start, end in ((0, 0), (10_000, 10_001)):
        assert named(Finding("t.word", joined.place, start, end), LEAVES).place == ("messages", 0, "content", 0, "text")
