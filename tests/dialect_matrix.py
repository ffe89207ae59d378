"""What each dialect can do, found out by asking it: the tables of docs/dialects.md.

A request's feature is tried: a request that asks for it is written for a deployment of each dialect. An answer's
feature is looked for: what became of the recorded answers and streams of the golden files shows it, or nothing does.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from extproc.dialects.degrading import write_for
from extproc.dialects.dialect import Chunk, Finishes
from extproc.dialects.openai import read_request
from extproc.dialects.registry import DIALECTS
from extproc.model.catalog import Operation
from extproc.model.degradation import ALWAYS_LEFT_OUT, DEGRADABLE
from extproc.model.dialects import DIALECTS as FACTS
from extproc.model.dialects import Option
from extproc.model.refusals import Refusal
from tests.aws_messages import event as aws_event
from tests.dialect_deployments import DEPLOYMENTS
from tests.dialect_goldens import ANSWERS, NAMES, STREAMS

YES, REFUSED, DEGRADABLE_400, AS_IT_IS, NONE = "yes", "400", "400 or left out", "as it is", "-"

_PNG = "data:image/png;base64,iVBORw0KGgo="
_PDF = {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="}}
_SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
_TOOL = {"type": "function", "function": {"name": "f", "parameters": _SCHEMA}}
_STRICT = {"type": "function", "function": {"name": "f", "parameters": _SCHEMA, "strict": True}}
_HI = {"role": "user", "content": "hi"}


def _call(id_: str) -> dict[str, Any]:
    return {"id": id_, "type": "function", "function": {"name": "f", "arguments": '{"a":"b"}'}}


def _says(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"messages": list(messages), **fields}


def _shows(url: str, **more: Any) -> dict[str, Any]:
    return _says({"role": "user", "content": [{"type": "image_url", "image_url": {"url": url, **more}}]})


_RESULTS = _says(
    _HI,
    {"role": "assistant", "tool_calls": [_call("c1"), _call("c2")]},
    {"role": "tool", "tool_call_id": "c1", "content": "1"},
    {"role": "tool", "tool_call_id": "c2", "content": "2"},
    tools=[_TOOL],
)
_AUDIO = {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}
_JSON_SCHEMA = {"type": "json_schema", "json_schema": {"name": "n", "schema": _SCHEMA, "strict": True}}

REQUESTS: Mapping[str, dict[str, Any]] = {
    "streams": {"stream": True},
    "system message": _says({"role": "system", "content": "s"}, _HI),
    "developer message": _says({"role": "developer", "content": "s"}, _HI),
    "system message later on": _says(
        _HI, {"role": "assistant", "content": "a"}, {"role": "system", "content": "s"}, _HI
    ),
    "image as data URL": _shows(_PNG),
    "image's `detail` other than auto": _shows(_PNG, detail="low"),
    "image by address": _shows("https://images.example/a.png"),
    "PDF file": _says({"role": "user", "content": [{"type": "text", "text": "read"}, _PDF]}),
    "audio": _says({"role": "user", "content": [_AUDIO]}),
    "name of a participant": _says({**_HI, "name": "ann"}),
    "tools": {"tools": [_TOOL]},
    "strict tools": {"tools": [_STRICT]},
    "`tool_choice` none": {"tools": [_TOOL], "tool_choice": "none"},
    "`tool_choice` required": {"tools": [_TOOL], "tool_choice": "required"},
    "`tool_choice` one function": {"tools": [_TOOL], "tool_choice": {"type": "function", "function": {"name": "f"}}},
    "`parallel_tool_calls` false": {"tools": [_TOOL], "parallel_tool_calls": False},
    "results of parallel calls": _RESULTS,
    "JSON mode": {"response_format": {"type": "json_object"}},
    "JSON schema": {"response_format": _JSON_SCHEMA},
    "`max_tokens`": {"max_tokens": 5},
    "`stop`": {"stop": ["x", "y"]},
    "`temperature` up to 1": {"temperature": 0.5},
    "`temperature` above 1": {"temperature": 1.5},
    "`top_p`": {"top_p": 0.5},
    "`seed`": {"seed": 7},
    "`n` above 1": {"n": 2},
    "`logprobs`": {"logprobs": True, "top_logprobs": 2},
    "`logit_bias`": {"logit_bias": {"5": 1}},
    "`frequency_penalty`": {"frequency_penalty": 0.5},
    "`presence_penalty`": {"presence_penalty": 0.5},
    "`reasoning_effort` low": {"reasoning_effort": "low"},
    "`reasoning_effort` none": {"reasoning_effort": "none"},
    "`reasoning_effort` minimal": {"reasoning_effort": "minimal"},
    "`verbosity`": {"verbosity": "low"},
    "`service_tier` flex": {"service_tier": "flex"},
    "`user`, `metadata`, `store`": {"user": "u", "metadata": {"a": "b"}, "store": False},
    "`prediction`": {"prediction": {"type": "content", "content": "x"}},
    "a field nobody knows": {"x_unknown": 1},
}


def request_cell(dialect: str, fields: dict[str, Any]) -> str:
    """What becomes of a request that asks for this."""
    request = read_request(Operation.CHAT, json.dumps({"model": "chat", "messages": [_HI], **fields}).encode())
    deployment = DEPLOYMENTS[dialect]
    if dialect in ALWAYS_LEFT_OUT:
        return AS_IT_IS
    try:
        write_for(DIALECTS[dialect], request, deployment, (), 0.0)
    except Refusal:
        lenient = replace(deployment, degrade=frozenset(DEGRADABLE[dialect]))
    else:
        return YES
    try:
        write_for(DIALECTS[dialect], request, lenient, (), 0.0)
    except Refusal:
        return REFUSED
    return DEGRADABLE_400


@cache
def plain_answers(dialect: str) -> tuple[dict[str, Any], ...]:
    """Every recorded answer, made canonical."""
    read = DIALECTS[dialect].read_answer
    return tuple(json.loads(read(json.dumps(each).encode()).body) for each in ANSWERS[dialect])


@cache
def streams(dialect: str) -> tuple[tuple[dict[str, Any], ...], ...]:
    """Every recorded stream's canonical chunks."""
    return tuple(tuple(_chunks(dialect, events)) for events in STREAMS[dialect])


