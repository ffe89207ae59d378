"""Doors for ``edge_rig``: what admission and delivery say, scripted, in the JSON form of Envoy's own messages."""

import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from google.protobuf import json_format

from extproc.model import seams

Send = Callable[[dict[str, Any]], Awaitable[None]]
Door = Callable[[AsyncIterator[Any], Send], Awaitable[None]]
"""Reads ProcessingRequests, sends ProcessingResponses in JSON form; returning ends the stream cleanly."""


def go(*deployments: str, retries: int | None = None, **headers: str) -> dict[str, Any]:
    """Admission's answer to request headers: try these, in this order."""
    groups = [
        {"name": name, "clusters": [{"cluster_name": seams.DEPLOYMENT_CLUSTER_PREFIX + name, "weight": 1}]}
        for name in deployments
    ]
    attempt = {
        "path": "/v1/upstream",
        "authority": "provider.test",
        "headers": {"authorization": "Bearer provider-key"},
    }
    sent = {"x-envoy-max-retries": str(len(deployments) - 1 if retries is None else retries), **headers}
    return {
        "dynamic_metadata": {
            seams.NAMESPACE_ORDER: {"priority_groups": groups},
            seams.NAMESPACE_CONTEXT: {seams.CONTEXT_FIELD: "Y29udGV4dA=="},
            seams.NAMESPACE_ATTEMPT: {"attempts": dict.fromkeys(deployments, attempt), "bodies": {"b": "canary"}},
        },
        "request_headers": {
            "response": {"clear_route_cache": True, "header_mutation": {"set_headers": set_headers(sent)}}
        },
    }


def set_headers(headers: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {"header": {"key": key, "raw_value": as_bytes(value)}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
        for key, value in headers.items()
    ]


def as_bytes(value: str) -> str:
    """A bytes field in protobuf's JSON form."""
    return base64.b64encode(value.encode()).decode()


def headers_of(message: Any) -> dict[str, str]:
    return {item.key: (item.raw_value or item.value.encode()).decode() for item in message.headers.headers}


def admit(*deployments: str) -> Door:
    """A door that lets everything pass to these deployments."""

    async def door(requests: AsyncIterator[Any], send: Send) -> None:
        async for request in requests:
            if request.HasField("request_headers"):
                await send(go(*deployments))
            else:
                await send({"request_body": {}})

    return door


async def pass_on(requests: AsyncIterator[Any], send: Send) -> None:
    """A delivery door that changes nothing."""
    async for request in requests:
        if request.HasField("response_headers"):
            await send({"response_headers": {}})
        elif request.HasField("response_body"):
            body = json_format.MessageToDict(request.response_body, preserving_proto_field_name=True)
            streamed = {"body": body.get("body", ""), "end_of_stream": body.get("end_of_stream", False)}
            await send({"response_body": {"response": {"body_mutation": {"streamed_response": streamed}}}})
        else:
            await send({"response_trailers": {}})
