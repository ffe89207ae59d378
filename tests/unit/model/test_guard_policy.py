"""What a policy is made of."""

from extproc.model.guard import Direction
from extproc.model.guard_policy import BUILTIN, NO_GUARD, Action, Check, GuardPolicies, RuleSpec


def test_without_a_word_nothing_is_judged() -> None:
    assert GuardPolicies().of("acme", "search", "ranking", "k") is NO_GUARD


def test_a_built_in_check_says_what_to_compile() -> None:
    assert Check("topics", Action.BLOCK, options=(("words", ("a",)),)).spec == RuleSpec("topics", (("words", ("a",)),))


def test_what_is_of_the_exchange_judges_answers_alone() -> None:
    assert {name for name, each in BUILTIN.items() if each.is_of_exchange} == {"leakage", "schema"}
    assert all(each.directions == {Direction.OUTPUT} for each in BUILTIN.values() if each.is_of_exchange)
