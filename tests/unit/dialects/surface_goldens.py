"""The Anthropic surface's golden files. See tests/golden/surface-anthropic: ``extension`` stands for EXTENSION."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from extproc.dialects.dialect import Aside, Chunk, Done, Ping, StreamItem
from extproc.dialects.extension import EXTENSION
from extproc.dialects.surface import Asked
from extproc.dialects.surface_anthropic_request import read_messages
from extproc.model.catalog import Operation
from extproc.model.chat import ModelRequest

_GOLDEN = Path(__file__).parents[2] / "golden" / "surface-anthropic"
CASES: Mapping[str, Any] = {path.stem: json.loads(path.read_text()) for path in sorted(_GOLDEN.glob("*.json"))}
REQUESTS = {name: case for name, case in CASES.items() if "request" in case}
ANSWERS = {name: case for name, case in CASES.items() if "answer" in case}
STREAMS = {name: case for name, case in CASES.items() if "items" in case}

ASKED = Asked("11111111-2222-3333-4444-555555555555", "chat", wants_usage=True)
FRAME = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-x"}


def canonical(value: Any) -> Any:
    """The value with extensions under their own name."""
    if isinstance(value, dict):
        return {EXTENSION if name == "extension" else name: canonical(each) for name, each in value.items()}
    return [canonical(each) for each in value] if isinstance(value, list) else value


def read(operation: Operation = Operation.CHAT, **request: Any) -> ModelRequest:
    return read_messages(operation, json.dumps(request).encode())


def asking(**fields: Any) -> ModelRequest:
    return read(**{"model": "chat", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}], **fields})


def items_of(case: Mapping[str, Any]) -> list[StreamItem]:
    """The canonical items of a stream case: deltas, asides, ``"ping"`` and ``"done"``."""
    return [_item(each) for each in case["items"]]


def _item(item: Any) -> StreamItem:
    match item:
        case "ping":
            return Ping()
        case "done":
            return Done()
        case {"aside": aside}:
            return Aside(aside)
        case {"usage": usage}:
            return Chunk({**FRAME, "choices": [], "usage": usage})
        case _:
            return Chunk({**FRAME, "choices": [{"index": 0, "finish_reason": None, **item}]})


def events_of(data: bytes) -> list[dict[str, Any]]:
    """The events of a stream; each must be named as its type is."""
    events = []
    for block in data.decode().split("\n\n")[:-1]:
        name, _, text = block.partition("\n")
        event = json.loads(text.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        events.append(event)
    return events
