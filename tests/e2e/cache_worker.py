"""A rig's worker that remembers answers, in the Redis that the environment names, with the real embedder where asked.

Run as ``python -m tests.e2e.cache_worker CONFIG SOCKET JOURNAL``. Limits and ledger are the real ones too.
"""

import asyncio
import os
import signal
import sys
import uuid
from pathlib import Path

import uvloop

from extproc.adapters.journals import Journals
from extproc.adapters.memory import MemoryClock, MemoryHealth, MemoryVault
from extproc.adapters.memory_guard import MemoryRuleRunner
from extproc.adapters.metered import MetricsJournal
from extproc.adapters.redis_client import open_redis
from extproc.bootstrap import SystemClock
from extproc.bootstrap_cache import CacheRoom, open_cache_room
from extproc.bootstrap_metrics import open_metrics
from extproc.bootstrap_money import open_money
from extproc.config.environment import Environment
from extproc.config.gateway import Gateway, load
from extproc.config.watch import GatewayWatch
from extproc.exchange.admission import AdmissionDesk
from extproc.model.catalog import CredentialRef
from extproc.model.secret import Secret
from extproc.policy.guard import GuardDesk
from extproc.wire.doors import Doors, Limits
from extproc.wire.journal_door import JournalDoor
from extproc.wire.server import serve
from tests.e2e.money_worker import POSTGRES_DSN, REDIS_URL
from tests.e2e.rig_values import PEPPER, PROVIDER_KEY
from tests.e2e.rig_worker import FileJournal, known_keys

CACHE_URL = "RIG_CACHE_URL"
"""Of the Redis that answers are remembered in; the limits' where nothing is said."""


async def main(config: Path, socket: Path, journal_path: Path) -> None:
    watched = GatewayWatch(config, load(config))
    gateway = watched.current
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    refs = {CredentialRef(f"providers/{name}", "api_key"): Secret(PROVIDER_KEY) for name in ("main", "other")}
    clock = SystemClock()
    vault = MemoryVault(refs)
    environment = Environment(postgres_dsn=os.environ[POSTGRES_DSN], spool_dir=socket.with_suffix(".spool"))
    async with (
        open_redis(os.environ[REDIS_URL]) as redis,
        open_redis(os.environ.get(CACHE_URL, os.environ[REDIS_URL])) as cache_redis,
        open_metrics(os.environ, 0) as meter,
        open_money(environment, redis, clock, lambda: watched.current.outages, meter=meter, grace_s=1.0) as money,
        open_cache_room(gateway, cache_redis, vault, clock, meter) as room,
        asyncio.TaskGroup() as group,
    ):
        running = [group.create_task(task()) for task in money.tasks]
        running.append(group.create_task(follow(watched, room, gateway)))
        limits = Limits(decide_s=gateway.limits.admission_timeout_s - 1, body_s=30.0)
        desk = AdmissionDesk(
            lambda: watched.current.catalog,
            known_keys(MemoryClock()),
            vault,
            clock,
            MemoryHealth(),
            lambda: PEPPER,
            money.desk,
            GuardDesk(lambda: watched.current.guard, MemoryRuleRunner(), dict),
            room.desk(limits.decide_s, limits.max_response_bytes),
        )
        journal = Journals((FileJournal(journal_path), MetricsJournal(meter), money.settler))
        doors = Doors(desk, journal, lambda: uuid.uuid4().hex, limits, money.holds)
        await serve(doors, JournalDoor(journal, money.ledger.flush), socket, stop, gateway.limits.drain_timeout_s)
        await money.close()
        for task in running:
            task.cancel()


async def follow(watched: GatewayWatch, room: CacheRoom, taken: Gateway) -> None:
    """Take every new gateway.yaml, as a worker does."""
    while True:
        watched.poll()
        if watched.current is not taken:
            taken = watched.current
            await room.take(taken)
        await asyncio.sleep(0.05)


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])))
