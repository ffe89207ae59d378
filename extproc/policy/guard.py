"""What is done about what scanners find: each check of a policy gives one Verdict, together they give one decision.

    leaves → judge(…) → Judgement: pass, pass with redactions, or no

Built-in rules go first, all at once; scanners that are models or services are asked only about what the rules let pass,
all at the same time. A scanner that gives no answer is never taken for one that found nothing: its check says whether
that closes or opens, and the verdict says which. Read next: ``guard_ports``, ``exchange.guarding``.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter_ns

from extproc.model.guard import Direction, Finding, Leaf, Result, Scanned, Verdict
from extproc.model.guard_policy import Action, Check, GuardPolicies, OnFailure
from extproc.model.refusals import Unavailable
from extproc.policy.guard_ports import RuleRunner, ScanAsked, Scanner

MOST_RECORDED = 16
"""Findings that a verdict names; it counts the others."""


@dataclass(frozen=True, slots=True)
class GuardDesk:
    """What the firewall asks of the world. One for each worker."""

    policies: Callable[[], GuardPolicies]
    rules: RuleRunner
    scanners: Callable[[], Mapping[str, Scanner]]
    """Those that are not built in, by the name that ``gateway.yaml`` gives them."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose text is judged, in which exchange, by which version of the policy."""

    organisation: str
    exchange: str
    policy: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """What all checks of one direction came to."""

    verdicts: tuple[Verdict, ...] = ()
    redact: tuple[Finding, ...] = ()
    """What must not go on as it is."""

    @property
    def no(self) -> Verdict | None:
        """The first verdict that ends the exchange; None: it goes on."""
        return next((each for each in self.verdicts if each.result in {Result.BLOCKED, Result.FAILED_CLOSED}), None)


Found = Mapping[Check, Scanned | Unavailable | None]
"""What each check's scanner said; Unavailable: nothing in time; None: it was not asked."""


async def judge(
    desk: GuardDesk, checks: Sequence[Check], leaves: tuple[Leaf, ...], direction: Direction, subject: Subject
) -> Judgement:
    """Ask every check once, in the order of the policy within rules and within the others."""
    found = await find(desk, checks, leaves, direction, subject)
    return conclude(checks, found, direction, subject.policy)


async def find(
    desk: GuardDesk, checks: Sequence[Check], leaves: tuple[Leaf, ...], direction: Direction, subject: Subject
) -> Found:
    """What the scanners say, for whoever reads a text in pieces and concludes at its end."""
    rules = tuple(check for check in checks if check.is_builtin)
    others = tuple(check for check in checks if not check.is_builtin)
    found: dict[Check, Scanned | Unavailable | None] = {}
    if rules:
        found.update(zip(rules, await _run_rules(desk, rules, leaves, direction, subject), strict=True))
    if any(ends(check, found[check]) for check in rules):
        found.update(dict.fromkeys(others))
    elif others:
        asked = (_ask(desk, check, leaves, direction, subject) for check in others)
        found.update(zip(others, await asyncio.gather(*asked), strict=True))
    return found


def conclude(
    checks: Sequence[Check],
    found: Found,
    direction: Direction,
    policy: str,
    is_fixed: Callable[[Finding], bool] = lambda _: False,
) -> Judgement:
    """One verdict for each check, by the policy of this version.

    ``is_fixed`` says of a finding that it cannot be redacted where it is: whoever wants that has it blocked.
    """
    verdicts = tuple(
        _barred(check, _verdict(check, found[check], direction, policy), counted(check, found[check]), is_fixed)
        for check in checks
    )
    redact = tuple(
        finding for check in checks if check.action is Action.REDACT for finding in counted(check, found[check])
    )
    return Judgement(verdicts, redact)


async def _run_rules(
    desk: GuardDesk, rules: tuple[Check, ...], leaves: tuple[Leaf, ...], direction: Direction, subject: Subject
) -> Sequence[Scanned | Unavailable]:
    specs = tuple(check.spec for check in rules)
    try:
        async with asyncio.timeout(max(check.limit_s for check in rules)):
            return await desk.rules.run(subject.organisation, specs, leaves, direction)
    except Unavailable as trouble:
        return [trouble] * len(rules)
    except TimeoutError:
        return [Unavailable("guard", "not in time")] * len(rules)


async def _ask(
    desk: GuardDesk, check: Check, leaves: tuple[Leaf, ...], direction: Direction, subject: Subject
) -> Scanned | Unavailable:
    try:
        scanner = desk.scanners()[check.scanner]
    except KeyError:
        return Unavailable(check.scanner, "not open")
    asked = ScanAsked(subject.organisation, subject.exchange, direction, leaves, check.options, check.limit_s)
    began_ns = perf_counter_ns()
    try:
        async with asyncio.timeout(check.limit_s):
            found = await scanner.scan(asked)
    except Unavailable as trouble:
        return trouble
    except TimeoutError:
        return Unavailable(check.scanner, "not in time")
    return Scanned(tuple(found), (perf_counter_ns() - began_ns) // 1000)


def counted(check: Check, found: Scanned | Unavailable | None) -> tuple[Finding, ...]:
    """The findings that reach the check's threshold."""
    if not isinstance(found, Scanned):
        return ()
    return tuple(each for each in found.findings if each.score >= check.threshold)


def ends(check: Check, found: Scanned | Unavailable | None) -> bool:
    """Whether this ends the exchange."""
    if isinstance(found, Unavailable):
        return check.on_failure is OnFailure.CLOSED
    return check.action is Action.BLOCK and bool(counted(check, found))


def _verdict(check: Check, found: Scanned | Unavailable | None, direction: Direction, policy: str) -> Verdict:
    if found is None:
        return Verdict(check.scanner, direction, Result.NOT_RUN, policy, 0)
    if isinstance(found, Unavailable):
        is_open = check.on_failure is OnFailure.OPEN
        return Verdict(check.scanner, direction, Result.FAILED_OPEN if is_open else Result.FAILED_CLOSED, policy, 0)
    seen = counted(check, found)
    result = _RESULTS[check.action] if seen else Result.CLEAN
    return Verdict(check.scanner, direction, result, policy, found.latency_us, seen[:MOST_RECORDED], len(seen))


def _barred(check: Check, verdict: Verdict, seen: Sequence[Finding], is_fixed: Callable[[Finding], bool]) -> Verdict:
    """The verdict; blocked where something would have to be taken out that cannot be."""
    first = next(filter(is_fixed, seen), None) if check.action is Action.REDACT else None
    if first is None:
        return verdict
    findings = (first, *(each for each in verdict.findings if each is not first))[:MOST_RECORDED]
    return replace(verdict, result=Result.BLOCKED, findings=findings)


_RESULTS = {Action.BLOCK: Result.BLOCKED, Action.REDACT: Result.REDACTED, Action.FLAG: Result.FLAGGED}
