import asyncio
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.exchange.admission import Admission
from extproc.exchange.events import AdmissionAction, Go, OutOfOrder, Reply, RequestBody, RequestHead, Wait
from extproc.exchange.spending import SpendingDesk
from extproc.model.catalog import Catalog, Model, Operation
from extproc.model.health import Standing, Trouble
from extproc.model.ids import GroupName, ModelName, OrganisationId
from extproc.model.ledger import LedgerRow
from extproc.model.limits import Outage
from extproc.model.routing import Auto, Boundary
from extproc.policy.allowance import Allowances
from extproc.policy.reserve import Limits
from tests.unit.exchange.worlds import CATALOG, MAIN, SPARE, World, chat


async def play(world: World, *events: RequestHead | RequestBody) -> list[AdmissionAction]:
    admission = Admission(world.desk)
    return [await admission.handle(event) for event in events]


def code(action: AdmissionAction) -> tuple[int, str]:
    assert isinstance(action, Reply), action
    return action.status, json.loads(action.body)["error"]["code"]


async def decide(world: World, **fields: object) -> Go:
    wait, go = await play(world, world.head(), chat(**fields))
    assert wait == Wait()
    assert isinstance(go, Go)
    return go


async def test_a_good_request_goes_with_the_providers_credential_and_not_the_callers() -> None:
    world = World()
    go = await decide(world)
    (attempt,) = go.plan.attempts
    assert (attempt.deployment, attempt.path, attempt.authority) == ("main", "/v1/chat/completions", "api.example")
    assert [(header.name, header.value.reveal()) for header in attempt.credentials] == [
        ("authorization", "Bearer sk-provider")
    ]
    assert json.loads(go.body)["model"] == "gpt-x-2026"
    assert "authorization" in go.remove_headers
    assert world.token.reveal() not in str(go)
    assert "sk-provider" not in str(go)


async def test_what_the_application_calls_its_own_stays_at_home() -> None:
    world = World()
    secrets = {"cookie": "session=1", "x-user-email": "a@b", "api-key": None, "x-stainless-os": "Linux"}
    _, go = await play(world, world.head(headers=secrets), chat())
    assert isinstance(go, Go)
    assert {"cookie", "x-user-email", "x-stainless-os", "authorization"} <= set(go.remove_headers)
    assert not {":path", "content-type", "x-request-id"} & set(go.remove_headers)


async def test_the_plan_follows_the_catalog_and_bounds_envoys_retries() -> None:
    go = await decide(World(), model="two", stream=True)
    assert [attempt.deployment for attempt in go.plan.attempts] == ["main", "spare"]
    assert dict(go.set_headers) == {
        "x-envoy-max-retries": "1",
        "x-envoy-upstream-rq-per-try-timeout-ms": "20000",
    }
    assert go.plan.attempts[1].credentials == ()


@pytest.mark.parametrize(
    ("effort", "tier", "plan"), [("low", "cheap", ["main"]), ("high", "premium", ["main", "spare"])]
)
async def test_auto_is_judged_by_the_request_and_said_in_the_context(effort: str, tier: str, plan: list[str]) -> None:
    target = Auto(GroupName("one"), GroupName("two"))
    models = {**CATALOG.models, ModelName("auto"): Model(ModelName("auto"), target, "acme", 0)}
    go = await decide(World(catalog=replace(CATALOG, models=models)), model="auto", reasoning_effort=effort)
    assert [attempt.deployment for attempt in go.plan.attempts] == plan
    assert go.context.auto.startswith(f"{tier}; score=")


async def test_nobody_inside_the_data_boundary_is_403_and_nobody_outside_is_asked() -> None:
    around = Boundary(OrganisationId("acme"), None, None, {"residency": frozenset({"eu"})})
    world = World(catalog=replace(CATALOG, boundaries=(around,)))
    _, reply = await play(world, world.head(), chat(model="two"))
    assert code(reply) == (403, "data_boundary")
    assert world.health.begun == []


async def test_when_every_provider_said_to_wait_so_does_the_caller() -> None:
    world = World()
    limited = Standing(cooldown_until_s=world.clock.now_s() + 12.5, trouble=Trouble.RATE_LIMITED)
    world.health.standings = {MAIN.name: limited, SPARE.name: limited}
    _, reply = await play(world, world.head(), chat(model="two"))
    assert code(reply) == (429, "upstream_rate_limited")
    assert isinstance(reply, Reply)
    assert ("retry-after", "13") in reply.headers


