"""A verdict is the same text wherever it is written."""

import json
from dataclasses import replace

from extproc.model.guard import Direction, Finding, Result, Verdict
from extproc.policy.verdicts import read_verdict, write_verdict
from extproc.wire.guard_codec import decode_verdict, encode_verdict

VERDICT = Verdict(
    "pii",
    Direction.INPUT,
    Result.BLOCKED,
    "v1",
    42,
    (Finding("pii.card", ("messages", 0, "content"), 3, 19, 0.87, ("base64",)),),
    1,
)


def test_everything_of_it_is_told() -> None:
    assert json.loads(write_verdict(VERDICT)) == {
        "scanner": "pii",
        "direction": "input",
        "result": "blocked",
        "policy": "v1",
        "latency_us": 42,
        "count": 1,
        "findings": [
            {
                "kind": "pii.card",
                "place": ["messages", 0, "content"],
                "start": 3,
                "end": 19,
                "score": 0.87,
                "via": ["base64"],
            }
        ],
    }


def test_it_is_the_same_text_after_it_has_travelled() -> None:
    assert write_verdict(decode_verdict(encode_verdict(VERDICT))) == write_verdict(VERDICT)


def test_it_comes_back() -> None:
    assert read_verdict(write_verdict(VERDICT)) == VERDICT


def test_another_verdict_is_another_text() -> None:
    assert write_verdict(replace(VERDICT, result=Result.FLAGGED)) != write_verdict(VERDICT)
