import json
from dataclasses import replace

import pytest

from extproc.dialects import openai
from extproc.exchange.planning import Facts, make_context, make_plan
from extproc.model.catalog import Operation
from extproc.model.identity import Permit, Principal
from extproc.model.ids import ExchangeId
from extproc.model.refusals import Unavailable
from tests.unit.exchange.worlds import CATALOG, MAIN, SPARE, TWO, World, chat

REQUEST = openai.read_request(Operation.CHAT, chat(model="two", stream=True).data)


def test_each_deployment_gets_its_own_model_host_and_credential() -> None:
    spare = replace(SPARE, upstream_model="local-model")
    main, other = make_plan(REQUEST, (MAIN, spare), World().vault, 0.0).attempts
    assert (json.loads(main.body)["model"], json.loads(other.body)["model"]) == ("gpt-x-2026", "local-model")
    assert (main.authority, other.authority) == ("api.example", "10.0.0.7:8000")
    assert main.credentials[0].value.reveal() == "Bearer sk-provider"
    assert other.credentials == ()


def test_a_plan_whose_credential_is_missing_is_no_plan() -> None:
    world = World()
    world.vault.is_down = True
    with pytest.raises(Unavailable):
        make_plan(REQUEST, (MAIN,), world.vault, 0.0)


async def test_the_context_carries_each_deployments_limits_in_order() -> None:
    world = World()
    key = await world.keys.find(next(iter(world.keys._by_digest)))
    assert key is not None
    plan = make_plan(REQUEST, (MAIN, SPARE), world.vault, 0.0)
    context = make_context(Facts(ExchangeId("x"), 7.0, ""), Permit(Principal(key), TWO), REQUEST, plan, CATALOG)
    assert [(each.deployment, each.first_token_s, each.total_s, each.idle_s) for each in context.plan] == [
        ("main", 20, 30, 40),
        ("spare", 20, 30, 40),
    ]
    assert [each.upstream_model for each in context.plan] == ["gpt-x-2026", "gpt-x-2026"]
    assert (context.model, context.operation, context.is_stream) == ("two", Operation.CHAT, True)
    assert (context.started_at_s, context.tells_route, context.auto) == (7.0, True, "")


def test_a_deployment_does_without_what_its_operator_lets_it_do_without() -> None:
    request = openai.read_request(Operation.CHAT, chat(model="two", seed=7).data)
    lenient = replace(SPARE, degrade=frozenset({"seed"}))
    main, spare = make_plan(request, (MAIN, lenient), World().vault, 0.0).attempts
    assert ("seed" in json.loads(main.body), "seed" in json.loads(spare.body)) == (True, False)


def test_who_has_no_credential_at_hand_is_passed_over_while_somebody_has() -> None:
    world = World()
    world.vault.is_down = True
    (attempt,) = make_plan(REQUEST, (MAIN, SPARE), world.vault, 0.0).attempts
    assert attempt.deployment == SPARE.name
    with pytest.raises(Unavailable):
        make_plan(REQUEST, (MAIN,), world.vault, 0.0)


async def test_what_a_deployment_does_without_travels_to_its_answer() -> None:
    world = World()
    key = await world.keys.find(next(iter(world.keys._by_digest)))
    assert key is not None
    frugal = replace(MAIN, degrade=frozenset({"seed"}))
    request = openai.read_request(Operation.CHAT, chat(model="two", seed=7).data)
    plan = make_plan(request, (frugal, SPARE), world.vault, 0.0)
    assert b"seed" not in plan.attempts[0].body
    context = make_context(Facts(ExchangeId("x"), 7.0, ""), Permit(Principal(key), TWO), request, plan, CATALOG)
    assert [each.degraded for each in context.plan] == [("seed",), ()]
