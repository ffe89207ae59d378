"""Small JSON calls to servers on this machine's loopback: OpenBao's set-up, the model's health."""

import asyncio
import json
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException

_TIMEOUT_S = 10.0


class HttpFailed(ConnectionError):  # noqa: N818 - reads as a claim
    """The server answered with an error, or not at all. The message holds no secret of the request."""


async def call(
    port: int, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
) -> tuple[int, object]:
    """One call: the status and the parsed body (None when empty or not JSON).

    Raises:
        HttpFailed: no whole answer came in time.
    """
    return await asyncio.to_thread(_call, port, method, path, body, headers or {})


def _call(port: int, method: str, path: str, body: object, headers: Mapping[str, str]) -> tuple[int, object]:
    connection = HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)
    try:
        content = None if body is None else json.dumps(body)
        connection.request(method, path, body=content, headers=dict(headers))
        response = connection.getresponse()
        text = response.read()
    except (OSError, HTTPException) as error:
        raise HttpFailed(f"{method} {path}: {error}") from error
    finally:
        connection.close()
    try:
        return response.status, json.loads(text) if text else None
    except ValueError:
        return response.status, None
