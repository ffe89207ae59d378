"""Whatever the catalog, the key, the request, the health of everybody and chance: what routing never does."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from math import ceil
from random import Random

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from extproc.adapters.memory import MemoryHealth
from extproc.model.catalog import Catalog, Deployment, Model, Operation
from extproc.model.health import Standing, Trouble
from extproc.model.identity import Permit, Principal
from extproc.model.ids import DeploymentName, GroupName, ModelName, OrganisationId, ProjectId, TeamId
from extproc.model.money import Price
from extproc.model.refusals import UPSTREAM_RATE_LIMITED, Refusal
from extproc.model.routing import (
    Auto,
    Boundary,
    Capacity,
    Feature,
    Member,
    Modality,
    Needs,
    RoutingGroup,
    RoutingPolicy,
    Strategy,
)
from extproc.policy.eligible import Eligible
from extproc.policy.lineup import Circumstances
from extproc.policy.route import Route, choose_route
from extproc.policy.strategies import Contender, arrange
from tests.samples import NOW_S, make_key
from tests.unit.exchange.worlds import MAIN
from tests.unit.policy.groups import judgement

NAMES = [DeploymentName(name) for name in "abcdefg"]
GROUPS = [GroupName(name) for name in ("one", "two", "three")]
MODEL = ModelName("model")
PERMIT = Permit(Principal(make_key(organisation="acme", team="search", project="ranking")), MODEL)
REGIONS = ("eu", "us", "ch")


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything a decision depends on."""

    catalog: Catalog
    standings: dict[DeploymentName, Standing]
    probes: frozenset[DeploymentName]
    needs: Needs
    operation: Operation
    seed: int
    tier: str
    """What ``auto`` is told."""

    def decide(self) -> Route:
        health = ProbedHealth(dict(self.standings))
        health.probes = self.probes
        draw = Random(self.seed).random  # noqa: S311 - chooses, guards nothing
        at = Circumstances(self.catalog, health, NOW_S, draw, lambda: judgement(self.tier, 0.5))
        return choose_route(PERMIT, self.operation, self.needs, at)

    def groups(self) -> list[RoutingGroup]:
        """Those that may answer: of an ``auto`` the judged one, or the other where nobody of it may."""
        target = self.catalog.models[MODEL].target
        if not isinstance(target, Auto):
            return self.with_fallbacks(target)
        first, second = (target.premium, target.cheap) if self.tier == "premium" else (target.cheap, target.premium)
        return self.with_fallbacks(first if any(self.able(self.with_fallbacks(first))) else second)

    def with_fallbacks(self, name: GroupName) -> list[RoutingGroup]:
        group = self.catalog.groups[name]
        return [group, *(self.catalog.groups[each] for each in group.fallbacks)]

    def candidates(self) -> Iterator[Deployment]:
        """Who is inside and able, told in other words than the policy's."""
        return self.able(self.groups())

    def able(self, groups: Iterable[RoutingGroup]) -> Iterator[Deployment]:
        names = {each.deployment for group in groups for each in group.members}
        for name in sorted(names):
            deployment = self.catalog.deployments[name]
            if (
                self.operation in deployment.operations
                and is_inside(deployment, self.catalog)
                and self.fits(deployment)
            ):
                yield deployment

    def fits(self, deployment: Deployment) -> bool:
        return (
            deployment.modalities >= self.needs.modalities
            and deployment.features >= self.needs.features
            and (
                deployment.context_tokens is None
                or self.operation is Operation.EMBEDDINGS
                or self.needs.input_tokens / 1.5 + (self.needs.output_tokens or 0) <= deployment.context_tokens
            )
        )

    def is_barred(self, deployment: Deployment) -> bool:
        standing = self.standings[deployment.name]
        return standing.is_cooling(NOW_S) and standing.trouble is Trouble.RATE_LIMITED


class ProbedHealth(MemoryHealth):
    """Lets the given deployments be probed."""

    probes: frozenset[DeploymentName]

    def may_probe(self, deployment: DeploymentName, now_s: float) -> bool:
        return deployment in self.probes


