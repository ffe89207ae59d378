"""When a key is live, and what it may use."""

from dataclasses import replace

from extproc.model.ids import ModelName
from tests.samples import NOW_S, make_key


def test_a_key_without_end_is_live() -> None:
    assert make_key().is_live(NOW_S * 2)


def test_a_key_ends_at_the_first_of_expiry_and_revocation() -> None:
    key = make_key(expires_at_s=NOW_S + 10)
    assert key.is_live(NOW_S + 9.999)
    assert not key.is_live(NOW_S + 10)
    sooner = replace(key, revoked_at_s=NOW_S + 5)
    assert sooner.is_live(NOW_S + 4.999)
    assert not sooner.is_live(NOW_S + 5)


def test_no_list_of_models_means_all_and_an_empty_one_none() -> None:
    assert make_key(models=None).may_use(ModelName("any"))
    assert not make_key(models=frozenset()).may_use(ModelName("any"))
    assert make_key(models=frozenset({"small"})).may_use(ModelName("small"))
