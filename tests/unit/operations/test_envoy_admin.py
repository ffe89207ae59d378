import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from extproc.model.refusals import Unavailable
from extproc.operations.envoy_admin import DRAIN, FAIL_HEALTH, Admin, set_log_level, stats

# As Envoy 1.40 wrote them, shortened.
LISTENERS = {
    "listener_statuses": [
        {"name": "gateway", "local_address": {"socket_address": {"address": "127.0.0.1", "port_value": 8080}}},
        {"name": "six", "local_address": {"socket_address": {"address": "::1", "port_value": 8081}}},
    ]
}
CLUSTERS = {
    "cluster_statuses": [
        {
            "name": "extproc",
            "host_statuses": [
                {
                    "address": {"pipe": {"path": "/run/extproc/worker-0.sock"}},
                    "stats": [{"name": "rq_total", "value": "7"}, {"name": "rq_error"}],
                    "health_status": {"eds_health_status": "HEALTHY"},
                },
                {
                    "address": {"pipe": {"path": "/run/extproc/worker-1.sock"}},
                    "stats": [{"name": "rq_error", "value": "3"}],
                    "health_status": {"eds_health_status": "HEALTHY", "failed_active_health_check": True},
                },
            ],
        },
        {"name": "deny"},
    ]
}
STATS = {"stats": [{"name": "a.b", "value": 3}, {"name": "version_text", "value": "abc"}, {"histograms": {}}]}


class _Envoy(BaseHTTPRequestHandler):
    answers: dict[str, str]
    calls: list[str]

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        self.calls.append(f"{self.command} {self.path}")
        known = self.answers.get(self.path.split("?")[0])
        self.send_response(503 if known is None else 200)
        self.end_headers()
        self.wfile.write((known or "no").encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


class Envoy:
    def __init__(self) -> None:
        self.answers: dict[str, str] = {}
        self.calls: list[str] = []
        handler = type("Handler", (_Envoy,), {"answers": self.answers, "calls": self.calls})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.admin = Admin(f"http://127.0.0.1:{self.server.server_port}/")


@pytest.fixture
def envoy() -> Iterator[Envoy]:
    made = Envoy()
    thread = Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def test_listeners_are_read_with_their_addresses(envoy: Envoy) -> None:
    envoy.answers["/listeners"] = json.dumps(LISTENERS)
    assert [(each.name, each.address) for each in envoy.admin.listeners()] == [
        ("gateway", "127.0.0.1:8080"),
        ("six", "[::1]:8081"),
    ]


def test_clusters_are_read_with_health_and_why_not(envoy: Envoy) -> None:
    envoy.answers["/clusters"] = json.dumps(CLUSTERS)
    workers, deny = envoy.admin.clusters()
    assert deny.hosts == ()
    good, bad = workers.hosts
    assert (good.address, good.is_healthy, good.requests, good.errors) == ("/run/extproc/worker-0.sock", True, 7, 0)
    assert (bad.is_healthy, bad.reasons, bad.errors) == (False, ("failed_active_health_check",), 3)


def test_counters_are_the_numbers_and_nothing_else(envoy: Envoy) -> None:
    envoy.answers["/stats"] = json.dumps(STATS)
    assert envoy.admin.counters("a") == {"a.b": 3}


def test_a_pattern_survives_the_url(envoy: Envoy) -> None:
    envoy.answers["/stats"] = "{}"
    envoy.admin.counters(r"^a\.(b|c)&d=e +$")
    assert envoy.calls == ["GET /stats?format=json&filter=%5Ea%5C.%28b%7Cc%29%26d%3De%20%2B%24"]


def test_drain_and_log_level_are_posts(envoy: Envoy) -> None:
    envoy.answers.update({"/healthcheck/fail": "OK", "/drain_listeners": "OK", "/logging": "OK"})
    for call in (FAIL_HEALTH, DRAIN, set_log_level("info")):
        envoy.admin.send(call)
    assert envoy.calls == ["POST /healthcheck/fail", "POST /drain_listeners?graceful", "POST /logging?level=info"]


def test_a_call_can_be_typed_as_it_is_shown(envoy: Envoy) -> None:
    assert DRAIN.as_curl("http://127.0.0.1:9901") == "curl -s -X POST 'http://127.0.0.1:9901/drain_listeners?graceful'"
    assert "'" not in stats("it's").path


def test_envoy_is_ready_only_when_it_says_so(envoy: Envoy) -> None:
    assert not envoy.admin.is_ready()
    envoy.answers["/ready"] = "PRE_INITIALIZING\n"
    assert not envoy.admin.is_ready()
    envoy.answers["/ready"] = "LIVE\n"
    assert envoy.admin.is_ready()


def test_an_error_or_something_else_than_json_is_unavailable(envoy: Envoy) -> None:
    with pytest.raises(Unavailable, match="was answered 503: no"):
        envoy.admin.clusters()
    envoy.answers["/clusters"] = "<html>"
    with pytest.raises(Unavailable, match="not answered with JSON"):
        envoy.admin.clusters()


def test_nobody_there_is_unavailable(envoy: Envoy) -> None:
    gone = Admin("http://127.0.0.1:1", timeout_s=1)
    assert not gone.is_ready()
    with pytest.raises(Unavailable, match=r"http://127\.0\.0\.1:1"):
        gone.listeners()


@pytest.mark.parametrize("url", ["127.0.0.1:9901", "https://x", "", "unix:/x"])
def test_an_address_that_is_not_http_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="is not http://host:port"):
        Admin(url)