async def test_a_plain_request_may_take_the_whole_time() -> None:
    assert dict((await decide(World())).set_headers)["x-envoy-upstream-rq-per-try-timeout-ms"] == "30000"


async def test_the_context_says_who_and_what_and_nothing_secret() -> None:
    context = (await decide(World(), stream=True)).context
    assert (context.id, context.organisation, context.project, context.key) == ("req-1", "acme", "chatbot", "key_1")
    assert (context.is_stream, context.wants_usage, context.catalog_version) == (True, False, "v1")
    assert "hi" not in str(context)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", 404),
        ("/v1", 404),
        ("/v1/chat/completions/", 404),
        ("/V1/chat/completions", 404),
        ("/v1/chat/completions;x=1", 404),
        ("/v1/chat%2fcompletions", 404),
        ("/v1/chat/completions#x", 404),
        ("/v1/models/", 404),
        ("/v1/models/a b", 404),
        ("/v1/models/\x80", 404),
    ],
)
async def test_only_the_exact_paths_exist(path: str, expected: int) -> None:
    world = World()
    (reply,) = await play(world, world.head(path))
    assert code(reply) == (expected, "unknown_path")
    assert world.keys.look_ups == 0


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "HEAD", "post"])
async def test_another_method_is_told_which_one(method: str) -> None:
    world = World()
    (reply,) = await play(world, world.head(method=method, headers={"x-http-method-override": "POST"}))
    assert code(reply) == (405, "method_not_allowed")
    assert ("allow", "POST") in reply.headers  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"content-type": "text/plain"}, "unsupported_content_type"),
        ({"content-type": None}, "unsupported_content_type"),
        ({"content-type": "application/json; charset=utf-7"}, "unsupported_content_type"),
        ({"content-type": "multipart/form-data"}, "unsupported_content_type"),
        ({"content-encoding": "gzip"}, "unsupported_content_encoding"),
        ({"content-encoding": "identity, br"}, "unsupported_content_encoding"),
    ],
)
async def test_only_plain_json_is_taken(headers: dict[str, str], expected: str) -> None:
    world = World()
    (reply,) = await play(world, world.head(headers=headers))
    assert code(reply) == (415, expected)


@pytest.mark.parametrize("kind", ["application/json; charset=UTF-8", 'application/json;charset="utf-8"'])
async def test_utf8_may_be_named(kind: str) -> None:
    world = World()
    assert await play(world, world.head(headers={"content-type": kind})) == [Wait()]


async def test_no_key_and_a_wrong_key_are_401_before_the_body() -> None:
    world = World()
    (none,) = await play(world, world.head(headers={"authorization": None}))
    assert code(none) == (401, "missing_credentials")
    (wrong,) = await play(world, world.head(headers={"authorization": "Bearer gk_acme_x"}))
    assert code(wrong) == (401, "invalid_api_key")
    assert world.keys.look_ups == 0


async def test_a_key_is_dead_from_the_moment_it_expires_or_is_revoked() -> None:
    world = World()
    world.put(expires_at_s=world.clock.now_s() + 10)
    assert await play(world, world.head()) == [Wait()]
    world.clock.advance(10)
    (reply,) = await play(world, world.head())
    assert code(reply) == (401, "invalid_api_key")
    world.put(revoked_at_s=world.clock.now_s())
    (reply,) = await play(world, world.head())
    assert code(reply) == (401, "invalid_api_key")


async def test_a_model_that_is_not_yours_looks_like_one_that_is_not_there() -> None:
    world = World()
    world.put(allowed_models=frozenset({"two"}))
    _, hidden = await play(world, world.head(), chat(model="one"))
    _, absent = await play(world, world.head(), chat(model="three"))
    assert hidden == absent
    assert code(hidden) == (404, "model_not_found")


@pytest.mark.parametrize("model", ["one ", "One", "openai/one", "ft:one", "../one", "one\n"])
async def test_a_models_name_is_exact(model: str) -> None:
    world = World()
    _, reply = await play(world, world.head(), chat(model=model))
    assert code(reply) == (404, "model_not_found")


