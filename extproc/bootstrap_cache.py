"""The part of the composition root for the semantic cache: what it is made of, and how that follows the configuration.

Memory and embedder are opened by the first policy that wants them: who remembers nothing pays for nothing. Neither
holds up a configuration, nor a worker's start: until one is open, and where it cannot be opened, everything is a miss.
An embedder that is replaced is let go a little later, because a lookup may still be asking it.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass, field

import structlog
from redis.asyncio import Redis

from extproc.adapters.cache_writer import CacheWriter
from extproc.bootstrap_cache_parts import open_embedder
from extproc.config.gateway import Gateway
from extproc.exchange.remembering import Lookup, RememberDesk
from extproc.model.cache import NO_CACHE, CachePolicy
from extproc.model.cache_embedders import EmbedderSettings as OpenSettings
from extproc.model.cache_embedders import EndpointSettings, LocalSettings, MiniLmSettings, SentenceSettings
from extproc.model.embedders import BuiltInModel, EmbedderSettings, EndpointModel, LocalModel, SentenceTransformersModel
from extproc.model.metrics import CACHE_DROPPED, CACHE_LOOKUPS
from extproc.model.refusals import Unavailable
from extproc.model.tenancy import PerTenant
from extproc.policy.cache_ports import Embedder, Memory
from extproc.policy.meter_port import Meter
from extproc.policy.ports import Clock, Vault
from extproc.policy.recall import RecallDesk, refuse

_SHARE = 0.6
"""Of admission's time, within which the cache must be done."""
_LET_GO_S = 5.0


@dataclass(slots=True)
class CacheRoom:
    """The cache of one worker. ``open_cache_room`` makes one."""

    stack: contextlib.AsyncExitStack
    group: asyncio.TaskGroup
    redis: Redis
    vault: Vault
    clock: Clock
    meter: Meter
    policies: PerTenant[CachePolicy] = field(default_factory=lambda: PerTenant(NO_CACHE))
    memory: Memory | None = None
    _embedder: Embedder | None = None
    _wanted: EmbedderSettings | None = None
    _end: asyncio.Event = field(default_factory=asyncio.Event)
    _recalling: RecallDesk | None = None
    _writer: CacheWriter | None = None
    _running: set[asyncio.Task[None]] = field(default_factory=set)
    _bugs: set[str] = field(default_factory=set)

    def desk(self, admission_s: float, max_response_bytes: int) -> RememberDesk:
        """What admission and delivery ask; it follows every change.

        Args:
            admission_s: what admission has for one message.
            max_response_bytes: as for any answer.
        """
        if self._writer is None:
            self._writer = CacheWriter(lambda: self._recalling, self.clock)
            self._start(self._writer.run())
            self.meter.watch(CACHE_DROPPED, self._dropped)
        return RememberDesk(
            lambda: self.policies,
            lambda: self._recalling,
            self._writer,
            admission_s * _SHARE,
            max_response_bytes,
            self._note,
            self._failed,
        )

    async def take(self, gateway: Gateway) -> None:
        """Remember by this configuration from now on. Never fails: what cannot be opened is a miss."""
        policies = gateway.cache.all
        if self.memory is None and any(each.is_exact or each.is_semantic for each in policies):
            # NumPy and FAISS, which nobody pays for who remembers nothing.
            from extproc.adapters.redis_cache import open_redis_cache  # noqa: PLC0415

            self.memory = await self.stack.enter_async_context(open_redis_cache(self.redis, self.clock))
        wanted = gateway.embedder if any(each.is_semantic for each in policies) else None
        if wanted != self._wanted:
            self._wanted, self._embedder = wanted, None
            self._end.set()
            self._end = asyncio.Event()
            if wanted is not None:
                self._start(self._hold(wanted, self._end))
        self._renew()
        self.policies = gateway.cache

    def close(self) -> None:
        """End what runs; answers that wait to be remembered have a moment more."""
        for task in self._running:
            task.cancel()

    def _start(self, work: Coroutine[object, object, None]) -> None:
        task = self.group.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _hold(self, settings: EmbedderSettings, end: asyncio.Event) -> None:
        try:
            async with open_embedder(_opened(settings), self.vault) as embedder:
                if not end.is_set():
                    self._embedder = embedder
                    self._renew()
                    structlog.get_logger("extproc.cache").info("embedder_open", embedder=embedder.name)
                await end.wait()
                await asyncio.sleep(0 if self._wanted is None else _LET_GO_S)
        except (ValueError, OSError, ImportError, Unavailable) as problem:
            structlog.get_logger("extproc.cache").error("embedder_not_open", reason=str(problem))

    def _renew(self) -> None:
        if self.memory is None:
            return
        self._recalling = RecallDesk(self.memory, self._embedder, refuse)

    def _note(self, lookup: Lookup) -> None:
        self.meter.add(CACHE_LOOKUPS, tier=lookup.tier, result=lookup.result)

    def _dropped(self) -> list[tuple[float, dict[str, str]]]:
        return [(float(0 if self._writer is None else self._writer.dropped), {})]

    def _failed(self, error: Exception) -> None:
        """Log a bug where it is first met: the next thousand requests would say the same."""
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        at = f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}" if trace else ""
        name = f"{type(error).__name__} {at}"
        if name not in self._bugs:
            self._bugs.add(name)
            structlog.get_logger("extproc.cache").error("cache_failed", error=type(error).__name__, at=at)


@contextlib.asynccontextmanager
async def open_cache_room(
    gateway: Gateway, redis: Redis, vault: Vault, clock: Clock, meter: Meter
) -> AsyncIterator[CacheRoom]:
    """The cache of one worker. It may still be opening what it is made of."""
    async with contextlib.AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        room = CacheRoom(stack, group, redis, vault, clock, meter)
        try:
            await room.take(gateway)
            yield room
        finally:
            room.close()


def _opened(settings: EmbedderSettings) -> OpenSettings:
    match settings:
        case BuiltInModel():
            return MiniLmSettings()
        case LocalModel(directory, threshold):
            return LocalSettings(directory, threshold=threshold)
        case EndpointModel(url, model, dimensions, threshold, credential):
            return EndpointSettings(url, model, dimensions, threshold, credential=credential)
        case SentenceTransformersModel(directory, threshold):
            return SentenceSettings(directory, threshold)
