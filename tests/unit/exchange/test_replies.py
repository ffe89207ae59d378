import json

from extproc.exchange.replies import refusal_of, reply_of
from extproc.model.refusals import INVALID_REQUEST, Refusal, Unavailable


def test_a_refusal_keeps_its_status_and_headers() -> None:
    reply = reply_of(Refusal(INVALID_REQUEST, headers=(("allow", "GET"),)))
    assert (reply.status, reply.reason) == (400, "invalid_request")
    assert reply.headers == (("content-type", "application/json"), ("allow", "GET"))


def test_a_refusal_speaks_the_clients_dialect() -> None:
    refusal = Refusal(INVALID_REQUEST, "n is odd", "n")
    assert json.loads(reply_of(refusal).body) == {
        "error": {"message": "n is odd", "type": "invalid_request_error", "param": "n", "code": "invalid_request"}
    }
    reply = reply_of(refusal, "anthropic", "req-1")
    assert ("request-id", "req-1") in reply.headers
    assert json.loads(reply.body) == {
        "type": "error",
        "error": {"type": "invalid_request_error", "message": "n is odd", "code": "invalid_request", "param": "n"},
        "request_id": "req-1",
    }


def test_an_outage_tells_which_and_when_and_not_why() -> None:
    reply = reply_of(refusal_of(Unavailable("postgres", "password of 10.1.2.3 refused")))
    assert reply.status == 503
    assert ("retry-after", "1") in reply.headers
    assert b"postgres" in reply.body
    assert b"10.1.2.3" not in reply.body
