"""The composition root: the only file that names concrete adapters.

    serve        the worker processes of one host, and Envoy's files if asked
    run_worker   one of them: adapters → desk → doors → socket
    open_key_desk, migrate, read_exchanges, read_health   what operators ask of Postgres, Redis and the vault

A worker reads the vault and the configuration before its socket appears: Envoy never asks one that cannot decide.
"""

import asyncio
import contextlib
import logging
import os
import secrets
import signal
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog
import uvloop
from redis.asyncio import Redis

from extproc.adapters.journals import Journals
from extproc.adapters.key_cache import CachedDirectory, CachePolicy
from extproc.adapters.log_journal import LogJournal
from extproc.adapters.metered import MetricsJournal
from extproc.adapters.postgres_directory import PostgresDirectory
from extproc.adapters.postgres_feed import open_feed
from extproc.adapters.postgres_keys import PostgresKeys
from extproc.adapters.postgres_migrate import migrate_schema
from extproc.adapters.postgres_pool import open_pool
from extproc.adapters.postgres_uses import PostgresUses
from extproc.adapters.redis_address import AddressInvalid, read_address
from extproc.adapters.redis_client import open_redis
from extproc.adapters.redis_health import RedisHealth, read_states
from extproc.adapters.redis_invalidations import RedisInvalidations
from extproc.adapters.redis_tally import RedisTally
from extproc.adapters.retirement_alarm import RetirementAlarm
from extproc.adapters.use_journal import UseJournal
from extproc.adapters.vault import VaultCredentials
from extproc.bootstrap_cache import CacheRoom, open_cache_room
from extproc.bootstrap_guard import GuardRoom, open_guard_room
from extproc.bootstrap_metrics import open_metrics, watch_deployments
from extproc.bootstrap_money import open_money
from extproc.bootstrap_vault import PEPPER, credentials_of, open_vault
from extproc.config.environment import Environment, EnvironmentInvalid
from extproc.config.gateway import Gateway, GatewayInvalid, load
from extproc.config.watch import GatewayWatch, log_invalid
from extproc.dataplane.rollout import Places, Rollout
from extproc.dataplane.target import Target, find_system_ca
from extproc.exchange.admission import AdmissionDesk
from extproc.model.catalog import Catalog
from extproc.model.dialects import credential_refs
from extproc.model.exchange import Outcome
from extproc.model.health import Standing
from extproc.model.ids import DeploymentName
from extproc.model.refusals import Unavailable
from extproc.model.seams import WORKER_SOCKET
from extproc.model.secret import Secret
from extproc.operations.envoy_admin import Admin
from extproc.operations.keys import KeyDesk
from extproc.operations.vault_state import tell_states
from extproc.policy.health import standing_of
from extproc.policy.ports import Vault
from extproc.policy.tokens import family_of, load_tables
from extproc.wire.doors import Doors, Limits
from extproc.wire.fleet import Fleet, FleetPlan, worker_command
from extproc.wire.journal_door import JournalDoor
from extproc.wire.server import serve as serve_socket

PUBLISHED_CONFIG = "gateway.yaml"
"""In the run directory: the configuration that Envoy has taken and workers follow."""

_WATCH_S = 0.5
_DECIDE_MARGIN_S = 0.25
"""Our own answer must be there before Envoy's message_timeout."""


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The real time."""

    def now_s(self) -> float:
        """UTC seconds since the epoch."""
        return time.time()


class Snapshot:
    """The catalog in force; swapped whole. An exchange keeps the one it began with."""

    def __init__(self, gateway: Gateway) -> None:
        self.current = gateway.catalog
        self.outages = gateway.outages
        self.alert_webhook = gateway.alert_webhook

    def __call__(self) -> Catalog:
        """The catalog for an exchange that begins now."""
        return self.current


def run_worker(environment: Environment, index: int) -> None:
    """Be one worker until SIGTERM, or until the supervisor at the other end of standard input is gone.

    Raises:
        GatewayInvalid, EnvironmentInvalid, Unavailable: it cannot become ready.
    """
    configure_log()
    uvloop.run(_work(environment, index))


def serve(environment: Environment, envoy_dir: Path | None) -> None:
    """Run the fleet until SIGTERM.

    Raises:
        GatewayInvalid: gateway.yaml cannot be served.
    """
    configure_log()
    uvloop.run(_serve(environment, envoy_dir))


def configure_log() -> None:
    """One JSON object a line on standard error; a value with line ends or escapes cannot break out of its line."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=True),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def open_redis_of(environment: Environment) -> contextlib.AbstractAsyncContextManager[Redis]:
    """The Redis that the environment names."""
    try:
        read_address(environment.redis_url)
    except AddressInvalid as error:
        raise EnvironmentInvalid(f"EXTPROC_REDIS_URL: {error}") from None
    return open_redis(
        environment.redis_url,
        _read_password(environment.redis_password_file, "EXTPROC_REDIS_PASSWORD_FILE"),
        sentinel_password=_read_password(
            environment.redis_sentinel_password_file, "EXTPROC_REDIS_SENTINEL_PASSWORD_FILE"
        ),
        ca_file=environment.redis_ca_file,
    )


