import pytest

from extproc.cli.saved_request import SavedRequest, Unreadable, read_saved

PATH = "/v1/chat/completions"
RAW = b"POST /v1/embeddings?x=1 HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\nX-A: 1\r\nx-a: 2\r\n\r\n"
TRACE = b"""== Info:   Trying 127.0.0.1:8080...
=> Send header, 88 bytes (0x58)
0000: 50 4f 53 54 20 2f 76 31 2f 78 20 48 54 54 50 2f POST /v1/x HTTP/
0010: 32 0d 0a 48 6f 73 74 3a 20 67 0d 0a 0d 0a       2..Host: g....
=> Send data, 3 bytes (0x3)
0000: 7b 7d                                           {}
== Info: upload completely sent off
<= Recv header, 17 bytes (0x11)
0000: 48 54 54 50 2f 31 2e 31 20 32 30 30 20 4f 4b 0d HTTP/1.1 200 OK.
"""


def test_a_body_alone_is_posted_to_the_path_that_was_asked_for() -> None:
    body = b'{"model": "x"}\n'
    assert read_saved(body, PATH) == SavedRequest(
        (
            (":method", "POST"),
            (":path", PATH),
            (":authority", "gateway"),
            ("content-type", "application/json"),
            ("content-length", "15"),
        ),
        body,
        "HTTP/1.1",
    )


@pytest.mark.parametrize("body", [b"", b"not json", b"[1]", b"\xff", b"GET it"])
def test_what_is_no_request_is_a_body_to_be_judged(body: bytes) -> None:
    assert read_saved(body, PATH).body == body


@pytest.mark.parametrize("newline", [b"\r\n", b"\n"])
def test_a_raw_request_is_taken_as_it_is(newline: bytes) -> None:
    request = read_saved(RAW.replace(b"\r\n", newline) + b'{"a":\n\n1}', PATH)
    assert request.headers == (
        (":method", "POST"),
        (":path", "/v1/embeddings?x=1"),
        (":authority", "gateway"),
        ("content-type", "application/json"),
        ("x-a", "1"),
        ("x-a", "2"),
    )
    assert (request.body, request.protocol, request.path) == (b'{"a":\n\n1}', "HTTP/1.1", "/v1/embeddings?x=1")


def test_a_request_without_headers_or_body_is_whole() -> None:
    assert read_saved(b"GET /v1/models HTTP/1.1\r\n\r\n", PATH).body == b""
    assert read_saved(b"GET /v1/models HTTP/1.1\n", PATH).path == "/v1/models"


def test_the_body_ends_where_content_length_says() -> None:
    request = read_saved(b"POST /v1/x HTTP/1.1\ncontent-length: 2\n\n{}\n", PATH)
    assert request.body == b"{}"


def test_what_curl_traced_is_what_it_sent() -> None:
    request = read_saved(TRACE, PATH)
    assert (request.path, request.body, request.protocol) == ("/v1/x", b"{}", "HTTP/2")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"POST /v1/x HTTP/1.1\ncontent-length: 9\n\n{}", "9 bytes and the file has 2"),
        (b"POST /v1/x HTTP/1.1\ncontent-length: 0x2\n\n{}", "not a number"),
        (b"POST /v1/x HTTP/1.1\ntransfer-encoding: chunked\n\n2\n{}", "in chunks"),
        (b"POST /v1/x HTTP/1.1\nno colon here\n\n{}", "cannot be read"),
        (b"=> Send header, 8 bytes\n0000: POST /v1/x HTTP/1.1\n", "not with --trace-ascii"),
    ],
)
def test_what_cannot_be_read_says_why_and_quotes_nothing(data: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why) as raised:
        read_saved(data, PATH)
    assert "colon here" not in str(raised.value)
