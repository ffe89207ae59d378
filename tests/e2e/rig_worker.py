"""A worker for tests: the real doors, with everything behind them in memory, and doors that misbehave when told to.

Run as ``python -m tests.e2e.rig_worker CONFIG SOCKET JOURNAL``. Admission obeys the request header ``x-test-fault``;
delivery obeys the model's name, the only thing it knows of a request that a client can choose.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
import uuid
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import uvloop

from extproc.adapters.memory import MemoryClock, MemoryHealth, MemoryKeys, MemoryVault
from extproc.adapters.memory_guard import MemoryRuleRunner
from extproc.bootstrap_guard_scanners import open_scanner
from extproc.config.gateway import load
from extproc.config.watch import GatewayWatch
from extproc.exchange.admission import Admission, AdmissionDesk
from extproc.exchange.delivery import Delivery
from extproc.exchange.events import AdmissionAction, AdmissionEvent, DeliveryAction, DeliveryEvent, Go, RequestHead
from extproc.model.catalog import CredentialRef
from extproc.model.exchange import AttemptRecord, DeliveryRecord, ExchangeRecord
from extproc.model.identity import VirtualKey
from extproc.model.ids import KeyId, OrganisationId, ProjectId, TeamId
from extproc.model.secret import Secret
from extproc.model.token import digest_token
from extproc.policy.guard import GuardDesk
from extproc.wire import doors as doors_module
from extproc.wire.doors import Doors, Limits, Line
from extproc.wire.gen.gateway.v1.ext_proc_pb2 import ProcessingRequest
from extproc.wire.journal_door import JournalDoor
from extproc.wire.server import serve
from tests.e2e.rig_values import AWS_KEY_ID, AWS_SECRET, CANARIES, OTHERS, PEPPER, PROVIDER_KEY, TOKEN, canary

_WATCH_S = 0.1


class FileJournal:
    """One JSON line for each record, which the test reads."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", buffering=1)

    def attempted(self, record: AttemptRecord) -> None:
        self._write("attempt", asdict(record))

    def delivered(self, record: DeliveryRecord) -> None:
        self._write("delivery", asdict(record))

    def finished(self, record: ExchangeRecord) -> None:
        self._write("exchange", asdict(record))

    def _write(self, kind: str, fields: dict[str, object]) -> None:
        self._file.write(json.dumps({"kind": kind, **fields}, default=str) + "\n")


class FaultyDoors(Doors):
    """Doors with a fault in them: what a bug would do, so that it is seen how it fails."""

    async def _admit(self, line: Line) -> None:
        message = await line.read()
        assert message is not None
        headers = {h.key: h.raw_value.decode("latin-1") for h in message.request_headers.headers.headers}
        match headers.get("x-test-fault"):
            case "return-clean":
                # Past our own wrapper: what is left is Envoy's side of failing closed.
                line.is_complete = True
                return
            case "return":
                return
            case "raise":
                raise RuntimeError("a bug")
            case "hang":
                await asyncio.Event().wait()
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
        await super()._admit(_Replayed(line, message))

    async def _pump(self, line: Line, delivery: Delivery, event: DeliveryEvent, watch: Any) -> None:
        match delivery.record.context.model.partition("fault-")[2]:
            case "return":
                return
            case "raise":
                raise RuntimeError("a bug")
            case "hang":
                await asyncio.Event().wait()
            case "return-late" | "raise-late" | "hang-late" | "kill-late" as fault:
                await super()._pump(line, _FaultyDelivery(delivery, fault), event, watch)
                return
        await super()._pump(line, delivery, event, watch)


class _FaultyDelivery:
    """Goes wrong once the first bytes were released."""

    def __init__(self, delivery: Delivery, fault: str) -> None:
        self._delivery = delivery
        self._fault = fault

    def __getattr__(self, name: str) -> Any:
        if self._fault == "return-late" and name in {"is_over", "is_done"} and self._delivery.is_flowing:
            return True
        return getattr(self._delivery, name)

    async def handle(self, event: DeliveryEvent) -> list[DeliveryAction]:
        if self._delivery.is_flowing:
            if self._fault == "raise-late":
                raise RuntimeError("a bug")
            if self._fault == "kill-late":
                os.kill(os.getpid(), signal.SIGKILL)
            if self._fault == "hang-late":
                signal.pause()
        return await self._delivery.handle(event)


