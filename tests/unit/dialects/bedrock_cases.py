"""The Bedrock dialect's golden cases, and how tests run them."""

import json
from pathlib import Path
from typing import Any

from extproc.dialects.bedrock import Bedrock
from extproc.dialects.dialect import Outgoing
from extproc.dialects.openai import read_request
from extproc.model.catalog import Deployment, Operation, Timeouts
from extproc.model.ids import DeploymentName
from extproc.model.secret import Secret
from tests.aws_messages import event

_GOLDEN = Path(__file__).parents[2] / "golden" / "bedrock"
CASES: dict[str, dict[str, Any]] = {path.stem: json.loads(path.read_text()) for path in sorted(_GOLDEN.glob("*.json"))}
PLAIN = [name for name, case in CASES.items() if "answer" in case]
STREAMED = [name for name, case in CASES.items() if "stream" in case]

KEYS = (Secret("AKIDEXAMPLE"), Secret("aws-secret"))
NOW_S = 1_800_000_000.0
DEPLOYMENT = Deployment(
    name=DeploymentName("claude"),
    dialect="bedrock",
    scheme="https",
    host="bedrock-runtime.eu-west-1.amazonaws.com",
    port=443,
    base_path="",
    upstream_model="eu.anthropic.claude-x-v1:0",
    operations=frozenset({Operation.CHAT}),
    credential=None,
    timeouts=Timeouts(1, 2, 3, 4),
    max_connections=10,
    ca_file=None,
    options={"region": "eu-west-1"},
)


def write(request: dict[str, Any], to: Deployment = DEPLOYMENT, keys: tuple[Secret, ...] = KEYS) -> Outgoing:
    judged = read_request(Operation.CHAT, json.dumps(request).encode())
    return Bedrock().write(judged, to, keys, NOW_S)


def chat(**fields: Any) -> dict[str, Any]:
    return {"model": "chat", "messages": [{"role": "user", "content": "Hi"}], **fields}


def stream_bytes(case: dict[str, Any]) -> bytes:
    return b"".join(event(kind, value) for kind, value in case["stream"])
