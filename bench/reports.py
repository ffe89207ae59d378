"""How long reports take among a million rows of one month, and whether they are exact.

    PYTHONPATH=. python bench/reports.py [rows] [page.html]

Postgres is a throw-away one with 16 MB of buffers. The page is what docs/reports.png shows. Exit codes: 0 measured; 1 a
report differs from the sum over the rows.
"""

import asyncio
import statistics
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from extproc.adapters.postgres_pool import open_pool
from extproc.adapters.postgres_reports import PostgresReports
from extproc.cli.report_html import spend_html
from extproc.operations.currency import read_conversion
from extproc.operations.periods import read_period
from extproc.operations.reports import By, SpendReport, ask_spend, make_prompts, make_spend
from tests.servers import run_postgres

TIMES = 3
PERIOD = read_period("2026-11", "2026-11", "UTC", datetime.now(UTC))
QUESTIONS = (
    (),
    (By.TEAM,),
    (By.PROJECT, By.FEATURE),
    (By.MODEL, By.DAY),
    (By.KEY,),
    (By.USER,),
    (By.PROJECT, By.MODEL, By.DEPLOYMENT, By.FEATURE, By.DAY),
)
FILL = """
    with numbers as (
        select i, random() a, random() b, random() c, random() d, random() e,
               floor(power(random(), 1.6) * 4)::int as feature,
               timestamptz '2026-11-01T00:00Z' + random() * interval '30 days' as at
          from generate_series(1, %(rows)s) i
    ), made as (
        select *, (array['search/answers', 'support/copilot', 'sales/briefs', 'search/ranking', 'hr/onboarding'])
                  [1 + floor(power(b, 1.5) * 5)::int] as place,
               1 + floor(c * 3)::int as model,
               case when d < 0.9 then 'answered' when d < 0.95 then 'cached' when d < 0.975 then 'refused'
                    when d < 0.99 then 'abandoned' else 'failed' end as outcome,
               floor((array[14000, 900, 5200, 180])[1 + feature] * (0.7 + 0.6 * a))::bigint as input,
               floor((array[600, 400, 300, 20])[1 + feature] * (0.4 + 1.2 * e))::bigint as output
          from numbers
         where extract(isodow from at) < 6 or e < 0.25
    ), priced as (
        select *, case when outcome in ('answered', 'abandoned') then 1 else 0 end as is_billed,
               (input * (array[1250, 3000, 20])[model] + output * (array[10000, 15000, 40])[model] + 999) / 1000 as cost
          from made
    )
    insert into ledger
    select date '2026-11-01', md5(i::text), at, 'acme', split_part(place, '/', 1), split_part(place, '/', 2),
           'key_' || i %% 5000, md5((i %% 50000)::text),
           array['feature=' || (array['rag', 'chat', 'summaries', 'routing'])[1 + feature], 'prod'],
           (array['gpt-5.4', 'claude-sonnet-5', 'gemma-3'])[model], 'chat.completions', i %% 2 = 0, true,
           at + interval '2 seconds', outcome, 200, case when outcome = 'refused' then 'insufficient_quota' else '' end,
           array['eu-1'], case when a < 0.03 then 2 else 1 end, 2,
           'eu-' || model, 'openai', 'm', 'req_' || md5(i::text),
           input * is_billed, output * is_billed, input / 3 * is_billed, 0, output / 5 * is_billed, 0, 0,
           cost * is_billed, case when is_billed = 1 then '2026-11-01' else '' end,
           case when outcome = 'cached' then cost else 0 end,
           case when outcome = 'abandoned' then array['abandoned_estimate'] else '{}' end,
           array[row('b:' || i %% 100, 'micro_usd', cost, '1.5')::ledger_charge,
                 row('k:' || i %% 5000, 'micro_usd', cost, '1.5')::ledger_charge], now()
      from priced
"""


def fill(dsn: str, rows: int) -> None:
    """November's rows, written past the triggers: filling is not what is measured."""
    with psycopg.connect(dsn, autocommit=True) as owner:
        owner.execute("select ledger_add_month('2026-11-01')")
        owner.execute("alter table ledger disable trigger all")
        owner.execute("select setseed(0.5)")
        owner.execute(FILL.encode(), {"rows": rows * 5 // 4})
        owner.execute("vacuum analyze ledger")


async def measure(dsn: str) -> list[SpendReport]:
    """Each report, its time told; from the question to the last figure."""
    found = []
    async with open_pool(dsn, most_connections=1) as pool:
        reports = PostgresReports(pool)
        for by in QUESTIONS:
            question = ask_spend(PERIOD, by)
            took = []
            for _ in range(TIMES):
                begin = time.perf_counter()
                report = make_spend(question, await reports.spend(question), PERIOD, by)
                took.append(time.perf_counter() - begin)
            found.append(report)
            told = ", ".join(by) or "nothing"
            print(f"spend by {told}: {statistics.median(took):.1f} s ({min(took):.1f}-{max(took):.1f})", end="")
            print(f", {len(report.rows):,} groups of {report.total.requests:,} rows")
        took = []
        for _ in range(TIMES):
            begin = time.perf_counter()
            prompts = make_prompts(question, await reports.prompts(question), PERIOD)
            took.append(time.perf_counter() - begin)
        print(f"prompts: {statistics.median(took):.1f} s ({min(took):.1f}-{max(took):.1f}), {len(prompts.rows)} groups")
    return found


def main(rows: int, page: Path | None) -> int:
    """Fill, measure, compare."""
    with run_postgres() as server:
        dsn = server.dsn("migrated")
        fill(dsn, rows)
        found = asyncio.run(measure(dsn))
        with psycopg.connect(dsn) as connection:
            naive = connection.execute("select count(*), sum(micro_usd)::bigint from ledger").fetchone()
    are_exact = all((each.total.requests, each.total.micro_usd) == naive for each in found)
    print(f"equal to the sum over the rows, {naive[1]} micro-dollars: {are_exact}")
    if page is not None:
        page.write_text(spend_html(found[2], read_conversion("EUR", "0.92")), encoding="utf-8")
    return 0 if are_exact else 1


if __name__ == "__main__":
    words = sys.argv[1:]
    sys.exit(main(int(words[0]) if words else 1_000_000, Path(words[1]) if len(words) > 1 else None))
