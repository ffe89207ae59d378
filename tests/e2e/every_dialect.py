"""One scripted provider that speaks every dialect, told apart by the path: the same answers from each of them.

A request without tools is greeted; one with tools is answered with two calls; one with their results with words.
"""

import json
from collections.abc import Mapping
from typing import Any

from tests.aws_messages import event as aws_event
from tests.e2e.provider import Turn
from tests.e2e.rig import TIMEOUTS
from tests.unit.dialects.anthropic_goldens import stream_of

MODELS = ("openai", "azure", "anthropic", "bedrock", "vertex", "vertex-anthropic")
CALLS = (("toolu_1", "weather", {"city": "Oslo"}), ("toolu_2", "weather", {"city": "Ulm", "days": [1, 2]}))
USAGE = (11, 7)
"""Input and output tokens."""


def deployments(port: int, _: int = 0) -> dict[str, Any]:
    """A deployment and a model for each dialect, and ``claude-then-gpt`` and back."""
    google = {"options": {"project": "p", "location": "global"}, "base_url": f"http://127.0.0.1:{port}/v1"}
    own: Mapping[str, dict[str, Any]] = {
        "openai": {"base_url": f"http://127.0.0.1:{port}/v1"},
        "azure": {"base_url": f"http://127.0.0.1:{port}", "options": {"api_version": "2024-10-21"}},
        "anthropic": {"base_url": f"http://127.0.0.1:{port}/v1"},
        "bedrock": {
            "base_url": f"http://127.0.0.1:{port}",
            "options": {"region": "eu-west-1"},
            "credential": {"path": "providers/aws"},
        },
        "vertex": {**google, "upstream_model": "gemini-2.5-flash"},
        "vertex-anthropic": google,
    }
    listed = [
        {
            "name": name,
            "dialect": name,
            "upstream_model": "m-1",
            "credential": {"path": "providers/main", "field": "api_key"},
            "timeouts": dict(TIMEOUTS),
            **json.loads(json.dumps(more)),
        }
        for name, more in own.items()
    ]
    models = [{"name": name, "deployments": [name]} for name in own]
    mixed = [
        {"name": "claude-then-gpt", "deployments": ["anthropic", "openai"]},
        {"name": "gpt-then-claude", "deployments": ["openai", "anthropic"]},
    ]
    return {"deployments": listed, "models": [*models, *mixed]}


async def speak(turn: Turn) -> None:
    """What a well-behaved provider of the path's dialect does."""
    path = turn.request.line.split(" ")[1]
    body = turn.request.body.decode()
    if "21 degrees" in body:
        text, calls = "Mild.", ()
    elif '"tools"' in body or '"toolConfig"' in body:
        text, calls = "I look.", CALLS
    else:
        text, calls = "Hello, you.", ()
    if path.endswith("/count_tokens"):
        await turn.plain(b'{"input_tokens":2095}')
    elif path.startswith("/model/"):
        await _bedrock(turn, text, calls, is_stream=path.endswith("-stream"))
    elif "/publishers/google/" in path:
        await _gemini(turn, text, calls, is_stream="streamGenerateContent" in path)
    elif path == "/v1/messages" or "/publishers/anthropic/" in path:
        await _anthropic(turn, text, calls)
    else:
        await _openai(turn, text, calls)


Calls = tuple[tuple[str, str, dict[str, Any]], ...]


