"""Verdicts and secrets come back as they went."""

import pytest

from extproc.model.cache import EntryId, Partition, Question, Ticket
from extproc.model.guard import Direction, Finding, GuardSecrets, Redaction, Result, Verdict
from extproc.model.sealed import Sealed
from extproc.wire.gen.gateway.v1 import exchange_context_pb2 as pb
from extproc.wire.guard_codec import decode_sealed, decode_verdict, encode_sealed, encode_verdict

QUESTION = Question(Partition("p"), EntryId("e"), "text", "owner")
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


SAMPLED = Ticket(QUESTION, b"", 1.5, 7, embedder="m@1", rival=EntryId("e2"), rival_similarity=0.93)


@pytest.mark.parametrize("ticket", [None, Ticket(QUESTION, b"\0\1", 60.0, 5, is_first=True), SAMPLED])
def test_what_is_sealed_comes_back(ticket: Ticket | None) -> None:
    secrets = GuardSecrets("canary", (Redaction("[card-1]", "4111", "pii.card"),), "{}", ("a", "b"))
    assert decode_sealed(encode_sealed(Sealed(secrets, ticket))) == Sealed(secrets, ticket)


def test_what_is_none_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing sealed"):
        decode_sealed(b"\xff")
