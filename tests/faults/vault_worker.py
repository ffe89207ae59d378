"""A worker of the rig whose credentials come from the real vault that ``EXTPROC_VAULT_…`` names.

Run as ``python -m tests.faults.vault_worker CONFIG SOCKET JOURNAL``. Vault, its upkeep and what it says are composed as
``bootstrap`` does; keys and health are the rig's, in memory.
"""

import asyncio
import os
import signal
import sys
import uuid
from pathlib import Path

import uvloop

from extproc.adapters.memory import MemoryClock, MemoryHealth
from extproc.bootstrap import SystemClock, configure_log
from extproc.bootstrap_vault import credentials_of, open_vault
from extproc.config.environment import read_environment
from extproc.config.gateway import load
from extproc.exchange.admission import AdmissionDesk
from extproc.operations.vault_state import tell_states
from extproc.wire.doors import Doors, Limits
from extproc.wire.journal_door import JournalDoor
from extproc.wire.server import serve
from tests.e2e.rig_values import PEPPER
from tests.e2e.rig_worker import FileJournal, known_keys


async def main(config: Path, socket: Path, journal_path: Path) -> None:
    gateway = load(config)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    clock, policy = MemoryClock(), gateway.vault
    async with open_vault(
        read_environment(os.environ), SystemClock(), max_stale_s=policy.max_stale_s, refresh_s=policy.refresh_s
    ) as vault:
        await vault.load(credentials_of(gateway))
        helpers = (
            asyncio.create_task(vault.run()),
            asyncio.create_task(tell_states(config.parent, int(socket.stem.rpartition("-")[2]), vault.state)),
        )
        desk = AdmissionDesk(lambda: gateway.catalog, known_keys(clock), vault, clock, MemoryHealth(), lambda: PEPPER)
        journal = FileJournal(journal_path)
        limits = Limits(
            decide_s=gateway.limits.admission_timeout_s - 1,
            body_s=30.0,
            max_response_bytes=gateway.limits.max_response_bytes,
        )
        doors = Doors(desk, journal, lambda: uuid.uuid4().hex, limits)
        await serve(doors, JournalDoor(journal), socket, stop, gateway.limits.drain_timeout_s)
        for helper in helpers:
            helper.cancel()
        await asyncio.gather(*helpers, return_exceptions=True)


if __name__ == "__main__":
    configure_log()
    uvloop.run(main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])))