async def _openai(turn: Turn, text: str, calls: Calls) -> None:
    frame = {"id": "chatcmpl-1", "created": 1, "model": "gpt-x"}
    usage = {"prompt_tokens": USAGE[0], "completion_tokens": USAGE[1], "total_tokens": sum(USAGE)}
    made = [
        {"id": id_, "type": "function", "function": {"name": name, "arguments": json.dumps(given)}}
        for id_, name, given in calls
    ]
    reason = "tool_calls" if calls else "stop"
    if not turn.request.json.get("stream"):
        message = {"role": "assistant", "content": text, **({"tool_calls": made} if made else {})}
        choice = {"index": 0, "message": message, "finish_reason": reason}
        await turn.plain(
            json.dumps({**frame, "object": "chat.completion", "choices": [choice], "usage": usage}).encode()
        )
        return
    deltas: list[dict[str, Any]] = [
        {"role": "assistant", "content": ""},
        *({"content": piece} for piece in _pieces(text)),
    ]
    for index, call in enumerate(made):
        arguments = call["function"]["arguments"]
        begun = {**call, "index": index, "function": {"name": call["function"]["name"], "arguments": ""}}
        deltas.append({"tool_calls": [begun]})
        deltas += [{"tool_calls": [{"index": index, "function": {"arguments": piece}}]} for piece in _pieces(arguments)]
    await turn.open_stream()
    chunk = {**frame, "object": "chat.completion.chunk"}
    for delta in deltas:
        await turn.event({**chunk, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    await turn.event({**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
    await turn.event({**chunk, "choices": [], "usage": usage})
    await turn.event(b"[DONE]")
    await turn.end()


async def _anthropic(turn: Turn, text: str, calls: Calls) -> None:
    usage = {"input_tokens": USAGE[0], "output_tokens": USAGE[1]}
    frame = {"id": "msg_01", "type": "message", "role": "assistant", "model": "claude-x"}
    blocks: list[dict[str, Any]] = [
        {"type": "thinking", "thinking": "Well.", "signature": "c2ln"},
        {"type": "text", "text": text},
        *({"type": "tool_use", "id": id_, "name": name, "input": given} for id_, name, given in calls),
    ]
    reason = "tool_use" if calls else "end_turn"
    stop = {"stop_reason": reason, "stop_sequence": None}
    if not turn.request.json.get("stream"):
        await turn.plain(json.dumps({**frame, "content": blocks, **stop, "usage": usage}).encode())
        return
    events: list[dict[str, Any]] = [
        {
            "type": "message_start",
            "message": {**frame, "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage},
        }
    ]
    for index, block in enumerate(blocks):
        empty, deltas = _as_deltas(block)
        events.append({"type": "content_block_start", "index": index, "content_block": empty})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    events += [{"type": "message_delta", "delta": stop, "usage": usage}, {"type": "message_stop"}]
    await turn.open_stream()
    for each in events:
        await turn.chunk(stream_of([each]))
    await turn.end()


def _as_deltas(block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    match block["type"]:
        case "thinking":
            thought = {"type": "thinking_delta", "thinking": block["thinking"]}
            signature = {"type": "signature_delta", "signature": block["signature"]}
            return {"type": "thinking", "thinking": "", "signature": ""}, [thought, signature]
        case "text":
            pieces = [{"type": "text_delta", "text": piece} for piece in _pieces(block["text"])]
            return {"type": "text", "text": ""}, pieces
        case _:
            given = json.dumps(block["input"])
            return {**block, "input": {}}, [
                {"type": "input_json_delta", "partial_json": each} for each in _pieces(given)
            ]


async def _bedrock(turn: Turn, text: str, calls: Calls, *, is_stream: bool) -> None:
    usage = {"inputTokens": USAGE[0], "outputTokens": USAGE[1], "totalTokens": sum(USAGE)}
    reason = "tool_use" if calls else "end_turn"
    uses = [{"toolUseId": id_, "name": name, "input": given} for id_, name, given in calls]
    if not is_stream:
        content = [{"text": text}, *({"toolUse": use} for use in uses)]
        output = {"message": {"role": "assistant", "content": content}}
        answer = {"output": output, "stopReason": reason, "usage": usage, "metrics": {"latencyMs": 1}}
        await turn.plain(json.dumps(answer).encode())
        return
    messages = [aws_event("messageStart", {"role": "assistant"})]
    messages += [
        aws_event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": piece}}) for piece in _pieces(text)
    ]
    messages.append(aws_event("contentBlockStop", {"contentBlockIndex": 0}))
    for index, use in enumerate(uses, 1):
        start = {"toolUse": {"toolUseId": use["toolUseId"], "name": use["name"]}}
        messages.append(aws_event("contentBlockStart", {"contentBlockIndex": index, "start": start}))
        for piece in _pieces(json.dumps(use["input"])):
            delta = {"toolUse": {"input": piece}}
            messages.append(aws_event("contentBlockDelta", {"contentBlockIndex": index, "delta": delta}))
        messages.append(aws_event("contentBlockStop", {"contentBlockIndex": index}))
    messages.append(aws_event("messageStop", {"stopReason": reason}))
    messages.append(aws_event("metadata", {"usage": usage, "metrics": {"latencyMs": 1}}))
    await turn.head(200, "application/vnd.amazon.eventstream", "transfer-encoding: chunked")
    for message in messages:
        await turn.chunk(message)
    await turn.end()


async def _gemini(turn: Turn, text: str, calls: Calls, *, is_stream: bool) -> None:
    parts: list[dict[str, Any]] = [{"text": piece} for piece in _pieces(text)]
    for number, (_, name, given) in enumerate(calls):
        # As Gemini does: the first of parallel calls is signed.
        signed = {} if number else {"thoughtSignature": "c2lnbmVk"}
        parts.append({"functionCall": {"name": name, "args": given}, **signed})
    usage = {"promptTokenCount": USAGE[0], "candidatesTokenCount": USAGE[1], "totalTokenCount": sum(USAGE)}
    frame = {"responseId": "r1", "modelVersion": "gemini-2.5-flash", "createTime": "2026-11-20T10:00:00Z"}
    if not is_stream:
        candidate = {"index": 0, "content": {"role": "model", "parts": parts}, "finishReason": "STOP"}
        await turn.plain(json.dumps({**frame, "candidates": [candidate], "usageMetadata": usage}).encode())
        return
    await turn.open_stream()
    for part in parts:
        await turn.event({**frame, "candidates": [{"index": 0, "content": {"role": "model", "parts": [part]}}]})
    last = {"index": 0, "content": {"role": "model", "parts": [{"text": ""}]}, "finishReason": "STOP"}
    await turn.event({**frame, "candidates": [last], "usageMetadata": usage})
    await turn.end()


def _pieces(text: str) -> list[str]:
    return [text[at : at + 4] for at in range(0, len(text), 4)]
