from extproc.policy.breaker import Breaker, BreakerPolicy

POLICY = BreakerPolicy(failures=3, open_s=1.0, most_open_s=4.0)


def opened(at_s: float = 100.0) -> Breaker:
    breaker = Breaker(POLICY)
    for _ in range(3):
        assert breaker.may_ask(at_s)
        breaker.failed(at_s)
    return breaker


def test_it_opens_with_the_last_of_so_many_failures_in_a_row() -> None:
    breaker = Breaker(POLICY)
    for went_well in (False, False, True, False, False):
        assert breaker.may_ask(100.0)
        if went_well:
            breaker.worked()
        else:
            breaker.failed(100.0)
    assert breaker.may_ask(100.0)
    breaker.failed(100.0)
    assert not breaker.may_ask(100.99)


def test_after_its_rest_one_question_finds_out_and_the_others_wait_for_it() -> None:
    breaker = opened()
    assert breaker.may_ask(101.0)
    assert not breaker.may_ask(101.0)
    breaker.worked()
    assert breaker.may_ask(101.0)
    assert breaker.may_ask(101.0)


def test_each_further_failure_doubles_the_rest_up_to_the_most() -> None:
    breaker = opened()
    rests = []
    for _ in range(4):
        now_s = breaker.open_until_s
        assert breaker.may_ask(now_s)
        breaker.failed(now_s)
        rests.append(breaker.open_until_s - now_s)
    assert rests == [2.0, 4.0, 4.0, 4.0]


def test_a_question_that_nobody_waited_for_lets_the_next_one_find_out() -> None:
    breaker = opened()
    assert breaker.may_ask(101.0)
    breaker.gave_up()
    assert breaker.may_ask(101.0)
