import pytest

from extproc.exchange.events import RequestHead
from extproc.exchange.heads import check_content, must_defer, removed_of, value_of
from extproc.model.refusals import Refusal


def test_the_first_header_of_a_name_counts() -> None:
    headers = (("a", "1"), ("b", "2"), ("a", "3"))
    assert (value_of(headers, "a"), value_of(headers, "c")) == ("1", "")


@pytest.mark.parametrize(
    "kind", ["application/json", 'application/JSON; charset="utf-8"', "application/json ;charset=utf8"]
)
def test_json_is_read(kind: str) -> None:
    check_content((("content-type", kind), ("content-encoding", "identity")))


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ((), "unsupported_content_type"),
        ((("content-type", "text/plain"),), "unsupported_content_type"),
        ((("content-type", "application/json"),) * 2, "unsupported_content_type"),
        ((("content-type", "application/json; charset=latin-1"),), "unsupported_content_type"),
        ((("content-type", "application/json"), ("content-encoding", "gzip")), "unsupported_content_encoding"),
    ],
)
def test_anything_else_is_not(headers: tuple[tuple[str, str], ...], code: str) -> None:
    with pytest.raises(Refusal) as refused:
        check_content(headers)
    assert refused.value.kind.code == code


@pytest.mark.parametrize(
    ("protocol", "length", "waits"),
    [("HTTP/1.1", "9999999", False), ("HTTP/2", "10", False), ("HTTP/2", "65537", True), ("HTTP/2", "", True)],
)
def test_a_refusal_waits_for_a_large_body_of_http_2_alone(protocol: str, length: str, *, waits: bool) -> None:
    assert must_defer(RequestHead((("content-length", length),), is_end=False, protocol=protocol)) is waits


def test_what_an_application_calls_its_own_does_not_travel_on() -> None:
    names = (":path", "content-type", "cookie", "authorization", "x-envoy-a", "x-forwarded-for", "cookie", "x-own")
    assert removed_of(tuple((name, "v") for name in names)) == ("cookie", "authorization", "x-own")
