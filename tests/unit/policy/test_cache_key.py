"""Only what is the same question may share an answer."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from extproc.model.cache import CachePolicy, Partition, Question, Scope, organisation_of
from extproc.model.catalog import Operation
from extproc.model.chat import ModelRequest
from extproc.model.ids import ProjectId, TeamId
from extproc.policy.cache_key import Circle, read_question
from tests.samples import make_key

KEY = make_key()
CIRCLE = Circle(KEY, "fast", "u1", "g1", "minilm@1", "c1")
POLICY = CachePolicy(version="p1", is_exact=True, is_semantic=True)
PAYLOAD: dict[str, Any] = {
    "model": "fast",
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is Envoy?"}],
    "temperature": 0.0,
}


def question(
    payload: Mapping[str, Any] = PAYLOAD, circle: Circle = CIRCLE, policy: CachePolicy = POLICY
) -> Question | None:
    return read_question(ModelRequest(Operation.CHAT, "fast", False, False, payload), policy, circle)


def partition(payload: Mapping[str, Any] = PAYLOAD, circle: Circle = CIRCLE, policy: CachePolicy = POLICY) -> str:
    found = question(payload, circle, policy)
    assert found is not None
    return found.partition


def test_the_same_request_is_the_same_question() -> None:
    assert question() == question({**PAYLOAD})
    assert question() == question(dict(reversed(PAYLOAD.items())))


def test_a_partition_says_whose_answers_it_has() -> None:
    assert organisation_of(Partition(partition())) == KEY.organisation


def test_another_last_turn_is_another_question_of_the_same_partition() -> None:
    other = question({**PAYLOAD, "messages": [PAYLOAD["messages"][0], {"role": "user", "content": "What is a proxy?"}]})
    mine = question()
    assert mine is not None
    assert other is not None
    assert (mine.partition, mine.id != other.id, other.text) == (other.partition, True, "What is a proxy?")


@pytest.mark.parametrize(
    "changed",
    [
        {"messages": [{"role": "system", "content": "Be long."}, PAYLOAD["messages"][1]]},
        {"messages": [PAYLOAD["messages"][1]]},
        {"messages": [PAYLOAD["messages"][0], {"role": "user", "content": "What is Envoy?", "name": "ada"}]},
        {
            "messages": [
                PAYLOAD["messages"][0],
                {"role": "user", "content": [{"type": "text", "text": "What is Envoy?"}]},
            ]
        },
        {"temperature": 0.1},
        {"max_completion_tokens": 10},
        {"response_format": {"type": "json_object"}},
        {"tools": []},
        {"metadata": {"a": "b"}},
        {"anything_new": 1},
    ],
)
def test_whatever_else_differs_keeps_requests_apart(changed: dict[str, Any]) -> None:
    assert partition({**PAYLOAD, **changed}) != partition()


@pytest.mark.parametrize(
    "changed", [{"stream": True}, {"stream_options": {"include_usage": True}}, {"user": "u"}, {"prompt_cache_key": "k"}]
)
def test_who_asks_and_how_it_travels_does_not(changed: dict[str, Any]) -> None:
    assert partition({**PAYLOAD, **changed}) == partition()


@pytest.mark.parametrize(
    "circle",
    [
        replace(CIRCLE, key=make_key(organisation="other")),
        replace(CIRCLE, key=replace(KEY, team=TeamId("other"))),
        replace(CIRCLE, key=replace(KEY, project=ProjectId("other"))),
        replace(CIRCLE, model="other"),
        replace(CIRCLE, guard="g2"),
        replace(CIRCLE, embedder="other"),
        replace(CIRCLE, catalog="c2"),
    ],
)
def test_another_circle_is_another_partition(circle: Circle) -> None:
    assert partition(circle=circle) != partition()


def test_keys_of_a_project_share_unless_the_scope_is_the_user() -> None:
    other = replace(CIRCLE, key=replace(make_key(), project=KEY.project), user="u2")
    assert partition(circle=other) == partition()
    by_user = replace(POLICY, scope=Scope.USER)
    assert partition(circle=other, policy=by_user) != partition(policy=by_user)
    nameless = [replace(each, user="") for each in (CIRCLE, other)]
    assert partition(circle=nameless[0], policy=by_user) != partition(circle=nameless[1], policy=by_user)


def test_a_team_shares_over_its_projects_where_policy_says_so() -> None:
    by_team = replace(POLICY, scope=Scope.TEAM)
    other = replace(CIRCLE, key=replace(KEY, project=ProjectId("other")))
    assert partition(circle=other, policy=by_team) == partition(policy=by_team)


@pytest.mark.parametrize(
    "payload",
    [
        {**PAYLOAD, "n": 2},
        {**PAYLOAD, "audio": {"voice": "x"}},
        {**PAYLOAD, "store": True},
        {**PAYLOAD, "messages": []},
        {**PAYLOAD, "messages": [{"role": "user", "content": " "}]},
        {**PAYLOAD, "messages": [*PAYLOAD["messages"], {"role": "assistant", "content": "It"}]},
        {**PAYLOAD, "messages": [{"role": "user", "content": [{"type": "text", "text": "a"}] * 2}]},
    ],
)
def test_what_is_nothing_to_be_remembered(payload: dict[str, Any]) -> None:
    assert question(payload) is None


def test_an_image_keeps_requests_apart_and_its_text_is_the_question() -> None:
    def asked(url: str) -> Question | None:
        parts = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "What is this?"}]
        return question({**PAYLOAD, "messages": [{"role": "user", "content": parts}]})

    one, two = asked("data:image/png;base64,AA=="), asked("data:image/png;base64,BB==")
    assert one is not None
    assert two is not None
    assert one.text == "What is this?"
    assert one.partition != two.partition


def test_a_tenant_without_a_cache_has_no_question() -> None:
    assert question(policy=CachePolicy()) is None
    assert read_question(ModelRequest(Operation.EMBEDDINGS, "fast", False, False, PAYLOAD), POLICY, CIRCLE) is None
