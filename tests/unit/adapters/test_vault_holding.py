from dataclasses import replace

import hvac
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.adapters.vault_answers import Lease
from extproc.adapters.vault_holding import Holding, Pace
from extproc.adapters.vault_session import Answer, Token
from extproc.model.catalog import CredentialRef
from extproc.model.credentials import Engine, EntraMint, Source
from extproc.model.secret import Secret

MINT = EntraMint("https://login.example/token", "scope")
TOKEN = Token(hvac.Client(token="t"), (), 60, 60, 40, is_renewable=True)
KEY = {"api_key": Secret("k")}
LEASE = Lease("db/1", 100, is_renewable=True)


def middle() -> float:
    return 0.5


def holding(source: Source) -> Holding:
    return Holding(source, (CredentialRef(source.path, "api_key", source.engine, source.mint),))


def taken(source: Source, at_s: float = 1000.0, lease: Lease | None = None) -> Holding:
    made = holding(source)
    made.take(Answer({}, at_s, TOKEN), KEY, lease, dict(KEY), 60)
    return made


# -- pace ---------------------------------------------------------------------------------------------------------


def test_a_thing_never_done_is_due_and_one_just_done_is_not() -> None:
    pace = Pace()
    assert pace.is_due(0)
    pace.done(100, 60)
    assert not pace.is_due(159)
    assert pace.is_due(160)
    pace.hurry()
    assert pace.is_due(100)


def test_a_clock_that_was_set_back_puts_nothing_off() -> None:
    pace = Pace()
    pace.done(1000, 60)
    assert pace.is_due(500)


@given(st.floats(1, 300), st.floats(0, 1, exclude_max=True))
def test_failures_are_followed_by_longer_pauses_up_to_the_most(most_s: float, jitter: float) -> None:
    pace, waits = Pace(), []
    for _ in range(14):
        pace.failed(0, most_s, lambda: jitter)
        waits.append(pace.due_at_s)
    assert waits == sorted(waits)
    assert waits[0] <= 1.2
    assert most_s * 0.79 < waits[-1] <= most_s * 1.21
    pace.done(0, 60)
    pace.failed(0, most_s, lambda: jitter)
    assert pace.due_at_s == pytest.approx(waits[0])


# -- how long a value may be used ---------------------------------------------------------------------------------


def test_what_was_never_read_may_not_be_used() -> None:
    assert holding(Source("p")).usable_until_s(3600) == float("-inf")
    assert holding(Source("p")).state(3600).usable_until_s is None


def test_a_kv_secret_serves_until_max_stale() -> None:
    assert taken(Source("p")).usable_until_s(3600) == 4600


def test_a_lease_serves_until_shortly_before_its_own_end_whatever_max_stale_is() -> None:
    made = taken(Source("db/creds/r", Engine.LEASE), lease=LEASE)
    assert made.usable_until_s(1) == made.usable_until_s(1e9) == 1095
    assert made.state(1).ends_at_s == 1095
    assert made.state(1).is_renewable


def test_a_minted_token_serves_until_its_own_end_and_no_longer_than_its_secret() -> None:
    made = taken(Source("p", mint=MINT))
    assert made.values == {}
    made.take_token(Secret("t"), 600, 1000, middle)
    assert made.usable_until_s(3600) == 1595
    assert made.usable_until_s(60) == 1060
    leased = taken(Source("azure/creds/r", Engine.LEASE, MINT), lease=LEASE)
    leased.take_token(Secret("t"), 600, 1000, middle)
    assert leased.usable_until_s(60) == 1595


# -- what a reading changes ---------------------------------------------------------------------------------------


def test_a_new_secret_is_minted_at_once_and_the_same_one_is_not() -> None:
    made = taken(Source("p", mint=MINT))
    made.take_token(Secret("t"), 600, 1000, middle)
    assert not made.is_mint_due(1100, is_forced=False)
    assert not made.take(Answer({}, 1100, TOKEN), dict(KEY), None, {}, 60)
    assert not made.is_mint_due(1100, is_forced=False)
    assert made.is_mint_due(1100, is_forced=True)
    assert made.is_mint_due(1000 + 401, is_forced=False)
    assert made.take(Answer({}, 1100, TOKEN), {"api_key": Secret("new")}, None, {}, 60)
    assert made.is_mint_due(1100, is_forced=False)


def test_nothing_is_minted_of_nothing_nor_where_nothing_is_to_be_minted() -> None:
    assert not holding(Source("p", mint=MINT)).is_mint_due(0, is_forced=True)
    assert not taken(Source("p")).is_mint_due(0, is_forced=True)


def test_a_renewed_lease_lives_longer_and_one_near_its_longest_life_asks_for_another() -> None:
    made = taken(Source("db/creds/r", Engine.LEASE), lease=LEASE)
    assert made.extend(replace(LEASE, life_s=80), 1060, LEASE, middle)
    assert made.usable_until_s(1) == 1136
    assert not made.reading.is_due(1100)
    assert not made.extend(replace(LEASE, life_s=40), 1110, LEASE, middle)
    assert made.usable_until_s(1) == 1148


def test_the_next_thing_due_is_the_earlier_of_reading_and_minting() -> None:
    made = taken(Source("p", mint=MINT))
    assert made.due_at_s() == float("-inf")
    made.take_token(Secret("t"), 6, 1000, middle)
    assert made.due_at_s() == 1004
    assert taken(Source("p")).due_at_s() == 1060


def test_no_value_is_in_what_may_be_shown() -> None:
    made = taken(Source("p"))
    made.values = made.fields = {"api_key": Secret("canary")}
    assert "canary" not in repr(made.state(60)) + repr(made)
    assert "***" not in repr(made.state(60))
