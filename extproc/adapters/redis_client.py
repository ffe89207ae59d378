"""One Redis client for a process: bounded connections whose callers wait their turn, and no hidden retries.

Every adapter of Redis asks through it, and does not see whether one server, Sentinel's primary or a Cluster answers.
redis-py's default pool raises beyond 100 connections, which looks like an outage; these wait. Read next:
``redis_address`` for which URL means what, ``redis_budgets`` for who says a call again, and when.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from redis.asyncio import BlockingConnectionPool, Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import MasterNotFoundError, Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisClusterException, RedisError

from extproc.adapters.redis_address import Cluster, Sentinels, Single, read_address
from extproc.model.secret import Secret

_CONNECT_S = 1.0
_SENTINEL_S = 0.3
"""For all sentinels together: one that hangs must not use up the caller's deadline."""
_SUBSCRIPTIONS = 8


@dataclass(frozen=True, slots=True)
class Trust:
    """How servers and clients know each other."""

    password: Secret | None = None
    """Of the URL's user, or the default one."""
    sentinel_password: Secret | None = None
    """Of the sentinels' default user; None when they ask for none."""
    ca_file: Path | None = None
    """PEM bundle that signs the servers' certificates; None: the public ones."""


@asynccontextmanager
async def open_redis(
    url: str,
    password: Secret | None = None,
    *,
    most_connections: int = 16,
    sentinel_password: Secret | None = None,
    ca_file: Path | None = None,
) -> AsyncIterator[Redis]:
    """A client that connects when it is first asked; closed on leaving. Await it under ``asyncio.timeout`` only.

    Args:
        url: see ``redis_address``.
        password: of the URL's user, or the default one; None when Redis asks for none.
        most_connections: to each server; a subscription holds one for as long as it lasts.
        sentinel_password: of the sentinels' default user.
        ca_file: PEM bundle that signs the servers' certificates; None: the public ones.

    Raises:
        AddressInvalid: the URL means no Redis.
    """
    trust = Trust(password, sentinel_password, ca_file)
    match read_address(url):
        case Single() as single:
            client: Redis = Redis(connection_pool=_pool(single, trust, most_connections))
            sentinels = None
        case Sentinels() as named:
            sentinels = _Sentinels(named, trust)
            client = Redis(connection_pool=_SentinelPool(named, trust, sentinels, most_connections))
        case Cluster() as cluster:
            # It has the commands that adapters use; tests run every adapter on it.
            client, sentinels = cast("Redis", _WaitingCluster(cluster, trust, most_connections)), None
    try:
        yield client
    finally:
        await client.aclose()
        if not isinstance(client, RedisCluster):
            await client.connection_pool.disconnect()
        if sentinels is not None:
            await sentinels.aclose()


def _common(trust: Trust, user: str | None) -> dict[str, Any]:
    return {
        "username": user,
        "password": None if trust.password is None else trust.password.reveal(),
        # Every caller sets a deadline of its own. With one here redis-py writes through asyncio.wait_for, which in
        # Python 3.11 may swallow a cancellation that comes as the write ends: a background task then never stops.
        "socket_timeout": None,
        "socket_connect_timeout": _CONNECT_S,
        # A retry inside the client would re-subscribe in silence, and what was published meanwhile would be missed
        # without anybody noticing.
        "retry": Retry(NoBackoff(), 0),
    }


def _tls(trust: Trust, is_tls: bool) -> dict[str, Any]:  # noqa: FBT001 - of two, and named where it is called
    return {"ssl_ca_certs": str(trust.ca_file)} if is_tls and trust.ca_file is not None else {}


def _pool(address: Single, trust: Trust, most_connections: int) -> BlockingConnectionPool:
    common = _common(trust, user=None)
    # The URL says who the user is.
    del common["username"]
    return BlockingConnectionPool.from_url(
        address.url, max_connections=most_connections, timeout=_CONNECT_S, **common, **_tls(trust, address.is_tls)
    )


class _SentinelPool(SentinelConnectionPool, BlockingConnectionPool):
    """Connections to the primary of the moment, whose callers wait their turn."""

    def __init__(self, address: Sentinels, trust: Trust, sentinels: Sentinel, most_connections: int) -> None:
        super().__init__(  # type: ignore[no-untyped-call]  # redis-py leaves it unannotated
            address.primary,
            sentinels,
            ssl=address.is_tls,
            db=address.database,
            max_connections=most_connections,
            timeout=_CONNECT_S,
            **_common(trust, address.user),
            **_tls(trust, address.is_tls),
        )


class _Sentinels(Sentinel):
    """Sentinels that are asked all at once: the word of who saw the latest failover counts."""

    def __init__(self, address: Sentinels, trust: Trust) -> None:
        asked = {
            **_common(Trust(trust.sentinel_password), user=None),
            "ssl": address.is_tls,
            **_tls(trust, address.is_tls),
        }
        super().__init__(address.hosts, sentinel_kwargs=asked)  # type: ignore[no-untyped-call]

    async def discover_master(self, service_name: str) -> tuple[str, int]:
        """Host and port of the primary.

        Raises:
            MasterNotFoundError: no sentinel that answered in time knows a primary that is up.
        """
        answers = await asyncio.gather(*(_masters(each) for each in self.sentinels))
        states = [masters[service_name] for masters in answers if service_name in masters]
        alive = [state for state in states if self.check_master_state(state, service_name)]
        if not alive:
            raise MasterNotFoundError(f"no sentinel names a primary {service_name!r} that is up")
        newest = max(alive, key=lambda state: int(state["config-epoch"]))
        return newest["ip"], newest["port"]


async def _masters(sentinel: Redis) -> Mapping[str, dict[str, Any]]:
    try:
        async with asyncio.timeout(_SENTINEL_S):
            return cast("Mapping[str, dict[str, Any]]", await sentinel.sentinel_masters())
    except (RedisError, OSError, TimeoutError):
        return {}


class _WaitingCluster(RedisCluster):
    """A Cluster's client with as many calls under way as one node may have connections: the others wait."""

    def __init__(self, address: Cluster, trust: Trust, most_connections: int) -> None:
        super().__init__(
            startup_nodes=[ClusterNode(host, port) for host, port in address.hosts],
            # Beyond the turns, for subscriptions: each holds one for as long as it lasts.
            max_connections=most_connections + _SUBSCRIPTIONS,
            ssl=address.is_tls,
            # A slot without a node makes its own calls fail, and no others.
            require_full_coverage=False,
            # Moved slots are followed; what is lost with a connection is asked once more, after a look at who is there.
            **{**_common(trust, address.user), "retry": Retry(NoBackoff(), 1)},
            **_tls(trust, address.is_tls),
        )
        self._turns = asyncio.Semaphore(most_connections)

    async def execute_command(self, *args: Any, **kwargs: Any) -> Any:
        """See ``RedisCluster``; waits for its turn."""
        async with self._turns:
            try:
                return await super().execute_command(*args, **kwargs)
            except RedisClusterException as error:
                # Not a RedisError, which is what every adapter takes for Redis' trouble.
                raise RedisConnectionError(type(error).__name__) from error

    async def initialize(self, *args: Any, **kwargs: Any) -> Any:
        """See ``RedisCluster``; what a pipeline and a subscription ask first."""
        try:
            return await super().initialize(*args, **kwargs)
        except RedisClusterException as error:
            raise RedisConnectionError(type(error).__name__) from error
