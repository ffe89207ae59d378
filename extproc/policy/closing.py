"""What an exchange is charged and remembered by, once it is over: records of delivery and journal → bill and row.

Delivery saw the answer, so its word counts for more. The journal sees every end, also of what never reached delivery:
a client gone before the first token, attempts that never connected. What may have been billed by a provider although
nobody saw an answer is charged as estimated and flagged; what cannot have been billed costs nothing. Attempts before
the one that ended the exchange are not charged: docs/ledger.md says what that leaves out.
"""

from dataclasses import dataclass, replace

from extproc.model.catalog import Operation
from extproc.model.exchange import AttemptLimits, DeliveryRecord, ExchangeContext, ExchangeRecord, Outcome, Usage
from extproc.model.identity import VirtualKey
from extproc.model.ids import ExchangeId
from extproc.model.ledger import End, Flag, LedgerCharge, LedgerRow
from extproc.model.limits import Alert, Charge, Estimate, Rank, Settlement, Unit
from extproc.model.money import MicroUsd
from extproc.policy import settle
from extproc.policy.settle import Judged, Seen

_MAYBE_BILLED = frozenset({"UT", "UC", "UR", "UPE", "SI", "DT", "UMSDR"})
"""Envoy response flags of an attempt that reached its provider. Source: Envoy 1.40, "Response flags"."""

_FIRST_ERROR = 400
_GATEWAY_TIMEOUT = 504


@dataclass(frozen=True, slots=True)
class Closing:
    """What is to be done about one exchange that is over."""

    row: LedgerRow
    settlement: Settlement | None
    """None: no limit is for it, or nothing was used and its hold is to be voided."""
    is_void: bool = False


def close_delivered(record: DeliveryRecord, now_s: float) -> Closing | None:
    """What delivery knows of an attempt; None where nothing of it was released.

    Then another attempt, or the journal, ends the exchange.
    """
    if not record.is_complete and not record.judged_bytes:
        return None
    context = record.context
    limits = next((each for each in context.plan if each.deployment == record.deployment), None)
    if limits is None:
        return None
    judged = settle.judge_usage(
        record.usage, Seen(record.answer_bytes, record.is_complete, record.usage_shrank), _estimate(context)
    )
    end = End.ANSWERED if record.is_complete else End.FAILED
    closing = _close(context, limits, judged, Rank.DELIVERY, end, now_s)
    row = closing.row
    filled = _with(
        row,
        deployment=record.deployment,
        dialect=limits.dialect,
        upstream_model=limits.upstream_model,
        provider_request_id=record.provider_request_id,
        attempts=_number(context, record),
        status=record.status,
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
    first = context.plan[0]
    judged = settle.judge_unseen(_estimate(context)) if _may_be_billed(record) else Judged(Usage(0, 0))
    closing = _close(context, first, judged, Rank.JOURNAL, End(record.outcome), now_s)
    row = _with(closing.row, status=record.status, is_final=True)
    is_void = context.hold is not None and not judged.usage.input_tokens and not judged.usage.output_tokens
    return Closing(row, None if is_void else closing.settlement, is_void)


def note_refused(
    exchange: ExchangeId, key: VirtualKey, operation: str, model: str, code: str, now_s: float
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
    )


def _close(
    context: ExchangeContext, limits: AttemptLimits, judged: Judged, rank: Rank, end: End, now_s: float
) -> Closing:
    is_free = context.operation is Operation.COUNT_TOKENS
    price = limits.price
    micro_usd = MicroUsd(0) if price is None or is_free else settle.bill(judged, price)
    tokens = 0 if is_free else judged.usage.input_tokens + judged.usage.output_tokens
    amounts = {Unit.MICRO_USD: int(micro_usd), Unit.TOKENS: tokens}
    counters = context.hold.counters if context.hold is not None else ()
    row = LedgerRow(
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
        usage=judged.usage,
        micro_usd=micro_usd,
        flags=tuple(_flags(judged, context, has_price=price is not None)),
        charges=tuple(LedgerCharge(each.part, each.unit, amounts[each.unit]) for each in counters),
    )
    if context.hold is None:
        return Closing(row, None)
    return Closing(
        row,
        Settlement(
            reservation=ExchangeId(context.id),
            organisation=context.organisation,
            charges=tuple(Charge(each.part, amounts[each.unit]) for each in counters),
            buckets=context.hold.buckets,
            tokens=tokens,
            rank=rank,
            alerts=tuple(
                Alert(each.budget, each.part, each.limit, each.alert_percents, each.unit)
                for each in counters
                if each.alert_percents
            ),
        ),
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


def _may_be_billed(record: ExchangeRecord) -> bool:
    """Whether a provider may bill an exchange whose answer nobody saw."""
    # A status of success was a provider's: a worker or a connection broke after it had begun to answer.
    if record.outcome in {Outcome.ANSWERED, Outcome.ABANDONED} or 0 < record.status < _FIRST_ERROR:
        return True
    return bool(_MAYBE_BILLED.intersection(record.flags.split(","))) or record.status == _GATEWAY_TIMEOUT


def _number(context: ExchangeContext, record: DeliveryRecord) -> int:
    names = [each.deployment for each in context.plan]
    return names.index(record.deployment) + 1


def _with(row: LedgerRow, **changes: object) -> LedgerRow:
    return replace(row, **changes)  # type: ignore[arg-type]  # fields of the row, by name
