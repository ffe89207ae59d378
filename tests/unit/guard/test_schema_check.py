"""Schemas of callers are judged by, and can neither fetch, nor hang, nor recurse for ever."""

import json

import pytest

from extproc.guard.schema_check import MAX_SCHEMA_CHARS, compile_schema


def judge(schema: object, value: object) -> bool | None:
    return compile_schema(json.dumps(schema)).judge(value)


PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "pattern": "^[A-Z]"}, "age": {"type": "integer", "minimum": 0}},
    "required": ["name"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("value", "is_so"),
    [
        ({"name": "Ann", "age": 3}, True),
        ({"name": "Ann"}, True),
        ({"name": "ann"}, False),
        ({"age": 3}, False),
        ({"name": "Ann", "age": -1}, False),
        ({"name": "Ann", "more": 1}, False),
        ([], False),
    ],
)
def test_a_value_is_judged_by_its_schema(value: object, is_so: bool) -> None:
    assert judge(PERSON, value) is is_so


def test_properties_by_pattern_leave_no_others() -> None:
    schema = {"patternProperties": {"^x-": {"type": "string"}}, "additionalProperties": False}
    assert judge(schema, {"x-a": "b"}) is True
    assert judge(schema, {"x-a": 1}) is False
    assert judge(schema, {"y": "b"}) is False


def test_equal_items_are_not_unique() -> None:
    assert judge({"uniqueItems": True}, [1, "1", [1], {"a": 1}]) is True
    assert judge({"uniqueItems": True}, [1, 1.0]) is False
    assert judge({"uniqueItems": True}, [{"a": 1, "b": 2}, {"b": 2, "a": 1}]) is False


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"$ref": "https://schemas.example/x"}, "points outside"),
        ({"properties": {"a": {"$dynamicRef": "other.json"}}}, "points outside"),
        ({"pattern": "(?=a)"}, "linear time"),
        ({"items": {"pattern": "(a)\\1"}}, "linear time"),
        ({"patternProperties": {"(?<!x)y": {}}}, "linear time"),
        ({"patternProperties": {"x": {}}, "unevaluatedProperties": False}, "both"),
        ({"type": "nonsense"}, "not a JSON schema"),
        (5, "not a JSON schema"),
        ({"description": "x" * MAX_SCHEMA_CHARS}, "more than"),
    ],
)
def test_a_schema_that_cannot_be_judged_by_is_refused(schema: object, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        compile_schema(json.dumps(schema))


def test_a_pattern_that_would_backtrack_does_not() -> None:
    assert judge({"pattern": "^(a+)+$"}, "a" * 50_000 + "b") is False


def test_letters_of_all_scripts_can_be_asked_for() -> None:
    assert judge({"pattern": "^\\p{L}+$"}, "größe") is True


def test_what_would_never_end_is_not_known() -> None:
    assert judge({"$ref": "#"}, 1) is None


def test_what_would_take_too_long_is_not_known() -> None:
    levels = {f"l{n}": {"anyOf": [{"$ref": f"#/$defs/l{n + 1}"}] * 2} for n in range(40)}
    assert judge({"$defs": {**levels, "l40": {"type": "string"}}, "$ref": "#/$defs/l0"}, 1) is None
    assert judge({"items": {"enum": list(range(5000))}}, [4999] * 1000) is None


def test_a_reference_within_is_followed_and_one_to_nothing_is_not_known() -> None:
    assert judge({"$defs": {"n": {"type": "integer"}}, "items": {"$ref": "#/$defs/n"}}, [1, 2]) is True
    assert judge({"$ref": "#/$defs/nothing"}, 1) is None
