import json
from dataclasses import replace

import pytest

from bench.answers import PLAIN, STREAMED
from bench.figures import Segment
from bench.machine import Machine, describe
from bench.report import Case, Report, as_json, print_tables

BASE = Segment(1.0, 1000, 1.0, 2.0, {"envoy": 0.1, "upstream": 0.05, "load": 0.2})
OTHER = Segment(1.0, 100, 10.0, 30.0, {"envoy": 0.1, "workers": 0.2, "upstream": 0.005, "load": 0.02})
MACHINE = Machine("2026-01-01T00:00:00+00:00", "abc1234", 2, "a processor", 8.0, 0.1, {"envoy": "1.40.0"})
REPORT = Report(
    MACHINE,
    rounds=1,
    segment_s=1.0,
    cases=[Case(PLAIN, 1, [BASE], [OTHER]), Case(STREAMED, 32, [BASE], [OTHER])],
    abuse=Case(PLAIN, 1, [OTHER], [replace(OTHER, p99_ms=45.0)]),
    slow_connections=200,
)


def test_scripts_get_every_ratio_and_what_it_was_made_of() -> None:
    value = json.loads(as_json(REPORT))
    plain, _ = value["cases"]
    assert (plain["rate"]["ratio"], plain["p50_ms"]["ratio"], plain["p99_ms"]["ratio"]) == (0.1, 10.0, 15.0)
    assert plain["cpu_us"]["gateway"] == {"envoy": 1000.0, "workers": 2000.0, "upstream": 50.0, "load": 200.0}
    assert plain["cpu_us"]["bare"]["workers"] == 0
    assert value["abuse"]["p99_ms"]["ratio"] == 1.5
    assert value["machine"]["commit"] == "abc1234"
    assert value["load_share"] == 0.2


@pytest.mark.parametrize("is_markdown", [True, False])
def test_people_get_the_same_with_machine_and_commit(capsys: pytest.CaptureFixture[str], *, is_markdown: bool) -> None:
    print_tables(REPORT, is_markdown=is_markdown)
    text = capsys.readouterr().out
    for expected in (
        "abc1234",
        "2 cores, a processor",
        "plain, 1 connection",
        "15 (15-15)",
        "2,000",
        "beside 200 slow",
    ):
        assert expected in text
    assert "…" not in text


def test_this_machine_can_be_described() -> None:
    machine = describe()
    assert machine.cores >= 1
    assert machine.processor
    assert machine.versions["envoy"].startswith("1.")
