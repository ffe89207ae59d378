"""The golden files of the Vertex dialect, and what a deployment of it looks like.

A golden is a request in the OpenAI dialect, the ``sent`` request, and either ``response`` and its canonical ``answer``,
or a ``stream`` of events and the canonical ``items`` that come of it: chunks, or the name of what is not a chunk.
"""

import json
from pathlib import Path
from typing import Any

from extproc.dialects import openai
from extproc.model.catalog import Deployment, Operation, Timeouts
from extproc.model.chat import ModelRequest
from extproc.model.ids import DeploymentName

_DIRECTORY = Path(__file__).parent / "golden" / "vertex"
GOLDENS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text()) for path in sorted(_DIRECTORY.glob("*.json"))
}
PLAIN = [name for name, golden in GOLDENS.items() if "response" in golden]
STREAMED = [name for name, golden in GOLDENS.items() if "stream" in golden]


def deployment(model: str = "gemini-2.5-flash", **options: str) -> Deployment:
    return Deployment(
        name=DeploymentName("gemini"),
        dialect="vertex",
        scheme="https",
        host="europe-west4-aiplatform.googleapis.com",
        port=443,
        base_path="/v1",
        upstream_model=model,
        operations=frozenset({Operation.CHAT}),
        credential=None,
        timeouts=Timeouts(1, 2, 3, 4),
        max_connections=10,
        ca_file=None,
        options={"project": "acme-prod", "location": "europe-west4", **options},
    )


def judged(fields: dict[str, Any]) -> ModelRequest:
    request = {"model": "chat", "messages": [{"role": "user", "content": "Hi"}], **fields}
    return openai.read_request(Operation.CHAT, json.dumps(request).encode())


def as_sse(events: list[dict[str, Any]]) -> bytes:
    return b"".join(b"data: " + json.dumps(event).encode() + b"\r\n\r\n" for event in events)
