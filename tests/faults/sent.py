"""What a scripted provider received, compared with its golden file, and searched for what is somebody else's.

A golden holds the request line, the exact set of headers and the body, with a placeholder for what differs from request
to request; each of those is checked before it gives way to its placeholder. Read ``yard`` first.
"""

import hashlib
import json
import re
from typing import Any

from tests.aws_signatures import signature_scope
from tests.e2e.provider import Request
from tests.e2e.rig_values import TOKEN, canary
from tests.faults.yard import TAG, Yard, credential_of

_SIGNED = {"accept", "content-type", "host", "x-amz-content-sha256", "x-amz-date"}


def normal(yard: Yard, name: str, request: Request, request_id: str) -> dict[str, Any]:
    """The request as a golden tells it; fails where a changing part is not what it must be."""
    names = [header for header, _ in request.headers]
    assert len(names) == len(set(names)), f"a header arrived twice: {names}"
    headers = dict(request.headers)
    assert headers.pop("host") == f"127.0.0.1:{yard.ports[name]}"
    assert headers.pop("content-length") == str(len(request.body))
    assert headers.pop("x-request-id") == request_id
    dialect = yard.dialects[name]
    if dialect == "bedrock":
        key = credential_of(name, dialect)
        scope = signature_scope(request, key, canary(name, "secret_access_key"))
        assert scope == ("eu-west-1", "bedrock", _SIGNED)
        assert headers["x-amz-content-sha256"] == hashlib.sha256(request.body).hexdigest()
        assert re.fullmatch(r"\d{8}T\d{6}Z", headers["x-amz-date"])
        headers |= {"authorization": "<signature>", "x-amz-date": "<date>", "x-amz-content-sha256": "<digest>"}
    else:
        headers = {key: value.replace(credential_of(name, dialect), "<credential>") for key, value in headers.items()}
    marked = {"host": "<host>", "content-length": "<length>", "x-request-id": "<request id>"}
    body = json.loads(TAG.sub("[request]", request.body.decode()).replace(name, "<name>"))
    return {
        "line": request.line.replace(name, "<name>"),
        "headers": dict(sorted((headers | marked).items())),
        "body": body,
    }


def foreign(yard: Yard, name: str, request: Request) -> list[str]:
    """What arrived at this deployment that belongs to another one, to the client or to the gateway."""
    text = request.line + str(request.headers) + request.body.decode()
    others = [other for other in yard.ports if other != name]
    theirs = [*others, *(f"127.0.0.1:{yard.ports[other]}" for other in others)]
    return [each for each in (*theirs, TOKEN, "alias", "secret_access_key") if each in text]