def is_inside(deployment: Deployment, catalog: Catalog) -> bool:
    key = PERMIT.principal.key
    around = [
        boundary
        for boundary in catalog.boundaries
        if boundary.organisation == key.organisation
        and (boundary.team is None or boundary.team == key.team)
        and (boundary.project is None or boundary.project == key.project)
    ]
    return all(
        label in deployment.labels and deployment.labels[label] in allowed
        for boundary in around
        for label, allowed in boundary.labels.items()
    )


deployments = st.builds(
    replace,
    st.just(MAIN),
    operations=st.sampled_from([frozenset({Operation.CHAT}), frozenset({Operation.CHAT, Operation.EMBEDDINGS})]),
    labels=st.dictionaries(st.sampled_from(["residency", "owner"]), st.sampled_from(REGIONS)),
    context_tokens=st.sampled_from([None, 1000, 10_000]),
    modalities=st.sampled_from([frozenset(Modality), frozenset({Modality.TEXT})]),
    features=st.sampled_from([frozenset(Feature), frozenset({Feature.TOOLS}), frozenset[Feature]()]),
    price=st.builds(Price, st.integers(0, 100), st.integers(0, 100)),
    retires_on=st.sampled_from([None, date(2020, 1, 1)]),
    max_connections=st.integers(1, 100),
)
standings = st.builds(
    Standing,
    first_token_s=st.none() | st.floats(0.001, 60),
    error_rate=st.floats(0, 1),
    in_flight=st.integers(0, 200),
    requests_in_minute=st.integers(0, 100),
    tokens_in_minute=st.integers(0, 10_000),
    cooldown_until_s=st.sampled_from([0.0, NOW_S - 5, NOW_S + 0.5, NOW_S + 30, NOW_S + 31.5]),
    trouble=st.none() | st.sampled_from(Trouble),
)
capacities = st.none() | st.builds(Capacity, st.none() | st.integers(0, 100), st.none() | st.integers(0, 10_000))
boundaries = st.builds(
    Boundary,
    st.sampled_from([OrganisationId("acme"), OrganisationId("other")]),
    st.sampled_from([None, TeamId("search"), TeamId("other")]),
    st.sampled_from([None, ProjectId("ranking"), ProjectId("other")]),
    st.dictionaries(
        st.sampled_from(["residency", "owner"]), st.frozensets(st.sampled_from(REGIONS), min_size=1), max_size=2
    ),
)
needs = st.builds(
    Needs,
    st.integers(0, 20_000),
    st.none() | st.integers(1, 2000),
    st.sampled_from([frozenset({Modality.TEXT}), frozenset({Modality.TEXT, Modality.IMAGE})]),
    st.sampled_from([frozenset[Feature](), frozenset({Feature.TOOLS}), frozenset({Feature.JSON_SCHEMA})]),
)
members = st.lists(st.sampled_from(NAMES), min_size=1, unique=True).flatmap(
    lambda names: st.tuples(*(st.builds(Member, st.just(name), st.integers(0, 5), capacities) for name in names))
)


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    fallbacks = {
        GROUPS[0]: tuple(draw(st.lists(st.sampled_from(GROUPS[1:]), unique=True))),
        GROUPS[1]: draw(st.sampled_from([(), (GROUPS[2],)])),
    }
    groups = {
        name: RoutingGroup(name, draw(st.sampled_from(Strategy)), draw(members), fallbacks.get(name, ()))
        for name in GROUPS
    }
    catalog = Catalog(
        "v",
        {MODEL: Model(MODEL, draw(st.sampled_from([GROUPS[0], Auto(GROUPS[0], GROUPS[1])])), "acme", 0)},
        groups,
        {name: replace(draw(deployments), name=name) for name in NAMES},
        tuple(draw(st.lists(boundaries, max_size=2))),
        RoutingPolicy(max_attempts=draw(st.integers(1, 8))),
    )
    return Situation(
        catalog,
        {name: draw(standings) for name in NAMES},
        draw(st.frozensets(st.sampled_from(NAMES))),
        draw(needs),
        draw(st.sampled_from([Operation.CHAT, Operation.CHAT, Operation.EMBEDDINGS])),
        draw(st.integers(0, 1000)),
        draw(st.sampled_from(["cheap", "premium"])),
    )


