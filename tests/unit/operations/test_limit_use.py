"""What is shown of the use of budgets."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from extproc.model.limits import Budget, Level, LimitId, Rate, Scope, Span, Unit, Window
from extproc.operations.limit_use import Use, read_uses

NOON_S = 1_795_435_200.0
"""2026-11-23 12:00 UTC."""
MIDNIGHT_S = NOON_S + 12 * 3600


@dataclass
class Counters:
    levels: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    sizes: list[int] = field(default_factory=list)

    async def show(self, organisation: str, parts: Sequence[str]) -> list[tuple[int, int] | None]:
        self.sizes.append(len(parts))
        return [self.levels.get((organisation, part)) for part in parts]


def budget(name: str, scope: Scope, window: Window | None = None) -> Budget:
    return Budget(LimitId(name), scope, Unit.TOKENS, 100, window or Window(Span.DAY))


async def test_the_use_of_a_day_is_its_counter() -> None:
    counters = Counters({("acme", "b:search:2026-11-23"): (40, 5), ("globex", "b:search:2026-11-23"): (1, 1)})
    found = await read_uses(counters, [budget("b", Scope("acme", team="search"))], NOON_S)
    assert found == {"b": Use(40, 5, MIDNIGHT_S)}


async def test_what_has_many_holders_no_window_or_no_counter_is_not_among_them() -> None:
    limits = [
        budget("each", Scope("acme", each=Level.KEY)),
        Rate(LimitId("rate"), Scope("acme"), 60),
        budget("cold", Scope("acme")),
    ]
    assert await read_uses(Counters(), limits, NOON_S) == {}


async def test_a_rolling_window_is_added_up_and_says_when_a_part_is_not_known() -> None:
    window = Window(Span.ROLLING, rolling_s=3600)
    last = int(NOON_S // 60)
    levels = {("acme", f"b::r{part}"): (1, 2) for part in range(last - 59, last + 1)}
    levels["acme", f"b::r{last - 60}"] = (1000, 1000)
    limit = budget("b", Scope("acme"), window)
    assert await read_uses(Counters(levels), [limit], NOON_S) == {"b": Use(60, 120, NOON_S + 60)}
    del levels["acme", f"b::r{last - 3}"]
    assert await read_uses(Counters(levels), [limit], NOON_S) == {"b": Use(59, 118, NOON_S + 60, is_whole=False)}


async def test_many_budgets_are_asked_about_in_questions_that_redis_answers_quickly() -> None:
    counters = Counters({("acme", f"b{number}::2026-11-23"): (number, 0) for number in range(1300)})
    found = await read_uses(counters, [budget(f"b{number}", Scope("acme")) for number in range(1300)], NOON_S)
    assert {name: use.used for name, use in found.items()} == {f"b{number}": number for number in range(1300)}
    assert counters.sizes == [600, 600, 100]
