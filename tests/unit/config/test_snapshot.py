"""Sections → catalog, value by value. ``test_gateway`` reads whole files."""

from datetime import date

import pytest

from extproc.config.gateway import parse
from extproc.config.snapshot import longest_exchange_s
from extproc.model.catalog import Catalog, CredentialRef, Operation, Timeouts
from extproc.model.ids import DeploymentName, GroupName, ModelName
from extproc.model.money import Price
from extproc.model.routing import (
    Auto,
    Capacity,
    Feature,
    Member,
    Modality,
    RoutingGroup,
    RoutingPolicy,
    Strategy,
)

FULL = """
deployments:
  - name: a
    base_url: https://api.example.com:8443/v1/
    upstream_model: m-1
    operations: [chat.completions, embeddings]
    credential: {path: p/x, field: key}
    timeouts: {connect_s: 1, first_token_s: 2, total_s: 3, idle_s: 4}
    max_connections: 5
    ca_file: /ca.pem
    degrade: [seed, n]
  - {name: b, base_url: "http://[::1]", upstream_model: m-2}
models:
  - {name: z, deployments: [b, a], owned_by: us, created: 7}
  - {name: y, deployments: [a]}
"""


def catalog(text: str = FULL) -> Catalog:
    return parse(text, "test").catalog


def test_every_key_of_a_deployment_lands_in_its_own_field() -> None:
    found = catalog().deployments["a"]
    assert (found.scheme, found.host, found.port, found.base_path) == ("https", "api.example.com", 8443, "/v1")
    assert found.upstream_model == "m-1"
    assert found.operations == {Operation.CHAT, Operation.EMBEDDINGS}
    assert found.credential == CredentialRef("p/x", "key")
    assert found.timeouts == Timeouts(connect_s=1, first_token_s=2, total_s=3, idle_s=4)
    assert (found.max_connections, found.ca_file, found.dialect) == (5, "/ca.pem", "openai")
    assert found.degrade == {"seed", "n"}


def test_what_is_not_said_is_nothing_and_the_schemes_own_port() -> None:
    found = catalog().deployments["b"]
    assert (found.host, found.port, found.credential, found.ca_file) == ("::1", 80, None, None)
    assert found.degrade == frozenset()


def test_models_keep_the_order_of_the_file_and_their_deployments_that_of_the_attempts() -> None:
    models = catalog().models
    assert list(models) == ["z", "y"]
    assert [each.name for each in catalog().deployments_of(ModelName("z"))] == ["b", "a"]
    assert (models["z"].owned_by, models["z"].created_at_s) == ("us", 7)


def test_a_catalog_cannot_be_changed() -> None:
    for mapping in (catalog().models, catalog().deployments):
        with pytest.raises(TypeError):
            mapping["x"] = None  # type: ignore[index]


@pytest.mark.parametrize(
    ("change", "is_new"),
    [
        (("idle_s: 4", "idle_s: 5"), True),
        (("[b, a]", "[a, b]"), True),
        (("field: key", "field: yek"), True),
        (("models:", "workers: 5\nmodels:"), False),
        (("models:", "limits: {max_body_bytes: 4096}\nmodels:"), False),
        (("connect_s: 1,", "connect_s: 1.0,"), False),
        (("models:", "# words\nmodels:"), False),
    ],
)
def test_a_version_is_new_exactly_when_the_catalog_is(change: tuple[str, str], is_new: bool) -> None:
    assert (catalog(FULL.replace(*change)).version != catalog().version) == is_new


def test_the_longest_exchange_is_every_attempt_of_the_longest_plan_at_its_slowest() -> None:
    # a: max(3, 2, 4) + 1; b: the defaults, 600 + 5. Model z has both.
    assert longest_exchange_s(catalog()) == 5 + 605
    assert longest_exchange_s(catalog(FULL.replace("[b, a]", "[a]"))) == 5


ROUTED = """
deployments:
  - name: a
    base_url: https://api.example.com/v1
    upstream_model: m-1
    labels: {residency: eu, tier: gold}
    context_tokens: 128000
    modalities: [text, image]
    features: [tools]
    price: {input_per_million_usd: 0.25, output_per_million_usd: "2.125"}
    retires_on: 2027-03-31
  - {name: b, base_url: "http://[::1]", upstream_model: m-2}
groups:
  - name: g
    members: [{deployment: a, reserved: {requests_per_minute: 10, tokens_per_minute: 1000}}, {deployment: b}]
    fallbacks: [h]
  - {name: h, strategy: weighted, members: [{deployment: b, weight: 3}]}
boundaries:
  - {organisation: acme, team: cards, labels: {residency: [eu, uk]}}
routing: {allowed_fails: 5, cooldown_s: 2, max_cooldown_s: 9, max_attempts: 4, tells_route: false}
models:
  - {name: x, group: g}
  - {name: y, auto: {cheap: h, premium: g}}
  - {name: z, deployments: [b]}
"""


def test_what_routing_needs_of_a_deployment_lands_in_its_own_field() -> None:
    found = catalog(ROUTED).deployments["a"]
    assert found.labels == {"residency": "eu", "tier": "gold"}
    assert (found.context_tokens, found.retires_on) == (128000, date(2027, 3, 31))
    assert found.modalities == {Modality.TEXT, Modality.IMAGE}
    assert found.features == {Feature.TOOLS}
    assert found.price == Price(input_nano_usd=250, output_nano_usd=2125)


def test_groups_boundaries_and_policy_are_as_written() -> None:
    found = catalog(ROUTED)
    reserved = Capacity(requests_per_minute=10, tokens_per_minute=1000)
    first, second = Member(DeploymentName("a"), reserved=reserved), Member(DeploymentName("b"))
    assert found.groups["g"] == RoutingGroup(GroupName("g"), Strategy.PRIORITY, (first, second), (GroupName("h"),))
    assert found.groups["h"].members == (Member(DeploymentName("b"), weight=3),)
    (boundary,) = found.boundaries
    assert (boundary.organisation, boundary.team, boundary.project) == ("acme", "cards", None)
    assert boundary.labels == {"residency": {"eu", "uk"}}
    assert found.routing == RoutingPolicy(5, 2, 9, 4, tells_route=False)


def test_a_model_is_of_a_group_of_two_or_of_its_own() -> None:
    found = catalog(ROUTED)
    targets = [model.target for model in found.models.values()]
    assert targets == [GroupName("g"), Auto(GroupName("h"), GroupName("g")), GroupName("z")]
    assert found.groups["z"] == RoutingGroup(GroupName("z"), Strategy.PRIORITY, (Member(DeploymentName("b")),))
