"""Every dialect's golden files by what they hold, whatever each dialect calls it: for tests that go over all of them.

A golden has a ``request`` in the OpenAI dialect and what is ``sent`` for it, or an answer, a stream or an error of the
provider's with what becomes of it. ``source`` names the public page that a recording was taken from.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parent / "golden"
_AS = {"vertex-anthropic": ("anthropic",), "azure": ("azure", "openai")}
"""Dialects that read what others read."""


def _load(dialect: str) -> dict[str, dict[str, Any]]:
    directories = _AS.get(dialect, (dialect,))
    found = [path for each in directories for path in sorted((_ROOT / each).glob("*.json"))]
    return {f"{path.parent.name}/{path.stem}": json.loads(path.read_text()) for path in found}


def _answer(golden: Mapping[str, Any]) -> Any:
    return golden.get("response", golden.get("answer"))


NAMES = ("openai", "azure", "anthropic", "bedrock", "vertex", "vertex-anthropic")
GOLDENS: Mapping[str, Mapping[str, dict[str, Any]]] = {name: _load(name) for name in NAMES}
ANSWERS: Mapping[str, list[dict[str, Any]]] = {
    name: [answer for golden in goldens.values() if (answer := _answer(golden)) is not None]
    for name, goldens in GOLDENS.items()
}
STREAMS: Mapping[str, list[list[Any]]] = {
    name: [stream for golden in goldens.values() if (stream := golden.get("events", golden.get("stream"))) is not None]
    for name, goldens in GOLDENS.items()
}
