"""Verdicts, and what travels sealed ⇄ protobuf."""

import json
from typing import cast

from google.protobuf.message import DecodeError

from extproc.model.cache import EntryId, Partition, Question, Ticket
from extproc.model.guard import Direction, Finding, GuardSecrets, Place, Redaction, Result, Verdict
from extproc.model.sealed import Sealed
from extproc.wire.gen.gateway.v1 import exchange_context_pb2 as context_pb
from extproc.wire.gen.gateway.v1 import sealed_pb2 as pb

_MOST_US = 2**32 - 1


def encode_verdict(verdict: Verdict) -> context_pb.Verdict:
    """One scanner's word."""
    return context_pb.Verdict(
        scanner=verdict.scanner,
        direction=verdict.direction,
        result=verdict.result,
        policy=verdict.policy,
        latency_us=min(verdict.latency_us, _MOST_US),
        count=verdict.count,
        findings=[
            context_pb.Finding(
                kind=each.kind,
                place=json.dumps(each.place, separators=(",", ":")),
                start=each.start,
                end=each.end,
                score=each.score,
                via=each.via,
            )
            for each in verdict.findings
        ],
    )


def decode_verdict(message: context_pb.Verdict) -> Verdict:
    """What ``encode_verdict`` wrote; scores are as exact as a single-precision number.

    Raises:
        ValueError: a word that this version does not know.
    """
    return Verdict(
        scanner=message.scanner,
        direction=Direction(message.direction),
        result=Result(message.result),
        policy=message.policy,
        latency_us=message.latency_us,
        count=message.count,
        findings=tuple(
            Finding(each.kind, _place(each.place), each.start, each.end, each.score, tuple(each.via))
            for each in message.findings
        ),
    )


def encode_sealed(sealed: Sealed) -> bytes:
    """What travels sealed, in clear: for ``seal`` alone."""
    secrets, ticket = sealed.guard, sealed.ticket
    return pb.Sealed(
        guard=pb.GuardSecrets(
            canary=secrets.canary,
            redactions=[
                pb.Redaction(placeholder=each.placeholder, original=each.original, kind=each.kind)
                for each in secrets.redactions
            ],
            schema=secrets.schema,
            context=secrets.context,
        ),
        ticket=None
        if ticket is None
        else pb.Ticket(
            partition=ticket.question.partition,
            id=ticket.question.id,
            text=ticket.question.text,
            owner=ticket.question.owner,
            vector=ticket.vector,
            ttl_s=ticket.ttl_s,
            max_entries=ticket.max_entries,
            is_first=ticket.is_first,
            embedder=ticket.embedder,
            rival=ticket.rival or "",
            rival_similarity=ticket.rival_similarity,
        ),
    ).SerializeToString()


def decode_sealed(data: bytes) -> Sealed:
    """What ``encode_sealed`` wrote.

    Raises:
        ValueError: it is not that.
    """
    try:
        message = pb.Sealed.FromString(data)
    except DecodeError:
        raise ValueError("nothing sealed") from None
    secrets = GuardSecrets(
        canary=message.guard.canary,
        redactions=tuple(Redaction(each.placeholder, each.original, each.kind) for each in message.guard.redactions),
        schema=message.guard.schema,
        context=tuple(message.guard.context),
    )
    return Sealed(secrets, _ticket(message.ticket) if message.HasField("ticket") else None)


def _ticket(message: pb.Ticket) -> Ticket:
    question = Question(Partition(message.partition), EntryId(message.id), message.text, message.owner)
    rival = EntryId(message.rival) if message.rival else None
    return Ticket(
        question,
        message.vector,
        message.ttl_s,
        message.max_entries,
        message.is_first,
        message.embedder,
        rival,
        message.rival_similarity,
    )


def _place(text: str) -> Place:
    place = json.loads(text)
    if not isinstance(place, list):
        raise ValueError("no place")  # noqa: TRY004 - of the value, not of the type of an argument
    return tuple(cast("list[str | int]", place))
