from extproc.exchange.output_lanes import Lane
from extproc.exchange.output_strings import Flow
from extproc.exchange.output_wire import Wire
from extproc.model.guard_policy import Action, Check


def lane(name: str) -> Lane:
    return Lane(("choices", 0, "delta", name), Flow.RUNNING, reach=10)


def wire() -> Wire:
    return Wire(Check("leakage", Action.BLOCK), reach=10)


def test_one_text_alone_is_not_read_twice() -> None:
    alone, only = wire(), lane("content")
    for _ in range(9):
        alone.take(only, "some words ")
        assert alone.leaf() is None


def test_where_texts_meet_both_sides_are_read_until_the_seam_is_far_behind() -> None:
    seam, thought, answer = wire(), lane("reasoning"), lane("content")
    seam.take(thought, "well, it is half")
    assert seam.leaf() is None
    seam.take(answer, " of it ")
    leaf = seam.leaf()
    assert leaf is not None
    assert leaf.text == " it is half of it "[-17:]
    seam.take(answer, "x" * 4)
    assert seam.leaf() is not None
    seam.take(answer, "y" * 20)
    assert seam.leaf() is None
