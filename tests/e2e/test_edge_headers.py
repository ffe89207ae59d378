"""What a client says about itself in headers and trailers decides nothing and goes no further. A01, A02, C06."""

import asyncio
import json
import threading
import uuid

import pytest

from tests.e2e.provider import ANSWER, Turn
from tests.e2e.raw import CHAT, Answer, all_answers, ask, fields2, http1, wire2
from tests.e2e.rig import Rig, chat, error_code

pytestmark = pytest.mark.usefixtures("no_secret_is_written")

FORGED = "forged-value"
ABOUT_ITSELF = (
    *("x-gateway-tenant", "x-gateway-verdict", "x-gateway-route", "x-gateway-retry", "x-gateway-door"),
    *("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "x-forwarded-client-cert"),
    *("forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip", "x-cluster-client-ip"),
    *("x-original-url", "x-rewrite-url", "x-request-id", "x-client-trace-id", "x-envoy-attempt-count"),
    *("x-envoy-internal", "x-envoy-external-address", "x-envoy-original-path", "x-envoy-decorator-operation"),
    *("x-envoy-peer-metadata", "x-envoy-force-trace", "x-ot-span-context", "x-tenant", "x-user"),
    *("traceparent", "tracestate", "baggage", "cookie", "proxy-authorization", "x_gateway_tenant"),
)
STEERING = {
    "x-envoy-retry-on": "5xx,gateway-error,retriable-4xx",
    "x-envoy-retriable-status-codes": "400,500",
    "x-envoy-retriable-header-names": "x-anything",
    "x-envoy-max-retries": "9",
    "x-envoy-hedge-on-per-try-timeout": "true",
    "x-envoy-upstream-alt-stat-name": FORGED,
    "x-envoy-upstream-rq-timeout-ms": "1",
    "x-envoy-upstream-rq-per-try-timeout-ms": "1",
    "x-envoy-upstream-rq-timeout-alt-response": "204",
    "x-envoy-upstream-stream-duration-ms": "1",
    "x-envoy-expected-rq-timeout-ms": "1",
    "x-envoy-ip-tags": FORGED,
}
WHAT_A_PROVIDER_GETS = {"host", "authorization", "content-type", "content-length", "user-agent", "x-request-id"}


def _message(name: str) -> bytes:
    return json.dumps(chat(x_script=name)).encode()


async def test_what_a_client_says_about_itself_reaches_neither_a_decision_nor_the_provider(rig: Rig) -> None:
    name = uuid.uuid4().hex
    lines = [f"{header}: {FORGED}" for header in ABOUT_ITSELF]
    answer = await ask(rig, http1("POST", CHAT, *lines, body=_message(name)))
    assert answer.status == 200
    assert answer.headers["x-request-id"] != FORGED
    assert FORGED not in str(answer.headers)
    (request,) = rig.provider.got(name)
    assert {header for header, _ in request.headers} <= WHAT_A_PROVIDER_GETS
    assert FORGED not in str(request.headers)
    record = rig.exchange(answer.headers["x-request-id"])
    who = {name: record["context"][name] for name in ("organisation", "team", "project", "key")}
    assert who == {"organisation": "acme", "team": "cards", "project": "chatbot", "key": "key_e2e"}
    assert FORGED not in rig.logs()


@pytest.mark.parametrize("header", [*ABOUT_ITSELF, *STEERING])
async def test_no_internal_header_stands_in_for_a_key(rig: Rig, header: str) -> None:
    answer = await ask(rig, http1("POST", CHAT, f"{header}: {STEERING.get(header, FORGED)}", key=None))
    assert answer.verdict == (401, "missing_credentials")


async def test_a_client_cannot_ask_for_retries(rig: Rig) -> None:
    async def fail(turn: Turn) -> None:
        await turn.plain(b'{"error":{"message":"boom"}}', 500)

    name = uuid.uuid4().hex
    rig.provider.scripts[name] = fail
    before = len(rig.other.requests)
    async with rig.client(headers=STEERING) as client:
        response = await client.post(CHAT, json=chat(x_script=name))
    assert (response.status_code, error_code(response)) == (502, "upstream_error")
    (request,) = rig.provider.got(name)
    assert {header for header, _ in request.headers} <= WHAT_A_PROVIDER_GETS
    assert len(rig.other.requests) == before


async def test_a_client_cannot_shorten_or_replace_the_time_a_provider_has(rig: Rig) -> None:
    gate = threading.Event()

    async def later(turn: Turn) -> None:
        await turn.until(gate)
        await turn.plain(json.dumps(ANSWER).encode())

    name = uuid.uuid4().hex
    rig.provider.scripts[name] = later
    async with rig.client(headers=STEERING) as slow, rig.client() as others:

        async def release() -> None:
            # Far more than the millisecond that was asked for.
            for _ in range(10):
                assert (await others.post(CHAT, json=chat())).status_code == 200
            gate.set()

        response, _ = await asyncio.gather(slow.post(CHAT, json=chat(x_script=name)), release())
    assert response.status_code == 200
    assert response.json() == ANSWER


async def test_connection_cannot_name_a_header_of_ours_away(rig: Rig) -> None:
    name = uuid.uuid4().hex
    nominated = "x-request-id, content-type, host, x-envoy-max-retries, :path"
    answer = await ask(rig, http1("POST", CHAT, f"connection: {nominated}", body=_message(name)))
    assert answer.headers["x-request-id"]
    assert [dict(r.headers)["content-type"] for r in rig.provider.got(name)] in ([], ["application/json"])
    # Naming the credential away leaves a request without one, never one that is let through.
    answer = await ask(rig, http1("POST", CHAT, "connection: authorization"))
    assert answer.verdict == (401, "missing_credentials")


TRAILERS = [("authorization", f"Bearer {FORGED}"), ("x-gateway-tenant", FORGED), ("x-extra", FORGED), ("host", FORGED)]


def _is_untouched(rig: Rig, answer: Answer, name: str) -> None:
    assert answer.status == 200
    (request,) = rig.provider.got(name)
    assert {header for header, _ in request.headers} <= WHAT_A_PROVIDER_GETS
    assert FORGED not in str(request)
    assert request.json == chat(x_script=name) | {"model": "upstream-main"}


async def test_trailers_of_a_chunked_body_are_dropped(rig: Rig) -> None:
    name = uuid.uuid4().hex
    body = _message(name)
    trailers = "".join(f"{header}: {value}\r\n" for header, value in TRAILERS)
    chunked = f"{len(body):x}\r\n".encode() + body + f"\r\n0\r\n{trailers}\r\n".encode()
    first, second = await all_answers(rig, http1("POST", CHAT, "transfer-encoding: chunked", body=chunked))
    _is_untouched(rig, first, name)
    assert json.loads(second.body)["object"] == "list"


async def test_trailers_of_an_http2_request_are_dropped(rig: Rig) -> None:
    name = uuid.uuid4().hex
    trailers = [field for field in TRAILERS if field[0] != "host"]
    async with wire2(rig) as connection:
        await connection.request(1, fields2(), _message(name), trailers)
        _is_untouched(rig, await connection.answer(1), name)
        await connection.request(3, [field for field in fields2() if field[0] != "authorization"], b"{}", trailers)
        assert (await connection.answer(3)).verdict == (401, "missing_credentials")
    assert FORGED not in rig.logs()
