import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.exchange.delivery import Delivery
from extproc.exchange.events import (
    Break,
    DeliveryAction,
    OutOfOrder,
    PassTrailers,
    ReleaseHead,
    Reply,
    ResponseChunk,
    ResponseHead,
    ResponseTrailers,
    Send,
    TimedOut,
)
from extproc.model.catalog import Operation
from extproc.model.exchange import AttemptLimits, ExchangeContext, Usage
from extproc.model.ids import DeploymentName, ExchangeId, KeyId, ModelName, OrganisationId, ProjectId, TeamId
from extproc.model.refusals import UPSTREAM_ERROR
from extproc.model.seams import RETRY_HEADER
from tests.unit.exchange.worlds import at_once, voice

MAX_BYTES = 100_000


def context(*, is_stream: bool = True, wants_usage: bool = False, deployments: int = 1) -> ExchangeContext:
    return ExchangeContext(
        id=ExchangeId("x-1"),
        organisation=OrganisationId("acme"),
        team=TeamId("t"),
        project=ProjectId("p"),
        key=KeyId("key_1"),
        operation=Operation.CHAT,
        model=ModelName("m"),
        is_stream=is_stream,
        wants_usage=wants_usage,
        plan=tuple(AttemptLimits(DeploymentName(f"d{i}"), "openai", 1, 2, 3) for i in range(deployments)),
        catalog_version="v",
    )


def delivery(number: int = 1, **options: bool | int) -> Delivery:
    return Delivery(context(**options), DeploymentName("d0"), number, MAX_BYTES)  # type: ignore[arg-type]


def head(
    status: int = 200, kind: str = "text/event-stream", *more: tuple[str, str], is_end: bool = False
) -> ResponseHead:
    return ResponseHead(status, ((":status", str(status)), ("content-type", kind), *more), is_end)


def event(value: object) -> bytes:
    return b"data: " + (value if isinstance(value, bytes) else json.dumps(value).encode()) + b"\n\n"


ROLE = {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]}
WORD = {"choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": None}]}
STOP = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
USAGE = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}
DONE = b"[DONE]"
ANSWER = b"".join(event(e) for e in (ROLE, WORD, STOP, USAGE, DONE))


def play(door: Delivery, *events: object) -> list[DeliveryAction]:
    return [action for each in events for action in at_once(door.handle(each))]  # type: ignore[arg-type]


def sent(actions: list[DeliveryAction]) -> bytes:
    return b"".join(action.data for action in actions if isinstance(action, Send))


def test_headers_are_held_until_the_provider_says_something() -> None:
    door = delivery()
    assert play(door, head(), ResponseChunk(event(ROLE), is_last=False)) == []
    assert play(door, ResponseChunk(event(WORD), is_last=False)) == [
        ReleaseHead(None, (("content-type", "text/event-stream"),), ()),
        Send(event(ROLE) + event(WORD), is_last=False),
    ]


def test_a_whole_stream_is_delivered_and_counted() -> None:
    door = delivery()
    actions = play(door, head(), ResponseChunk(ANSWER, is_last=False), ResponseChunk(b"", is_last=True))
    assert sent(actions) == b"".join(event(e) for e in (ROLE, WORD, STOP, DONE))
    assert actions[-1] == Send(b"", is_last=True)
    assert door.is_done
    assert door.record.is_complete
    assert (door.record.usage, door.record.answer_bytes) == (Usage(3, 2), len("hi"))
    assert door.record.received_bytes == len(ANSWER)
    assert door.record.judged_bytes == len(sent(actions))


def test_the_usage_chunk_is_shown_to_who_asked() -> None:
    actions = play(delivery(wants_usage=True), head(), ResponseChunk(ANSWER, is_last=False))
    assert sent(actions) == ANSWER


def test_usage_inside_a_chunk_is_hidden_from_who_did_not_ask() -> None:
    with_null = {**WORD, "usage": None}
    actions = play(delivery(), head(), ResponseChunk(event(with_null), is_last=False))
    assert json.loads(sent(actions).removeprefix(b"data: ")) == WORD


@given(st.lists(st.integers(1, 40), max_size=40))
def test_any_split_of_the_stream_delivers_the_same_bytes(cuts: list[int]) -> None:
    door = delivery()
    actions = play(door, head())
    rest = ANSWER
    for cut in cuts:
        actions += play(door, ResponseChunk(rest[:cut], is_last=False))
        rest = rest[cut:]
    actions += play(door, ResponseChunk(rest, is_last=True))
    assert sent(actions) == b"".join(event(e) for e in (ROLE, WORD, STOP, DONE))
    assert door.record.is_complete


