"""Verdicts and secrets come back as they went."""

import pytest

from extproc.model.guard import Direction, Finding, GuardSecrets, Redaction, Result, Verdict
from extproc.wire.gen.gateway.v1 import exchange_context_pb2 as pb
from extproc.wire.guard_codec import decode_secrets, decode_verdict, encode_secrets, encode_verdict

VERDICT = Verdict(
    scanner="pii",
    direction=Direction.INPUT,
    result=Result.REDACTED,
    policy="v1",
    latency_us=42,
    findings=(Finding("pii.card", ("messages", 2, "content"), 3, 19, 0.5, ("base64", "gzip")),),
    count=7,
)


def test_a_verdict_comes_back() -> None:
    assert decode_verdict(encode_verdict(VERDICT)) == VERDICT


@pytest.mark.parametrize("message", [pb.Verdict(direction="input"), pb.Verdict(direction="x", result="clean")])
def test_words_of_another_version_are_an_error(message: pb.Verdict) -> None:
    with pytest.raises(ValueError, match="is not a valid"):
        decode_verdict(message)


def test_a_place_is_a_list() -> None:
    message = encode_verdict(VERDICT)
    message.findings[0].place = "{}"
    with pytest.raises(ValueError, match="place"):
        decode_verdict(message)


def test_secrets_come_back() -> None:
    secrets = GuardSecrets("canary", (Redaction("[card-1]", "4111", "pii.card"),), "{}", ("a", "b"))
    assert decode_secrets(encode_secrets(secrets)) == secrets


def test_what_is_none_is_an_error() -> None:
    with pytest.raises(ValueError, match="no secrets"):
        decode_secrets(b"\xff")
