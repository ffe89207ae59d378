"""What Envoy itself does with the configuration we render: strips, refuses, replies, logs. Its doors are scripted."""

import base64
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from extproc.model import refusals
from extproc.model.refusals import Kind
from tests.e2e.edge_doors import Door, Send, admit, go, headers_of
from tests.e2e.edge_rig import Edge, running
from tests.e2e.provider import Provider

# The scripted doors live on the loop they were started on.
pytestmark = pytest.mark.asyncio(loop_scope="module")

_GATEWAY = """
workers: 1
limits: {{max_body_bytes: 65536, request_timeout_s: 1, request_headers_timeout_s: 0.7, admission_timeout_s: 0.7}}
listener: {{hosts: {hosts}}}
deployments:
  - {{name: a, base_url: "http://127.0.0.1:{port}/v1", upstream_model: m}}
  - {{name: refused, base_url: "http://127.0.0.1:2/v1", upstream_model: m}}
  - {{name: unresolved, base_url: "http://no-such-host.invalid/v1", upstream_model: m}}
models: [{{name: m, deployments: [a, refused, unresolved]}}]
"""
_CANARY = "sk-canary-in-the-request"


@contextlib.asynccontextmanager
async def _edge(hosts: str = '["*"]', **options: Any) -> AsyncIterator[Edge]:
    provider = Provider().start()
    try:
        async with running(_GATEWAY.format(hosts=hosts, port=provider.port), provider=provider, **options) as edge:
            yield edge
    finally:
        provider.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Edge]:
    async with _edge() as edge:
        yield edge


@pytest.fixture
def edge(shared: Edge) -> Edge:
    shared.reset()
    return shared


def _is(response: httpx.Response, kind: Kind, status: int | None = None) -> None:
    assert response.status_code == (status or kind.status), response.text
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"]
    error = {"message": kind.message, "type": kind.type, "param": None, "code": kind.code}
    assert response.json() == {"error": error}


async def _raises(requests: AsyncIterator[Any], send: Send) -> None:
    raise RuntimeError("scripted")


async def _ends_early(requests: AsyncIterator[Any], send: Send) -> None:
    await anext(requests)


async def _hangs(requests: AsyncIterator[Any], send: Send) -> None:
    async for _ in requests:
        pass


@pytest.mark.parametrize("door", [_raises, _ends_early, _hangs])
async def test_an_admission_that_fails_closes_the_gateway(edge: Edge, door: Door) -> None:
    edge.admission = door
    async with edge.client() as client:
        _is(await client.post("/v1/chat/completions", json={}), refusals.GATEWAY_UNAVAILABLE)
    assert edge.provider.requests == []


async def test_a_delivery_that_fails_is_an_error_and_no_other_deployment_is_asked(edge: Edge) -> None:
    edge.admission, edge.delivery = admit("a", "refused"), _raises
    async with edge.client() as client:
        _is(await client.post("/x", json={}), refusals.GATEWAY_UNAVAILABLE)


async def test_a_cluster_that_is_not_there_closes_the_gateway(edge: Edge) -> None:
    edge.admission = admit("nobody")
    async with edge.client() as client:
        _is(await client.post("/x", json={}), refusals.GATEWAY_UNAVAILABLE)


async def test_a_reply_of_admission_is_not_rewritten(edge: Edge) -> None:
    async def reply(requests: AsyncIterator[Any], send: Send) -> None:
        await anext(requests)
        body = base64.b64encode(b'{"mine":1}').decode()
        await send({"immediate_response": {"status": {"code": 503}, "body": body}})

    edge.admission = reply
    async with edge.client() as client:
        response = await client.post("/x", json={})
    assert (response.status_code, response.json()) == (503, {"mine": 1})


@pytest.mark.parametrize("names", [["refused"], ["unresolved"], ["unresolved", "refused"]])
async def test_no_deployment_that_can_be_reached_is_one_error(edge: Edge, names: list[str]) -> None:
    edge.admission = admit(*names)
    async with edge.client() as client:
        _is(await client.post("/x", json={}), refusals.UPSTREAM_UNAVAILABLE)


async def test_refused_and_unresolved_deployments_are_passed_over(edge: Edge) -> None:
    edge.admission = admit("unresolved", "refused", "a")
    async with edge.client() as client:
        response = await client.post("/x", json={"x": 1})
    assert response.status_code == 200
    assert len(edge.provider.requests) == 1
    records = await edge.logged("attempt", response.headers["x-request-id"], 3)
    flags = {record["cluster"]: record["flags"] for record in records}
    assert flags == {"deployment.unresolved": "UF", "deployment.refused": "UF", "deployment.a": "-"}


