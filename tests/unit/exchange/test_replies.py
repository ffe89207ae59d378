import json

from extproc.exchange.replies import error_body, error_event, refusal_of, reply_of
from extproc.model.refusals import INVALID_REQUEST, UPSTREAM_ERROR, Refusal, Unavailable


def test_an_error_has_the_four_fields_of_the_openai_api() -> None:
    assert json.loads(error_body(INVALID_REQUEST, "n is odd", "n")) == {
        "error": {"message": "n is odd", "type": "invalid_request_error", "param": "n", "code": "invalid_request"}
    }
    assert json.loads(error_body(UPSTREAM_ERROR))["error"]["message"] == UPSTREAM_ERROR.message


def test_a_refusal_keeps_its_status_and_headers() -> None:
    reply = reply_of(Refusal(INVALID_REQUEST, headers=(("allow", "GET"),)))
    assert (reply.status, reply.reason) == (400, "invalid_request")
    assert reply.headers == (("content-type", "application/json"), ("allow", "GET"))


def test_an_outage_tells_which_and_when_and_not_why() -> None:
    reply = reply_of(refusal_of(Unavailable("postgres", "password of 10.1.2.3 refused")))
    assert reply.status == 503
    assert ("retry-after", "1") in reply.headers
    assert b"postgres" in reply.body
    assert b"10.1.2.3" not in reply.body


def test_an_error_inside_a_stream_is_one_event() -> None:
    event = error_event(UPSTREAM_ERROR)
    assert event.startswith(b"data: {")
    assert event.endswith(b"}\n\n")
    assert event.count(b"\n") == 2
