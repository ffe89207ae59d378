"""The canonical form without what only Anthropic's family reads."""

import json
from dataclasses import replace
from typing import Any

import pytest

from extproc.dialects.anthropic_turns import write_turns
from extproc.dialects.extension import EXTENSION, SPEAKERS, extended, extension_of, plain_for
from extproc.dialects.openai import write_body
from extproc.dialects.registry import DIALECTS
from extproc.model.refusals import Refusal
from tests.dialect_deployments import DEPLOYMENTS
from tests.unit.dialects.surface_goldens import REQUESTS, asking, read

FITTING = {name: case for name, case in REQUESTS.items() if "refused" not in case["plain"]}
OTHERS = sorted(set(DIALECTS) - SPEAKERS)


@pytest.mark.parametrize("case", FITTING.values(), ids=FITTING)
def test_others_get_the_openai_form_and_nothing_else(case: dict[str, Any]) -> None:
    request = plain_for(read(**case["request"]), "openai")
    assert request.payload == case["plain"]
    assert EXTENSION.encode() not in write_body(request, DEPLOYMENTS["openai"])
    assert b"u0000" not in write_body(request, DEPLOYMENTS["openai"])


@pytest.mark.parametrize("dialect", [*OTHERS, "a dialect to come"])
def test_who_does_not_speak_it_never_sees_an_extension(dialect: str) -> None:
    for case in FITTING.values():
        assert EXTENSION not in str(plain_for(read(**case["request"]), dialect).payload)
        assert "\\x00" not in repr(plain_for(read(**case["request"]), dialect).payload)


@pytest.mark.parametrize("dialect", sorted(SPEAKERS))
def test_who_speaks_it_gets_the_request_as_it_is(dialect: str) -> None:
    request = read(**REQUESTS["everything"]["request"])
    assert plain_for(request, dialect) is request


def test_a_request_of_another_surface_is_not_even_copied() -> None:
    request = replace(asking(), payload={"model": "m", "messages": []})
    assert plain_for(request, "openai") is request


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"top_k": 5}, "top_k"),
        ({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}, "messages"),
        ({"tools": [{"name": "f", "input_schema": {}, "input_examples": [{}]}]}, "tools[0].input_examples"),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {
                                "type": "document",
                                "context": "It is old.",
                                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVA="},
                            }
                        ],
                    }
                ]
            },
            "messages[0].content[0].context",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_would_change_the_answer_is_refused(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(Refusal) as caught:
        plain_for(asking(**fields), "openai")
    assert caught.value.param == param


@pytest.mark.parametrize(("budget", "effort"), [(1024, "low"), (4096, "medium"), (16384, "high"), (100_000, "high")])
def test_a_budget_for_thinking_is_an_effort(budget: int, effort: str) -> None:
    thinking = {"type": "enabled", "budget_tokens": budget}
    assert plain_for(asking(thinking=thinking), "openai").payload["reasoning_effort"] == effort
    stated = asking(thinking=thinking, output_config={"effort": "max"})
    assert plain_for(stated, "openai").payload["reasoning_effort"] == "max"
    assert "reasoning_effort" not in plain_for(asking(thinking={"type": "adaptive"}), "openai").payload


def _with_results(*results: dict[str, Any], then: list[Any]) -> Any:
    uses = [{"type": "tool_use", "id": each["tool_use_id"], "name": "f", "input": {}} for each in results]
    return [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": uses},
        {"role": "user", "content": list(results)},
        *then,
    ]


IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}


def test_images_in_results_follow_all_of_them_as_the_users() -> None:
    first = {"type": "tool_result", "tool_use_id": "a", "content": [IMAGE]}
    second = {"type": "tool_result", "tool_use_id": "b", "is_error": True, "content": [{"type": "text", "text": "no"}]}
    for then, roles in (
        ([], ["user", "assistant", "tool", "tool", "user"]),
        ([{"role": "assistant", "content": "x"}, {"role": "user", "content": "y"}], None),
        ([{"role": "user", "content": "y"}], ["user", "assistant", "tool", "tool", "user"]),
    ):
        payload: Any = plain_for(asking(messages=_with_results(first, second, then=then)), "openai").payload
        found = [message["role"] for message in payload["messages"]]
        assert found == (roles or ["user", "assistant", "tool", "tool", "user", "assistant", "user"])
        assert payload["messages"][2]["content"] == "The result follows as a file."
        assert payload["messages"][3]["content"][0]["text"] == "Error: "
        assert payload["messages"][4]["content"][0]["type"] == "image_url"


def test_what_a_keepsake_kept_is_for_gemini_alone() -> None:
    request = asking(messages=[{"role": "user", "content": "a"}])
    call = {
        "id": "c",
        "type": "function",
        "function": {"name": "f", "arguments": "{}"},
        "extra_content": {"google": {}},
    }
    kept = {"role": "assistant", "content": None, "tool_calls": [call]}
    asked = replace(request, payload={**request.payload, "messages": [kept, {"role": "user", "content": "b"}]})
    for dialect in OTHERS:
        assert ("extra_content" in json.dumps(plain_for(asked, dialect).payload)) is (dialect == "vertex")


def test_a_message_of_thoughts_alone_is_nothing_to_others() -> None:
    thoughts = [{"type": "thinking", "thinking": "x", "signature": "s"}]
    turns = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": thoughts},
        {"role": "user", "content": "b"},
    ]
    request = asking(messages=turns)
    payload: Any = plain_for(request, "openai").payload
    assert [message["content"] for message in payload["messages"]] == ["a", "b"]
    messages: Any = request.payload["messages"]
    assert write_turns(messages)[1][1] == {"role": "assistant", "content": thoughts}


def test_an_object_without_one_has_an_empty_extension() -> None:
    assert extension_of({}) == {}
    assert extended({"a": 1}, {}) == {"a": 1}
    assert extension_of(extended({"a": 1}, {"b": 2})) == {"b": 2}
