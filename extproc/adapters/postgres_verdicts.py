"""What the firewall said, in sums over the ledger's rows: part of ``postgres_reports``, in a file of its own."""

from datetime import datetime

from extproc.adapters.postgres_pool import Connection, Row
from extproc.model.guard import Direction, Result
from extproc.model.reports import GuardAnswer, GuardSums

_SUMS = """
    select l.organisation, l.team, l.project, v ->> 'scanner', v ->> 'direction', v ->> 'result',
           count(*), sum((v ->> 'count')::bigint), sum((v ->> 'latency_us')::bigint),
           coalesce(array_agg(distinct kinds.kind) filter (where kinds.kind is not null), '{}')
      from ledger l
     cross join lateral unnest(l.verdicts) told (verdict)
     cross join lateral (select told.verdict::jsonb) parsed (v)
      left join lateral (select string_agg(distinct f ->> 'kind', ' ') as kind
                           from jsonb_array_elements(v -> 'findings') f) kinds on true
     where l.month between %(first_month)s and %(last_month)s
       and l.started_at >= %(starts_at)s and l.started_at < %(ends_at)s
       and l.verdicts <> '{}' and (%(organisation)s = '' or l.organisation = %(organisation)s)
     group by 1, 2, 3, 4, 5, 6
"""
_UNJUDGED = """
    select count(*) filter (where verdicts = '{}' and outcome in ('answered', 'cached')), count(*)
      from ledger
     where month between %(first_month)s and %(last_month)s
       and started_at >= %(starts_at)s and started_at < %(ends_at)s
       and (%(organisation)s = '' or organisation = %(organisation)s)
"""


async def read_verdicts(connection: Connection, values: dict[str, object], as_of: datetime) -> GuardAnswer:
    """The sums, of the snapshot that the connection is in; ``values`` as for the other reports."""
    groups = await (await connection.execute(_SUMS.encode(), values)).fetchall()
    row = await (await connection.execute(_UNJUDGED.encode(), values)).fetchone()
    if row is None:
        raise TypeError("a count gave no row")
    return GuardAnswer(as_of, int(row[1]), int(row[0]), tuple(map(_read, groups)))


def _read(row: Row) -> GuardSums:
    organisation, team, project, scanner, direction, result, exchanges, findings, latency_us, kinds = row
    return GuardSums(
        organisation=organisation,
        team=team,
        project=project,
        scanner=scanner,
        direction=Direction(direction),
        result=Result(result),
        exchanges=int(exchanges),
        findings=int(findings),
        latency_us=int(latency_us),
        kinds=tuple(sorted({kind for each in kinds for kind in each.split()})),
    )
