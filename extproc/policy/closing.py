"""What an exchange is charged and remembered by, once it is over: records of delivery and journal → bill and row.

Delivery saw the answer, so its word counts for more. The journal sees every end, also of what never reached delivery:
a client gone before the first token, attempts that never connected. What may have been billed by a provider although
nobody saw an answer is charged as estimated and flagged; what cannot have been billed costs nothing.

That holds for each attempt of an exchange. Who tells of its end counts every attempt before the last one as perhaps
billed; whoever learns that one was free, because nothing was sent or its provider refused, leaves a row that says so.
``model.ledger`` makes one of them, in whatever order they come.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from extproc.model.catalog import Operation
from extproc.model.exchange import (
    AttemptLimits,
    AttemptRecord,
    CachedAnswer,
    DeliveryRecord,
    ExchangeContext,
    ExchangeRecord,
    Outcome,
    Usage,
)
from extproc.model.guard import Verdict
from extproc.model.identity import VirtualKey
from extproc.model.ids import ExchangeId
from extproc.model.ledger import End, Flag, LedgerCharge, LedgerRow, Unanswered, with_unanswered
from extproc.model.limits import Alert, Charge, Estimate, Rank, Settlement, Unit
from extproc.model.money import MicroUsd
from extproc.policy import billable, settle
from extproc.policy.settle import Judged, Seen
from extproc.policy.verdicts import write_verdict

_NOBODYS = Judged(Usage(0, 0))


@dataclass(frozen=True, slots=True)
class Closing:
    """What is to be done about one exchange that is over."""

    row: LedgerRow
    settlement: Settlement | None
    """None: no limit is for it, or nothing was used and its hold is to be voided."""
    is_void: bool = False
    is_known: bool = False
    """Whether the row is as the ledger has it."""


def close_delivered(record: DeliveryRecord, now_s: float) -> Closing | None:
    """What delivery knows of an attempt; None where that is nothing.

    Where nothing of it was released, another attempt, or the journal, ends the exchange; then it may know that this
    one is free.
    """
    context = record.context
    if context.cached is not None:
        return _close_cached(record, context.cached, now_s)
    limits = next((each for each in context.plan if each.deployment == record.deployment), None)
    if limits is None:
        return None
    if not record.is_complete and not record.judged_bytes and not record.verdicts:
        return Closing(_freed(context, limits.deployment, now_s), None) if billable.is_refusal(record.status) else None
    judged = settle.judge_usage(
        record.usage, Seen(record.answer_bytes, record.is_complete, record.usage_shrank), _estimate(context)
    )
    end = End.ANSWERED if record.is_complete and not record.failure else End.FAILED
    number = _number(context, record)
    unanswered = _unanswered(context, number - 1)
    closing = _close(context, limits, judged, unanswered, Rank.DELIVERY, end, now_s)
    row = closing.row
    filled = _with(
        row,
        deployment=record.deployment,
        dialect=limits.dialect,
        upstream_model=limits.upstream_model,
        provider_request_id=record.provider_request_id,
        attempts=number,
        status=record.status,
        verdicts=tuple(sorted({*row.verdicts, *map(write_verdict, record.verdicts)})),
    )
    return Closing(filled, closing.settlement)


def close_finished(record: ExchangeRecord, now_s: float) -> Closing:
    """What the journal knows of an exchange: always its end, and what to charge if delivery never tells."""
    context = record.context
    if context is None:
        return Closing(
            LedgerRow(
                exchange=record.exchange,
                started_at_s=now_s - record.duration_ms / 1000,
                ended_at_s=now_s,
                rank=Rank.JOURNAL,
                is_final=True,
                outcome=End(record.outcome),
                status=record.status,
            ),
            None,
        )
    if context.cached is not None:
        is_given = record.outcome is Outcome.ANSWERED
        end = End.CACHED if is_given else End(record.outcome)
        row = replace(_whose(context, Rank.JOURNAL, end, now_s), status=record.status, is_final=True)
        return Closing(row, _free_settlement(context, Rank.JOURNAL))
    made = len(context.plan[: 1 if record.attempts is None else record.attempts])
    last = context.plan[max(made, 1) - 1]
    judged, perhaps = _NOBODYS, max(0, made - 1)
    if made and billable.may_be_billed(record):
        judged = settle.judge_unseen(_estimate(context))
    elif made and not billable.is_free(record):
        # A refusal, or an answer that nobody could read: delivery knows which.
        perhaps = made
    unanswered = _unanswered(context, perhaps)
    closing = _close(context, last, judged, unanswered, Rank.JOURNAL, End(record.outcome), now_s)
    row = _with(closing.row, status=record.status, is_final=True, attempts=made)
    is_void = context.hold is not None and judged is _NOBODYS and not unanswered
    return Closing(row, None if is_void else closing.settlement, is_void)


def _close_cached(record: DeliveryRecord, cached: CachedAnswer, now_s: float) -> Closing:
    """A remembered answer: it costs nothing, and what it cost once is saved if it was given."""
    context = record.context
    is_given = record.is_complete and not record.failure
    row = _whose(context, Rank.DELIVERY, End.CACHED if is_given else End.FAILED, now_s)
    filled = replace(
        row,
        deployment=record.deployment,
        status=record.status,
        saved_micro_usd=cached.saved_micro_usd if is_given else MicroUsd(0),
        verdicts=tuple(sorted({*row.verdicts, *map(write_verdict, record.verdicts)})),
    )
    return Closing(filled, _free_settlement(context, Rank.DELIVERY))


def _free_settlement(context: ExchangeContext, rank: Rank) -> Settlement | None:
    if context.hold is None:
        return None
    return Settlement(ExchangeId(context.id), context.organisation, (), context.hold.buckets, 0, rank)


def close_attempt(record: AttemptRecord, now_s: float) -> LedgerRow | None:
    """What the journal knows of an attempt that sent nothing: that it is free. None of any other."""
    if record.status or not record.deployment or not billable.is_unsent(record.flags):
        return None
    return LedgerRow(
        exchange=record.exchange,
        started_at_s=now_s - record.duration_ms / 1000,
        ended_at_s=now_s,
        rank=Rank.JOURNAL,
        is_final=False,
        outcome=End.FAILED,
        freed=(record.deployment,),
    )


def note_refused(
    exchange: ExchangeId,
    key: VirtualKey,
    operation: str,
    model: str,
    code: str,
    now_s: float,
    verdicts: Iterable[Verdict] = (),
) -> LedgerRow:
    """Whose a request was that is refused after its key was known, and why; the journal adds its end."""
    return LedgerRow(
        exchange=exchange,
        started_at_s=now_s,
        ended_at_s=now_s,
        rank=Rank.JOURNAL,
        is_final=False,
        outcome=End.REFUSED,
        organisation=key.organisation,
        team=key.team,
        project=key.project,
        key=key.id,
        tags=key.tags,
        model=model,
        operation=operation,
        refusal=code,
        verdicts=tuple(sorted(map(write_verdict, verdicts))),
    )


def settlement_of(row: LedgerRow, own: Settlement | None = None) -> Settlement:
    """What a row charges, as a settlement; with tokens, buckets and alerts where ``own`` is of the same exchange."""
    charges = tuple(Charge(each.part, each.amount, each.generation) for each in row.charges)
    if own is not None:
        return replace(own, charges=charges, rank=row.rank, freed=len(row.freed))
    return Settlement(row.exchange, row.organisation, charges, (), 0, row.rank, freed=len(row.freed))


def recall(row: LedgerRow, charged: Sequence[Charge]) -> LedgerRow:
    """The row of an exchange whose delivery charged this and left no row of its own; its tokens are not known."""
    amounts = {each.part: each.amount for each in charged}
    charges = tuple(replace(each, amount=amounts.get(each.part, each.amount)) for each in row.charges)
    money = next((each.amount for each in charges if each.unit is Unit.MICRO_USD), int(row.micro_usd))
    return replace(
        row,
        rank=Rank.DELIVERY,
        usage=Usage(0, 0),
        micro_usd=MicroUsd(money),
        charges=charges,
        unanswered=(),
        unanswered_micro_usd=MicroUsd(0),
        flags=tuple(sorted({*row.flags, Flag.ABANDONED_ESTIMATE} - {Flag.UNANSWERED})),
    )


def _close(
    context: ExchangeContext,
    limits: AttemptLimits,
    judged: Judged,
    unanswered: tuple[Unanswered, ...],
    rank: Rank,
    end: End,
    now_s: float,
) -> Closing:
    is_free = context.operation is Operation.COUNT_TOKENS
    price = limits.price
    micro_usd = MicroUsd(0) if price is None or is_free else settle.bill(judged, price)
    tokens = 0 if is_free else judged.usage.input_tokens + judged.usage.output_tokens
    amounts = {Unit.MICRO_USD: int(micro_usd), Unit.TOKENS: tokens}
    counters = context.hold.counters if context.hold is not None else ()
    row = with_unanswered(
        replace(
            _whose(context, rank, end, now_s),
            usage=judged.usage,
            micro_usd=micro_usd,
            flags=tuple(_flags(judged, context, has_price=price is not None)),
            charges=tuple(LedgerCharge(each.part, each.unit, amounts[each.unit]) for each in counters),
            unanswered=unanswered,
        )
    )
    if context.hold is None:
        return Closing(row, None)
    own = Settlement(
        reservation=ExchangeId(context.id),
        organisation=context.organisation,
        charges=(),
        buckets=context.hold.buckets,
        # Of rates one attempt takes its tokens.
        tokens=tokens,
        rank=rank,
        alerts=tuple(
            Alert(each.budget, each.part, each.limit, each.alert_percents, each.unit)
            for each in counters
            if each.alert_percents
        ),
    )
    return Closing(row, settlement_of(row, own))


def _whose(context: ExchangeContext, rank: Rank, end: End, now_s: float) -> LedgerRow:
    return LedgerRow(
        exchange=context.id,
        started_at_s=context.started_at_s,
        ended_at_s=now_s,
        rank=rank,
        is_final=False,
        outcome=end,
        organisation=context.organisation,
        team=context.team,
        project=context.project,
        key=context.key,
        user=context.user,
        tags=context.tags,
        model=context.model,
        operation=context.operation,
        is_stream=context.is_stream,
        tried=tuple(each.deployment for each in context.plan),
        verdicts=tuple(sorted(map(write_verdict, context.verdicts))),
    )


def _freed(context: ExchangeContext, deployment: str, now_s: float) -> LedgerRow:
    return replace(_whose(context, Rank.JOURNAL, End.FAILED, now_s), freed=(deployment,))


def _unanswered(context: ExchangeContext, attempts: int) -> tuple[Unanswered, ...]:
    """The first so many attempts of the plan, each at its own price."""
    if context.operation is Operation.COUNT_TOKENS:
        return ()
    judged = settle.judge_unseen(_estimate(context))
    tokens = judged.usage.input_tokens + judged.usage.output_tokens
    return tuple(
        Unanswered(each.deployment, 0 if each.price is None else settle.bill(judged, each.price), tokens)
        for each in context.plan[:attempts]
    )


def _estimate(context: ExchangeContext) -> Estimate:
    return Estimate(context.input_tokens, context.output_tokens, None)


def _flags(judged: Judged, context: ExchangeContext, *, has_price: bool) -> list[Flag]:
    found = []
    if judged.is_estimated:
        is_unseen = settle.Flag.UNSEEN in judged.flags
        found.append(Flag.ABANDONED_ESTIMATE if is_unseen else Flag.ESTIMATED)
    elif settle.Flag.CUT in judged.flags:
        found.append(Flag.ABANDONED_ESTIMATE)
    if {settle.Flag.HIGH_INPUT, settle.Flag.HIGH_OUTPUT}.intersection(judged.flags):
        found.append(Flag.CLAMPED)
    if settle.Flag.SHRANK in judged.flags:
        found.append(Flag.DOUBLED)
    if not has_price:
        found.append(Flag.UNPRICED)
    if context.hold is not None and context.hold.is_owed:
        found.append(Flag.OWED)
    return found


def _number(context: ExchangeContext, record: DeliveryRecord) -> int:
    names = [each.deployment for each in context.plan]
    return names.index(record.deployment) + 1


def _with(row: LedgerRow, **changes: object) -> LedgerRow:
    return replace(row, **changes)  # type: ignore[arg-type]  # fields of the row, by name
