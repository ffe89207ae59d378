from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from extproc.model.catalog import Deployment, Operation
from extproc.model.ids import OrganisationId, ProjectId, TeamId
from extproc.model.refusals import (
    CONTEXT_LENGTH_EXCEEDED,
    DATA_BOUNDARY,
    INVALID_REQUEST,
    OPERATION_NOT_SUPPORTED,
    Refusal,
)
from extproc.model.routing import Boundary, Feature, Modality, Needs
from extproc.policy.eligible import Asked, Sifted, refusal_of, sift
from tests.samples import NOW_S, make_key
from tests.unit.policy.groups import EUROPE, NEEDS, Market, deployment, group

KEY = make_key(organisation="acme", team="search", project="ranking")
EU, US = {"residency": "eu"}, {"residency": "us"}


def sifted(
    *deployments: Deployment,
    needs: Needs = NEEDS,
    boundaries: tuple[Boundary, ...] = (),
    operation: Operation = Operation.CHAT,
    now_s: float = NOW_S,
) -> Sifted:
    market = Market([group("g", [each.name for each in deployments])], deployments, boundaries=boundaries)
    return sift(market.catalog, market.groups, Asked(KEY, operation, needs, now_s))


def names(found: Sifted) -> list[str]:
    return [each.deployment.name for each in found.eligible]


def refusal(found: Sifted) -> Refusal:
    assert not found.eligible
    return refusal_of(found.out)


def drawn(team: str | None, project: str | None, labels: Mapping[str, frozenset[str]]) -> Boundary:
    return Boundary(
        OrganisationId("acme"), TeamId(team) if team else None, ProjectId(project) if project else None, labels
    )


def test_who_does_not_serve_the_operation_is_out() -> None:
    found = sifted(deployment("a", operations=frozenset({Operation.EMBEDDINGS})), deployment("b"))
    assert names(found) == ["b"]
    assert [(out.deployment, out.shortfall.reason) for out in found.out] == [("a", "does not serve chat.completions")]


def test_who_is_outside_the_boundary_or_says_nothing_of_it_is_out() -> None:
    found = sifted(
        deployment("in", labels=EU), deployment("out", labels=US), deployment("silent"), boundaries=(EUROPE,)
    )
    assert names(found) == ["in"]
    assert {out.shortfall.reason for out in found.out} == {"outside the data boundary residency=[eu]"}


@pytest.mark.parametrize(
    ("boundary", "is_in"),
    [
        (drawn(None, None, {"residency": frozenset({"us"})}), False),
        (drawn("search", None, {"residency": frozenset({"us"})}), False),
        (drawn("search", "ranking", {"residency": frozenset({"us"})}), False),
        (drawn("search", "other", {"residency": frozenset({"us"})}), True),
        (drawn("other", None, {"residency": frozenset({"us"})}), True),
        (drawn(None, "ranking", {"residency": frozenset({"us"})}), False),
        (replace(EUROPE, organisation=OrganisationId("other"), labels={"residency": frozenset({"us"})}), True),
        (drawn(None, None, {"residency": frozenset({"us", "eu"})}), True),
        (drawn(None, None, {"residency": frozenset({"eu"}), "owner": frozenset({"us-corp"})}), False),
    ],
)
def test_a_boundary_holds_for_the_keys_it_is_drawn_around(boundary: Boundary, is_in: bool) -> None:
    assert bool(sifted(deployment("a", labels=EU), boundaries=(boundary,)).eligible) is is_in


def test_every_boundary_around_a_key_must_be_kept() -> None:
    both = (drawn(None, None, {"residency": frozenset({"eu"})}), drawn("search", None, {"tier": frozenset({"gold"})}))
    found = sifted(
        deployment("a", labels=EU),
        deployment("b", labels={"tier": "gold"}),
        deployment("c", labels={**EU, "tier": "gold"}),
        boundaries=both,
    )
    assert names(found) == ["c"]


def test_who_lacks_a_modality_or_a_feature_is_out() -> None:
    needs = replace(NEEDS, modalities=frozenset({Modality.TEXT, Modality.IMAGE}), features=frozenset({Feature.TOOLS}))
    blind = deployment("blind", modalities=frozenset({Modality.TEXT}))
    clumsy = deployment("clumsy", features=frozenset({Feature.JSON_SCHEMA}))
    found = sifted(blind, clumsy, deployment("able"), needs=needs)
    assert names(found) == ["able"]
    assert [out.shortfall.reason for out in found.out] == ["takes no image content", "cannot do tools"]


