"""The part of the composition root for the firewall: what it is made of, and how that changes with the configuration.

A configuration is taken once everything it names is open; until then the one before serves. What is no longer named is
kept for one more configuration, because an exchange may still be asking it. The processes for rules begin with the
first policy that there is: who judges nothing pays for nothing.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import structlog

from extproc.adapters.rule_pool import RulePool, open_rule_pool
from extproc.bootstrap_guard_scanners import open_scanner
from extproc.config.gateway import Gateway
from extproc.model.guard import Direction, Leaf, Scanned
from extproc.model.guard_policy import NO_GUARD, GuardPolicies, RuleSpec
from extproc.model.guard_scanners import ScannerSettings
from extproc.model.refusals import Unavailable
from extproc.policy.guard import GuardDesk
from extproc.policy.guard_ports import Scanner
from extproc.policy.ports import Clock, Vault

_OPEN_S = 60.0
"""A classifier of a gigabyte takes its time."""
_Named = tuple[str, ScannerSettings]


@dataclass(slots=True)
class _Open:
    """A scanner held open by a task of its own, so that whoever opened it need not be who closes it."""

    scanner: Scanner
    end: asyncio.Event


@dataclass(slots=True)
class GuardRoom:
    """The firewall of one worker, and its ``RuleRunner``. ``open_guard_room`` makes one."""

    stack: contextlib.AsyncExitStack
    group: asyncio.TaskGroup
    vault: Vault
    clock: Clock
    policies: GuardPolicies = field(default_factory=GuardPolicies)
    _rules: RulePool | None = None
    _open: dict[_Named, _Open] = field(default_factory=dict)
    _named: frozenset[_Named] = frozenset()
    _scanners: Mapping[str, Scanner] = field(default_factory=dict)

    @property
    def desk(self) -> GuardDesk:
        """What judging asks; it follows every change."""
        return GuardDesk(lambda: self.policies, self, lambda: self._scanners)

    async def take(self, gateway: Gateway) -> None:
        """Judge by this configuration from now on.

        Raises:
            Unavailable: a scanner cannot be opened, or the processes for rules do not start; all stays as it was.
        """
        if self._rules is None and _judges(gateway.guard):
            self._rules = await self.stack.enter_async_context(open_rule_pool())
        named = frozenset(gateway.scanners.items())
        for name, settings in sorted(named - self._open.keys(), key=lambda each: each[0]):
            self._open[name, settings] = await self._begin(name, settings)
        self._scanners = {name: self._open[name, settings].scanner for name, settings in named}
        self.policies = gateway.guard
        for gone in self._open.keys() - named - self._named:
            self._open.pop(gone).end.set()
        self._named = named

    async def run(
        self, organisation: str, specs: tuple[RuleSpec, ...], leaves: tuple[Leaf, ...], direction: Direction
    ) -> tuple[Scanned, ...]:
        """See ``RuleRunner``."""
        if self._rules is None:
            raise Unavailable("guard", "nothing is open")
        return await self._rules.run(organisation, specs, leaves, direction)

    def close(self) -> None:
        """Let go of every scanner."""
        for each in self._open.values():
            each.end.set()
        self._open.clear()

    async def _begin(self, name: str, settings: ScannerSettings) -> _Open:
        end = asyncio.Event()
        ready: asyncio.Future[Scanner] = asyncio.get_running_loop().create_future()
        self.group.create_task(self._hold(name, settings, ready, end))
        try:
            async with asyncio.timeout(_OPEN_S):
                return _Open(await ready, end)
        except TimeoutError:
            end.set()
            raise Unavailable(name, "the scanner does not open") from None

    async def _hold(
        self, name: str, settings: ScannerSettings, ready: "asyncio.Future[Scanner]", end: asyncio.Event
    ) -> None:
        try:
            async with open_scanner(name, settings, self.vault, self.clock) as scanner:
                if not ready.done():
                    ready.set_result(scanner)
                await end.wait()
        except (ValueError, OSError) as problem:
            if ready.done():
                raise
            structlog.get_logger("extproc.guard").error("scanner_not_open", scanner=name, reason=str(problem))
            ready.set_exception(Unavailable(name, "the scanner cannot be opened"))


@contextlib.asynccontextmanager
async def open_guard_room(gateway: Gateway, vault: Vault, clock: Clock) -> AsyncIterator[GuardRoom]:
    """The firewall of one worker, ready.

    Raises:
        Unavailable: processes for its rules do not start, or a scanner cannot be opened.
    """
    async with contextlib.AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        room = GuardRoom(stack, group, vault, clock)
        try:
            await room.take(gateway)
            yield room
        finally:
            room.close()


def _judges(guard: GuardPolicies) -> bool:
    return any(each is not NO_GUARD for each in guard.all)
