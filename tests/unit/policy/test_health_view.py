"""One worker's view: what it puts on top of what it is told, and what it keeps for the others."""

import pytest

from extproc.adapters.memory import MemoryClock
from extproc.model.health import Trouble
from extproc.model.ids import DeploymentName
from extproc.policy.flights import Cooling, Finished
from extproc.policy.health import State
from extproc.policy.health_view import MOST_PENDING, HealthView
from tests.contracts.health_fleet import MAIN, NAMES, attempt_of, catalog_of, context_of, delivery_of, exchange_of

CLOCK = MemoryClock()


def view(draw: float = 0.5, told: list[DeploymentName] | None = None) -> HealthView:
    made = HealthView(CLOCK, lambda: catalog_of(*NAMES), lambda: draw, [].append if told is None else told.append)
    made.is_shared = True
    return made


def fail(at: HealthView, exchange: str) -> None:
    at.attempted(attempt_of(exchange, "UF"))


def test_what_others_were_not_told_yet_comes_on_top_of_what_they_tell() -> None:
    here = view()
    fail(here, "x1")
    taken = here.take_pending(10)
    fail(here, "x2")
    here.be_told({MAIN: State(failures=1, heard_at_s=CLOCK.now_s())})
    assert here.standing(MAIN).failures == 2
    here.give_back(taken)
    assert [note.fact for note in here.pending] == [taken[0].fact, here.pending[1].fact]


def test_what_is_pending_is_bounded_and_the_newest_is_kept() -> None:
    here = view()
    for number in range(MOST_PENDING + 5):
        here.finished(exchange_of(context_of(f"x{number}")))
    assert len(here.pending) == MOST_PENDING
    last = here.pending[-1].fact
    assert isinstance(last, Finished)
    assert last.exchange == f"x{MOST_PENDING + 4}"
    here.give_back(here.take_pending(10) * 3)
    assert len(here.pending) == MOST_PENDING


def test_a_fact_that_is_known_here_is_told_once() -> None:
    here = view()
    fail(here, "x1")
    fail(here, "x1")
    assert len(here.pending) == 1


def test_cooldowns_are_told_to_who_may_have_forgotten_and_nothing_else_is() -> None:
    here = view()
    for number in range(3):
        fail(here, f"x{number}")
    here.attempted(attempt_of("y", "UF", NAMES[1]))
    here.take_pending(100)
    here.remember_cooldowns()
    (note,) = here.pending
    until_s = here.standing(MAIN).cooldown_until_s
    assert note.fact == Cooling(MAIN, until_s, Trouble.FAILURES, 1, CLOCK.now_s())
    here.be_told({MAIN: State()})
    assert here.standing(MAIN).cooldown_until_s == until_s


def test_workers_do_not_probe_in_the_same_moment() -> None:
    until_s = CLOCK.now_s()
    opened = []
    for draw in (0.0, 0.5, 0.9):
        here = view(draw)
        here.be_told({MAIN: State(failures=3, trouble=Trouble.FAILURES, cooldown_until_s=until_s)})
        opened.append([here.may_probe(MAIN, until_s + delay_s) for delay_s in (0.0, 0.6, 0.95)])
    assert opened == [[True, False, False], [False, True, False], [False, False, True]]


def test_a_rejection_that_is_older_than_this_worker_is_not_heard_again() -> None:
    told: list[DeploymentName] = []
    here = view(told=told)
    here.be_told({MAIN: State(rejected_at_s=CLOCK.now_s() - 5)})
    assert told == []
    for _ in range(2):
        here.be_told({MAIN: State(rejected_at_s=CLOCK.now_s() + 5)})
    assert told == [MAIN]


def test_a_request_without_an_id_or_a_plan_is_not_counted() -> None:
    here = view()
    here.started(context_of(""), 5)
    here.delivered(delivery_of(context_of(""), failure="upstream_error"))
    assert here.pending == []
    assert here.standing(MAIN).requests_in_minute == 0


@pytest.mark.parametrize("is_stream", [True, False])
def test_a_probe_holds_back_others_for_as_long_as_its_request_may_take(is_stream: bool) -> None:
    here = view(0.0)
    now_s = CLOCK.now_s()
    here.be_told({MAIN: State(failures=3, trouble=Trouble.FAILURES, cooldown_until_s=now_s)})
    assert here.may_probe(MAIN, now_s)
    here.started(context_of("x1", MAIN, is_stream=is_stream), 1)
    assert here.state(MAIN).probe_until_s - now_s == (10.0 if is_stream else 20.0)
