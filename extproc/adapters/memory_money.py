"""Ports of limits and money in memory, as ``memory`` has others; ``tests/contracts`` holds them to the real ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from extproc.model.ids import ExchangeId
from extproc.model.ledger import Adjustment, Counted, LedgerRow, Writer, merge_all, merged
from extproc.model.limits import Baseline
from extproc.model.refusals import Unavailable


@dataclass(slots=True)
class MemoryLedger:
    """Ledger, Baselines and LedgerBook over a dictionary. Every row counts as recent."""

    rows: dict[ExchangeId, LedgerRow] = field(default_factory=dict)
    adjustments: dict[str, Adjustment] = field(default_factory=dict)
    told: list[Writer] = field(default_factory=list)
    is_down: bool = False
    is_full: bool = False

    def append(self, row: LedgerRow) -> None:
        """See ``Ledger``."""
        before = self.rows.get(row.exchange)
        self.rows[row.exchange] = row if before is None else merged(before, row)

    async def write(self, rows: Sequence[LedgerRow]) -> tuple[LedgerRow, ...]:
        """Merge these; the rows as they are afterwards."""
        self._reach()
        for row in rows:
            self.append(row)
        return tuple(self.rows[row.exchange] for row in merge_all(rows))

    async def baselines(self, organisation: str, parts: Sequence[str]) -> Mapping[str, Baseline]:
        """See ``Baselines``."""
        self._reach()
        found = {}
        for part in parts:
            recent = tuple(
                (rid, amount) for owner, name, rid, amount in self._charges() if (owner, name) == (organisation, part)
            )
            found[part] = Baseline(sum(amount for _, amount in recent), recent)
        return found

    async def adjust(self, adjustment: Adjustment) -> None:
        """See ``LedgerBook``."""
        self._reach()
        self.adjustments.setdefault(adjustment.id, adjustment)

    async def counted(
        self,
        organisation: str | None,
        since_s: float,  # noqa: ARG002 - the port's; every row counts as recent
    ) -> tuple[Counted, ...]:
        """See ``LedgerBook``."""
        self._reach()
        sums: dict[tuple[str, str], int] = {}
        for owner, part, _, amount in self._charges():
            if organisation in {None, owner}:
                sums[owner, part] = sums.get((owner, part), 0) + amount
        return tuple(Counted(*place, used) for place, used in sorted(sums.items()))

    async def writers(self) -> tuple[Writer, ...]:
        """See ``LedgerBook``."""
        self._reach()
        return tuple(self.told)

    async def months(self) -> tuple[date, ...]:
        """See ``LedgerBook``."""
        self._reach()
        return tuple(sorted({_month(row) for row in self.rows.values()}))

    async def retain(self, first_kept: date) -> tuple[str, ...]:
        """See ``LedgerBook``."""
        self._reach()
        gone = sorted({_month(row) for row in self.rows.values() if _month(row) < first_kept})
        self.rows = {rid: row for rid, row in self.rows.items() if _month(row) >= first_kept}
        return tuple(f"ledger_{month:%Y_%m}" for month in gone)

    async def billed(
        self, dialect: str, provider_request_ids: Sequence[str], from_s: float, to_s: float
    ) -> tuple[LedgerRow, ...]:
        """See ``LedgerBook``."""
        self._reach()
        return tuple(
            row
            for row in self.rows.values()
            if row.dialect == dialect
            and row.provider_request_id
            and (row.provider_request_id in provider_request_ids or from_s <= row.started_at_s < to_s)
        )

    def _charges(self) -> list[tuple[str, str, ExchangeId, int]]:
        rows = [
            (row.organisation, charge.part, row.exchange, charge.amount)
            for row in self.rows.values()
            for charge in row.charges
        ]
        return rows + [
            (each.organisation, each.part, ExchangeId(each.id), each.amount) for each in self.adjustments.values()
        ]

    def _reach(self) -> None:
        if self.is_down:
            raise Unavailable("postgres", "told to be down")


def _month(row: LedgerRow) -> date:
    return datetime.fromtimestamp(row.started_at_s, UTC).date().replace(day=1)
