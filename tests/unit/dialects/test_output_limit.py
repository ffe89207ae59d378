"""How long an answer may be is told under the name that each server knows: tests/golden/output-limit."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from extproc.dialects.degrading import write_for
from extproc.dialects.openai import read_request
from extproc.dialects.output_limit import NEW, OLD
from extproc.dialects.registry import DIALECTS
from extproc.exchange.spending import with_most_output
from extproc.model.catalog import Deployment, Operation
from extproc.model.dialects import DIALECTS as FACTS
from tests.dialect_deployments import DEPLOYMENTS

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "golden" / "output-limit" / "cases.json").read_text(encoding="utf-8")
)
ASKED = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def deployment_of(case: dict[str, Any]) -> Deployment:
    base = DEPLOYMENTS[case.get("dialect", "openai")]
    options = {**base.options, **case.get("options", {})}
    return replace(base, host=case["host"], upstream_model=case["model"], options=options)


def limits_sent(case: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    request = read_request(Operation.CHAT, json.dumps({**ASKED, **fields}).encode())
    deployment = deployment_of(case)
    body = json.loads(write_for(DIALECTS[deployment.dialect], request, deployment, (), 0.0).body)
    return {name: body[name] for name in (OLD, NEW) if name in body}


@pytest.mark.parametrize("case", CASES, ids=[case["server"] for case in CASES])
def test_each_server_is_told_the_limit_by_the_name_it_knows(case: dict[str, Any]) -> None:
    assert limits_sent(case, case["asked"]) == case["sent"]


@pytest.mark.parametrize("case", [case for case in CASES if case["asked"].get(NEW)], ids=lambda case: case["server"])
def test_a_limit_that_a_budget_sets_goes_the_same_way_as_a_callers(case: dict[str, Any]) -> None:
    deployment = deployment_of(case)
    request = with_most_output(read_request(Operation.CHAT, json.dumps(ASKED).encode()), 77)
    body = json.loads(write_for(DIALECTS[deployment.dialect], request, deployment, (), 0.0).body)
    assert {name: body[name] for name in (OLD, NEW) if name in body} == case["sent"]


@pytest.mark.parametrize("dialect", ["openai", "azure"])
def test_who_speaks_openais_dialect_may_be_told_the_name(dialect: str) -> None:
    option = FACTS[dialect].options["limit_field"]
    assert (option.default, option.choices) == ("auto", ("auto", OLD, NEW))