async def test_a_provider_that_does_not_answer_in_time_is_504(edge: Edge) -> None:
    edge.provider.scripts["silent"] = lambda turn: turn.until_gone()

    async def hurry(requests: AsyncIterator[Any], send: Send) -> None:
        await anext(requests)
        await send(go("a", **{"x-envoy-upstream-rq-per-try-timeout-ms": "200"}))
        async for _ in requests:
            await send({"request_body": {}})

    edge.admission = hurry
    async with edge.client() as client:
        _is(await client.post("/x", json={"x_script": "silent"}), refusals.UPSTREAM_TIMEOUT)


async def test_a_provider_that_cuts_is_503(edge: Edge) -> None:
    async def cut(turn: Any) -> None:
        turn.reset()

    edge.provider.scripts["cut"] = cut
    async with edge.client() as client:
        _is(await client.post("/x", json={"x_script": "cut"}), refusals.UPSTREAM_UNAVAILABLE)


@pytest.mark.parametrize("framing", ["chunked", "content-length"])
async def test_a_body_over_the_limit_is_413(edge: Edge, framing: str) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 8192

    async with edge.client() as client:
        response = await client.post("/x", content=pieces() if framing == "chunked" else b"x" * 160_000)
    _is(response, refusals.REQUEST_TOO_LARGE)


@pytest.mark.parametrize(
    "text", [b"POST /x HTTP/1.1\r\nhost: a\r\n", b"POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n1"]
)
async def test_a_request_that_does_not_arrive_is_408(edge: Edge, text: bytes) -> None:
    got = await edge.raw(text)
    assert got.startswith(b"HTTP/1.1 408 ")
    assert json.loads(got.partition(b"\r\n\r\n")[2])["error"]["code"] == "request_timeout"