class _Replayed:
    """A line whose first message was already taken."""

    def __init__(self, line: Line, first: ProcessingRequest) -> None:
        self._line = line
        self._first: ProcessingRequest | None = first

    async def read(self) -> ProcessingRequest | None:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        return await self._line.read()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._line, name)


class PaddedAdmission(Admission):
    """Adds a megabyte to the plan's metadata when the request asks for it."""

    __slots__ = ("_pad",)

    async def handle(self, event: AdmissionEvent) -> AdmissionAction:
        if isinstance(event, RequestHead):
            self._pad = int(dict(event.headers).get("x-test-padding", "0"))
        action = await super().handle(event)
        if self._pad and isinstance(action, Go):
            padded = replace(action.context, catalog_version="x" * self._pad)
            return replace(action, context=padded)
        return action


class RigVault(MemoryVault):
    """Has a canary for whoever asks below its path."""

    def credential(self, ref: CredentialRef) -> Secret:
        if ref.path.startswith(CANARIES) and not ref.is_optional:
            return Secret(canary(ref.path, ref.field))
        return super().credential(ref)


async def follow(watched: GatewayWatch) -> None:
    """Take every new gateway.yaml."""
    while True:
        watched.poll()
        await asyncio.sleep(_WATCH_S)


def known_keys(clock: MemoryClock) -> MemoryKeys:
    keys = MemoryKeys(clock)
    key = VirtualKey(
        id=KeyId("key_e2e"),
        organisation=OrganisationId("acme"),
        team=TeamId("cards"),
        project=ProjectId("chatbot"),
        environment="test",
        owner="a@acme.example",
        allowed_models=None,
        tags=(),
        created_at_s=0.0,
        expires_at_s=None,
        revoked_at_s=None,
        hint="gk_acme_…e2e",
    )
    keys.put(key, digest_token(Secret(TOKEN), PEPPER))
    for name, token in OTHERS.items():
        other = replace(key, id=KeyId(f"key_{name}"), organisation=OrganisationId(name))
        keys.put(other, digest_token(Secret(token), PEPPER))
    return keys


async def main(config: Path, socket: Path, journal_path: Path) -> None:
    gateway = load(config)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    clock = MemoryClock()
    refs = {CredentialRef("providers/main", "api_key"): Secret(PROVIDER_KEY)}
    refs[CredentialRef("providers/other", "api_key")] = Secret("sk-other-provider")
    refs[CredentialRef("providers/aws", "access_key_id")] = Secret(AWS_KEY_ID)
    refs[CredentialRef("providers/aws", "secret_access_key")] = Secret(AWS_SECRET)
    watched = GatewayWatch(config, gateway)
    vault, stack = RigVault(refs), contextlib.AsyncExitStack()
    # Those of the first configuration: no test declares another while it runs.
    scanners = {
        name: await stack.enter_async_context(open_scanner(name, settings, vault, clock))
        for name, settings in gateway.scanners.items()
    }
    guard = GuardDesk(lambda: watched.current.guard, MemoryRuleRunner(), lambda: scanners)
    desk = AdmissionDesk(
        lambda: watched.current.catalog,
        known_keys(clock),
        vault,
        clock,
        MemoryHealth(),
        lambda: PEPPER,
        guard=guard,
    )
    journal = FileJournal(journal_path)
    limits = Limits(
        decide_s=gateway.limits.admission_timeout_s - 1,
        body_s=30.0,
        max_response_bytes=gateway.limits.max_response_bytes,
    )
    doors_module.Admission = PaddedAdmission  # type: ignore[misc]
    doors = FaultyDoors(desk, journal, lambda: uuid.uuid4().hex, limits)
    following = asyncio.create_task(follow(watched))
    await serve(doors, JournalDoor(journal), socket, stop, gateway.limits.drain_timeout_s)
    following.cancel()
    await stack.aclose()


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])))
