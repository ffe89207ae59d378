"""Nothing that Anthropic's clients say is lost on the way to an Anthropic deployment, whatever they put together."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extproc.dialects.anthropic import Anthropic
from extproc.dialects.anthropic_answer import read_message
from extproc.dialects.anthropic_stream import AnthropicStream
from extproc.dialects.extension import SPEAKERS, plain_for
from extproc.dialects.openai import write_body
from extproc.dialects.registry import DIALECTS
from extproc.dialects.surface_anthropic_answer import write_message
from extproc.dialects.surface_anthropic_request import read_messages
from extproc.dialects.surface_anthropic_stream import AnthropicWriter
from extproc.model.catalog import Operation
from extproc.model.refusals import Refusal
from tests.dialect_deployments import DEPLOYMENTS
from tests.unit.dialects.anthropic_goldens import DEPLOYMENT, stream_of
from tests.unit.dialects.surface_goldens import ASKED, events_of

# Whole requests take a while to make up, and a busy machine is no fault of theirs.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=8)
ids = st.from_regex(r"[A-Za-z0-9_-]{1,8}", fullmatch=True)
objects = st.dictionaries(texts, st.integers() | texts | st.lists(st.booleans(), max_size=2), max_size=2)
cached = st.fixed_dictionaries(
    {}, optional={"cache_control": st.sampled_from([{"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h"}])}
)


def block(cache: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {**fields, **cache}


text_blocks = st.builds(block, cached, type=st.just("text"), text=texts)
sources = st.sampled_from(
    [{"type": "base64", "media_type": "image/png", "data": "iVBO"}, {"type": "url", "url": "https://a.example/x"}]
)
image_blocks = st.builds(block, cached, type=st.just("image"), source=sources)
result_blocks = st.builds(
    block,
    cached,
    type=st.just("tool_result"),
    tool_use_id=ids,
    is_error=st.booleans(),
    content=st.lists(text_blocks | image_blocks, min_size=1, max_size=2),
)
thoughts = st.builds(block, st.just({}), type=st.just("thinking"), thinking=texts, signature=texts)
hidden = st.builds(block, st.just({}), type=st.just("redacted_thinking"), data=st.just("ZGF0YQ=="))
uses = st.builds(block, cached, type=st.just("tool_use"), id=ids, name=ids, input=objects)

user_turns = st.lists(text_blocks | image_blocks | result_blocks, min_size=1, max_size=3)
assistant_turns = st.lists(text_blocks | thoughts | hidden | uses, min_size=1, max_size=5)


@st.composite
def conversations(draw: st.DrawFn) -> list[dict[str, Any]]:
    turns = []
    for _ in range(draw(st.integers(0, 2))):
        turns.append({"role": "user", "content": draw(user_turns)})
        turns.append({"role": "assistant", "content": draw(assistant_turns)})
    return [*turns, {"role": "user", "content": draw(user_turns)}]


tools = st.lists(
    st.builds(
        lambda cache, more, **fields: {**fields, **more, **cache},
        cached,
        st.fixed_dictionaries({}, optional={"description": texts, "strict": st.just(True)}),
        name=ids,
        input_schema=st.just({"type": "object", "properties": {"a": {"type": "string"}}}),
    ),
    min_size=1,
    max_size=2,
)
choices = st.sampled_from(
    [
        {"type": "auto"},
        {"type": "any", "disable_parallel_tool_use": True},
        {"type": "none"},
        {"type": "tool", "name": "f"},
    ]
)
requests = st.fixed_dictionaries(
    {"model": st.just("chat"), "max_tokens": st.integers(1, 9999), "messages": conversations()},
    optional={
        "system": st.lists(text_blocks, min_size=1, max_size=2),
        "tools": tools,
        "thinking": st.sampled_from([{"type": "enabled", "budget_tokens": 2048}, {"type": "adaptive"}]),
        "stop_sequences": st.lists(st.just("END"), min_size=1, max_size=1),
        "metadata": st.just({"user_id": "u"}),
        "cache_control": st.just({"type": "ephemeral"}),
        "service_tier": st.sampled_from(["auto", "standard_only"]),
        "output_config": st.just({"effort": "low"}),
        "top_k": st.integers(0, 9),
        "top_p": st.sampled_from([0, 0.5]),
        "stream": st.just(True),
    },
)


@unhurried
@given(requests, st.none() | choices)
def test_a_request_reaches_claude_word_for_word(asked: dict[str, Any], choice: dict[str, Any] | None) -> None:
    if choice is not None and "tools" in asked:
        asked = {**asked, "tool_choice": choice}
    sent = json.loads(
        Anthropic().write(read_messages(Operation.CHAT, json.dumps(asked).encode()), DEPLOYMENT, (), 0).body
    )
    assert sent == {**asked, "model": "claude-x"}


@unhurried
@given(requests, st.sampled_from(sorted(set(DIALECTS) - SPEAKERS)))
def test_nobody_else_hears_of_it(asked: dict[str, Any], dialect: str) -> None:
    try:
        request = plain_for(read_messages(Operation.CHAT, json.dumps(asked).encode()), dialect)
    except Refusal:
        assert "top_k" in asked
        return
    body = json.loads(write_body(request, DEPLOYMENTS["openai"]))
    assert "\0" not in "".join(_names(body))
    assert not {"cache_control", "signature", "redacted_thinking", "is_error"} & _names(body) - _names(_said(asked))


def _said(asked: dict[str, Any]) -> list[Any]:
    """What the caller itself may name as it likes: the inputs of calls are JSON text by now, schemas stay."""
    return [tool["input_schema"] for tool in asked.get("tools", [])]


def _names(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*(_names(each) for each in value.values()))
    return set().union(*(_names(each) for each in value)) if isinstance(value, list) else set()


answers = st.lists(
    st.one_of(
        st.builds(lambda text: {"type": "text", "text": text}, texts),
        thoughts,
        hidden,
        st.builds(block, st.just({}), type=st.just("tool_use"), id=ids, name=ids, input=objects),
    ),
    max_size=5,
)


@unhurried
@given(answers)
def test_an_answer_of_claudes_comes_back_block_by_block(content: list[dict[str, Any]]) -> None:
    usage = {"input_tokens": 3, "output_tokens": 4}
    message = {
        "id": "msg_1",
        "type": "message",
        "model": "c",
        "content": content,
        "stop_reason": "end_turn",
        "usage": usage,
    }
    told = json.loads(write_message(read_message(json.dumps(message).encode()), ASKED))
    assert told["content"] == content


@unhurried
@given(answers, st.data())
def test_a_stream_of_claudes_comes_back_block_by_block_in_any_split(
    content: list[dict[str, Any]], data: st.DataObject
) -> None:
    raw = stream_of(list(_streamed(content)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=5)))
    reader, writer = AnthropicStream(), AnthropicWriter(ASKED)
    told = b""
    for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True):
        told += b"".join(writer.write(item) for item in reader.feed(raw[start:end]))
    assert _merged(_read(events_of(told))) == _merged(content)


def _streamed(content: list[dict[str, Any]]) -> Any:
    yield {"type": "message_start", "message": {"id": "msg_1", "model": "c", "usage": {"input_tokens": 3}}}
    for index, each in enumerate(content):
        empty, deltas = each, []
        match each:
            case {"type": "text", "text": text}:
                empty, deltas = {"type": "text", "text": ""}, [{"type": "text_delta", "text": text}]
            case {"type": "thinking", "thinking": thought, "signature": signature}:
                empty = {"type": "thinking", "thinking": "", "signature": ""}
                deltas = [
                    {"type": "thinking_delta", "thinking": thought},
                    {"type": "signature_delta", "signature": signature},
                ]
            case {"type": "tool_use", "input": given_input}:
                empty = {**each, "input": {}}
                deltas = [{"type": "input_json_delta", "partial_json": json.dumps(given_input)}]
            case _:
                pass
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    yield {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 4}}
    yield {"type": "message_stop"}


def _read(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    for event in events:
        match event:
            case {"type": "content_block_start", "content_block": begun}:
                blocks.append(dict(begun))
            case {"delta": {"type": "text_delta", "text": text}}:
                blocks[-1]["text"] += text
            case {"delta": {"type": "thinking_delta", "thinking": text}}:
                blocks[-1]["thinking"] += text
            case {"delta": {"type": "signature_delta", "signature": text}}:
                blocks[-1]["signature"] += text
            case {"delta": {"type": "input_json_delta", "partial_json": text}}:
                blocks[-1]["input"] = blocks[-1].get("json", "") + text
                blocks[-1]["json"] = blocks[-1]["input"]
            case _:
                continue
    for each in blocks:
        if (text := each.pop("json", None)) is not None:
            each["input"] = json.loads(text)
    return blocks


def _merged(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Neighbouring texts are one: a stream does not tell where one ends."""
    merged: list[dict[str, Any]] = []
    for each in blocks:
        if merged and each["type"] == merged[-1]["type"] == "text":
            merged[-1] = {"type": "text", "text": merged[-1]["text"] + each["text"]}
        else:
            merged.append(each)
    return merged
