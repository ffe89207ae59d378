"""Rows of the ledger as JSON objects: columns of the table ``ledger``, and lines of the spool. One form for both."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from extproc.model.exchange import Usage
from extproc.model.ids import ExchangeId
from extproc.model.ledger import End, Flag, LedgerCharge, LedgerRow, Unanswered
from extproc.model.limits import Rank, Unit
from extproc.model.money import MicroUsd


def write_row(row: LedgerRow) -> dict[str, object]:
    """The object of a row; times are kept to the microsecond."""
    usage = row.usage
    return {
        "exchange": row.exchange,
        "started_at": _moment(row.started_at_s),
        "organisation": row.organisation,
        "team": row.team,
        "project": row.project,
        "key_id": row.key,
        "end_user": row.user,
        "tags": row.tags,
        "model": row.model,
        "operation": row.operation,
        "is_stream": row.is_stream,
        "is_final": row.is_final,
        "ended_at": _moment(row.ended_at_s),
        "outcome": row.outcome.value,
        "status": row.status,
        "refusal": row.refusal,
        "tried": row.tried,
        "attempts": row.attempts,
        "rank": int(row.rank),
        "deployment": row.deployment,
        "dialect": row.dialect,
        "upstream_model": row.upstream_model,
        "provider_request_id": row.provider_request_id,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cached_tokens": usage.cached_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "audio_input_tokens": usage.audio_input_tokens,
        "audio_output_tokens": usage.audio_output_tokens,
        "micro_usd": row.micro_usd,
        "price_version": row.price_version,
        "saved_micro_usd": row.saved_micro_usd,
        "flags": [flag.value for flag in row.flags],
        "charges": [
            {"part": each.part, "unit": each.unit.value, "amount": each.amount, "generation": each.generation}
            for each in row.charges
        ],
        "unanswered": [
            {"deployment": each.deployment, "micro_usd": each.micro_usd, "tokens": each.tokens}
            for each in row.unanswered
        ],
        "freed": row.freed,
        "unanswered_micro_usd": row.unanswered_micro_usd,
        "verdicts": row.verdicts,
    }


def find_flaw(row: LedgerRow) -> str | None:
    """Why a row can be written nowhere, such as a time that is none; None: it can."""
    try:
        write_row(row)
    except (ArithmeticError, OSError, TypeError, ValueError) as error:
        return type(error).__name__
    return None


def read_row(found: Mapping[str, Any]) -> LedgerRow:
    """The row of an object.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    return LedgerRow(
        exchange=ExchangeId(found["exchange"]),
        started_at_s=datetime.fromisoformat(found["started_at"]).timestamp(),
        organisation=found["organisation"],
        team=found["team"],
        project=found["project"],
        key=found["key_id"],
        user=found["end_user"],
        tags=tuple(found["tags"]),
        model=found["model"],
        operation=found["operation"],
        is_stream=found["is_stream"],
        is_final=found["is_final"],
        ended_at_s=datetime.fromisoformat(found["ended_at"]).timestamp(),
        outcome=End(found["outcome"]),
        status=found["status"],
        refusal=found["refusal"],
        tried=tuple(found["tried"]),
        attempts=found["attempts"],
        rank=Rank(found["rank"]),
        deployment=found["deployment"],
        dialect=found["dialect"],
        upstream_model=found["upstream_model"],
        provider_request_id=found["provider_request_id"],
        usage=Usage(
            found["input_tokens"],
            found["output_tokens"],
            found["cached_tokens"],
            found["cache_write_tokens"],
            found["reasoning_tokens"],
            found["audio_input_tokens"],
            found["audio_output_tokens"],
        ),
        micro_usd=MicroUsd(found["micro_usd"]),
        price_version=found["price_version"],
        saved_micro_usd=MicroUsd(found["saved_micro_usd"]),
        flags=tuple(map(Flag, found["flags"])),
        charges=tuple(
            LedgerCharge(each["part"], Unit(each["unit"]), each["amount"], each["generation"])
            for each in found["charges"]
        ),
        # Lines of a spool may be of a version that did not have these.
        unanswered=tuple(
            Unanswered(each["deployment"], each["micro_usd"], each["tokens"]) for each in found.get("unanswered", ())
        ),
        freed=tuple(found.get("freed", ())),
        unanswered_micro_usd=MicroUsd(found.get("unanswered_micro_usd", 0)),
        verdicts=tuple(found.get("verdicts", ())),
    )


def _moment(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat()