async def test_models_are_those_of_the_key() -> None:
    world = World()
    world.put(allowed_models=frozenset({"two"}))
    (listed,) = await play(world, world.head("/v1/models", "GET"))
    assert isinstance(listed, Reply)
    shown = {"id": "two", "object": "model", "created": 1_700_000_000, "owned_by": "acme"}
    assert json.loads(listed.body) == {"object": "list", "data": [shown]}
    (one,) = await play(world, world.head("/v1/models/one", "GET"))
    assert code(one) == (404, "model_not_found")
    (two,) = await play(world, world.head("/v1/models/two", "GET"))
    assert isinstance(two, Reply)
    assert json.loads(two.body) == shown


async def test_a_dependency_that_is_down_is_a_503_and_not_a_pass() -> None:
    world = World()
    world.keys.is_down = True
    (reply,) = await play(world, world.head())
    assert code(reply) == (503, "dependency_unavailable")
    assert ("retry-after", "1") in reply.headers  # type: ignore[union-attr]
    world = World()
    world.vault.is_down = True
    _, reply = await play(world, world.head(), chat())
    assert code(reply) == (503, "dependency_unavailable")


async def test_an_operation_the_model_does_not_serve_is_refused() -> None:
    world = World()
    chat_only = replace(MAIN, operations=frozenset({Operation.CHAT}))
    world.catalog = replace(world.catalog, deployments={**world.catalog.deployments, MAIN.name: chat_only})
    head = world.head("/v1/embeddings")
    _, reply = await play(world, head, RequestBody(b'{"model":"one","input":"x"}'))
    assert code(reply) == (400, "operation_not_supported")


@pytest.mark.parametrize(
    ("protocol", "length", "is_deferred"),
    [
        ("HTTP/1.1", "20000000", False),
        ("HTTP/2", "100", False),
        ("HTTP/2", "20000000", True),
        ("HTTP/2", None, True),
        ("HTTP/2", "x", True),
    ],
)
async def test_a_refusal_waits_for_a_large_http2_body(protocol: str, length: str, is_deferred: bool) -> None:
    world = World()
    headers = {"authorization": None, "content-length": length}
    admission = Admission(world.desk)
    first = await admission.handle(world.head(headers=headers, protocol=protocol))
    if is_deferred:
        assert first == Wait()
        first = await admission.handle(chat())
    assert code(first) == (401, "missing_credentials")
    assert admission.is_done


async def test_an_exchange_keeps_the_catalog_it_began_with() -> None:
    world = World()
    admission = Admission(world.desk)
    await admission.handle(world.head())
    world.catalog = Catalog("v2", {}, {}, {})
    go = await admission.handle(chat())
    assert isinstance(go, Go)
    assert go.context.catalog_version == "v1"


async def test_a_post_without_a_body_is_refused() -> None:
    world = World()
    (reply,) = await play(world, world.head(is_end=True))
    assert code(reply) == (400, "invalid_request")


@given(st.lists(st.sampled_from(["head", "bad", "body"]), max_size=5))
def test_any_order_of_events_is_legal_or_refused_and_never_a_silent_pass(script: list[str]) -> None:
    async def run() -> None:
        world = World()
        admission = Admission(world.desk)
        events = {"head": world.head(), "bad": world.head(headers={"authorization": None}), "body": chat()}
        actions: list[AdmissionAction] = []
        for name in script:
            try:
                actions.append(await admission.handle(events[name]))
            except OutOfOrder:
                break
        decided = [action for action in actions if not isinstance(action, Wait)]
        assert admission.is_done == bool(decided)
        assert len(decided) <= 1

    asyncio.run(run())


MESSAGES = RequestBody(b'{"model":"two","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}')


async def asked_as_anthropic(
    world: World, path: str = "/v1/messages", body: RequestBody = MESSAGES, **options: object
) -> AdmissionAction:
    admission = Admission(world.desk)
    action = await admission.handle(world.head(path, **options))
    return await admission.handle(body) if isinstance(action, Wait) else action


def claude(world: World, *names: str) -> World:
    """The world with these deployments being Anthropic's."""
    options = {"version": "2023-06-01", "auth": "x-api-key"}
    deployments = {
        name: replace(each, dialect="anthropic", options=options) if name in names else each
        for name, each in CATALOG.deployments.items()
    }
    world.catalog = replace(CATALOG, deployments=deployments)
    return world


