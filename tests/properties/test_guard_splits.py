"""A number or a key that is split over the strings of a request never goes on whole, nor by more than half."""

import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from extproc.guard.echoes import without_echoes
from extproc.guard.leaves import request_leaves, with_edits
from extproc.guard.redaction import Redactor
from extproc.guard.rules import scan_leaves
from extproc.model.guard import Direction
from extproc.model.guard_policy import RuleSpec

RULES = (RuleSpec("pii"), RuleSpec("secrets"))
SECRETS = (
    "4111111111111111",
    "4111 1111 1111 1111",
    "5555-5555-5555-4444",
    "GB33BUKB20201555555555",
    "AKIAQ3EGZJ5TYRX7LWP2",
    "ghp_x7Qm2Zt9Lr4Vb8Nc1Ws6Hd3Kf5Jg0Pa8Ye2U",
    "sk-proj-q7Rt2Xv9Lm4Zb8Nc1Ws6Hd3Kf5Jg0Pa8Ye2UiT6oR",
    "sk-q7Rt2Xv9Lm4Zb8Nc1Ws6Hd3Kf5Jg0Pa8Ye2UiT6oRt5Q",
    "password=Hk9!vQ2@xL7zW4bN8mR3",
    "sk_live_q7Rt2Xv9Lm4Zb8Nc1Ws6Hd3K",
)
WORDS = st.sampled_from(["", "Pay with ", "my key: ", "and then ", "x ", "see below:\n"])
AFTER = st.sampled_from(["", " please", ", thanks", " is it", "."])


def sent(texts: list[str], form: str) -> str:
    """What of it goes on, one string after the other."""
    payload: dict[str, Any] = {"model": "m"}
    if form == "parts":
        payload["messages"] = [{"role": "user", "content": [{"type": "text", "text": text} for text in texts]}]
    elif form == "messages":
        payload["messages"] = [{"role": "user", "content": text} for text in texts]
    else:
        function = {"name": "f", "arguments": json.dumps({f"p{at}": text for at, text in enumerate(texts)})}
        payload["messages"] = [
            {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": function}]}
        ]
    leaves = request_leaves(payload)
    scanned = scan_leaves(RULES, leaves, Direction.INPUT)
    findings = without_echoes(leaves, [finding for each in scanned for finding in each.findings])
    redactor, at = Redactor("483920"), {leaf.place: leaf for leaf in leaves}
    edits = {
        place: redactor.edits(at[place].text, [f for f in findings if f.place == place], is_json=at[place].is_json)
        for place in {finding.place for finding in findings}
    }
    messages: Any = with_edits(payload, edits)["messages"]
    if form == "parts":
        return "".join(part["text"] for part in messages[0]["content"])
    if form == "messages":
        return "".join(message["content"] for message in messages)
    return "".join(json.loads(messages[0]["tool_calls"][0]["function"]["arguments"]).values())


@settings(max_examples=300, deadline=None)
@example(secret="sk-q7Rt2Xv9Lm4Zb8Nc1Ws6Hd3Kf5Jg0Pa8Ye2UiT6oRt5Q", cuts=[23], before="", after="", form="parts")
@example(secret="4111111111111111", cuts=[13], before="", after="", form="messages")
@given(
    secret=st.sampled_from(SECRETS),
    cuts=st.lists(st.integers(1, 48), min_size=1, max_size=2),
    before=WORDS,
    after=AFTER,
    form=st.sampled_from(["parts", "messages", "arguments"]),
)
def test_no_more_than_half_of_what_was_split_is_left(
    secret: str, cuts: list[int], before: str, after: str, form: str
) -> None:
    ends = sorted({min(cut, len(secret) - 1) for cut in cuts})
    pieces = [secret[start:end] for start, end in zip([0, *ends], [*ends, len(secret)], strict=True)]
    went = sent([before + pieces[0], *pieces[1:-1], pieces[-1] + after], form)
    half = len(secret) // 2 + 1
    left = [secret[at : at + half] for at in range(len(secret) - half + 1) if secret[at : at + half] in went]
    assert left == [], went
