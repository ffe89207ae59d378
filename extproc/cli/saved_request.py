"""A saved request, as a person has one: a body alone, a raw HTTP request, or the file of ``curl --trace``.

    {"model": …}                          → POST to the path that was asked for, as application/json
    POST /v1/… HTTP/1.1, headers, body    → as it is
    => Send header …                      → what curl sent, out of its hexadecimal dump

The result is the head as Envoy hands it to admission, without what Envoy itself adds or strips.
"""

import re
from dataclasses import dataclass

from extproc.model.plan import Headers

_REQUEST_LINE = re.compile(rb"(?P<method>[A-Z]{3,10}) (?P<path>/[^ ]*) HTTP/(?P<version>[0-9](\.[0-9])?)\r?\n")
_SEND = re.compile(rb"^(=> Send (?P<part>header|data)|[<=]|==)", re.MULTILINE)
_DUMP = re.compile(rb"^[0-9a-f]{4,}: (?P<bytes>([0-9a-f]{2} ){1,16})", re.MULTILINE)
_BLANK = re.compile(rb"\r?\n\r?\n")


class Unreadable(ValueError):  # noqa: N818 - reads as a claim
    """The file is no request; the message says why."""


@dataclass(frozen=True, slots=True)
class SavedRequest:
    """One request; header names in lower case, pseudo-headers first."""

    headers: Headers
    body: bytes
    protocol: str

    @property
    def path(self) -> str:
        """``:path``, with its query."""
        return next(value for name, value in self.headers if name == ":path")


def read_saved(data: bytes, path: str) -> SavedRequest:
    """The request in ``data``.

    Args:
        data: the whole file.
        path: where a body alone is posted to.

    Raises:
        Unreadable: it begins like a request and is none, or its body is not whole.
    """
    if b"=> Send header" in data:
        data = _sent_by_curl(data)
    line = _REQUEST_LINE.match(data)
    return _body_alone(data, path) if line is None else _whole(data, line)


def _body_alone(data: bytes, path: str) -> SavedRequest:
    headers = (
        (":method", "POST"),
        (":path", path),
        (":authority", "gateway"),
        ("content-type", "application/json"),
        ("content-length", str(len(data))),
    )
    return SavedRequest(headers, data, "HTTP/1.1")


def _whole(data: bytes, line: re.Match[bytes]) -> SavedRequest:
    blank = _BLANK.search(data, line.end() - 2)
    head = data[line.end() : blank.start() if blank else len(data)]
    rest = data[blank.end() :] if blank else b""
    headers = [_header(each) for each in head.decode("latin-1").splitlines() if each]
    pseudo = (
        (":method", line["method"].decode()),
        (":path", line["path"].decode("latin-1")),
        (":authority", next((value for name, value in headers if name == "host"), "")),
    )
    fields = tuple((name, value) for name, value in headers if name != "host")
    protocol = "HTTP/2" if line["version"].startswith(b"2") else "HTTP/" + line["version"].decode()
    return SavedRequest((*pseudo, *fields), _body(rest, fields), protocol)


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not name or name != name.strip():
        raise Unreadable(f"the header line {len(name)} characters long before its colon cannot be read")
    return name.lower(), value.strip()


def _body(rest: bytes, headers: Headers) -> bytes:
    if any(name == "transfer-encoding" for name, _ in headers):
        raise Unreadable("the body is sent in chunks: save it with a content-length, or save the body alone")
    length = next((value for name, value in headers if name == "content-length"), "")
    if not length:
        return rest
    if not (length.isascii() and length.isdigit()):
        raise Unreadable("content-length is not a number")
    if int(length) > len(rest):
        raise Unreadable(f"content-length says {int(length)} bytes and the file has {len(rest)} after the headers")
    # An editor's newline at the end is no part of the request.
    return rest[: int(length)]


def _sent_by_curl(trace: bytes) -> bytes:
    """The bytes of the first request in a ``curl --trace`` dump."""
    marks = list(_SEND.finditer(trace))
    sent = b""
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        if mark["part"] is None:
            continue
        if mark["part"] == b"header" and sent:
            break
        block = trace[mark.end() : following.start() if following else len(trace)]
        sent += b"".join(bytes.fromhex(row["bytes"].decode()) for row in _DUMP.finditer(block))
    if not sent:
        raise Unreadable("the trace has no bytes: make it with curl --trace, not with --trace-ascii")
    return sent
