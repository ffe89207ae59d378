"""An answer's content and its calls are held to the schemas that were asked for."""

import json

import pytest

from extproc.guard.reading import Reading, View
from extproc.guard.schema import SchemaRule, make, wanted_of
from extproc.model.guard import Direction, Leaf, Part, Place, Trust

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}
CONTENT: Place = ("choices", 1, "message", "content")
ARGUMENTS: Place = ("choices", 0, "message", "tool_calls", 0, "function", "arguments")


def tool(name: str, schema: object, *, strict: bool = True) -> dict[str, object]:
    return {"type": "function", "function": {"name": name, "parameters": schema, "strict": strict}}


def request(**more: object) -> dict[str, object]:
    return {"model": "m", "messages": [], **more}


FORMAT = {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": SCHEMA}}


def kinds(rule: SchemaRule, place: Place, text: str, direction: Direction = Direction.OUTPUT) -> list[str]:
    return [f.kind for f in rule.scan(Reading(Leaf(place, text, Trust.MODEL), (View(text),)), direction)]


def test_nothing_is_wanted_of_most_requests() -> None:
    assert wanted_of(request()) == ""
    assert wanted_of(request(response_format={"type": "text"}, tools=[tool("a", SCHEMA, strict=False)])) == ""


def test_the_schema_of_the_answer_and_of_strict_tools_is_wanted() -> None:
    wanted = wanted_of(
        request(response_format=FORMAT, tools=[tool("a", {"type": "object"}), tool("b", {}, strict=False)])
    )
    assert json.loads(wanted) == {"content": SCHEMA, "calls": {"a": {"type": "object"}}}


def test_a_json_object_is_any_object() -> None:
    rule = make((("schema", wanted_of(request(response_format={"type": "json_object"}))),))
    assert kinds(rule, CONTENT, '{"any": 1}') == []
    assert kinds(rule, CONTENT, "[1]") == ["schema.violation"]


@pytest.mark.parametrize(
    "text", ['{"n": "1"}', '{"n": 1', "", "n is 1", '{"n": NaN}', '{"n": 1, "m": 2}', "[" * 100_000]
)
def test_a_content_that_breaks_its_schema_is_found(text: str) -> None:
    rule = SchemaRule(wanted_of(request(response_format=FORMAT)))
    assert kinds(rule, CONTENT, text) == ["schema.violation"]
    assert kinds(rule, CONTENT, '{"n": 1}') == []


def test_only_what_a_model_wrote_in_its_place_is_judged() -> None:
    rule = SchemaRule(wanted_of(request(response_format=FORMAT)))
    assert kinds(rule, ("choices", 0, "message", "refusal"), "no") == []
    assert kinds(rule, ("messages", 0, "content"), "no") == []
    assert kinds(rule, CONTENT, "no", Direction.INPUT) == []
    joined = Leaf(CONTENT, "no", Trust.MODEL, parts=(Part(CONTENT, 0, 2),))
    assert rule.scan(Reading(joined, (View("no"),)), Direction.OUTPUT) == ()


def test_arguments_are_held_to_any_strict_tool_alone_and_to_their_own_in_a_whole_answer() -> None:
    other = {"type": "object", "required": ["q"]}
    rule = SchemaRule(wanted_of(request(tools=[tool("a", SCHEMA), tool("b", other)])))
    assert kinds(rule, ARGUMENTS, '{"q": 1}') == []
    assert kinds(rule, ARGUMENTS, '{"z": 1}') == ["schema.violation"]
    call = {"type": "function", "function": {"name": "a", "arguments": '{"q": 1}'}}
    answer = {"choices": [{"message": {"content": None, "tool_calls": [call]}}]}
    assert [(f.kind, f.place) for f in rule.check(answer)] == [("schema.violation", ARGUMENTS)]
    unknown = {"choices": [{"message": {"tool_calls": [{"function": {"name": "c", "arguments": "x"}}]}}]}
    assert rule.check(unknown) == ()


def test_a_whole_answer_is_judged_choice_by_choice() -> None:
    rule = SchemaRule(wanted_of(request(response_format=FORMAT)))
    answer = {"choices": [{"message": {"content": '{"n": 1}'}}, {"message": {"content": "{}"}}, {"message": None}, 3]}
    assert [f.place for f in rule.check(answer)] == [CONTENT]


def test_what_cannot_be_judged_in_time_says_so() -> None:
    rule = SchemaRule(
        wanted_of(request(response_format={"type": "json_schema", "json_schema": {"schema": {"$ref": "#"}}}))
    )
    assert kinds(rule, CONTENT, "1") == ["schema.unjudged"]


@pytest.mark.parametrize("options", [(), (("schema", ""),), (("schema", 1),), (("schema", "{}"), ("x", 1))])
def test_the_setting_is_the_schema_alone(options: tuple[tuple[str, str | int], ...]) -> None:
    with pytest.raises(ValueError, match="schema takes one setting"):
        make(options)


@pytest.mark.parametrize("text", ["[]", "{}", json.dumps(SCHEMA), '{"content": {}, "more": 1}'])
def test_what_would_check_nothing_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="not what wanted_of gives"):
        make((("schema", text),))


def test_a_schema_that_cannot_be_used_is_told() -> None:
    with pytest.raises(ValueError, match="points outside"):
        make((("schema", json.dumps({"content": {"$ref": "https://x.example/"}})),))
