import json
from dataclasses import replace

import pytest

from extproc.exchange.admission import Admission
from extproc.exchange.events import Go, Reply, RequestBody, RequestHead
from extproc.exchange.explanation import Decision, Explanation, explain
from extproc.model.catalog import Model, Operation
from extproc.model.ids import GroupName, ModelName, OrganisationId
from extproc.model.routing import Auto, Boundary
from tests.unit.exchange.worlds import MAIN, SPARE, World, chat

PROMPT = "the merger closes on friday"
ASK = chat(model="two", messages=[{"role": "system", "content": PROMPT}, {"role": PROMPT, "content": PROMPT}])


async def told(world: World, head: RequestHead | None = None, body: RequestBody = ASK) -> Explanation:
    return await explain(world.desk, head or world.head(), body, max_response_bytes=1 << 20)


def steps(explanation: Explanation) -> list[str]:
    return [decision.step for decision in explanation.decisions]


def facts(explanation: Explanation, step: str) -> dict[str, str]:
    return dict(next(decision.facts for decision in explanation.decisions if decision.step == step))


async def test_a_request_that_goes_is_told_to_its_end_in_order() -> None:
    explanation = await told(World())
    assert steps(explanation) == [
        *("path", "credential", "identity", "content", "json", "request", "permit", "guard", "route", "plan", "limits"),
        *("attempt 1", "attempt 2", "envoy", "delivery", "on failure"),
    ]
    assert not explanation.is_refused
    assert explanation.reply is None


async def test_what_is_told_is_what_admission_does() -> None:
    world = World()
    explanation = await told(world)
    admission = Admission(world.desk)
    await admission.handle(world.head())
    go = await admission.handle(ASK)
    assert isinstance(go, Go)
    envoy = facts(explanation, "envoy")
    assert dict(go.set_headers).items() <= envoy.items()
    assert envoy["removes"] == ", ".join(go.remove_headers)
    assert envoy["clusters in order"] == "deployment.main → deployment.spare"
    assert facts(explanation, "attempt 1")["sends"] == "POST /v1/chat/completions to api.example"
    assert f"{len(go.body):,} bytes, model 'gpt-x-2026'" in facts(explanation, "attempt 1")["body"]


@pytest.mark.parametrize("is_stream", [True, False])
async def test_neither_prompt_nor_key_nor_credential_is_told(*, is_stream: bool) -> None:
    world = World()
    text = str(await told(world, body=RequestBody(json.dumps({**json.loads(ASK.data), "stream": is_stream}).encode())))
    assert PROMPT not in text
    assert world.token.reveal() not in text
    assert "sk-provider" not in text


async def test_a_callers_names_cannot_carry_a_key_or_an_escape_sequence() -> None:
    world = World()
    ask = chat(model=world.token.reveal(), **{"\x1b[2J": 1, "x" * 500: 1, "sk-mine": 1})
    text = str(await told(world, body=ask))
    assert world.token.reveal() not in text
    assert "sk-mine" not in text
    assert "\x1b" not in text
    assert "x" * 100 not in text


async def test_roles_are_counted_and_strange_ones_are_not_repeated() -> None:
    assert facts(await told(World()), "request")["messages"] == "2 (1 system, 1 other)"


async def test_a_stream_tells_that_usage_is_forced_and_hidden() -> None:
    explanation = await told(World(), body=chat(stream=True))
    assert facts(explanation, "attempt 1")["body"].endswith("stream_options.include_usage on")
    assert facts(explanation, "delivery")["usage"].startswith("counted and hidden")
    assert facts(explanation, "delivery")["ends well"].endswith("yes")
    assert "20 s" in next(each.reason for each in explanation.decisions if each.step == "delivery")
    asked = await told(World(), body=chat(stream=True, stream_options={"include_usage": True}))
    assert facts(asked, "delivery")["usage"] == "counted and passed on"


async def test_a_failure_moves_on_until_the_last_attempt() -> None:
    assert facts(await told(World()), "on failure") == {
        "main": "Envoy takes the next attempt",
        "spare": "the client gets 502 upstream_error",
    }


def refusal(explanation: Explanation) -> tuple[Decision, Reply]:
    assert explanation.is_refused
    assert isinstance(explanation.reply, Reply)
    return explanation.decisions[-1], explanation.reply


async def test_a_refusal_is_the_last_decision_and_comes_with_the_exact_reply() -> None:
    world = World()
    explanation = await told(world, body=RequestBody(b'{"model":"one","model":"two"}'))
    decision, reply = refusal(explanation)
    assert (decision.step, reply.status, reply.reason) == ("json", 400, "duplicate_key")
    admission = Admission(world.desk)
    await admission.handle(world.head())
    assert reply == await admission.handle(RequestBody(b'{"model":"one","model":"two"}'))
    assert steps(explanation)[:-1] == ["path", "credential", "identity", "content"]


@pytest.mark.parametrize(
    ("changes", "step", "status"),
    [
        ({"path": "/v2/chat"}, "path", 404),
        ({"headers": {"authorization": None}}, "credential", 401),
        ({"headers": {"authorization": "Bearer sk-other"}}, "identity", 401),
        ({"headers": {"content-type": "text/plain"}}, "content", 415),
        ({"headers": {"content-encoding": "gzip"}}, "content", 415),
        ({"is_end": True}, "content", 400),
    ],
)
async def test_a_refused_head_names_the_question_it_failed(changes: dict, step: str, status: int) -> None:
    world = World()
    decision, reply = refusal(await told(world, world.head(**changes)))
    assert (decision.step, reply.status) == (step, status)


