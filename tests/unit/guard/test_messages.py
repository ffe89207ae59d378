"""One message's strings."""

from typing import Any

from extproc.guard.messages import say, walk_message
from extproc.guard.walking import Walk
from extproc.model.guard import Leaf, Trust
from extproc.model.guard_policy import ContextMarkers


def _walked(message: dict[str, Any], trust: Trust = Trust.USER) -> tuple[list[Any], tuple[Leaf, ...]]:
    walk = Walk()
    said = walk_message(walk, message, ("m",), trust, ())
    return said, walk.finish()


def test_what_is_said_is_told_in_order_with_its_places() -> None:
    content = [{"type": "text", "text": "one"}, "two", {"type": "refusal", "refusal": "three"}, 4]
    said, leaves = _walked({"role": "user", "content": content, "reasoning_content": "five"})
    assert "five" in {leaf.text for leaf in leaves}
    assert said == [
        (("m", "content", 0, "text"), "one"),
        (("m", "content", 1), "two"),
        (("m", "content", 2, "refusal"), "three"),
    ]


def test_names_are_declared_and_the_rest_is_whose_the_message_is() -> None:
    _, leaves = _walked({"role": "user", "name": "alice", "content": "hi", "x_mood": "fine"})
    assert {leaf.place[-1]: leaf.text for leaf in leaves} == {
        "content": "hi",
        "declared": "alice",
        "user": "x_mood\nfine",
    }


def test_a_content_that_is_no_text_is_read_all_the_same() -> None:
    _, leaves = _walked({"role": "user", "content": {"odd": ["deep", {"key": "value"}]}})
    assert set(leaves[-1].text.splitlines()) == {"odd", "deep", "key", "value"}


def test_calls_of_every_kind_have_arguments() -> None:
    message = {
        "tool_calls": [
            {"id": "1", "function": {"name": "f", "arguments": '{"a": "b"}'}},
            {"id": "2", "custom": {"name": "g", "input": "free text"}},
            "odd",
        ],
        "function_call": {"name": "h", "arguments": "{half"},
    }
    _, leaves = _walked(message, Trust.MODEL)
    assert [(leaf.text, leaf.is_json) for leaf in leaves[:3]] == [
        ('{"a": "b"}', True),
        ("free text", False),
        ("{half", False),
    ]


def test_markers_within_each_other_and_without_an_end() -> None:
    walk = Walk()
    text = "a<<b<<c>>d>>e<<>>f<<g"
    say(walk, text, ("m",), Trust.TRUSTED, (ContextMarkers("<<", ">>"),))
    assert [(leaf.place, leaf.text, leaf.trust) for leaf in walk.leaves] == [
        (("m",), text, Trust.TRUSTED),
        (("m", "#at", 3), "b<<c", Trust.HOSTILE),
        (("m", "#at", 20), "g", Trust.HOSTILE),
    ]
