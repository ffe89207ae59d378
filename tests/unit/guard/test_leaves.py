"""Whose words each string is, and where it stands."""

from typing import Any

from extproc.guard.leaves import request_leaves, with_edits
from extproc.model.guard import Edit, Leaf, Place, Trust
from extproc.model.guard_policy import ContextMarkers

MARKERS = (ContextMarkers("<context>", "</context>"), ContextMarkers("[[", "]]"))


def _said(*messages: dict[str, Any], **fields: Any) -> dict[Place, Leaf]:
    return {leaf.place: leaf for leaf in request_leaves({"messages": list(messages), **fields}, MARKERS)}


def _trust(leaves: dict[Place, Leaf], text: str) -> set[Trust]:
    return {leaf.trust for leaf in leaves.values() if text in leaf.text}


def test_trust_is_by_role() -> None:
    roles = ("system", "developer", "user", "assistant", "tool", "function", "stranger")
    leaves = _said(*({"role": role, "content": f"said by {role}"} for role in roles))
    assert [leaf.trust for place, leaf in leaves.items() if place[-1] == "content"] == [
        *(Trust.TRUSTED, Trust.TRUSTED, Trust.USER, Trust.MODEL, Trust.HOSTILE, Trust.HOSTILE, Trust.HOSTILE),
    ]


def test_what_an_application_sends_besides_is_declared() -> None:
    tool = {"type": "function", "function": {"name": "look_up", "description": "d" * 200, "parameters": {
        "type": "object", "properties": {"kind": {"enum": ["first kind", "second kind"]}}}}}  # fmt: skip
    leaves = _said(
        {"role": "user", "name": "alice", "content": "hi"},
        tools=[tool], stop=["END"], user="u-1", metadata={"team": "blue"}, logit_bias={"50256": 1}, x_new={"a": "b"},
        response_format={"type": "json_schema", "json_schema": {"name": "answer_shape", "schema": {}}},
    )  # fmt: skip
    for text in (
        "look_up",
        "kind",
        "first kind",
        "END",
        "u-1",
        "team",
        "blue",
        "50256",
        "x_new",
        "answer_shape",
        "alice",
    ):
        assert _trust(leaves, text) == {Trust.DECLARED}, text
    assert leaves["tools", 0, "function", "description"].trust is Trust.DECLARED
    gathered = leaves["#short", "declared"]
    assert gathered.text.splitlines().count("blue") == 1
    assert ("metadata", "team", "#key") in {part.place for part in gathered.parts}
    assert "properties" not in gathered.text


def test_retrieved_context_is_hostile_wherever_it_is_declared() -> None:
    leaves = _said(
        {"role": "user", "content": "Sum up <context>one [[x]] </context> and [[two"},
        {"role": "user", "content": [{"type": "text", "text": "[[three]]"}]},
        x_context=["four", {"text": "five", "source": "six"}],
    )
    hostile = {leaf.text: leaf.place for leaf in leaves.values() if leaf.trust is Trust.HOSTILE and not leaf.parts}
    assert hostile == {
        "one [[x]] ": ("messages", 0, "content", "#at", 16),
        "two": ("messages", 0, "content", "#at", 43),
        "three": ("messages", 1, "content", 0, "text", "#at", 2),
        "four": ("x_context", 0),
        "five": ("x_context", 1, "text"),
    }
    assert _trust(leaves, "six") == {Trust.HOSTILE}
    whole = leaves["messages", 0, "content"]
    assert whole.trust is Trust.USER
    assert not whole.is_repeat
    assert leaves["messages", 0, "content", "#at", 16].is_repeat


def test_a_models_own_words_have_no_context() -> None:
    assert len(_said({"role": "assistant", "content": "<context>one</context>"})) == 1


def test_arguments_are_json_and_results_that_are_json_too() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": "\\u0062"}'}}
    leaves = _said({"role": "assistant", "tool_calls": [call]}, {"role": "tool", "content": '["x"]'})
    place = ("messages", 0, "tool_calls", 0, "function", "arguments")
    assert leaves[place].is_json
    assert leaves[place].trust is Trust.MODEL
    assert leaves[*place, "#json"].text == "a\nb"
    assert leaves[*place, "#json"].is_repeat
    assert leaves["messages", 1, "content"].is_json
    assert leaves["messages", 1, "content"].trust is Trust.HOSTILE


def test_embeddings_inputs_are_the_users_and_never_joined() -> None:
    leaves = request_leaves({"model": "m", "input": ["one", "two"]})
    assert [(leaf.place, leaf.trust) for leaf in leaves[:2]] == [(("input", 0), Trust.USER), (("input", 1), Trust.USER)]
    assert not any(leaf.place[-1] == "#joined" for leaf in leaves)
    assert request_leaves({"model": "m", "input": "one"})[0].text == "one"
    assert [leaf.text for leaf in request_leaves({"model": "m", "input": [1, 2, 3]})] == ["m"]


def test_messages_that_follow_each_other_are_joined_by_whose_they_are() -> None:
    leaves = _said(
        {"role": "system", "content": "a"}, {"role": "developer", "content": "b"},
        {"role": "user", "content": "c"}, {"role": "assistant", "content": "d"}, {"role": "user", "content": "e"},
    )  # fmt: skip
    joined = [leaf for leaf in leaves.values() if leaf.place[-1] == "#joined"]
    assert [(leaf.place, leaf.text, leaf.trust, leaf.is_repeat) for leaf in joined] == [
        (("messages", 0, "#joined"), "ab", Trust.TRUSTED, True)
    ]


def test_an_edit_is_made_in_a_copy() -> None:
    payload = {"messages": [{"role": "user", "content": "call 555"}], "metadata": {"k": ["v"]}}
    done = with_edits(payload, {("messages", 0, "content"): [Edit(5, 8, "[N]")]})
    assert done["messages"] == [{"role": "user", "content": "call [N]"}]
    assert payload["messages"] == [{"role": "user", "content": "call 555"}]
    assert done["metadata"] is payload["metadata"]
    assert with_edits(payload, {}) is payload