async def test_a_large_http2_body_does_not_hide_which_question_failed() -> None:
    world = World()
    head = world.head(protocol="HTTP/2", headers={"content-length": "9999999", "content-type": "text/plain"})
    assert refusal(await told(world, head))[0].step == "content"


async def test_a_refused_field_is_told_apart_from_bad_json() -> None:
    explanation = await told(World(), body=chat(n=0))
    assert refusal(explanation)[0] == Decision("request", is_passed=False, reason="n must be an integer from 1 to 128.")
    assert steps(explanation)[-2:] == ["json", "request"]


async def test_why_a_key_is_not_taken_is_told_here_and_only_here() -> None:
    world = World()
    reasons = []
    for changes in ({"revoked_at_s": 1.0}, {"expires_at_s": 1.0}):
        world.put(**changes)
        decision, reply = refusal(await told(world))
        reasons.append(decision.reason.split(";")[0])
        assert reply.reason == "invalid_api_key"
    stranger = world.head(headers={"authorization": f"Bearer {World().token.reveal()}"})
    reasons.append(refusal(await told(world, stranger))[0].reason)
    garbage = world.head(headers={"authorization": f"Bearer {world.token.reveal()[:-1]}"})
    reasons.append(refusal(await told(world, garbage))[0].reason)
    assert reasons == [
        "the key is revoked",
        "the key has expired",
        "the directory does not have the key",
        "the key's form or checksum is wrong: refused without a look-up",
    ]


async def test_a_model_that_is_not_there_and_one_that_is_not_given_are_told_apart() -> None:
    world = World()
    assert "no model 'three'" in refusal(await told(world, body=chat(model="three")))[0].reason
    world.put(allowed_models=frozenset({ModelName("one")}))
    assert "was not given 'two'" in refusal(await told(world))[0].reason


async def test_an_operation_no_deployment_serves_ends_at_the_route() -> None:
    world = World()
    serving = {MAIN.name: replace(MAIN, operations=frozenset({Operation.EMBEDDINGS}))}
    world.catalog = replace(world.catalog, deployments=world.catalog.deployments | serving)
    decision, reply = refusal(await told(world, body=chat()))
    assert (decision.step, reply.reason) == ("route", "operation_not_supported")


async def test_who_is_asked_and_who_is_not_is_told_with_reasons() -> None:
    world = World()
    outside = replace(MAIN, labels={"residency": "us"})
    world.catalog = replace(
        world.catalog,
        deployments={MAIN.name: outside, SPARE.name: replace(SPARE, labels={"residency": "eu"})},
        boundaries=(Boundary(OrganisationId("acme"), None, None, {"residency": frozenset({"eu"})}),),
    )
    route = facts(await told(world), "route")
    assert route["1"] == "spare: gpt-x-2026 at http://10.0.0.7:8000/v1 (healthy; by priority: as listed)"
    assert route["not main"] == "out: outside the data boundary residency=[eu]"


async def test_a_refusal_for_want_of_a_deployment_says_what_each_one_lacks() -> None:
    world = World()
    small = {name: replace(each, context_tokens=5) for name, each in world.catalog.deployments.items()}
    world.catalog = replace(world.catalog, deployments=small)
    decision, reply = refusal(await told(world))
    assert (decision.step, reply.reason) == ("route", "context_length_exceeded")
    assert {name: reason[:20] for name, reason in decision.facts} == dict.fromkeys(
        ("not main", "not spare"), "out: room for 5 toke"
    )


async def test_what_auto_decided_is_told_with_its_reasons() -> None:
    world = World()
    auto = Model(ModelName("auto"), Auto(GroupName("one"), GroupName("two")), "acme", 0)
    world.catalog = replace(world.catalog, models={**world.catalog.models, auto.name: auto})
    route = facts(await told(world, body=chat(model="auto", reasoning_effort="high")), "route")
    assert route["auto"] == "premium; score=1.00"
    assert route["because"] == "the caller asks for much reasoning effort"
    assert route["1"].startswith("main")
    assert route["2"].startswith("spare")


async def test_a_list_of_models_is_answered_here() -> None:
    world = World()
    explanation = await told(world, world.head("/v1/models", "GET"))
    assert steps(explanation) == ["path", "credential", "identity", "permit"]
    assert not explanation.is_refused
    assert explanation.reply is not None
    assert explanation.reply.status == 200


async def test_one_model_is_answered_here_or_refused() -> None:
    world = World()
    assert not (await told(world, world.head("/v1/models/one", "GET"))).is_refused
    decision, reply = refusal(await told(world, world.head("/v1/models/three", "GET")))
    assert (decision.step, reply.status) == ("permit", 404)


async def test_a_message_of_anthropics_client_is_told_to_its_end() -> None:
    body = RequestBody(b'{"model":"two","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"hi"}]}')
    world = World()
    explanation = await explain(world.desk, world.head("/v1/messages"), body, max_response_bytes=1 << 20)
    assert not explanation.is_refused
    assert facts(explanation, "request")["speaks"].startswith("anthropic")
    assert "anthropic" not in facts(explanation, "request")["fields"]
    assert facts(explanation, "delivery")["usage"] == "counted and passed on"
    assert facts(explanation, "delivery")["ends well"].endswith("yes")


async def test_a_count_that_the_gateway_makes_itself_is_no_refusal() -> None:
    body = RequestBody(b'{"model":"two","messages":[{"role":"user","content":"hi"}]}')
    world = World()
    explanation = await explain(world.desk, world.head("/v1/messages/count_tokens"), body, max_response_bytes=1)
    assert not explanation.is_refused
    assert explanation.reply is not None
    assert explanation.reply.status == 200