def _chunks(dialect: str, events: list[Any]) -> Iterator[dict[str, Any]]:
    reader = DIALECTS[dialect].open_stream()
    for each in events:
        data = aws_event(*each) if dialect == "bedrock" else b"data: " + json.dumps(each).encode() + b"\n\n"
        yield from (item.value for item in reader.feed(data) if isinstance(item, Chunk))
    if isinstance(reader, Finishes):
        yield from (item.value for item in reader.finish() if isinstance(item, Chunk))


def _any_choice(test: Callable[[dict[str, Any], dict[str, Any]], Any]) -> Callable[[dict[str, Any]], bool]:
    """Whether a test of a choice, and of its message or delta, holds for one of an answer's."""
    return lambda value: any(test(each, each.get("message") or each.get("delta") or {}) for each in value["choices"])


def _detail(group: str, name: str) -> Callable[[dict[str, Any]], bool]:
    return lambda value: ((value.get("usage") or {}).get(group) or {}).get(name) is not None


def _finish(reason: str) -> Callable[[dict[str, Any]], bool]:
    return _any_choice(lambda choice, _: choice.get("finish_reason") == reason)


SIGNS: Mapping[str, Callable[[dict[str, Any]], bool]] = {
    "text": _any_choice(lambda _, said: said.get("content")),
    "tool calls": _any_choice(lambda _, said: said.get("tool_calls")),
    "reasoning content": _any_choice(lambda _, said: said.get("reasoning_content")),
    "refusal": _any_choice(lambda _, said: said.get("refusal")),
    "logprobs": _any_choice(lambda choice, _: choice.get("logprobs")),
    "several choices": _any_choice(lambda choice, _: choice.get("index") == 1),
    "finish: stop": _finish("stop"),
    "finish: length": _finish("length"),
    "finish: tool_calls": _finish("tool_calls"),
    "finish: content_filter": _finish("content_filter"),
    "usage": lambda value: bool(value.get("usage")),
    "reasoning tokens": _detail("completion_tokens_details", "reasoning_tokens"),
    "cached tokens": _detail("prompt_tokens_details", "cached_tokens"),
}


def _second_call(value: dict[str, Any]) -> bool:
    return _any_choice(
        lambda _, said: (
            len(said.get("tool_calls") or []) > 1
            or any(call.get("index") == 1 for call in said.get("tool_calls") or [])
        )
    )(value)


SIGNS = {**SIGNS, "parallel tool calls": _second_call}


def answer_cell(dialect: str, sign: Callable[[dict[str, Any]], bool]) -> str:
    """Where the golden files show it: plain, streamed."""
    shown = [
        *(["plain"] if any(sign(each) for each in plain_answers(dialect)) else []),
        *(["streamed"] if any(sign(chunk) for each in streams(dialect) for chunk in each) else []),
    ]
    return ", ".join(shown) or NONE


def _row(name: str, cells: list[str]) -> str:
    return f"| {name} | {' | '.join(cells)} |"


def _head(first: str) -> list[str]:
    return [_row(first, list(NAMES)), "|---" * (len(NAMES) + 1) + "|"]


def request_table() -> list[str]:
    """Lines of the first table."""
    rows = [_row(name, [request_cell(each, fields) for each in NAMES]) for name, fields in REQUESTS.items()]
    return [*_head("request"), *rows]


def answer_table() -> list[str]:
    """Lines of the second table."""
    return [
        *_head("answer"),
        *(_row(name, [answer_cell(each, sign) for each in NAMES]) for name, sign in SIGNS.items()),
    ]


def option_table() -> list[str]:
    """Lines of the third table: what a deployment says, and what its credential is made of."""
    rows = [
        f"| {dialect} | `{name}` | {option.meaning} | {_default(option)} |"
        for dialect, facts in FACTS.items()
        for name, option in facts.options.items()
    ]
    return ["| dialect | option | meaning | default |", "|---|---|---|---|", *rows]


def _default(option: Option) -> str:
    return f"`{option.default}`" if option.default else "must be written"


def credential_table() -> list[str]:
    """Lines of the fourth table."""
    rows = []
    for dialect, facts in FACTS.items():
        needed = ", ".join(f"`{each}`" for each in facts.credential_fields) or "the one that `credential.field` names"
        may = ", ".join(f"`{each}`" for each in facts.optional_fields) or NONE
        left_out = ", ".join(f"`{each}`" for each in DEGRADABLE[dialect])
        rows.append(f"| {dialect} | {needed} | {may} | {left_out} |")
    return ["| dialect | fields of the vault's secret | if they are there | `degrade` |", "|---|---|---|---|", *rows]


TABLES: Mapping[str, Callable[[], list[str]]] = {
    "requests": request_table,
    "answers": answer_table,
    "options": option_table,
    "credentials": credential_table,
}

if __name__ == "__main__":
    for lines in (make() for make in TABLES.values()):
        print("\n".join(lines) + "\n")  # noqa: T201 - prints what the document must hold
