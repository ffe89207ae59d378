"""docs/limits.md says what the code does."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from extproc.cli.limits_view import print_plan
from extproc.cli.main import main
from extproc.config.gateway import parse
from extproc.config.limit_sections import BudgetSection, RateSection, ScopeSection, TenantSection
from extproc.model.limit_records import LimitSet, Source, StoredLimit
from extproc.model.limits import Budget, Limit, LimitId, Rate, Scope, Span, Unit, Window
from extproc.operations.limits import make_plan

TEXT = (Path(__file__).parents[2] / "docs/limits.md").read_text()
BASE = """
deployments:
  - {name: a, base_url: "http://127.0.0.1:8000", upstream_model: m-1}
models:
  - {name: m, deployments: [a]}
"""


def declared() -> tuple[Limit, ...]:
    gateway = parse(BASE + "\n".join(re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)), "docs/limits.md")
    assert gateway.outages["acme"].is_open
    return gateway.declared


def test_the_example_is_a_file_that_is_taken() -> None:
    assert [limit.id for limit in declared()] == ["acme-month", "acme-search-keys", "acme-key-rate"]


def test_every_key_is_named() -> None:
    scope = {f".{name}" for name in ScopeSection.model_fields}
    for name in [*BudgetSection.model_fields, *RateSection.model_fields, *TenantSection.model_fields, *scope]:
        assert re.search(rf"`(scope)?{re.escape(name)}`|{name}: ", TEXT), name


def test_the_plan_looks_as_shown(capsys: pytest.CaptureFixture[str]) -> None:
    month = Budget(
        LimitId("acme-month"), Scope("acme"), Unit.MICRO_USD, 2_500_000_000, Window(Span.MONTH, "Europe/London")
    )
    trial = Budget(LimitId("acme-trial"), Scope("acme"), Unit.MICRO_USD, 100_000_000, Window(Span.DAY))
    night = Rate(LimitId("acme-night"), Scope("acme"), 60)
    kept = (
        StoredLimit(month, Source.FILE, 1, 0.0),
        StoredLimit(night, Source.COMMAND, 2, 0.0),
        StoredLimit(trial, Source.FILE, 3, 0.0),
    )
    (rate,) = (limit for limit in declared() if limit.id == "acme-key-rate")
    raised = Budget(month.id, month.scope, month.unit, 3_000_000_000, month.window)
    print_plan(make_plan([raised, rate], LimitSet(3, kept)))
    shown = capsys.readouterr().out
    (block,) = re.findall(r"```\n(  \+ .*?)```", TEXT, re.DOTALL)
    assert shown == block


def test_every_command_of_the_document_knows_its_options() -> None:
    lines = [line for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL) for line in block.splitlines()]
    assert len(lines) == 5
    for line in lines:
        words = line.split()[1:]
        options = [word for word in words if word.startswith("--")]
        command = words[:2] if words[0] == "budgets" else words[:1]
        told = CliRunner(env={"COLUMNS": "200"}).invoke(main, [*command, "--help"]).stdout
        assert [option for option in options if option not in told] == []