def _read_password(file: Path | None, variable: str) -> Secret | None:
    try:
        return None if file is None else Secret(file.read_text().strip())
    except OSError as error:
        raise EnvironmentInvalid(f"{variable} cannot be read: {error.strerror}") from None


@contextlib.asynccontextmanager
async def open_key_desk(environment: Environment) -> AsyncIterator[KeyDesk]:
    """What operations on virtual keys ask of the world.

    Raises:
        EnvironmentInvalid: it names files that cannot be read.
    """
    clock = SystemClock()

    async def read_pepper() -> Secret:
        async with open_vault(environment, clock, max_stale_s=60.0, refresh_s=60.0) as vault:
            await vault.load((PEPPER,))
            return vault.credential(PEPPER)

    async with (
        open_pool(environment.postgres_dsn, most_connections=1) as pool,
        open_redis_of(environment) as redis,
    ):
        yield KeyDesk(PostgresKeys(pool), RedisInvalidations(redis), read_pepper, clock, secrets.randbelow)


@contextlib.asynccontextmanager
async def open_uses(environment: Environment) -> AsyncIterator[PostgresUses]:
    """The record of which keys use which models.

    Raises:
        Unavailable: the DSN cannot be read.
    """
    async with open_pool(environment.postgres_dsn, most_connections=1) as pool:
        yield PostgresUses(pool, limit_s=10.0)


async def read_exchanges(environment: Environment) -> dict[Outcome, int]:
    """How many exchanges ended in which way, over all workers.

    Raises:
        Unavailable: Redis did not answer in time.
    """
    async with open_redis_of(environment) as redis:
        return await RedisTally(redis).read()


async def read_health(environment: Environment) -> dict[DeploymentName, Standing]:
    """How each deployment does that was heard of lately, as all workers see it.

    Raises:
        Unavailable: Redis did not answer in time.
    """
    now_s = SystemClock().now_s()
    async with open_redis_of(environment) as redis:
        return {name: standing_of(state, now_s) for name, state in sorted((await read_states(redis)).items())}


def migrate(environment: Environment) -> tuple[str, ...]:
    """Bring the Postgres schema up to date; the files that were applied now.

    Raises:
        SchemaProblem: the database is not one this version can bring up to date.
        Unavailable: Postgres did not answer.
    """
    return asyncio.run(migrate_schema(environment.postgres_dsn))


async def _work(environment: Environment, index: int) -> None:
    published = environment.run_dir / PUBLISHED_CONFIG
    source = published if published.exists() else environment.config
    gateway = load(source)
    clock = SystemClock()
    stop = asyncio.Event()
    _stop_on_signals(stop)
    _stop_with_supervisor(stop)
    async with contextlib.AsyncExitStack() as stack:
        vault = await stack.enter_async_context(
            open_vault(environment, clock, max_stale_s=gateway.vault.max_stale_s, refresh_s=gateway.vault.refresh_s)
        )
        await vault.load(credentials_of(gateway))
        await asyncio.to_thread(load_tables, map(family_of, gateway.catalog.deployments.values()))
        pool = await stack.enter_async_context(open_pool(environment.postgres_dsn))
        redis = await stack.enter_async_context(open_redis_of(environment))
        feed = await stack.enter_async_context(open_feed(environment.postgres_dsn))
        directory = CachedDirectory(
            PostgresDirectory(pool), feed, RedisInvalidations(redis), clock, _cache_policy(gateway)
        )
        tally = RedisTally(redis)
        # A connection of its own: counting must not take one from those who look for a key.
        uses_pool = await stack.enter_async_context(open_pool(environment.postgres_dsn, most_connections=1))
        uses = UseJournal(PostgresUses(uses_pool), clock)
        snapshot = Snapshot(gateway)
        health = RedisHealth(redis, clock, snapshot, secrets.SystemRandom().random, _reread(snapshot, vault))
        meter = await stack.enter_async_context(open_metrics(os.environ, index))
        watch_deployments(meter, snapshot, vault.state, clock, index)
        money = await stack.enter_async_context(
            open_money(
                environment, redis, clock, lambda: snapshot.outages, webhook=lambda: snapshot.alert_webhook, meter=meter
            )
        )
        journal = Journals((LogJournal(), MetricsJournal(meter), tally, uses, health, money.settler))
        pepper = partial(vault.credential, PEPPER)
        guard = await stack.enter_async_context(open_guard_room(gateway, vault, clock))
        cache = await stack.enter_async_context(open_cache_room(gateway, redis, vault, clock, meter))
        limits = _limits(gateway)
        remembering = cache.desk(limits.decide_s, limits.max_response_bytes)
        desk = AdmissionDesk(snapshot, directory, vault, clock, health, pepper, money.desk, guard.desk, remembering)
        doors = Doors(desk, journal, lambda: uuid.uuid4().hex, limits, money.holds)
        socket = environment.run_dir / WORKER_SOCKET.format(index=index)
        async with asyncio.TaskGroup() as group:
            helpers = (
                group.create_task(vault.run()),
                group.create_task(tell_states(environment.run_dir, index, vault.state)),
                group.create_task(directory.run()),
                group.create_task(tally.run()),
                group.create_task(health.run()),
                group.create_task(uses.run()),
                *(group.create_task(task()) for task in money.tasks),
                group.create_task(_follow(source, gateway, snapshot, vault, guard, cache)),
                # One worker of the fleet speaks for all.
                *((group.create_task(RetirementAlarm(snapshot, clock).run()),) if index == 0 else ()),
            )
            door = JournalDoor(journal, money.ledger.flush)
            await serve_socket(doors, door, socket, stop, gateway.limits.drain_timeout_s)
            await money.close()
            for helper in helpers:
                helper.cancel()


