"""A rig's worker whose limits and ledger are the real ones, on the Redis and Postgres that the environment names.

Run as ``python -m tests.e2e.money_worker CONFIG SOCKET JOURNAL``.
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
from extproc.bootstrap_metrics import open_metrics
from extproc.bootstrap_money import open_money
from extproc.config.environment import Environment
from extproc.config.gateway import load
from extproc.exchange.admission import AdmissionDesk
from extproc.model.catalog import CredentialRef
from extproc.model.secret import Secret
from extproc.policy.guard import GuardDesk
from extproc.wire.doors import Doors, Limits
from extproc.wire.journal_door import JournalDoor
from extproc.wire.server import serve
from tests.e2e.rig_values import PEPPER, PROVIDER_KEY
from tests.e2e.rig_worker import FileJournal, known_keys

REDIS_URL, POSTGRES_DSN = "RIG_REDIS_URL", "RIG_POSTGRES_DSN"


async def main(config: Path, socket: Path, journal_path: Path) -> None:
    gateway = load(config)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    refs = {CredentialRef(f"providers/{name}", "api_key"): Secret(PROVIDER_KEY) for name in ("main", "other")}
    clock = SystemClock()
    environment = Environment(postgres_dsn=os.environ[POSTGRES_DSN], spool_dir=socket.with_suffix(".spool"))
    async with (
        open_redis(os.environ[REDIS_URL]) as redis,
        open_metrics(os.environ, 0) as meter,
        open_money(
            environment,
            redis,
            clock,
            lambda: gateway.outages,
            webhook=lambda: gateway.alert_webhook,
            meter=meter,
            grace_s=1.0,
        ) as money,
        asyncio.TaskGroup() as group,
    ):
        running = [group.create_task(task()) for task in money.tasks]
        desk = AdmissionDesk(
            lambda: gateway.catalog,
            known_keys(MemoryClock()),
            MemoryVault(refs),
            clock,
            MemoryHealth(),
            lambda: PEPPER,
            money.desk,
            GuardDesk(lambda: gateway.guard, MemoryRuleRunner(), dict),
        )
        journal = Journals((FileJournal(journal_path), MetricsJournal(meter), money.settler))
        limits = Limits(decide_s=gateway.limits.admission_timeout_s - 1, body_s=30.0)
        doors = Doors(desk, journal, lambda: uuid.uuid4().hex, limits, money.holds)
        await serve(doors, JournalDoor(journal, money.ledger.flush), socket, stop, gateway.limits.drain_timeout_s)
        await money.close()
        for task in running:
            task.cancel()


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])))