async def test_a_message_goes_to_any_dialect_and_its_answer_comes_in_the_clients() -> None:
    go = await asked_as_anthropic(claude(World(), "spare"))
    assert isinstance(go, Go)
    assert [attempt.path for attempt in go.plan.attempts] == ["/v1/chat/completions", "/v1/messages"]
    sent = json.loads(go.plan.attempts[0].body)
    assert sent == {"model": sent["model"], "max_completion_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    assert json.loads(go.plan.attempts[1].body)["max_tokens"] == 9
    assert (go.context.surface, go.context.model) == ("anthropic", "two")


async def test_no_header_of_anthropics_client_travels_on() -> None:
    headers = {"anthropic-version": "2023-06-01", "anthropic-beta": "x", "x-api-key": None}
    go = await asked_as_anthropic(World(), headers=headers)
    assert isinstance(go, Go)
    assert {"anthropic-version", "anthropic-beta"} <= set(go.remove_headers)


@pytest.mark.parametrize(
    ("path", "options", "status", "kind"),
    [
        ("/v1/messages", {"method": "GET", "is_end": True}, 405, "invalid_request_error"),
        ("/v1/messages/batches", {}, 404, "not_found_error"),
        ("/v1/messages", {"headers": {"authorization": None}}, 401, "authentication_error"),
        ("/v1/messages", {"headers": {"anthropic-version": "newest"}}, 400, "invalid_request_error"),
        ("/v1/messages", {"headers": {"content-type": "text/plain"}}, 415, "invalid_request_error"),
        (
            "/v1/models/nosuch",
            {"method": "GET", "headers": {"anthropic-version": "2023-06-01"}},
            404,
            "not_found_error",
        ),
    ],
)
async def test_every_no_to_anthropics_client_is_in_its_dialect(
    path: str, options: dict[str, object], status: int, kind: str
) -> None:
    reply = await asked_as_anthropic(World(), path, **options)
    assert isinstance(reply, Reply)
    told = json.loads(reply.body)
    assert (reply.status, told["type"], told["error"]["type"]) == (status, "error", kind)
    assert told["request_id"] == "req-1"
    assert ("request-id", "req-1") in reply.headers


async def test_models_are_listed_as_the_client_knows_them() -> None:
    reply = await asked_as_anthropic(World(), "/v1/models", method="GET", headers={"anthropic-version": "2023-06-01"})
    assert isinstance(reply, Reply)
    assert [model["type"] for model in json.loads(reply.body)["data"]] == ["model", "model"]


COUNT = RequestBody(b'{"model":"two","messages":[{"role":"user","content":"hi"}]}')


async def test_tokens_are_counted_by_who_can_and_estimated_where_the_first_cannot() -> None:
    path = "/v1/messages/count_tokens"
    estimate = await asked_as_anthropic(claude(World(), "spare"), path, COUNT)
    assert isinstance(estimate, Reply)
    assert ("x-gateway-estimate", "true") in estimate.headers
    assert json.loads(estimate.body)["input_tokens"] > 0
    go = await asked_as_anthropic(claude(World(), "main"), path, COUNT)
    assert isinstance(go, Go)
    assert [attempt.path for attempt in go.plan.attempts] == ["/v1/messages/count_tokens"]
    assert set(json.loads(go.body)) == {"model", "messages"}
    assert go.context.operation is Operation.COUNT_TOKENS


async def test_what_is_refused_after_its_key_was_known_is_noted_with_whose_it_was_and_why() -> None:
    world = World()
    noted: list[LedgerRow] = []
    desk = SpendingDesk(Limits, None, lambda _: Outage(), Allowances(), noted.append)  # type: ignore[arg-type]
    for body, reason in ((chat(model="none"), "model_not_found"), (chat(model="one", n="x"), "invalid_request")):
        admission = Admission(replace(world.desk, spending=desk))
        await admission.handle(world.head())
        assert isinstance(await admission.handle(body), Reply)
        row = noted.pop()
        assert (row.organisation, row.team, row.project, row.key) == ("acme", "cards", "chatbot", "key_1")
        assert (row.refusal, row.outcome, row.operation) == (reason, "refused", "chat.completions")
        assert row.model == ""
    admission = Admission(replace(world.desk, spending=desk))
    await admission.handle(world.head(headers={"authorization": "Bearer gk_nobody"}))
    assert noted == []
