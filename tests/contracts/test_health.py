"""What the health of deployments promises, in memory and shared over Redis alike."""

from collections.abc import AsyncIterator

import pytest

from extproc.model.exchange import Usage
from extproc.model.health import Trouble
from extproc.model.ids import DeploymentName
from extproc.policy.flights import KEEP_S
from tests.contracts.health_fleet import (
    MAIN,
    OTHER,
    POLICY,
    Fleet,
    attempt_of,
    catalog_of,
    delivery_of,
    exchange_of,
    open_fleet,
)
from tests.servers import Redis8, Valkey


@pytest.fixture(params=["memory", "valkey", "redis8"])
async def fleet(request: pytest.FixtureRequest, valkey_server: Valkey, redis8_server: Redis8) -> AsyncIterator[Fleet]:
    urls = {"memory": None, "valkey": valkey_server.url, "redis8": redis8_server.url}
    async with open_fleet(urls[request.param]) as made:
        yield made


async def left_s(fleet: Fleet) -> float:
    """How long MAIN is to be left alone."""
    return (await fleet.standing()).cooldown_until_s - fleet.clock.now_s()


async def test_failures_in_a_row_add_up_over_the_workers_and_cool_it_down(fleet: Fleet) -> None:
    fleet.fail(fleet.one)
    fleet.fail(fleet.one)
    await fleet.share()
    assert not (await fleet.standing()).is_cooling(fleet.clock.now_s())
    fleet.fail(fleet.two)
    standing = await fleet.standing()
    assert (standing.failures, standing.trouble) == (3, Trouble.FAILURES)
    assert await left_s(fleet) == pytest.approx(POLICY.cooldown_s, abs=0.01)


async def test_what_a_worker_sees_counts_for_it_at_once(fleet: Fleet) -> None:
    for _ in range(3):
        fleet.fail(fleet.one)
    assert fleet.one.standing(MAIN).is_cooling(fleet.clock.now_s())


async def test_an_answer_between_failures_begins_the_count_anew(fleet: Fleet) -> None:
    fleet.fail(fleet.one)
    fleet.fail(fleet.one)
    await fleet.share()
    fleet.succeed(fleet.two)
    await fleet.share()
    fleet.fail(fleet.one)
    fleet.fail(fleet.two)
    standing = await fleet.standing()
    assert (standing.failures, standing.trouble) == (2, None)


async def test_the_same_attempt_counts_once_whoever_tells_of_it_and_how_often(fleet: Fleet) -> None:
    context = fleet.new_context()
    fleet.one.delivered(delivery_of(context, failure="upstream_timeout"))
    fleet.one.attempted(attempt_of(context.id, "UT"))
    fleet.two.attempted(attempt_of(context.id, "UT"))
    await fleet.share()
    fleet.two.attempted(attempt_of(context.id, "UT"))
    fleet.one.attempted(attempt_of(context.id, "UT"))
    assert (await fleet.standing()).failures == 1


async def test_a_provider_that_says_when_to_come_again_is_left_alone_until_then(fleet: Fleet) -> None:
    fleet.fail(fleet.one, failure="upstream_rate_limited", status=429, retry_after_s=30.0)
    assert (await fleet.standing()).trouble is Trouble.RATE_LIMITED
    assert 30.0 <= await left_s(fleet) <= 36.0
    fleet.fail(fleet.two, failure="upstream_rate_limited", status=429, retry_after_s=5.0)
    assert 30.0 <= await left_s(fleet) <= 36.0
    fleet.fail(fleet.two, failure="upstream_rate_limited", status=429, retry_after_s=999_999.0)
    assert 3600.0 <= await left_s(fleet) <= 4320.0


async def test_a_rate_limit_without_a_time_is_a_usual_cooldown_at_once(fleet: Fleet) -> None:
    fleet.fail(fleet.one, failure="upstream_rate_limited", status=429)
    assert (await fleet.standing()).trouble is Trouble.RATE_LIMITED
    assert await left_s(fleet) == pytest.approx(POLICY.cooldown_s, abs=0.01)


async def test_failures_while_it_cools_down_change_neither_its_end_nor_the_next_ones_length(fleet: Fleet) -> None:
    for _ in range(3):
        fleet.fail(fleet.one)
    until_s = (await fleet.standing()).cooldown_until_s
    fleet.clock.advance(5)
    for _ in range(5):
        fleet.fail(fleet.two)
    assert (await fleet.standing()).cooldown_until_s == pytest.approx(until_s, abs=0.01)
    fleet.clock.advance(6)
    fleet.fail(fleet.one)
    assert await left_s(fleet) == pytest.approx(2 * POLICY.cooldown_s, abs=0.01)


