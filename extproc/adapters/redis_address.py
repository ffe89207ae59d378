"""Which Redis a URL means: one server, a primary that Sentinel names, or a Cluster. Pure; ``redis_client`` connects.

    redis://[user@]host[:port][/db]   rediss://…   unix://[user@]/path
    redis+sentinel://[user@]host[:port],host[:port]…/primary's name[/db]   rediss+sentinel://…
    redis+cluster://[user@]host[:port],host[:port]…   rediss+cluster://…

An ``s`` after ``redis`` is TLS, to the sentinels and to every node. A URL never carries a password: it ends in process
lists and logs.
"""

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

_PORT = 6379
_SENTINEL_PORT = 26379


class AddressInvalid(ValueError):  # noqa: N818 - reads as a claim
    """The URL means no Redis; the message says what is wrong and never repeats the URL."""


@dataclass(frozen=True, slots=True)
class Single:
    """One server."""

    url: str
    """As redis-py reads it."""
    is_tls: bool


@dataclass(frozen=True, slots=True)
class Sentinels:
    """Whichever server these say is the primary of that name."""

    hosts: tuple[tuple[str, int], ...]
    primary: str
    user: str | None
    database: int
    is_tls: bool


@dataclass(frozen=True, slots=True)
class Cluster:
    """All nodes that these know of."""

    hosts: tuple[tuple[str, int], ...]
    user: str | None
    is_tls: bool


Address = Single | Sentinels | Cluster


def read_address(url: str) -> Address:
    """What the URL means.

    Raises:
        AddressInvalid: nothing, or it carries a password.
    """
    scheme, _, rest = url.partition("://")
    user, hosts, path = _split(rest)
    transport, _, kind = scheme.partition("+")
    is_tls = transport == "rediss"
    match kind:
        case "" if scheme in {"redis", "rediss", "unix"}:
            return Single(url, is_tls)
        case "sentinel" if transport in {"redis", "rediss"}:
            primary, _, database = path.partition("/")
            if not primary:
                raise AddressInvalid(
                    "it names sentinels and no primary: redis+sentinel://host:26379,host:26379/primary"
                )
            if database and not database.isdecimal():
                raise AddressInvalid("the database after the primary's name is not a number")
            return Sentinels(_hosts(hosts, _SENTINEL_PORT), primary, user, int(database or 0), is_tls)
        case "cluster" if transport in {"redis", "rediss"}:
            if path.strip("/0"):
                raise AddressInvalid("a cluster has database 0 only")
            return Cluster(_hosts(hosts, _PORT), user, is_tls)
        case _:
            raise AddressInvalid("it begins with none of redis, rediss, unix, redis+sentinel, redis+cluster")


def _split(rest: str) -> tuple[str | None, str, str]:
    """User, hosts and path."""
    authority, _, path = rest.partition("/")
    credentials, at, hosts = authority.rpartition("@")
    user, colon, _ = credentials.partition(":")
    # urlsplit does not take a list of hosts: it sees an address in brackets, and the rest is wrong.
    if colon or "password=" in rest.partition("?")[2]:
        raise AddressInvalid("it carries a password: put that into EXTPROC_REDIS_PASSWORD_FILE")
    return unquote(user) if at and user else None, hosts, path


def _hosts(listed: str, port: int) -> tuple[tuple[str, int], ...]:
    try:
        found = tuple(_host(each, port) for each in listed.split(","))
    except ValueError:
        raise AddressInvalid("a port is not a number") from None
    if not all(host for host, _ in found):
        raise AddressInvalid("a host is empty")
    return found


def _host(listed: str, port: int) -> tuple[str, int]:
    parts = urlsplit(f"//{listed}")
    return parts.hostname or "", parts.port or port