@pytest.mark.parametrize(
    ("input_tokens", "output_tokens", "where"),
    [(900, 100, "in"), (900, 101, "tight"), (1350, 100, "tight"), (1352, 100, "out"), (0, 1001, "out")],
)
def test_who_is_surely_too_small_is_out_and_who_may_be_is_marked(
    input_tokens: int, output_tokens: int, where: str
) -> None:
    needs = replace(NEEDS, input_tokens=input_tokens, output_tokens=output_tokens)
    found = sifted(deployment("a", context_tokens=1000), needs=needs)
    seen = ("tight" if found.eligible[0].is_tight else "in") if found.eligible else "out"
    assert seen == where


def test_a_batch_of_texts_to_embed_is_not_taken_for_one_long_text() -> None:
    needs = replace(NEEDS, input_tokens=9000, output_tokens=0)
    found = sifted(deployment("a", context_tokens=1000), needs=needs, operation=Operation.EMBEDDINGS)
    assert not found.eligible[0].is_tight


def test_a_deployment_is_retired_from_the_day_after_its_last() -> None:
    last = deployment("a", retires_on=date(2027, 3, 31))
    evening = datetime(2027, 3, 31, 23, 59, tzinfo=UTC).timestamp()
    assert not sifted(last, now_s=evening).eligible[0].is_retired
    assert sifted(last, now_s=evening + 120).eligible[0].is_retired


def test_a_deployment_in_two_groups_counts_where_it_comes_first() -> None:
    market = Market([group("one", ["a", "b"]), group("two", ["b", "c"])])
    found = sift(market.catalog, market.groups, Asked(KEY, Operation.CHAT, NEEDS, NOW_S))
    assert [(each.deployment.name, each.group) for each in found.eligible] == [("a", "one"), ("b", "one"), ("c", "two")]


def test_nobody_serving_the_operation_is_said_so() -> None:
    assert refusal(sifted(deployment("a"), operation=Operation.LIST_MODELS)).kind is OPERATION_NOT_SUPPORTED


def test_nobody_inside_the_boundary_is_403() -> None:
    said = refusal(sifted(deployment("a", labels=US), boundaries=(EUROPE,)))
    assert (said.kind, said.kind.status, said.param) == (DATA_BOUNDARY, 403, "model")


@pytest.mark.parametrize(
    ("needs", "param"),
    [
        (replace(NEEDS, modalities=frozenset({Modality.TEXT, Modality.AUDIO})), "messages"),
        (replace(NEEDS, features=frozenset({Feature.TOOLS})), "tools"),
        (replace(NEEDS, features=frozenset({Feature.JSON_SCHEMA})), "response_format"),
    ],
)
def test_what_nobody_can_do_is_named_with_its_field(needs: Needs, param: str) -> None:
    unable = deployment("a", modalities=frozenset({Modality.TEXT}), features=frozenset())
    said = refusal(sifted(unable, needs=needs))
    assert (said.kind, said.param) == (INVALID_REQUEST, param)
    assert "a:" not in said.message


@pytest.mark.parametrize(("needs", "param"), [((9000, 1), "messages"), ((1, 9000), "max_tokens")])
def test_a_request_that_is_too_long_for_all_is_told_in_the_words_sdks_know(needs: tuple[int, int], param: str) -> None:
    said = refusal(
        sifted(
            deployment("a", context_tokens=1000), needs=replace(NEEDS, input_tokens=needs[0], output_tokens=needs[1])
        )
    )
    assert (said.kind, said.param) == (CONTEXT_LENGTH_EXCEEDED, param)


def test_a_refusal_speaks_of_whoever_came_nearest() -> None:
    small = deployment("small", labels=EU, context_tokens=1000)
    away = deployment("away", labels=US)
    blind = deployment("blind", labels=EU, features=frozenset())
    needs = Needs(9000, None, frozenset({Modality.TEXT}), frozenset({Feature.TOOLS}))
    assert refusal(sifted(away, blind, small, needs=needs, boundaries=(EUROPE,))).kind is CONTEXT_LENGTH_EXCEEDED
    assert refusal(sifted(away, blind, needs=needs, boundaries=(EUROPE,))).param == "tools"
