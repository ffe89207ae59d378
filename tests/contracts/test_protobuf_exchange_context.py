"""ExchangeContext between two versions of the gateway: a rolling restart runs both behind one Envoy.

Admission of one version writes it, delivery and journal of another read it, in both directions.
"""

import base64
from pathlib import Path

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

from extproc.wire.gen.gateway.v1 import exchange_context_pb2

RECORDED = Path(__file__).parent / "recordings" / "exchange_context.txt"
FIELD = descriptor_pb2.FieldDescriptorProto

CONTEXT = exchange_context_pb2.ExchangeContext(
    id="5e6f0f1c-0a52-4f5c-9f39-4b3c0d0b6a11",
    organisation="acme",
    team="search",
    project="assistant",
    key="key_0123456789",
    operation="chat.completions",
    model="small",
    is_stream=True,
    wants_usage=True,
    plan=[
        exchange_context_pb2.AttemptLimits(
            deployment="small-east", dialect="openai", first_token_ms=10_000, total_ms=60_000, idle_ms=30_000
        ),
        exchange_context_pb2.AttemptLimits(
            deployment="small-west", dialect="openai", first_token_ms=5_000, total_ms=40_000, idle_ms=20_000
        ),
    ],
    catalog_version="c0ffee",
)


def _version(change: str) -> type[Message]:
    """The class of ExchangeContext as another version of the gateway would have generated it."""
    file = descriptor_pb2.FileDescriptorProto()
    exchange_context_pb2.DESCRIPTOR.CopyToProto(file)
    messages = {each.name: each for each in file.message_type}
    context, limits = messages["ExchangeContext"], messages["AttemptLimits"]
    if change == "newer":
        context.field.add(name="region", number=1000, type=FIELD.TYPE_STRING, label=FIELD.LABEL_OPTIONAL)
        context.field.add(name="labels", number=1001, type=FIELD.TYPE_STRING, label=FIELD.LABEL_REPEATED)
        limits.field.add(name="weight", number=1000, type=FIELD.TYPE_UINT32, label=FIELD.LABEL_OPTIONAL)
    else:
        for name in ("catalog_version", "plan", "wants_usage"):
            context.field.remove(next(field for field in context.field if field.name == name))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("gateway.v1.ExchangeContext"))


def test_a_context_of_an_earlier_release_still_reads_as_it_was_written() -> None:
    # The file was written by the first release; a field number that is reused or retyped shows here.
    assert exchange_context_pb2.ExchangeContext.FromString(base64.b64decode(RECORDED.read_text())) == CONTEXT


def test_what_a_newer_gateway_adds_is_ignored_and_survives_being_passed_on() -> None:
    newer = _version("newer")
    written = newer.FromString(CONTEXT.SerializeToString())
    written.region = "eu"  # type: ignore[attr-defined]  # a class made at run time
    written.labels.extend(["a", "b"])  # type: ignore[attr-defined]  # same
    written.plan[1].weight = 7  # type: ignore[attr-defined]  # same

    read = exchange_context_pb2.ExchangeContext.FromString(written.SerializeToString())
    assert (read.id, read.plan[1].deployment, read.catalog_version) == (CONTEXT.id, "small-west", "c0ffee")
    assert newer.FromString(read.SerializeToString()) == written


def test_what_an_older_gateway_did_not_write_reads_as_the_default() -> None:
    older = _version("older")
    written = older(id=CONTEXT.id, operation="embeddings", model="small", is_stream=False)
    read = exchange_context_pb2.ExchangeContext.FromString(written.SerializeToString())
    assert (read.id, read.operation) == (CONTEXT.id, "embeddings")
    assert (read.wants_usage, list(read.plan), read.catalog_version) == (False, [], "")


def test_an_older_gateway_passes_on_what_it_does_not_know() -> None:
    older = _version("older")
    passed_on = older.FromString(CONTEXT.SerializeToString()).SerializeToString()
    assert exchange_context_pb2.ExchangeContext.FromString(passed_on) == CONTEXT
