"""Rows of the ledger for tests of reports, and the sums over them as a person would make them: one row at a time."""

import uuid
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import strategies as st

from extproc.adapters.ledger_tables import LedgerTables
from extproc.adapters.postgres_pool import open_pool
from extproc.model.exchange import Usage
from extproc.model.ids import ExchangeId
from extproc.model.ledger import End, Flag, LedgerRow, Unanswered, with_unanswered
from extproc.model.limits import Rank
from extproc.model.money import MicroUsd
from extproc.model.reports import Figures
from extproc.operations.reports import BLOCKING

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
FIELDS = tuple(Figures.__dataclass_fields__)

_ESTIMATED = {Flag.ESTIMATED, Flag.ABANDONED_ESTIMATE}


def spend_row(at: datetime = NOON, micro_usd: int = 0, **changes: object) -> LedgerRow:
    plain = LedgerRow(
        exchange=ExchangeId(uuid.uuid4().hex),
        started_at_s=at.timestamp(),
        ended_at_s=at.timestamp() + 1,
        rank=Rank.DELIVERY,
        is_final=True,
        outcome=End.ANSWERED,
        organisation="acme",
        team="search",
        project="ranking",
        key="key_1",
        model="chat",
        deployment="openai",
        attempts=1,
        price_version="2026-11",
        micro_usd=MicroUsd(micro_usd),
    )
    return replace(plain, **changes)


def naive(rows: Iterable[LedgerRow]) -> Figures:
    """The figures of rows, added up one by one."""
    found = dict.fromkeys(FIELDS, 0)
    for row in rows:
        is_estimated = bool(_ESTIMATED & set(row.flags))
        for name, amount in {
            "requests": 1,
            row.outcome.value: 1,
            "blocked": row.outcome is End.REFUSED and row.refusal in BLOCKING,
            "failovers": row.attempts > 1,
            "estimated": is_estimated or Flag.UNANSWERED in row.flags,
            "unpriced": Flag.UNPRICED in row.flags,
            "input_tokens": row.usage.input_tokens,
            "cached_tokens": row.usage.cached_tokens,
            "output_tokens": row.usage.output_tokens,
            "reasoning_tokens": row.usage.reasoning_tokens,
            "micro_usd": row.micro_usd,
            "estimated_micro_usd": row.micro_usd if is_estimated else row.unanswered_micro_usd,
            "saved_micro_usd": row.saved_micro_usd,
        }.items():
            found[name] += int(amount)
    return Figures(**found)


async def store(dsn: str, rows: Iterable[LedgerRow]) -> None:
    async with open_pool(dsn) as pool:
        await LedgerTables(pool, limit_s=30.0).write(tuple(rows))


_names = st.sampled_from(["", "a", "b", "=1+1", "<script>alert(1)</script>", "ä, b", "\x1b[31m"])
_tags = st.lists(st.sampled_from(["batch", "eu", "feature=rag", "feature:chat", "batch, eu", "-x", ""]), max_size=3)
_amounts = st.one_of(st.just(0), st.integers(0, 5_000_000), st.integers(0, 2**53))
_moments = st.datetimes(datetime(2026, 10, 24), datetime(2026, 11, 3), timezones=st.just(UTC))  # noqa: DTZ001 - it is given one

_plain_flags = [flag for flag in Flag if flag is not Flag.UNANSWERED]

spend_rows = st.lists(
    st.builds(
        spend_row,
        at=_moments,
        micro_usd=_amounts,
        exchange=st.uuids().map(lambda each: ExchangeId(each.hex)),
        outcome=st.sampled_from(End),
        organisation=st.sampled_from(["acme", "acme", "other", ""]),
        team=_names,
        project=_names,
        key=_names,
        user=_names,
        tags=_tags.map(tuple),
        model=_names,
        deployment=_names,
        refusal=st.sampled_from(["", "insufficient_quota", "data_boundary", "invalid_json"]),
        attempts=st.integers(0, 3),
        usage=st.builds(Usage, _amounts, _amounts, _amounts, _amounts, _amounts),
        saved_micro_usd=_amounts.map(MicroUsd),
        price_version=st.sampled_from(["", "2026-10", "2026-11"]),
        flags=st.lists(st.sampled_from(_plain_flags), unique=True, max_size=3).map(tuple),
        unanswered=st.lists(st.builds(Unanswered, st.just("main"), _amounts, _amounts), max_size=1).map(tuple),
    ).map(with_unanswered),
    max_size=25,
    unique_by=lambda row: row.exchange,
)
