from extproc.adapters.scanner_grounded import GroundedScanner
from extproc.model.guard import Direction, Finding, Leaf, Trust
from extproc.model.guard_scanners import GroundedSettings
from extproc.policy.guard_ports import ScanAsked

ANSWER = ("choices", 0, "message", "content")
CONTEXT = Leaf(("messages", 1, "content"), "The bridge was opened in 1931.", Trust.HOSTILE)


async def scan(*leaves: Leaf, direction: Direction = Direction.OUTPUT) -> tuple[Finding, ...]:
    scanner = GroundedScanner("grounded", GroundedSettings(least_words=2))
    return tuple(await scanner.scan(ScanAsked("acme", "e1", direction, leaves, (), 30.0)))


async def test_an_answer_is_judged_by_the_context_beside_it() -> None:
    answer = Leaf(ANSWER, "The bridge was opened in 1932. Penguins dance wildly.", Trust.MODEL)
    assert await scan(answer, CONTEXT) == (
        Finding("grounded.number", ANSWER, 25, 29),
        Finding("grounded.words", ANSWER, 31, 53),
    )


async def test_words_of_others_are_no_context_and_without_one_there_is_nothing_to_judge_by() -> None:
    answer = Leaf(ANSWER, "Penguins dance wildly.", Trust.MODEL)
    assert await scan(answer) == await scan(answer, Leaf((), "Penguins?", Trust.USER)) == ()


async def test_a_request_is_not_judged() -> None:
    turn = Leaf(("messages", 3), "Penguins dance wildly.", Trust.MODEL)
    assert await scan(turn, CONTEXT, direction=Direction.INPUT) == ()


async def test_a_long_answer_is_judged_the_same() -> None:
    answer = Leaf(ANSWER, "The bridge was opened. " * 2000 + "Penguins dance wildly.", Trust.MODEL)
    assert [each.start for each in await scan(answer, CONTEXT)] == [23 * 2000]
