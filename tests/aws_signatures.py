"""Checks AWS signatures as the cloud does: recomputed with botocore from the bytes that arrived."""

import hashlib
import re

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.e2e.provider import Request

_FORM = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, SignedHeaders=([^,]+), Signature=(\w+)"
)


def signature_scope(request: Request, key_id: str, secret: str) -> tuple[str, str, set[str]]:
    """Region, service and signed headers of a request whose signature is valid; fails on any other."""
    form = _FORM.fullmatch(request.header("authorization") or "")
    assert form is not None, "no signature"
    assert form[1] == key_id
    names = form[5].split(";")
    method, target, _ = request.line.split(" ")
    headers = {name: request.header(name) for name in names}
    stamp = headers["x-amz-date"]
    assert stamp is not None
    assert stamp[:8] == form[2]
    assert None not in headers.values(), "a signed header is missing"
    received = [name for name, _ in request.headers]
    assert len(received) == len(set(received)), "a header arrived twice"
    if "x-amz-content-sha256" in headers:
        assert headers["x-amz-content-sha256"] == hashlib.sha256(request.body).hexdigest()
    auth = SigV4Auth(Credentials(key_id, secret), form[4], form[3])
    url = f"https://{request.header('host')}{target}"
    theirs = AWSRequest(method=method, url=url, data=request.body, headers=headers)
    theirs.context["timestamp"] = stamp
    assert auth.signature(auth.string_to_sign(theirs, auth.canonical_request(theirs)), theirs) == form[6]
    return form[3], form[4], set(names)
