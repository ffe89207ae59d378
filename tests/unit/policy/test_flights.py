"""Facts in any order, twice or never, and what follows from them once."""

import random

from hypothesis import given
from hypothesis import strategies as st

from extproc.model.ids import DeploymentName, ExchangeId
from extproc.policy.flights import KEEP_S, Ended, Fact, Finished, Flights, Metered, Moved, Started, Step, Used
from extproc.policy.health import Judgement, Verdict

A, B = DeploymentName("a"), DeploymentName("b")
X = ExchangeId("x")
STARTED = Started(X, (A, B), 100, 60.0, 0.0)
FAILED = Ended(X, A, Verdict(Judgement.BAD), 1.0)
ANSWERED = Ended(X, B, Verdict(Judgement.OK, is_last=True), 2.0)
METERED = Metered(X, B, 70, 2.0)
FINISHED = Finished(X, 3.0)


def under_way(steps: list[Step]) -> dict[DeploymentName, int]:
    counts = {A: 0, B: 0}
    for step in steps:
        if isinstance(step, Moved):
            counts[step.deployment] += step.by
    return counts


def tokens(steps: list[Step]) -> int:
    return sum(step.tokens for step in steps if isinstance(step, Used))


def test_a_failure_moves_on_along_the_plan_and_an_answer_ends_it() -> None:
    flights = Flights()
    steps = flights.take(STARTED)
    assert under_way(steps) == {A: 1, B: 0}
    steps += flights.take(FAILED)
    assert under_way(steps) == {A: 0, B: 1}
    steps += flights.take(ANSWERED)
    assert under_way(steps) == {A: 0, B: 0}


@given(st.permutations([STARTED, FAILED, ANSWERED, METERED, FINISHED]), st.integers(0, 2**32))
def test_in_any_order_and_told_twice_it_comes_to_the_same(order: list[Fact], seed: int) -> None:
    flights = Flights()
    again = random.Random(seed).sample(order, 3)  # noqa: S311
    steps = [step for fact in [*order, *again] for step in flights.take(fact)]
    assert under_way(steps) == {A: 0, B: 0}
    assert [step for step in steps if isinstance(step, Ended)] == [f for f in order if isinstance(f, Ended)]
    assert sum(step.tokens for step in steps if isinstance(step, Used) and step.deployment == B) == METERED.tokens


def test_a_seat_is_kept_for_what_comes_late_and_then_given_up() -> None:
    flights = Flights()
    for fact in (STARTED, FINISHED):
        flights.take(fact)
    assert flights.give_up(FINISHED.at_s + KEEP_S - 1) == []
    assert flights.take(FAILED) == [FAILED]
    assert flights.give_up(FINISHED.at_s + KEEP_S) == []
    assert len(flights) == 0


def test_what_nobody_ends_is_given_up_at_its_deadline() -> None:
    flights = Flights()
    flights.take(STARTED)
    assert flights.give_up(59.0) == []
    assert flights.give_up(60.0) == [Moved(A, -1)]


def test_no_more_seats_are_kept_than_were_allowed() -> None:
    flights = Flights(most=3)
    for number in range(10):
        flights.take(Finished(ExchangeId(f"x{number}"), 0.0))
    assert len(flights) == 3