def decided(situation: Situation) -> Route:
    route = None
    with suppress(Refusal):
        route = situation.decide()
    assume(route is not None)
    assert route is not None
    return route


def refused(situation: Situation) -> Refusal | None:
    try:
        situation.decide()
    except Refusal as refusal:
        return refusal
    return None


@given(situations())
@settings(max_examples=150)
def test_nobody_outside_the_boundary_or_unable_is_ever_asked(situation: Situation) -> None:
    allowed = {each.name for each in situation.candidates()}
    assert {each.name for each in decided(situation).deployments} <= allowed


@given(situations())
@settings(max_examples=80)
def test_everybody_who_may_serve_is_asked_once_as_far_as_the_plan_goes(situation: Situation) -> None:
    route = decided(situation)
    able = {each.name for each in situation.candidates() if not situation.is_barred(each)}
    chosen = [each.name for each in route.deployments]
    assert len(set(chosen)) == len(chosen) == min(len(able), situation.catalog.routing.max_attempts)
    assert set(chosen) <= able


@given(situations())
@settings(max_examples=80)
def test_a_request_is_refused_only_when_nobody_can_serve_it(situation: Situation) -> None:
    candidates = list(situation.candidates())
    refusal = refused(situation)
    assert (refusal is not None) is all(situation.is_barred(each) for each in candidates)
    assert (refusal is not None and refusal.kind is UPSTREAM_RATE_LIMITED) is bool(refusal and candidates)
    if refusal is not None and candidates:
        soonest_s = min(situation.standings[each.name].cooldown_until_s for each in candidates)
        assert refusal.headers == (("retry-after", str(ceil(soonest_s - NOW_S))),)


@given(situations())
@settings(max_examples=80)
def test_the_healthy_come_before_the_unproven_and_those_before_the_cooling(situation: Situation) -> None:
    route = decided(situation)
    room = situation.needs.input_tokens + (situation.needs.output_tokens or 0)

    def stage(deployment: Deployment) -> int:
        standing = situation.standings[deployment.name]
        if standing.is_cooling(NOW_S):
            return 4
        if standing.in_flight >= deployment.max_connections:
            return 3
        limit = None if situation.operation is Operation.EMBEDDINGS else deployment.context_tokens
        if limit is not None and room > limit:
            return 2
        return 1 if standing.trouble is not None else 0

    stages = [stage(each) for each in route.deployments]
    is_probe = stages[0] == 1 and route.deployments[0].name in situation.probes
    rest = stages[1:] if is_probe else stages
    assert rest == sorted(rest)
    ends = [situation.standings[each.name].cooldown_until_s for each in route.deployments if stage(each) == 4]
    assert ends == sorted(ends)


@given(situations())
@settings(max_examples=60)
def test_the_same_draws_give_the_same_route(situation: Situation) -> None:
    assert decided(situation) == decided(situation)


@given(situations())
@settings(max_examples=60)
def test_everybody_considered_is_told_about_once_and_those_chosen_first(situation: Situation) -> None:
    route = decided(situation)
    told = [each.deployment for each in route.considered]
    assert len(set(told)) == len(told)
    assert set(told) >= {each.deployment for group in situation.groups() for each in group.members}
    chosen = [each.deployment for each in route.considered if each.is_chosen]
    assert chosen == [each.name for each in route.deployments] == told[: len(chosen)]


# -- strategies


@st.composite
def contenders(draw: st.DrawFn) -> list[Contender]:
    return [
        Contender(
            Eligible(
                replace(draw(deployments), name=name),
                Member(name, draw(st.integers(0, 5)), draw(capacities)),
                GROUPS[0],
                is_tight=False,
                is_retired=False,
            ),
            draw(standings),
            draw(st.booleans()),
        )
        for name in NAMES[: draw(st.integers(1, len(NAMES)))]
    ]


