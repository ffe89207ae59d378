"""What Envoy's admin interface says and takes: listeners, clusters, counters, drain, log level.

Standard library only, and every call names itself (``Call``), so that a person sees what they could have typed.
Blocking; asynchronous callers use a thread. Source: Envoy 1.40 documentation, "Administration interface".
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Literal
from urllib.parse import urlsplit

from extproc.model.refusals import Unavailable

LOG_LEVELS = ("trace", "debug", "info", "warning", "error", "critical", "off")
_TIMEOUT_S = 5.0
_OK = 200
_DEPENDENCY = "envoy admin"


@dataclass(frozen=True, slots=True)
class Call:
    """One admin call, as it could be typed."""

    method: Literal["GET", "POST"]
    path: str

    def as_curl(self, admin_url: str) -> str:
        """The same call for a shell."""
        flag = "-X POST " if self.method == "POST" else ""
        return f"curl -s {flag}'{admin_url}{self.path}'"


LISTENERS = Call("GET", "/listeners?format=json")
CLUSTERS = Call("GET", "/clusters?format=json")
READY = Call("GET", "/ready")
FAIL_HEALTH = Call("POST", "/healthcheck/fail")
DRAIN = Call("POST", "/drain_listeners?graceful")


def stats(pattern: str) -> Call:
    """The call for the counters and gauges whose names match a pattern (RE2)."""
    escaped = "".join(
        character if character.isalnum() or character in "._-" else _percent(character) for character in pattern
    )
    return Call("GET", f"/stats?format=json&filter={escaped}")


def set_log_level(level: str) -> Call:
    """The call that sets every logger's level."""
    return Call("POST", f"/logging?level={level}")


@dataclass(frozen=True, slots=True)
class Listener:
    """Where Envoy takes connections."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Host:
    """One endpoint of a cluster."""

    address: str
    is_healthy: bool
    reasons: tuple[str, ...]
    """Why it is not healthy, in Envoy's words."""
    requests: int
    errors: int
    """Upstream requests that failed: connections, timeouts, 5xx."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A group of endpoints Envoy sends requests to."""

    name: str
    hosts: tuple[Host, ...]


class Admin:
    """Envoy's admin interface at one address."""

    def __init__(self, url: str, timeout_s: float = _TIMEOUT_S) -> None:
        """``url``: ``http://host:port``.

        Raises:
            ValueError: it is not that.
        """
        parts = urlsplit(url)
        if parts.scheme != "http" or parts.hostname is None:
            raise ValueError(f"{url!r} is not http://host:port")
        self.url = url.rstrip("/")
        self._host = parts.hostname
        self._port = parts.port or 80
        self._timeout_s = timeout_s

    def send(self, call: Call) -> str:
        """Make one call: the body of its answer.

        Raises:
            Unavailable: no answer, or one that is not 200.
        """
        connection = HTTPConnection(self._host, self._port, timeout=self._timeout_s)
        try:
            connection.request(call.method, call.path)
            response = connection.getresponse()
            body = response.read().decode(errors="replace")
        except (OSError, HTTPException) as error:
            raise Unavailable(_DEPENDENCY, f"{self.url}: {error}") from error
        finally:
            connection.close()
        if response.status != _OK:
            raise Unavailable(_DEPENDENCY, f"{call.method} {call.path} was answered {response.status}: {body.strip()}")
        return body

    def is_ready(self) -> bool:
        """Whether Envoy has its configuration and takes requests; False also where nobody answers."""
        try:
            return self.send(READY).strip() == "LIVE"
        except Unavailable:
            return False

    def listeners(self) -> tuple[Listener, ...]:
        """Where Envoy takes connections now.

        Raises:
            Unavailable: the admin interface did not answer.
        """
        found = self._json(LISTENERS).get("listener_statuses", [])
        return tuple(Listener(str(each["name"]), _address(each.get("local_address", {}))) for each in _objects(found))

    def clusters(self) -> tuple[Cluster, ...]:
        """Every cluster with its endpoints.

        Raises:
            Unavailable: the admin interface did not answer.
        """
        found = self._json(CLUSTERS).get("cluster_statuses", [])
        return tuple(
            Cluster(str(each["name"]), tuple(_host(host) for host in _objects(each.get("host_statuses", []))))
            for each in _objects(found)
        )

    def counters(self, pattern: str) -> Mapping[str, int]:
        """Counters and gauges by name.

        Raises:
            Unavailable: the admin interface did not answer.
        """
        found = _objects(self._json(stats(pattern)).get("stats", []))
        return {str(each["name"]): value for each in found if isinstance(value := each.get("value"), int)}

    def _json(self, call: Call) -> Mapping[str, object]:
        try:
            document = json.loads(self.send(call))
        except ValueError as error:
            raise Unavailable(_DEPENDENCY, f"{call.path} was not answered with JSON") from error
        return document if isinstance(document, dict) else {}


def _host(status: Mapping[str, object]) -> Host:
    health = status.get("health_status", {})
    entries = dict(health) if isinstance(health, dict) else {}
    reasons = tuple(name for name, value in sorted(entries.items()) if value is True)
    eds = entries.get("eds_health_status", "HEALTHY")
    numbers = {str(each.get("name")): each.get("value", 0) for each in _objects(status.get("stats", []))}
    return Host(
        address=_address(status.get("address", {})),
        is_healthy=not reasons and eds in {"HEALTHY", "UNKNOWN"},
        reasons=reasons if eds in {"HEALTHY", "UNKNOWN"} else (*reasons, str(eds)),
        requests=_number(numbers.get("rq_total")),
        errors=_number(numbers.get("rq_error")),
    )


def _address(address: object) -> str:
    if not isinstance(address, dict):
        return ""
    match address:
        case {"socket_address": {"address": str(host), "port_value": int(port)}}:
            return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        case {"pipe": {"path": str(path)}}:
            return path
    return ""


def _objects(value: object) -> list[Mapping[str, object]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _number(value: object) -> int:
    # Envoy writes 64-bit numbers as JSON strings.
    return int(value) if isinstance(value, int | str) and str(value).isdigit() else 0


def _percent(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode())