_HEAD = b" HTTP/1.1\r\nhost: a\r\n"
_MALFORMED = {
    "absolute form": (b"GET http://evil.test/x" + _HEAD + b"\r\n", 400),
    "asterisk form": (b"OPTIONS *" + _HEAD + b"\r\n", 400),
    "no host": (b"GET /x HTTP/1.1\r\n\r\n", 400),
    "host with a path": (b"GET /x HTTP/1.1\r\nhost: a/b\r\n\r\n", 400),
    "HTTP/1.0": (b"GET /x HTTP/1.0\r\n\r\n", 426),
    "two ways to say the length": (
        b"POST /x" + _HEAD + b"content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "two lengths": (b"POST /x" + _HEAD + b"content-length: 3\r\ncontent-length: 4\r\n\r\nabcd", 400),
    "escaped slash": (b"GET /v1%2fmodels" + _HEAD + b"\r\n", 400),
    "NUL": (b"GET /v1%00" + _HEAD + b"\r\n", 400),
    "fragment": (b"GET /v1#x" + _HEAD + b"\r\n", 400),
    "raw byte": (b"GET /v1\x80" + _HEAD + b"\r\n", 400),
    "upgrade": (b"GET /x" + _HEAD + b"connection: upgrade\r\nupgrade: websocket\r\n\r\n", 403),
    "large headers": (b"GET /x" + _HEAD + b"x: " + b"y" * 70_000 + b"\r\n\r\n", 431),
    "many headers": (b"GET /x" + _HEAD + b"".join(b"x%d: 1\r\n" % n for n in range(150)) + b"\r\n", 431),
    "no HTTP": (b"\x16\x03\x01\x00\r\n\r\n", 400),
}


@pytest.mark.parametrize("name", _MALFORMED)
async def test_malformed_http_is_refused_in_the_shape_callers_know(edge: Edge, name: str) -> None:
    text, status = _MALFORMED[name]
    got = await edge.raw(text)
    assert got.startswith(b"HTTP/1.1 %d " % status), got
    assert json.loads(got.partition(b"\r\n\r\n")[2])["error"]["code"] == "invalid_request"
    assert edge.provider.requests == []
    assert edge.seen == []


async def test_two_hosts_are_no_host_of_ours(edge: Edge) -> None:
    got = await edge.raw(b"GET /x HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n")
    assert got.startswith(b"HTTP/1.1 421 ")
    assert b'"code": "unknown_host"' in got


async def test_paths_that_mean_the_same_look_the_same_to_admission(edge: Edge) -> None:
    for path in (b"/v1/models", b"//v1/models", b"/v1//models", b"/x/../v1/models", b"/v1/./models", b"/%76%31/models"):
        await edge.raw(b"GET " + path + _HEAD + b"\r\n")
    assert [headers_of(message.request_headers)[":path"] for message in edge.seen] == ["/v1/models"] * 6


_INTERNAL = (
    *("x-gateway-tenant", "x-gateway-retry", "x-envoy-max-retries", "x-envoy-retry-on", "x-envoy-force-trace"),
    *("x-envoy-attempt-count", "x-envoy-upstream-rq-timeout-ms", "x-envoy-internal", "x-forwarded-for"),
    *("x-forwarded-host", "x-forwarded-proto", "x-real-ip", "forwarded", "via", "x-request-id", "X_Gateway_Tenant"),
)


async def test_what_a_client_says_about_itself_is_removed_before_admission(edge: Edge) -> None:
    forged = dict.fromkeys(_INTERNAL, "forged")
    async with edge.client() as client:
        response = await client.post("/x", json={}, headers=forged)
    seen = headers_of(edge.seen[0].request_headers)
    assert "forged" not in seen.values()
    assert seen["x-request-id"] == response.headers["x-request-id"]
    assert "x-envoy-internal" not in seen  # not even loopback is internal
    (request,) = edge.provider.requests
    assert [name for name, _ in request.headers if name.startswith(("x-envoy", "x-forwarded", "x-gateway"))] == []


async def test_what_a_provider_says_about_itself_does_not_reach_the_client(edge: Edge) -> None:
    async def boast(turn: Any) -> None:
        await turn.plain(b"{}", 200, "server: secret/1.0", "x-envoy-upstream-canary: true", "x-gateway-retry: no")

    edge.provider.scripts["boast"] = boast
    async with edge.client() as client:
        response = await client.post("/x", json={"x_script": "boast"})
    assert response.status_code == 200
    assert response.headers["server"] == "gateway"
    assert [name for name in response.headers if name.startswith(("x-envoy", "x-gateway"))] == []


async def test_the_journal_has_each_request_and_attempt_and_no_secret(edge: Edge) -> None:
    async with edge.client() as client:
        headers = {"authorization": f"Bearer {_CANARY}", "cookie": _CANARY}
        response = await client.post(f"/x?api_key={_CANARY}", json={"prompt": _CANARY}, headers=headers)
    request_id = response.headers["x-request-id"]
    (exchange,), (attempt,) = await edge.logged("exchange", request_id), await edge.logged("attempt", request_id)
    body = len(json.dumps({"prompt": _CANARY}, separators=(",", ":")))
    for record, size in ((exchange, len(response.content)), (attempt, len(response.content))):
        assert (record["code"], record["cluster"], record["flags"]) == ("200", "deployment.a", "-")
        assert (record["request_bytes"], record["response_bytes"]) == (str(body), str(size))
    assert exchange["context"] == "Y29udGV4dA=="
    assert exchange["peer"] == "127.0.0.1"
    assert _CANARY not in str(edge.journal)
    assert "provider-key" not in str(edge.journal)
    assert edge.forwarded[0] == {"gateway.context"}


async def test_a_host_that_is_not_on_the_list_is_421_and_costs_no_worker_a_message() -> None:
    async with _edge(hosts="[llm.example.com]") as edge, edge.client() as client:
        for host, status in (("llm.example.com", 200), ("llm.example.com:8080", 200), ("evil.test", 421)):
            response = await client.post("/x", json={}, headers={"host": host})
            assert response.status_code == status
        _is(response, refusals.UNKNOWN_HOST)
        assert len(edge.seen) == 4  # headers and body of the two


async def test_readiness_follows_the_workers_and_the_operator() -> None:
    async with _edge() as edge:
        assert await edge.ready() == 200
        await edge.admin("/healthcheck/fail", "POST")
        assert await edge.ready() == 503
        await edge.admin("/healthcheck/ok", "POST")
        assert await edge.ready() == 200
        await edge.stop_workers()
        await edge.wait(lambda: _is_ready(edge, is_ready=False), "not ready", 3)
        async with edge.client() as client:
            _is(await client.post("/x", json={}), refusals.GATEWAY_UNAVAILABLE)
        await edge.start_workers()
        await edge.wait(lambda: _is_ready(edge, is_ready=True), "ready", 3)


async def _is_ready(edge: Edge, *, is_ready: bool) -> bool:
    return (await edge.ready() == 200) is is_ready
