"""A rig's worker whose health is the real one, shared over the Redis that RIG_REDIS_URL names; all else as in the rig.

Run as ``python -m tests.e2e.health_worker CONFIG SOCKET JOURNAL``.
"""

import asyncio
import os
import random
import signal
import sys
import uuid
from pathlib import Path

import uvloop

from extproc.adapters.journals import Journals
from extproc.adapters.memory import MemoryClock, MemoryVault
from extproc.adapters.redis_client import open_redis
from extproc.adapters.redis_health import RedisHealth
from extproc.bootstrap import SystemClock
from extproc.config.gateway import load
from extproc.exchange.admission import AdmissionDesk
from extproc.model.catalog import CredentialRef
from extproc.model.secret import Secret
from extproc.wire.doors import Doors, Limits
from extproc.wire.journal_door import JournalDoor
from extproc.wire.server import serve
from tests.e2e.rig_values import PEPPER, PROVIDER_KEY
from tests.e2e.rig_worker import FileJournal, known_keys

REDIS_URL = "RIG_REDIS_URL"


async def main(config: Path, socket: Path, journal_path: Path) -> None:
    gateway = load(config)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    refs = {CredentialRef(f"providers/{name}", "api_key"): Secret(PROVIDER_KEY) for name in ("main", "other")}
    async with open_redis(os.environ[REDIS_URL]) as redis, asyncio.TaskGroup() as group:
        clock = SystemClock()
        health = RedisHealth(redis, clock, lambda: gateway.catalog, random.random, lambda _: None)
        running = group.create_task(health.run())
        directory = known_keys(MemoryClock())
        desk = AdmissionDesk(lambda: gateway.catalog, directory, MemoryVault(refs), clock, health, lambda: PEPPER)
        journal = Journals((FileJournal(journal_path), health))
        doors = Doors(
            desk,
            journal,
            lambda: uuid.uuid4().hex,
            Limits(decide_s=gateway.limits.admission_timeout_s - 1, body_s=30.0),
        )
        await serve(doors, JournalDoor(journal), socket, stop, gateway.limits.drain_timeout_s)
        running.cancel()


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])))