def test_a_plain_answer_is_held_whole() -> None:
    body = b'{"choices":[{"index":0,"message":{}}],"usage":{"prompt_tokens":1,"completion_tokens":1}}'
    door = delivery(is_stream=False)
    early = play(door, head(200, "application/json; charset=utf-8", ("x-provider", "secret")))
    early += play(door, ResponseChunk(body[:10], is_last=False))
    assert early == []
    assert play(door, ResponseChunk(body[10:], is_last=True)) == [
        ReleaseHead(None, (), ("x-provider",)),
        Send(body, is_last=True),
    ]
    assert door.record.usage == Usage(1, 1)


def code(actions: list[DeliveryAction]) -> tuple[int, str]:
    (reply,) = actions
    assert isinstance(reply, Reply)
    return reply.status, json.loads(reply.body)["error"]["code"]


BAD_STREAMS = [
    (event({"error": {"message": "sk-secret overloaded"}}), "upstream_error"),
    (event(b"{half"), "upstream_invalid_response"),
    (event(b'"text"'), "upstream_invalid_response"),
]


@pytest.mark.parametrize(("data", "expected"), BAD_STREAMS)
def test_a_failure_before_the_first_word_is_a_clean_error(data: bytes, expected: str) -> None:
    door = delivery()
    actions = play(door, head(), ResponseChunk(event(ROLE) + data, is_last=False))
    assert code(actions) == (502, expected)
    assert b"sk-secret" not in str(actions).encode()
    assert not door.record.is_complete


@pytest.mark.parametrize(("data", "expected"), BAD_STREAMS)
def test_a_failure_after_the_first_word_is_an_event_and_a_break(data: bytes, expected: str) -> None:
    door = delivery()
    play(door, head(), ResponseChunk(event(WORD), is_last=False))
    send, cut = play(door, ResponseChunk(data, is_last=False))
    assert isinstance(send, Send)
    assert not send.is_last
    assert json.loads(send.data.removeprefix(b"data: "))["error"]["code"] == expected
    assert cut == Break(expected)
    assert not door.is_done
    assert not door.record.is_complete


def test_a_failure_before_the_last_attempt_asks_for_the_next_one() -> None:
    door = delivery(deployments=2)
    release, end = play(door, head(500, "text/html", ("server", "x")), ResponseChunk(b"<html>", is_last=True))
    asked = ((RETRY_HEADER, "upstream_error"), ("content-type", "application/json"))
    assert release == ReleaseHead(502, asked, ("server",))
    assert end == Send(voice().error_body(UPSTREAM_ERROR), is_last=True)
    assert door.is_over
    assert not door.is_done


def test_the_last_attempts_failure_is_the_answer() -> None:
    door = delivery(number=2, deployments=2)
    assert code(play(door, head(503, "text/html", is_end=True))) == (502, "upstream_error")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (429, (429, "upstream_rate_limited")),
        (401, (502, "upstream_rejected")),
        (403, (502, "upstream_rejected")),
        (404, (502, "upstream_rejected")),
        (302, (502, "upstream_error")),
        (500, (502, "upstream_error")),
        (529, (502, "upstream_error")),
    ],
)
def test_a_providers_error_is_told_without_its_words(status: int, expected: tuple[int, str]) -> None:
    body = b'{"error":{"message":"Incorrect API key sk-secret","code":"invalid_api_key"}}'
    door = delivery(is_stream=False)
    actions = play(
        door,
        head(status, "application/json", ("retry-after", "7"), ("location", "http://evil")),
        ResponseChunk(body, is_last=True),
    )
    assert code(actions) == expected
    assert "sk-secret" not in str(actions)
    assert "evil" not in str(actions)
    assert ("retry-after", "7") in actions[0].headers  # type: ignore[union-attr]


def test_what_the_caller_wrote_wrongly_is_told_to_the_caller_at_once() -> None:
    body = b'{"error":{"message":"temperature must be below 2","param":"temperature"}}'
    door = delivery(is_stream=False, deployments=2)
    (reply,) = play(door, head(400, "application/json"), ResponseChunk(body, is_last=True))
    assert isinstance(reply, Reply)
    assert reply.status == 400
    error = json.loads(reply.body)["error"]
    assert (error["message"], error["param"]) == ("temperature must be below 2", "temperature")


