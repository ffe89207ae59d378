"""Judges a request before anything of it is sent, and makes of it what may be sent.

    request ──leaves──> judge ──no──> Refusal           ──> redact ──> spotlight ──> canary ──> Guarded

``Guarded`` is the receipt without which nothing is planned. What only delivery may know (the values behind
placeholders, the canary, the schema that was asked for) is in its ``secrets``. Read next: ``output_guard`` for the way
back.
"""

import hmac
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from extproc.guard.canary import canary_for, weave_canary
from extproc.guard.echoes import without_echoes
from extproc.guard.fixed import is_fixed
from extproc.guard.joining import split
from extproc.guard.leaves import request_leaves, with_edits
from extproc.guard.naming import named
from extproc.guard.redaction import Redactor
from extproc.guard.schema import wanted_of
from extproc.guard.spotlight import weave
from extproc.model.catalog import Operation
from extproc.model.chat import Json, ModelRequest
from extproc.model.guard import NO_SECRETS, Direction, Edit, Finding, GuardSecrets, Leaf, Place, Result, Trust, Verdict
from extproc.model.guard_policy import NO_GUARD, GuardPolicy
from extproc.model.identity import VirtualKey
from extproc.model.refusals import CONTENT_BLOCKED, SCANNER_UNAVAILABLE, Refusal
from extproc.model.secret import Secret
from extproc.policy.guard import GuardDesk, Subject, conclude, find

MOST_CONTEXT_CHARS = 64 * 1024
"""Of the context that an answer is held against; what is beyond is not carried."""


@dataclass(frozen=True, slots=True)
class Guarded:
    """A request that was judged, as it may be sent. Only ``guard_request`` makes one."""

    request: ModelRequest
    verdicts: tuple[Verdict, ...] = ()
    secrets: GuardSecrets = NO_SECRETS
    """What judging its answer needs."""


@dataclass(slots=True, eq=False)
class Blocked(Exception):  # noqa: N818 - what it is
    """A request that does not go on: the refusal, and the verdicts for the record."""

    refusal: Refusal
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class GuardAsked:
    """Whose request it is, in which exchange, and what its marks are made with."""

    key: VirtualKey
    exchange: str
    pepper: Secret

    def draw(self, purpose: str) -> int:
        """A number of 128 bits that nobody else can tell in advance, the same for this exchange and purpose."""
        secret, text = self.pepper.reveal().encode(), f"{purpose} {self.exchange}"
        return int.from_bytes(hmac.digest(secret, text.encode(), "sha256")[:16])


async def guard_request(request: ModelRequest, asked: GuardAsked, desk: GuardDesk) -> Guarded:
    """Judge every string that a model will read.

    Raises:
        Blocked: the policy does not let it through, or a scanner that it does not do without gave no answer.
    """
    policy = desk.policies().of_key(asked.key)
    if policy is NO_GUARD:
        return Guarded(replace(request, payload=weave(request.payload, policy.spotlight, _nonce(asked))))
    leaves = request_leaves(request.payload, policy.markers)
    subject = Subject(asked.key.organisation, asked.exchange, policy.version)
    by_place = {leaf.place: leaf for leaf in leaves}
    found = await find(desk, policy.input, leaves, Direction.INPUT, subject)
    judgement = conclude(policy.input, found, Direction.INPUT, policy.version, lambda each: _is_fixed(each, by_place))
    verdicts = tuple(
        replace(verdict, findings=tuple(named(each, by_place) for each in verdict.findings))
        for verdict in judgement.verdicts
    )
    judgement = replace(judgement, verdicts=verdicts)
    if judgement.no is not None:
        raise Blocked(_refusal(judgement.no), verdicts)
    redactor = Redactor(f"{asked.draw('redaction') % 10**6:06d}")
    payload = with_edits(request.payload, _edits(redactor, leaves, judgement.redact))
    payload = weave(payload, policy.spotlight, _nonce(asked), policy.markers)
    payload, canary = _with_canary(payload, request.operation, policy, asked)
    secrets = GuardSecrets(
        canary=canary,
        redactions=redactor.redactions if policy.restores else (),
        schema=wanted_of(request.payload) if _asks(policy, "schema") else "",
        context=_context(leaves) if any(not check.is_builtin for check in policy.output) else (),
    )
    return Guarded(replace(request, payload=payload), verdicts, secrets)


def _nonce(asked: GuardAsked) -> str:
    return f"{asked.draw('spotlight'):032x}"


def _refusal(verdict: Verdict) -> Refusal:
    if verdict.result is Result.FAILED_CLOSED:
        return Refusal(
            SCANNER_UNAVAILABLE, f"Scanner {verdict.scanner} did not answer.", headers=(("retry-after", "1"),)
        )
    first = verdict.findings[0]
    param = spell(first.place) or None
    return Refusal(CONTENT_BLOCKED, f"Policy does not let this through: {first.kind}.", param=param)


def _is_fixed(finding: Finding, leaves: Mapping[Place, Leaf]) -> bool:
    leaf = leaves.get(finding.place)
    return leaf is None or any(is_fixed(place) for place, *_ in split(leaf, finding.start, finding.end))


def spell(place: Place) -> str:
    """A place as an application would write it: ``messages[2].content``."""
    text = ""
    for step in place:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _edits(redactor: Redactor, leaves: Sequence[Leaf], findings: Sequence[Finding]) -> Mapping[Place, Sequence[Edit]]:
    by_place: dict[Place, list[Finding]] = defaultdict(list)
    for finding in without_echoes(leaves, findings):
        by_place[finding.place].append(finding)
    at = {leaf.place: leaf for leaf in leaves}
    return {
        place: redactor.edits(at[place].text, found, is_json=at[place].is_json) for place, found in by_place.items()
    }


def _with_canary(payload: Json, operation: Operation, policy: GuardPolicy, asked: GuardAsked) -> tuple[Json, str]:
    if operation is not Operation.CHAT or not _asks(policy, "leakage"):
        return payload, ""
    canary = canary_for(asked.pepper.reveal().encode(), asked.exchange)
    return weave_canary(payload, canary), canary


def _asks(policy: GuardPolicy, scanner: str) -> bool:
    return any(check.scanner == scanner for check in policy.output)


def _context(leaves: Sequence[Leaf]) -> tuple[str, ...]:
    found: list[str] = []
    room = MOST_CONTEXT_CHARS
    for leaf in leaves:
        if leaf.trust is Trust.HOSTILE and not leaf.parts and room > 0:
            found.append(leaf.text[:room])
            room -= len(found[-1])
    return tuple(found)