async def test_each_cooldown_in_a_row_is_twice_as_long_up_to_the_longest(fleet: Fleet) -> None:
    for _ in range(2):
        fleet.fail(fleet.one)
    lengths = []
    for _ in range(5):
        fleet.fail(fleet.one)
        lengths.append(await left_s(fleet))
        fleet.clock.advance(lengths[-1] + 0.1)
    assert lengths == pytest.approx([10, 20, 40, 60, 60], abs=0.01)


async def test_an_answer_ends_the_trouble_after_the_cooldown_and_not_before(fleet: Fleet) -> None:
    for _ in range(3):
        fleet.fail(fleet.one)
    fleet.succeed(fleet.two)
    assert (await fleet.standing()).is_cooling(fleet.clock.now_s())
    fleet.clock.advance(11)
    assert (await fleet.standing()).is_unproven(fleet.clock.now_s())
    fleet.succeed(fleet.two)
    standing = await fleet.standing()
    assert (standing.failures, standing.trouble) == (0, None)
    for _ in range(3):
        fleet.fail(fleet.one)
    assert await left_s(fleet) == pytest.approx(POLICY.cooldown_s, abs=0.01)


@pytest.mark.parametrize(
    ("failure", "status", "flags", "attempt_status"),
    [
        ("invalid_request", 400, "", 0),
        ("context_length_exceeded", 400, "", 400),
        ("content_filter", 400, "", 0),
        ("upstream_rejected", 413, "", 502),
        ("", 200, "", 200),
        ("", 0, "", 0),
        ("", 0, "UO", 0),
        ("", 0, "DC", 0),
        ("", 200, "UC,DC", 200),
    ],
)
async def test_what_is_not_its_doing_does_not_count(
    fleet: Fleet, failure: str, status: int, flags: str, attempt_status: int
) -> None:
    for _ in range(5):
        context = fleet.new_context()
        fleet.one.delivered(delivery_of(context, failure=failure, status=status))
        fleet.two.attempted(attempt_of(context.id, flags, status=attempt_status))
    standing = await fleet.standing()
    assert (standing.failures, standing.error_rate, standing.trouble) == (0, 0.0, None)


async def test_averages_forget(fleet: Fleet) -> None:
    fleet.succeed(fleet.one, first_token_s=4.0)
    await fleet.share()
    fleet.clock.advance(30)
    fleet.succeed(fleet.two, first_token_s=1.0)
    fleet.fail(fleet.two)
    standing = await fleet.standing()
    assert standing.first_token_s == pytest.approx((4.0 * 0.5 + 1.0) / 1.5, abs=1e-6)
    assert standing.error_rate == pytest.approx(1 / (2 + 0.5**0.5), abs=1e-6)
    fleet.clock.advance(240)
    later = await fleet.standing()
    assert later.first_token_s is None
    assert later.error_rate < 0.07


async def test_requests_and_tokens_are_those_of_the_last_minute_as_the_provider_counted_them(fleet: Fleet) -> None:
    context = fleet.new_context()
    fleet.one.started(context, 100)
    await fleet.share()
    assert (await fleet.standing()).tokens_in_minute == 100
    fleet.two.delivered(delivery_of(context, is_complete=True, usage=Usage(80, 40)))
    standing = await fleet.standing()
    assert (standing.requests_in_minute, standing.tokens_in_minute) == (1, 120)
    fleet.clock.advance(49)
    assert (await fleet.standing()).requests_in_minute == 1
    fleet.clock.advance(21)
    standing = await fleet.standing()
    assert (standing.requests_in_minute, standing.tokens_in_minute) == (0, 0)


async def test_tokens_that_are_told_before_the_request_is_are_counted_once(fleet: Fleet) -> None:
    context = fleet.new_context()
    fleet.two.delivered(delivery_of(context, is_complete=True, usage=Usage(80, 40)))
    await fleet.share()
    fleet.one.started(context, 100)
    standing = await fleet.standing()
    assert (standing.requests_in_minute, standing.tokens_in_minute, standing.in_flight) == (1, 120, 0)


async def test_a_request_is_counted_where_it_is(fleet: Fleet) -> None:
    context = fleet.new_context(MAIN, OTHER)
    fleet.one.started(context, 10)
    assert ((await fleet.standing(MAIN)).in_flight, (await fleet.standing(OTHER)).in_flight) == (1, 0)
    fleet.two.attempted(attempt_of(context.id, "UF"))
    assert ((await fleet.standing(MAIN)).in_flight, (await fleet.standing(OTHER)).in_flight) == (0, 1)
    assert (await fleet.standing(OTHER)).requests_in_minute == 1
    fleet.one.delivered(delivery_of(context, OTHER, is_complete=True))
    assert ((await fleet.standing(MAIN)).in_flight, (await fleet.standing(OTHER)).in_flight) == (0, 0)
    fleet.two.finished(exchange_of(context))
    assert ((await fleet.standing(MAIN)).in_flight, (await fleet.standing(OTHER)).in_flight) == (0, 0)


