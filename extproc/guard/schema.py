"""Whether an answer has the structure that was asked for: the schema of ``response_format``, and of strict tools.

    wanted_of(payload) → what a request asks for, as text; empty: nothing
    SchemaRule(wanted).scan(...)      each choice's content, each call's arguments
    SchemaRule(wanted).check(answer)  the same of a whole answer, where each call is held to its own tool's schema

A rule sees one string at a time and not which tool it is for, so ``scan`` holds arguments to any one of the strict
tools. Only a whole answer can be judged: in a stream, when it has ended. Kinds are ``schema.violation``, and
``schema.unjudged`` where the value would take too long.
"""

import json
from collections.abc import Mapping, Sequence

from extproc.guard.reading import Reading
from extproc.guard.schema_check import Schema, compile_schema
from extproc.model.chat import Json
from extproc.model.guard import Direction, Finding, Place
from extproc.model.guard_policy import Options


def wanted_of(payload: Json) -> str:
    """The schemas that a request asks its answer to follow, as JSON text; empty where it asks for none."""
    wanted: dict[str, object] = {}
    form = payload.get("response_format")
    if isinstance(form, Mapping):
        named = form.get("json_schema")
        if form.get("type") == "json_object":
            wanted["content"] = {"type": "object"}
        elif isinstance(named, Mapping) and "schema" in named:
            wanted["content"] = named["schema"]
    calls = dict(_strict_tools(payload.get("tools")))
    if calls:
        wanted["calls"] = calls
    return json.dumps(wanted, sort_keys=True, separators=(",", ":")) if wanted else ""


class SchemaRule:
    """The rule ``schema`` for one exchange."""

    reach = 0
    """Nothing is held back for it: it judges what is whole."""

    def __init__(self, wanted: str) -> None:
        """``wanted``: as ``wanted_of`` gives it.

        Raises:
            ValueError: a schema cannot be used, and why; nothing can be said about the answer then.
        """
        asked = json.loads(wanted)
        if not isinstance(asked, dict) or not asked or not asked.keys() <= {"content", "calls"}:
            raise ValueError("not what wanted_of gives: content, calls")
        self._content = compile_schema(json.dumps(asked["content"])) if "content" in asked else None
        self._calls = {name: compile_schema(json.dumps(schema)) for name, schema in asked.get("calls", {}).items()}

    def scan(self, reading: Reading, direction: Direction) -> tuple[Finding, ...]:
        """A finding for a content or for arguments that break their schema; the whole leaf."""
        leaf = reading.leaf
        if direction is not Direction.OUTPUT or leaf.parts or leaf.place[:1] != ("choices",):
            return ()
        if leaf.place[2:] == ("message", "content") and self._content is not None:
            return _said(leaf.place, leaf.text, (self._content,))
        if leaf.place[-2:] == ("function", "arguments") and self._calls:
            return _said(leaf.place, leaf.text, tuple(self._calls.values()))
        return ()

    def check(self, answer: Json) -> tuple[Finding, ...]:
        """Findings of a whole answer, plain or put together from a stream."""
        found: list[Finding] = []
        for index, choice in enumerate(_listed(answer.get("choices"))):
            message = choice.get("message") if isinstance(choice, Mapping) else None
            if not isinstance(message, Mapping):
                continue
            place: Place = ("choices", index, "message")
            content = message.get("content")
            if self._content is not None and isinstance(content, str) and content:
                found += _said((*place, "content"), content, (self._content,))
            for at, call in enumerate(_listed(message.get("tool_calls"))):
                function = call.get("function") if isinstance(call, Mapping) else None
                if isinstance(function, Mapping) and (schema := self._calls.get(str(function.get("name")))):
                    there = (*place, "tool_calls", at, "function", "arguments")
                    found += _said(there, str(function.get("arguments")), (schema,))
        return tuple(found)


def make(options: Options) -> SchemaRule:
    """The rule for its setting: ``schema``, what ``wanted_of`` gave.

    Raises:
        ValueError: it is missing, there is another, or a schema cannot be used.
    """
    settings = dict(options)
    wanted = settings.pop("schema", None)
    if settings or not isinstance(wanted, str) or not wanted:
        raise ValueError("schema takes one setting, schema, and the gateway gives it for each exchange")
    return SchemaRule(wanted)


def _strict_tools(tools: object) -> list[tuple[str, object]]:
    strict: list[tuple[str, object]] = []
    for tool in _listed(tools):
        function = tool.get("function") if isinstance(tool, Mapping) else None
        if isinstance(function, Mapping) and function.get("strict") is True and "parameters" in function:
            strict.append((str(function.get("name")), function["parameters"]))
    return strict


def _listed(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()


def _said(place: Place, text: str, schemas: tuple[Schema, ...]) -> tuple[Finding, ...]:
    """Nothing if the text is JSON that one of the schemas allows."""
    try:
        value = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return (Finding("schema.violation", place, 0, len(text)),)
    judged = [schema.judge(value) for schema in schemas]
    if any(judged):
        return ()
    return (Finding("schema.unjudged" if None in judged else "schema.violation", place, 0, len(text)),)


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is not JSON")