@given(contenders(), st.sampled_from(Strategy), needs, st.integers(0, 1000))
@settings(max_examples=80)
def test_a_strategy_orders_and_nothing_else(
    group: list[Contender], strategy: Strategy, asked: Needs, seed: int
) -> None:
    order = arrange(strategy, group, asked, Random(seed).random)  # noqa: S311 - chooses, guards nothing
    assert sorted(each.eligible.deployment.name for each in order) == [each.eligible.deployment.name for each in group]


@given(contenders(), needs, st.integers(0, 1000))
@settings(max_examples=60)
def test_who_is_dearer_in_both_respects_never_comes_before_a_cheaper_one(
    group: list[Contender], asked: Needs, seed: int
) -> None:
    order = arrange(Strategy.COST, group, asked, Random(seed).random)  # noqa: S311 - same
    prices = [each.eligible.deployment.price for each in order]
    for index, dear in enumerate(prices):
        for cheap in prices[index + 1 :]:
            assert dear is not None
            assert cheap is not None
            is_dearer = dear.input_nano_usd > cheap.input_nano_usd and dear.output_nano_usd > cheap.output_nano_usd
            assert not is_dearer or asked.input_tokens == 0 == asked.output_tokens


@given(contenders(), needs, st.integers(0, 1000))
@settings(max_examples=60)
def test_reserved_capacity_is_first_only_while_this_request_is_within_it(
    group: list[Contender], asked: Needs, seed: int
) -> None:
    order = arrange(Strategy.PRIORITY, group, asked, Random(seed).random)  # noqa: S311 - same
    seen_plain = False
    for each in order:
        reserved = each.eligible.member.reserved
        if reserved is None:
            seen_plain = True
            continue
        requests, tokens = reserved.requests_per_minute, reserved.tokens_per_minute
        expected = min(500, 500 if asked.output_tokens is None else asked.output_tokens)
        is_within = (requests is None or each.standing.requests_in_minute < requests) and (
            tokens is None or each.standing.tokens_in_minute + asked.input_tokens + expected <= tokens
        )
        assert not (is_within and seen_plain)
        assert is_within or seen_plain or all(one.eligible.member.reserved is not None for one in group)


@given(contenders(), st.integers(0, 1000))
@settings(max_examples=60)
def test_two_choices_give_a_cold_deployment_no_more_than_two_in_n(group: list[Contender], seed: int) -> None:
    draws, source = 300, Random(seed)  # noqa: S311 - same
    asked = Needs(1, None, frozenset({Modality.TEXT}), frozenset())
    firsts = [arrange(Strategy.LATENCY, group, asked, source.random)[0] for _ in range(draws)]
    allowed = min(1.0, 2 / len(group))
    for each in group:
        if each.is_cold and len(group) > 2:
            assert firsts.count(each) <= draws * allowed + 5 * (draws * allowed * (1 - allowed)) ** 0.5


@given(st.lists(st.integers(0, 9), min_size=2, max_size=6), st.integers(0, 1000))
@settings(max_examples=40)
def test_weighted_shares_converge_to_the_weights(weights: list[int], seed: int) -> None:
    assume(sum(weights) > 0)
    group = [
        Contender(
            Eligible(replace(MAIN, name=name), Member(name, weight), GROUPS[0], is_tight=False, is_retired=False),
            Standing(),
            is_unproven=False,
        )
        for name, weight in zip(NAMES, weights, strict=False)
    ]
    draws, source = 1000, Random(seed)  # noqa: S311 - same
    asked = Needs(1, None, frozenset({Modality.TEXT}), frozenset())
    firsts = [arrange(Strategy.WEIGHTED, group, asked, source.random)[0] for _ in range(draws)]
    chi_square = 0.0
    for each in group:
        expected = draws * each.eligible.member.weight / sum(weights)
        seen = firsts.count(each)
        if expected == 0:
            assert seen == 0
        else:
            chi_square += (seen - expected) ** 2 / expected
    # Five degrees of freedom at most: 35 is passed by one in a million.
    assert chi_square < 35
