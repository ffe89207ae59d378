"""The benchmark of the rules measures what it says."""

from bench.guard import Cost, _table
from bench.guard_texts import HARD, ORDINARY, text_of


def test_a_text_has_the_size_that_was_asked_for() -> None:
    for unit in (*ORDINARY.values(), *HARD.values()):
        assert len(text_of(unit, 2_048)) == 2_048


def test_a_table_has_a_line_for_each_cost() -> None:
    costs = [
        Cost("prose", 2_048, 0.005, 0.25, 0.3, "pii", 0.1),
        Cost("tags", 1_048_576, 500.0, 575.0, 578.0, "pii", 4.0, 1.3),
    ]
    head, rule, first, second = _table(costs, is_markdown=True)
    assert head.count("|") == rule.count("|") == first.count("|") == 8
    assert first == "| prose | 2 KB | 0.005 | 0.25 | 0.3 | pii 0.1 | 1.0 |"
    assert "1024 KB" in second
    assert len(_table(costs, is_markdown=False)) == 3
