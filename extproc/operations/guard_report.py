"""What the firewall stopped, changed, noted and did not scan. Pure: the ledger's sums in, a report out.

What was not scanned comes first: it is what nobody knows anything about.
"""

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import datetime

from extproc.model.guard import Result
from extproc.model.reports import GuardAnswer, GuardSums
from extproc.operations.periods import Period

ORDER = (
    Result.FAILED_OPEN,
    Result.FAILED_CLOSED,
    Result.BLOCKED,
    Result.REDACTED,
    Result.FLAGGED,
    Result.NOT_RUN,
    Result.CLEAN,
)


@dataclass(frozen=True, slots=True)
class GuardReport:
    """What the firewall came to in a period."""

    period: Period
    organisation: str
    """Empty: all of them."""
    as_of: datetime
    exchanges: int
    unjudged: int
    rows: tuple[GuardSums, ...]

    def count(self, result: Result) -> int:
        """How many verdicts say so."""
        return sum(row.exchanges for row in self.rows if row.result is result)


def make_guard_report(answer: GuardAnswer, period: Period, organisation: str, *, by_project: bool) -> GuardReport:
    """The report of what the ledger answered; without ``by_project`` all projects of an organisation are one."""
    groups = answer.groups if by_project else _joined(answer.groups)
    rows = sorted(
        groups,
        key=lambda row: (
            ORDER.index(row.result), -row.exchanges, row.scanner, row.direction,
            row.organisation, row.team, row.project,
        ),
    )  # fmt: skip
    return GuardReport(period, organisation, answer.as_of, answer.exchanges, answer.unjudged, tuple(rows))


def _joined(groups: tuple[GuardSums, ...]) -> list[GuardSums]:
    found: dict[tuple[object, ...], list[GuardSums]] = defaultdict(list)
    for group in groups:
        found[group.organisation, group.scanner, group.direction, group.result].append(group)
    return [
        replace(
            each[0],
            team="",
            project="",
            exchanges=sum(one.exchanges for one in each),
            findings=sum(one.findings for one in each),
            latency_us=sum(one.latency_us for one in each),
            kinds=tuple(sorted({kind for one in each for kind in one.kinds})),
        )
        for each in found.values()
    ]
