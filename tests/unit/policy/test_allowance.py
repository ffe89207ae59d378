"""What passes while limits cannot be asked."""

from dataclasses import replace

from extproc.model.ids import ExchangeId
from extproc.model.limits import Claim, Counter, LimitId, Outage, Unit
from extproc.policy.allowance import Allowances

OPEN = Outage(is_open=True, allowance_micro_usd=100, allowance_requests=3)


def claim(micro_usd: int, organisation: str = "acme") -> Claim:
    counter = Counter(
        "c",
        ("c",),
        Unit.MICRO_USD,
        10**9,
        is_hard=True,
        amount=micro_usd,
        starts_at_s=0,
        ends_at_s=1,
        budget=LimitId("b"),
    )
    tokens = replace(counter, unit=Unit.TOKENS, amount=10**6)
    return Claim(ExchangeId("x"), organisation, (counter, counter, tokens), (), 1.0)


def test_a_closed_organisation_lets_nothing_pass() -> None:
    assert not Allowances().take(claim(0), Outage())


def test_so_much_money_passes_and_not_a_micro_dollar_more() -> None:
    allowances = Allowances()
    assert [allowances.take(claim(amount), OPEN) for amount in (60, 41, 40, 1)] == [True, False, True, False]


def test_so_many_requests_pass_whatever_they_cost() -> None:
    allowances = Allowances()
    assert [allowances.take(claim(0), OPEN) for _ in range(4)] == [True, True, True, False]


def test_organisations_have_allowances_of_their_own() -> None:
    allowances = Allowances()
    assert allowances.take(claim(100), OPEN)
    assert allowances.take(claim(100, "other"), OPEN)


def test_after_an_outage_the_allowance_is_whole_again() -> None:
    allowances = Allowances()
    allowances.take(claim(100), OPEN)
    allowances.restore("acme")
    assert allowances.take(claim(100), OPEN)


def test_what_is_owed_is_told_until_the_organisations_limits_are_asked_again() -> None:
    allowances = Allowances()
    assert allowances.owed == (0, 0)
    for organisation, amount in (("acme", 60), ("acme", 41), ("acme", 40), ("globex", 5)):
        allowances.take(claim(amount, organisation), OPEN)
    assert allowances.owed == (105, 3)
    allowances.restore("acme")
    assert allowances.owed == (5, 1)
