"""The closest value holds, whole."""

from extproc.model.tenancy import PerTenant
from tests.samples import make_key

KEY = make_key(organisation="acme", team="search", project="ranking")
VALUES = PerTenant(0, {"acme": 1}, {("acme", "search"): 2}, {("acme", "search", "ranking"): 3}, {KEY.id: 4})


def test_the_closest_value_holds() -> None:
    assert VALUES.of_key(KEY) == 4
    assert VALUES.of("acme", "search", "ranking", "other") == 3
    assert VALUES.of("acme", "search", "other", "other") == 2
    assert VALUES.of("acme", "other", "ranking", "other") == 1
    assert VALUES.of("other", "search", "ranking", "other") == 0


def test_a_value_that_is_false_is_a_value() -> None:
    assert PerTenant(1, {"acme": 0}).of("acme", "t", "p", "k") == 0


def test_all_are_those_that_somebody_may_get() -> None:
    assert VALUES.all == (0, 1, 2, 3, 4)