async def test_an_end_that_is_told_before_its_beginning_leaves_nothing_under_way(fleet: Fleet) -> None:
    context = fleet.new_context()
    fleet.two.finished(exchange_of(context))
    await fleet.share()
    fleet.one.started(context, 10)
    assert (await fleet.standing()).in_flight == 0
    late = fleet.new_context(MAIN, OTHER)
    fleet.two.attempted(attempt_of(late.id, "UF"))
    await fleet.share()
    fleet.one.started(late, 10)
    assert ((await fleet.standing(MAIN)).in_flight, (await fleet.standing(OTHER)).in_flight) == (0, 1)


async def test_a_request_whose_end_nobody_tells_is_given_up_at_its_deadline(fleet: Fleet) -> None:
    fleet.one.started(fleet.new_context(MAIN), 10)
    fleet.two.started(fleet.new_context(MAIN, is_stream=True), 10)
    assert (await fleet.standing()).in_flight == 2
    fleet.clock.advance(20 + 31)
    fleet.succeed(fleet.one)
    assert (await fleet.standing()).in_flight == 1
    fleet.clock.advance(900)
    fleet.succeed(fleet.one)
    assert (await fleet.standing()).in_flight == 0


async def test_one_finds_out_if_it_works_again_and_the_others_wait_for_that(fleet: Fleet) -> None:
    for _ in range(3):
        fleet.fail(fleet.one)
    await fleet.share()
    fleet.clock.advance(9)
    assert not fleet.one.may_probe(MAIN, fleet.clock.now_s())
    fleet.clock.advance(2)
    assert fleet.one.may_probe(MAIN, fleet.clock.now_s())
    assert not fleet.one.may_probe(MAIN, fleet.clock.now_s())
    context = fleet.new_context()
    fleet.one.started(context, 1)
    await fleet.share()
    fleet.clock.advance(19)
    assert not fleet.two.may_probe(MAIN, fleet.clock.now_s())
    assert not fleet.one.may_probe(MAIN, fleet.clock.now_s())
    fleet.clock.advance(2)
    assert fleet.two.may_probe(MAIN, fleet.clock.now_s())


async def test_a_probe_that_says_nothing_makes_room_for_the_next(fleet: Fleet) -> None:
    for _ in range(3):
        fleet.fail(fleet.one)
    await fleet.share()
    fleet.clock.advance(11)
    assert fleet.one.may_probe(MAIN, fleet.clock.now_s())
    context = fleet.new_context()
    fleet.one.started(context, 1)
    fleet.two.delivered(delivery_of(context, failure="invalid_request", status=400))
    await fleet.share()
    assert fleet.two.may_probe(MAIN, fleet.clock.now_s())


async def test_who_is_well_needs_no_probe(fleet: Fleet) -> None:
    assert not fleet.one.may_probe(MAIN, fleet.clock.now_s())
    fleet.fail(fleet.one)
    assert not fleet.one.may_probe(MAIN, fleet.clock.now_s())


async def test_every_worker_hears_once_of_a_credential_that_was_not_taken(fleet: Fleet) -> None:
    fleet.clock.advance(1)
    fleet.fail(fleet.one, failure="upstream_rejected", status=401)
    assert fleet.rejected == [(0, MAIN)]
    await fleet.share()
    await fleet.share()
    assert sorted(fleet.rejected) == [(index, MAIN) for index in range(len(fleet.workers))]
    for _ in range(2):
        fleet.fail(fleet.one, failure="upstream_rejected", status=404)
    assert (await fleet.standing()).trouble is Trouble.REJECTED
    assert len(fleet.rejected) == len(fleet.workers)


async def test_a_deployment_that_is_no_more_and_one_unheard_of_are_forgotten(fleet: Fleet) -> None:
    fleet.fail(fleet.one)
    await fleet.share()
    fleet.catalog = catalog_of(OTHER)
    fleet.clock.advance(2)
    for worker in fleet.workers:
        worker.sweep()
        assert worker.standing(MAIN).failures == 0
    fleet.catalog = catalog_of(MAIN, OTHER)
    fleet.clock.advance(700 + KEEP_S)
    fleet.one.started(fleet.new_context(OTHER), 1)
    assert (await fleet.standing()).failures == 0


async def test_a_record_of_what_is_no_deployment_is_nothing(fleet: Fleet) -> None:
    fleet.one.attempted(attempt_of("x", "UF", DeploymentName("deny")))
    fleet.one.attempted(attempt_of("", "UF"))
    assert (await fleet.standing(DeploymentName("deny"))).failures == 0
    assert (await fleet.standing()).failures == 0