@pytest.mark.parametrize("kind", ["application/json", "text/html", ""])
def test_a_stream_that_is_not_one_is_refused(kind: str) -> None:
    assert code(play(delivery(), head(200, kind))) == (502, "upstream_invalid_response")


def test_a_stream_that_ends_early_is_broken_and_not_short() -> None:
    door = delivery()
    play(door, head(), ResponseChunk(event(WORD), is_last=False))
    send, cut = play(door, ResponseChunk(b"", is_last=True))
    assert b"upstream_invalid_response" in send.data  # type: ignore[union-attr]
    assert isinstance(cut, Break)
    assert not door.record.is_complete


def test_silence_before_the_first_word_is_a_timeout() -> None:
    door = delivery()
    play(door, head())
    assert door.patience_s == 1
    assert code(play(door, TimedOut())) == (504, "upstream_timeout")


def test_silence_in_a_stream_breaks_it() -> None:
    door = delivery()
    play(door, head(), ResponseChunk(event(WORD), is_last=False))
    assert door.patience_s == 3
    assert isinstance(play(door, TimedOut())[-1], Break)


def test_an_answer_that_never_ends_is_cut() -> None:
    door = delivery(is_stream=False)
    assert code(play(door, head(200, "application/json"), ResponseChunk(b"x" * (MAX_BYTES + 1), is_last=False))) == (
        502,
        "upstream_response_too_large",
    )


def test_trailers_end_the_answer_and_are_dropped() -> None:
    door = delivery()
    actions = play(door, head(), ResponseChunk(ANSWER, is_last=False), ResponseTrailers(("x-secret",)))
    assert actions[-2:] == [Send(b"", is_last=False), PassTrailers(("x-secret",))]
    assert door.record.is_complete


def test_what_comes_after_done_is_not_passed_on() -> None:
    door = delivery()
    actions = play(door, head(), ResponseChunk(ANSWER + event(WORD), is_last=True))
    assert sent(actions).endswith(event(DONE))


def test_a_comment_keeps_the_client_waiting_and_shows_nothing() -> None:
    door = delivery()
    play(door, head(), ResponseChunk(event(WORD), is_last=False))
    assert play(door, ResponseChunk(b": internal host 10.1.2.3\n\n", is_last=False)) == [Send(b":\n\n", is_last=False)]


events = st.one_of(
    st.builds(ResponseHead, st.sampled_from([200, 400, 500]), st.just(((":status", "200"),)), st.booleans()),
    st.builds(ResponseChunk, st.sampled_from([b"", event(WORD), ANSWER, b"{}", b"data: "]), st.booleans()),
    st.just(TimedOut()),
    st.just(ResponseTrailers(())),
)


@given(st.lists(events, max_size=8), st.booleans())
def test_no_order_of_events_ends_cleanly_without_an_answer(script: list[object], is_stream: bool) -> None:
    door = delivery(is_stream=is_stream)
    seen: list[DeliveryAction] = []
    for each in script:
        try:
            seen += at_once(door.handle(each))  # type: ignore[arg-type]
        except OutOfOrder:
            break
        if door.is_over:
            break
    if door.is_done:
        last = seen[-1]
        assert isinstance(last, Reply | PassTrailers) or (isinstance(last, Send) and last.is_last)
    assert sum(isinstance(action, ReleaseHead | Reply) for action in seen) <= 1


def test_an_answer_names_what_served_it_where_that_is_wished() -> None:
    plan = (AttemptLimits(DeploymentName("d0"), "openai", 1, 2, 3, "m-0", degraded=("logprobs", "seed")),)
    told = replace(context(), plan=plan, tells_route=True, auto="premium; score=0.91")
    expected = (
        ("x-gateway-deployment", "d0"),
        ("x-gateway-attempts", "2"),
        ("x-gateway-model", "m-0"),
        ("x-gateway-auto", "premium; score=0.91"),
        ("x-gateway-degraded", "logprobs, seed"),
    )
    release, *_ = play(Delivery(told, plan[0].deployment, 2, MAX_BYTES), head(), ResponseChunk(ANSWER, is_last=False))
    assert isinstance(release, ReleaseHead)
    assert release.set_headers[1:] == expected
    (reply,) = play(Delivery(told, plan[0].deployment, 2, MAX_BYTES), head(503, is_end=True))
    assert isinstance(reply, Reply)
    assert reply.headers[1:] == expected


