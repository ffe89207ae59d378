"""The Anthropic dialect's golden files, as requests, answers and streams. See tests/golden/anthropic."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from extproc.dialects.dialect import Chunk, StreamItem
from extproc.dialects.openai import read_request
from extproc.model.catalog import Deployment, Operation, Timeouts
from extproc.model.chat import ModelRequest
from extproc.model.ids import DeploymentName

_GOLDEN = Path(__file__).parents[2] / "golden" / "anthropic"
CASES: Mapping[str, Any] = {path.stem: json.loads(path.read_text()) for path in sorted(_GOLDEN.glob("*.json"))}
PLAIN = {name: case for name, case in CASES.items() if "answer" in case}
STREAMED = {name: case for name, case in CASES.items() if "events" in case}

DEPLOYMENT = Deployment(
    name=DeploymentName("claude"),
    dialect="anthropic",
    scheme="https",
    host="api.anthropic.com",
    port=443,
    base_path="/v1",
    upstream_model="claude-x",
    operations=frozenset({Operation.CHAT}),
    credential=None,
    timeouts=Timeouts(1, 2, 3, 4),
    max_connections=10,
    ca_file=None,
    options={"version": "2023-06-01", "auth": "x-api-key", "max_tokens": "4096", "sampling": "send"},
)


def judged(request: Mapping[str, Any]) -> ModelRequest:
    return read_request(Operation.CHAT, json.dumps(request).encode())


def asking(**fields: Any) -> ModelRequest:
    return judged({"model": "chat", "messages": [{"role": "user", "content": "hi"}], **fields})


def stream_of(events: list[dict[str, Any]]) -> bytes:
    """The events as Anthropic sends them: each with its name."""
    return b"".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events)


def chunks_of(case: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The canonical chunks of a streamed case: the golden file leaves out what all have in common."""
    message = case["events"][0]["message"]
    frame = {"id": message["id"], "object": "chat.completion.chunk", "created": 0, "model": message["model"]}
    return [{**frame, **rest} for rest in _parts(case["chunks"])]


def _parts(chunks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for chunk in chunks:
        if "usage" in chunk:
            yield {"choices": [], "usage": chunk["usage"]}
        else:
            yield {"choices": [{"index": 0, "logprobs": None, "finish_reason": None, **chunk}]}


def said(items: list[StreamItem]) -> list[dict[str, Any]]:
    return [item.value for item in items if isinstance(item, Chunk)]
