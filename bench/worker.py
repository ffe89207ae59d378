"""A worker for the bench: the real doors and the real log, with keys and credentials in memory.

``python -m bench.worker CONFIG SOCKET``. Without Postgres, Redis and the vault: a worker asks none of them about a key
and a credential it remembers, and that is the case that is measured.
"""

import asyncio
import random
import signal
import sys
import uuid
from pathlib import Path

import uvloop

from extproc.adapters.log_journal import LogJournal
from extproc.adapters.memory import MemoryClock, MemoryHealth, MemoryKeys, MemoryVault
from extproc.bootstrap import configure_log
from extproc.config.gateway import load
from extproc.exchange.admission import AdmissionDesk
from extproc.model.catalog import CredentialRef
from extproc.model.identity import VirtualKey
from extproc.model.ids import KeyId, OrganisationId, ProjectId, TeamId
from extproc.model.secret import Secret
from extproc.model.token import digest_token, mint_token
from extproc.wire.doors import Doors, Limits
from extproc.wire.journal_door import JournalDoor
from extproc.wire.server import serve

TOKEN = mint_token(OrganisationId("bench"), random.Random(7).randrange).reveal()  # noqa: S311 - a key of nobody's
CREDENTIAL = CredentialRef("providers/bench", "api_key")
_PEPPER = Secret("bench")


def known_keys() -> MemoryKeys:
    """A directory with the one key."""
    keys = MemoryKeys()
    key = VirtualKey(
        id=KeyId("key_bench"),
        organisation=OrganisationId("bench"),
        team=TeamId("bench"),
        project=ProjectId("bench"),
        environment="bench",
        owner="bench",
        allowed_models=None,
        tags=(),
        created_at_s=0.0,
        expires_at_s=None,
        revoked_at_s=None,
        hint="gk_bench_…",
    )
    keys.put(key, digest_token(Secret(TOKEN), _PEPPER))
    return keys


async def main(config: Path, socket: Path) -> None:
    """Serve until SIGTERM."""
    configure_log()
    gateway = load(config)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    vault = MemoryVault({CREDENTIAL: Secret("sk-bench")})
    desk = AdmissionDesk(lambda: gateway.catalog, known_keys(), vault, MemoryClock(), MemoryHealth(), lambda: _PEPPER)
    journal = LogJournal()
    limits = Limits(max_response_bytes=gateway.limits.max_response_bytes)
    doors = Doors(desk, journal, lambda: uuid.uuid4().hex, limits)
    await serve(doors, JournalDoor(journal), socket, stop, gateway.limits.drain_timeout_s)


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
