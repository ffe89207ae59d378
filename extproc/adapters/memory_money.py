"""Ports of limits and money in memory, as ``memory`` has others; ``tests/contracts`` holds them to the real ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from extproc.model.ids import ExchangeId
from extproc.model.ledger import Adjustment, LedgerRow, Writer, merge_all, merged
from extproc.model.limits import Baseline, Charge, Rank, Settlement
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

    async def counted(self, organisation: str, parts: Sequence[str]) -> Mapping[str, int]:
        """See ``LedgerBook``."""
        self._reach()
        sums: dict[str, int] = {}
        for owner, part, _, amount in self._charges():
            if owner == organisation and part in parts:
                sums[part] = sums.get(part, 0) + amount
        return sums

    async def recent(self, since_s: float) -> tuple[Settlement, ...]:  # noqa: ARG002 - every row counts as recent
        """See ``Recent``."""
        self._reach()
        rows = [
            Settlement(
                row.exchange,
                row.organisation,
                tuple(Charge(each.part, each.amount, each.generation) for each in row.charges),
                (),
                row.usage.input_tokens + row.usage.output_tokens,
                row.rank,
                freed=len(row.freed),
            )
            for row in self.rows.values()
            if row.charges
        ]
        return (
            *rows,
            *(
                Settlement(
                    ExchangeId(each.id), each.organisation, (Charge(each.part, each.amount),), (), 0, Rank.DELIVERY
                )
                for each in self.adjustments.values()
            ),
        )

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


@dataclass(slots=True)
class MemoryCounters:
    """Counters over a dictionary: used and held of each organisation's parts."""

    used: dict[tuple[str, str], int] = field(default_factory=dict)
    held: dict[tuple[str, str], int] = field(default_factory=dict)
    charges: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    """What is charged meanwhile: each time the counter is looked at or set, the next of these."""

    async def live(self, organisation: str | None) -> tuple[tuple[str, str], ...]:
        """See ``Counters``."""
        return tuple(place for place in self.used if organisation in {None, place[0]})

    async def show(self, organisation: str, parts: Sequence[str]) -> list[tuple[int, int] | None]:
        """See ``Counters``."""
        found: list[tuple[int, int] | None] = []
        for part in parts:
            self._charge((organisation, part))
            used = self.used.get((organisation, part))
            found.append(None if used is None else (used, self.held.get((organisation, part), 0)))
        return found

    async def recount(
        self, organisation: str, part: str, used: int | None
    ) -> tuple[tuple[int, int], tuple[int, int]] | None:
        """See ``Counters``; nothing is pending here."""
        place = (organisation, part)
        if place not in self.used:
            return None
        self._charge(place)
        before = (self.used[place], self.held.pop(place, 0))
        self.used[place] = before[0] if used is None else used
        return before, (self.used[place], 0)

    def _charge(self, place: tuple[str, str]) -> None:
        if self.charges.get(place):
            self.used[place] += self.charges[place].pop(0)


def _month(row: LedgerRow) -> date:
    return datetime.fromtimestamp(row.started_at_s, UTC).date().replace(day=1)