@pytest.mark.parametrize(
    ("wait", "expected"),
    [("30", 30.0), ("", None), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("1e9", None), ("٣", None)],
)
def test_a_failed_attempts_record_says_why_and_when_to_come_again(wait: str, expected: float | None) -> None:
    door = delivery(deployments=2)
    play(door, head(429, "application/json", ("retry-after", wait)), ResponseChunk(b"{}", is_last=True))
    assert (door.record.failure, door.record.status) == ("upstream_rate_limited", 429)
    assert door.record.retry_after_s == expected


def anthropics(number: int = 1, *, is_stream: bool = True, deployments: int = 1) -> Delivery:
    """A delivery to a client that speaks Anthropic's dialect."""
    spoken = replace(context(is_stream=is_stream, deployments=deployments), surface="anthropic")
    return Delivery(spoken, DeploymentName("d0"), number, MAX_BYTES)


def test_anthropics_client_gets_events_that_it_knows_and_their_end_only_when_all_is_said() -> None:
    door = anthropics()
    play(door, head())
    assert play(door, ResponseChunk(event(ROLE), is_last=False)) == []
    release, first = play(door, ResponseChunk(event(WORD), is_last=False))
    assert isinstance(release, ReleaseHead)
    assert ("request-id", "x-1") in release.set_headers
    assert isinstance(first, Send)
    assert first.data.startswith(b"event: message_start\n")
    (last,) = play(door, ResponseChunk(event(STOP) + event(USAGE) + event(DONE), is_last=True))
    assert isinstance(last, Send)
    assert last.data.endswith(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')
    assert door.record.usage is not None


def test_a_late_failure_is_an_error_event_of_anthropics_and_a_break() -> None:
    door = anthropics()
    play(door, head())
    play(door, ResponseChunk(event(WORD), is_last=False))
    told, end = play(door, ResponseChunk(b"", is_last=True))
    assert isinstance(told, Send)
    assert told.data.startswith(b'event: error\ndata: {"type":"error"')
    assert b"message_stop" not in told.data
    assert isinstance(end, Break)


def test_an_early_failure_is_told_in_anthropics_shape() -> None:
    (reply,) = play(anthropics(is_stream=False), head(503, "application/json", is_end=True))
    assert isinstance(reply, Reply)
    assert json.loads(reply.body)["error"] == {
        "type": "api_error",
        "message": UPSTREAM_ERROR.message,
        "code": "upstream_error",
    }
    assert ("request-id", "x-1") in reply.headers
    _, body = play(anthropics(is_stream=False, deployments=2), head(503, "application/json", is_end=True))
    assert isinstance(body, Send)
    assert json.loads(body.data)["type"] == "error"


@pytest.mark.parametrize(
    ("sizes", "is_asked"),
    [((8, 16), True), ((8, 8), False), ((8, 4), False), ((8, 4, 16), True), ((None, 8), True), ((8, None), True)],
)
def test_what_is_too_long_is_given_on_only_where_a_larger_model_may_stand_behind(
    sizes: tuple[int | None, ...], *, is_asked: bool
) -> None:
    plan = tuple(AttemptLimits(DeploymentName(f"d{i}"), "openai", 1, 2, 3, "m", size) for i, size in enumerate(sizes))
    door = Delivery(replace(context(), plan=plan), plan[0].deployment, 1, MAX_BYTES)
    body = b'{"error": {"message": "too many", "code": "context_length_exceeded"}}'
    actions = play(door, head(400, "application/json"), ResponseChunk(body, is_last=True))
    assert isinstance(actions[0], ReleaseHead if is_asked else Reply)
    assert door.record.failure == "context_length_exceeded"


def test_what_is_left_of_the_limits_is_told_with_every_answer() -> None:
    left = (("x-ratelimit-remaining-requests", "9"),)
    told = replace(context(), answer_headers=left)
    release, *_ = play(Delivery(told, DeploymentName("d0"), 1, MAX_BYTES), head(), ResponseChunk(ANSWER, is_last=False))
    assert isinstance(release, ReleaseHead)
    assert left[0] in release.set_headers
    (reply,) = play(Delivery(told, DeploymentName("d0"), 1, MAX_BYTES), head(503, is_end=True))
    assert isinstance(reply, Reply)
    assert left[0] in reply.headers
