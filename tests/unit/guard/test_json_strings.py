"""JSON within a string: read without its escapes, and JSON still when it was edited."""

import json

import pytest

from extproc.guard.json_strings import edited, is_json, strings
from extproc.model.guard import Edit

TEXT = '{"to": "a\\u0040b.example", "n": [4111, "x\\"y"], "\\ud83d\\ude00": "", "e": null}'


def test_only_objects_and_arrays_are_json() -> None:
    assert is_json(' {"a": 1}')
    assert is_json("[]")
    for text in ('"a"', "12", "{half", "", "[1,]", "[" * 100_000):
        assert not is_json(text)


def test_strings_are_read_and_keys_told_from_values() -> None:
    assert [(each.number, each.text, each.is_key) for each in strings(TEXT)] == [
        (0, "to", True),
        (1, "a@b.example", False),
        (2, "n", True),
        (3, 'x"y', False),
        (4, "\U0001f600", True),
        (6, "e", True),
    ]


def test_edits_of_strings_are_escaped_and_keep_to_characters() -> None:
    done = edited(TEXT, (), {1: [Edit(1, 2, '"at"\n')], 3: [Edit(1, 2, "")], 4: [Edit(0, 1, "k")]})
    assert json.loads(done) == {"to": 'a"at"\nb.example', "n": [4111, "xy"], "k": "", "e": None}


@pytest.mark.parametrize(
    ("found", "replacement", "expected"),
    [
        ("a\\u0040b", "[E]", {"to": "[E].example"}),
        ("u0040b", "[E]", {"to": "a[E].example"}),
        ("4111", '"[CARD]"', {"n": ["[CARD]", 'x"y']}),
        ("4111", "[CARD", {"n": ["[CARD", 'x"y']}),
        ("11", "5", {"n": [5, 'x"y']}),
        ('4111, "x', "[C]", {"n": ["[C]", '"y']}),
        ('example", "n": [4111', 'a"b', {"to": 'a@b.a"b', "": ["", 'x"y']}),
        (", ", "[GONE]", {}),
    ],
)
def test_an_edit_of_the_text_leaves_it_json(found: str, replacement: str, expected: dict[str, object]) -> None:
    start = TEXT.index(found)
    done = json.loads(edited(TEXT, [Edit(start, start + len(found), replacement)], {}))
    unchanged = json.loads(TEXT)
    if "" in expected:
        del unchanged["n"]
    assert done == {**unchanged, **expected}


def test_the_same_found_twice_is_replaced_once() -> None:
    start = TEXT.index("a\\u0040")
    done = edited(TEXT, [Edit(start, start + len("a\\u0040b.example"), "[E]")], {1: [Edit(0, 11, "[E]")]})
    assert json.loads(done)["to"] == "[E]"
