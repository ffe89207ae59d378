"""Edits by place, each string written once."""

import pytest

from extproc.guard.edits import apply_edits
from extproc.model.guard import Edit, Leaf, Part, Trust

VALUE = {"a": {"b": ["hello world", {"c": "x"}], "d": "y"}, "args": '{"k": "a\\nb"}', "#at": "z"}


def _none() -> list[Leaf]:
    raise AssertionError("nobody needs the leaves")


def test_only_what_changes_is_copied() -> None:
    done = apply_edits(VALUE, {("a", "b", 0): [Edit(0, 5, "bye")]}, _none)
    assert done["a"] == {"b": ["bye world", {"c": "x"}], "d": "y"}
    assert done["a"]["b"][1] is VALUE["a"]["b"][1]  # type: ignore[index]
    assert VALUE["a"]["b"][0] == "hello world"  # type: ignore[index]


def test_edits_by_different_places_of_one_string_are_made_together() -> None:
    edits = {
        ("a", "b", 0): [Edit(0, 5, "bye")],
        ("a", "b", 0, "#at", 6): [Edit(0, 5, "moon")],
        ("a", "b", 0, "#at", 2): [Edit(0, 3, "within the first")],
    }
    assert apply_edits(VALUE, edits, _none)["a"]["b"][0] == "bye moon"  # type: ignore[index]


def test_strings_within_json_are_edited_in_it() -> None:
    done = apply_edits(
        VALUE, {("args", "#json", 1): [Edit(1, 2, '"')], ("args", "#json", 0): [Edit(0, 1, "kk")]}, _none
    )
    assert done["args"] == '{"kk": "a\\"b"}'


def test_keys_are_renamed_in_their_order_and_never_lost() -> None:
    value = {"m": {"one": {"two": "x"}, "three": 1}}
    edits = {
        ("m", "one", "#key"): [Edit(0, 3, "three")],
        ("m", "one", "two", "#key"): [Edit(0, 3, "2")],
        ("m", "one", "two"): [Edit(0, 1, "y")],
    }
    done = apply_edits(value, edits, _none)
    assert done == {"m": {"three_": {"2": "y"}, "three": 1}}
    assert list(done["m"]) == ["three_", "three"]  # type: ignore[call-overload]


def test_a_key_that_looks_like_a_step_is_a_key() -> None:
    assert apply_edits(VALUE, {("##at",): [Edit(0, 1, "!")]}, _none)["#at"] == "!"


def test_an_edit_of_a_joined_leaf_is_led_to_its_parts() -> None:
    parts = (Part(("a", "b", 0), 0, 11), Part(("a", "b", 1, "c", "#at", 0), 11, 12), Part(("a", "d"), 12, 13))
    leaf = Leaf(("j", "#joined"), "hello worldxy", Trust.USER, parts)
    done = apply_edits(VALUE, {leaf.place: [Edit(6, 13, "[X]")]}, lambda: [leaf])
    assert done["a"] == {"b": ["hello [X]", {"c": ""}], "d": ""}


def test_a_place_that_is_not_there_is_a_mistake() -> None:
    for place in (("nowhere",), ("a", "#joined"), ("#short", "user")):
        with pytest.raises(KeyError):
            apply_edits(VALUE, {place: [Edit(0, 1, "")]}, list)


def test_no_edits_leave_everything_as_it_is() -> None:
    assert apply_edits(VALUE, {("a", "d"): []}, _none) == VALUE
