"""AWS Signature Version 4: the headers that prove a request to an AWS service. Pure: keys and time are arguments.

Signed is what decides what is asked of whom: method, path, host, content type, time and the body's digest.
Not signed is what a proxy on the way may still write, such as content-length. The bytes that are sent must be those
that were signed: the caller sends ``path`` as it is given here and ``host`` as its authority. A signature is good for
five minutes around its time. Source: AWS Identity and Access Management user guide, "Create a signed AWS API request",
read 2026-11; checked against botocore and AWS's test suite. ``bedrock`` signs with it.
"""

import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from extproc.model.plan import CredentialHeader, Headers
from extproc.model.secret import Secret

_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class AwsKeys:
    """Who signs. Temporary keys have a session token, which travels with the request."""

    access_key_id: Secret
    secret_access_key: Secret
    session_token: Secret | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a signature is good: ``eu-west-1``, ``bedrock``."""

    region: str
    service: str


@dataclass(frozen=True, slots=True)
class Unsigned:
    """A request as its provider will get it. ``path`` is percent-encoded, starts with a slash and has no query."""

    method: str
    host: str
    path: str
    headers: Headers
    """Those to be signed beside the ones that signing adds; lower-case names."""
    body: bytes


def sign(request: Unsigned, keys: AwsKeys, scope: Scope, now_s: float) -> tuple[Headers, tuple[CredentialHeader, ...]]:
    """The headers to add to the request: plain ones, and those that are credentials. ``now_s`` is UTC seconds."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now_s))
    digest = hashlib.sha256(request.body).hexdigest()
    plain: Headers = (("x-amz-date", stamp), ("x-amz-content-sha256", digest))
    signed = {"host": request.host, **dict(request.headers), **dict(plain)}
    credentials: tuple[CredentialHeader, ...] = ()
    if keys.session_token is not None:
        signed["x-amz-security-token"] = keys.session_token.reveal()
        credentials = (CredentialHeader("x-amz-security-token", keys.session_token),)
    value = authorization(request.method, request.path, signed, digest, keys, scope)
    return plain, (CredentialHeader("authorization", Secret(value)), *credentials)


def authorization(
    method: str, path: str, headers: Mapping[str, str], body_digest: str, keys: AwsKeys, scope: Scope
) -> str:
    """The authorization header over exactly these headers, among them ``host`` and ``x-amz-date``."""
    stamp = headers["x-amz-date"]
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{' '.join(headers[name].split())}\n" for name in sorted(headers))
    request = "\n".join((method, canonical_path(path), "", lines, names, body_digest))
    place = f"{stamp[:8]}/{scope.region}/{scope.service}/aws4_request"
    text = "\n".join((_ALGORITHM, stamp, place, hashlib.sha256(request.encode()).hexdigest()))
    key = f"AWS4{keys.secret_access_key.reveal()}".encode()
    for part in place.split("/"):
        key = _hmac(key, part)
    credential = f"{keys.access_key_id.reveal()}/{place}"
    return f"{_ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={_hmac(key, text).hex()}"


def canonical_path(path: str) -> str:
    """The path as it is signed: without empty and dot segments, and percent-encoded a second time.

    Every service but S3 takes it so: a model id's ``:`` is ``%3A`` on the wire and ``%253A`` here.
    """
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in {"", "."}:
            kept.append(segment)
    end = "/" if kept and path.endswith("/") else ""
    return quote(f"/{'/'.join(kept)}{end}", safe="/~")


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
