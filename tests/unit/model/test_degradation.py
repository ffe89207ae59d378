from extproc.model.degradation import ALWAYS_LEFT_OUT, DEGRADABLE
from extproc.model.dialects import DIALECTS


def test_every_dialect_says_what_its_deployments_may_do_without() -> None:
    assert DEGRADABLE.keys() == DIALECTS.keys()
    assert DEGRADABLE.keys() >= ALWAYS_LEFT_OUT
    assert all(len(set(names)) == len(names) for names in DEGRADABLE.values())


def test_nobody_does_without_what_makes_it_the_answer_to_this_request() -> None:
    listed = {name for names in DEGRADABLE.values() for name in names}
    assert not listed & {"model", "messages", "tools", "tool_choice", "stop", "stream", "max_tokens", "top_logprobs"}