def _reread(snapshot: Snapshot, vault: Vault) -> Callable[[DeploymentName], None]:
    """What to do when a provider did not take a deployment's credential."""

    def on_rejected(name: DeploymentName) -> None:
        deployment = snapshot().deployments.get(name)
        if deployment is not None:
            vault.rejected(credential_refs(deployment))

    return on_rejected


async def _follow(
    source: Path, gateway: Gateway, snapshot: Snapshot, vault: VaultCredentials, guard: GuardRoom, cache: CacheRoom
) -> None:
    """Take every new configuration, once its credentials and scanners are at hand; until then the old one serves."""
    log = structlog.get_logger("extproc.worker")
    watched = GatewayWatch(source, gateway)
    pending: Gateway | None = None
    told: str | None = None
    while True:
        # In a thread: a large file keeps a processor busy for long enough that requests would notice.
        change = await asyncio.to_thread(watched.poll)
        if isinstance(change, GatewayInvalid):
            log_invalid(change)
        elif change is not None:
            pending = change
        if pending is not None:
            try:
                await vault.load(credentials_of(pending))
                await guard.take(pending)
                await cache.take(pending)
            except Unavailable as trouble:
                if told != pending.catalog.version:
                    log.warning("configuration_waits", version=pending.catalog.version, reason=str(trouble))
                told = pending.catalog.version
            else:
                snapshot.current, snapshot.outages = pending.catalog, pending.outages
                snapshot.alert_webhook = pending.alert_webhook
                log.info("configuration_taken", version=pending.catalog.version)
                pending = None
        await asyncio.sleep(_WATCH_S)


async def _serve(environment: Environment, envoy_dir: Path | None) -> None:
    environment.run_dir.mkdir(parents=True, exist_ok=True)
    rollout = None if envoy_dir is None else _rollout(environment, envoy_dir)
    gateway = load(environment.config) if rollout is None else rollout.begin()
    fleet = Fleet(FleetPlan(gateway.workers, environment.run_dir, worker_command, gateway.limits.drain_timeout_s))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, fleet.stop)
    loop.add_signal_handler(signal.SIGHUP, fleet.roll)
    log = structlog.get_logger("extproc.rollout")
    async with asyncio.TaskGroup() as group:
        follower = (
            None if rollout is None else group.create_task(rollout.follow(lambda text: log.info("rollout", text=text)))
        )
        await fleet.run()
        if follower is not None:
            follower.cancel()


def _rollout(environment: Environment, envoy_dir: Path) -> Rollout:
    target = Target(envoy_dir.absolute(), environment.run_dir.absolute(), system_ca_file=find_system_ca())
    admin = Admin(environment.envoy_admin)

    def known_clusters() -> frozenset[str]:
        try:
            return frozenset(cluster.name for cluster in admin.clusters())
        except Unavailable:
            return frozenset()

    places = Places(environment.config, target, envoy_dir, environment.run_dir / PUBLISHED_CONFIG)
    return Rollout(places, known_clusters)


def _cache_policy(gateway: Gateway) -> CachePolicy:
    keys = gateway.keys
    return CachePolicy(
        most_keys=keys.max_cached,
        most_unknown=keys.max_unknown_cached,
        unknown_for_s=keys.unknown_ttl_s,
        poll_s=keys.poll_s,
    )


def _limits(gateway: Gateway) -> Limits:
    limits = gateway.limits
    return Limits(
        decide_s=max(limits.admission_timeout_s - _DECIDE_MARGIN_S, limits.admission_timeout_s / 2),
        body_s=limits.request_timeout_s + _DECIDE_MARGIN_S,
        head_s=limits.stream_idle_timeout_s,
        max_response_bytes=limits.max_response_bytes,
    )


def _stop_on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)


def _stop_with_supervisor(stop: asyncio.Event) -> None:
    """Standard input is a pipe from the supervisor: its end means that nobody would restart or stop us any more."""
    loop = asyncio.get_running_loop()

    def closed() -> None:
        loop.remove_reader(sys.stdin.fileno())
        stop.set()

    loop.add_reader(sys.stdin.fileno(), closed)
