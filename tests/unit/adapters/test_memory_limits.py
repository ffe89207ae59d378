"""What is only the fakes' own: being told to fail. ``contracts/test_limits`` has what they share with the real ones."""

import pytest

from extproc.adapters.memory_limits import MemoryLimits, MemoryLimitWord
from extproc.model.keys import Deed
from extproc.model.limits import LimitId
from extproc.model.refusals import Unavailable


async def test_limits_that_are_down_answer_nobody() -> None:
    limits = MemoryLimits(is_down=True)
    for asked in (
        limits.read(),
        limits.limits_since(0),
        limits.history(LimitId("x")),
        limits.change([], Deed("a", "b")),
    ):
        with pytest.raises(Unavailable):
            await asked


async def test_a_word_that_goes_down_cuts_who_listens_and_takes_nobody_new() -> None:
    word = MemoryLimitWord()
    async with word.subscribe() as versions:
        assert word.listeners == 1
        await word.publish(7)
        assert await anext(versions) == 7
        word.go_down()
        with pytest.raises(Unavailable):
            await anext(versions)
    assert (word.listeners, word.published) == (0, [7])
    with pytest.raises(Unavailable):
        await word.publish(8)
    with pytest.raises(Unavailable):
        await word.subscribe().__aenter__()
