"""Our protobuf subset against envoy-data-plane's classes: another generator, another runtime, Envoy's full messages.

What we build must read there as the same values, with nothing left over, and come back unchanged.
"""

import warnings
from collections.abc import Mapping
from typing import Any

import pytest
from google.protobuf import struct_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.wire.gen.gateway.v1 import ext_proc_pb2

with warnings.catch_warnings():
    # betterproto2 0.9.1 generates a validator style that pydantic has deprecated; it is not ours to change.
    warnings.simplefilter("ignore", DeprecationWarning)
    from envoy_data_plane.envoy.service.ext_proc import v3 as independent

REQUEST_CASES = [f.name for f in ext_proc_pb2.ProcessingRequest.DESCRIPTOR.oneofs_by_name["request"].fields]
RESPONSE_CASES = [f.name for f in ext_proc_pb2.ProcessingResponse.DESCRIPTOR.oneofs_by_name["response"].fields]

_SCALARS: Mapping[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_BYTES: st.binary(max_size=64),
    FieldDescriptor.TYPE_STRING: st.text(max_size=16),
}
_JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def _structs() -> st.SearchStrategy[struct_pb2.Struct]:
    def build(content: dict[str, Any]) -> struct_pb2.Struct:
        made = struct_pb2.Struct()
        made.update(content)
        return made

    return st.dictionaries(st.text(max_size=8), _JSON, max_size=3).map(build)


def _values(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    if field.enum_type is not None:
        # Enums of proto3 are open: a number that has no name must survive too.
        return st.sampled_from(sorted(field.enum_type.values_by_number)) | st.integers(0, 999)
    if field.message_type is None:
        return _SCALARS[field.type]
    if field.message_type.full_name == "google.protobuf.Struct":
        return _structs()
    return st.deferred(lambda: messages(field.message_type._concrete_class))


def _contents(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    entry = field.message_type.fields_by_name if field.message_type is not None else {}
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return st.dictionaries(_values(entry["key"]), _values(entry["value"]), max_size=3)
    return st.lists(_values(field), max_size=3) if field.is_repeated else _values(field)


@st.composite
def messages(draw: st.DrawFn, kind: type[Message], case: str | None = None) -> Message:
    """Any message of this class; with ``case``, one where that member of its oneof is set."""
    given_fields: dict[str, Any] = {}
    for field in kind.DESCRIPTOR.fields:
        if field.containing_oneof is None and draw(st.booleans()):
            given_fields[field.name] = draw(_contents(field))
    for oneof in kind.DESCRIPTOR.oneofs:
        chosen = case or draw(st.none() | st.sampled_from([field.name for field in oneof.fields]))
        if chosen is not None:
            given_fields[chosen] = draw(_contents(kind.DESCRIPTOR.fields_by_name[chosen]))
    return kind(**given_fields)


def plain(message: Message) -> dict[str, Any]:
    """What our runtime says the message holds: only what is set, enums as numbers."""

    def one(field: FieldDescriptor, value: Any) -> Any:
        return plain(value) if field.message_type is not None else value

    found: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            found[field.name] = {
                key: one(field.message_type.fields_by_name["value"], item) for key, item in value.items()
            }
        elif field.is_repeated:
            found[field.name] = [one(field, item) for item in value]
        elif field.has_presence:
            found[field.name] = one(field, value) if message.HasField(field.name) else None
        else:
            found[field.name] = value
    return found


def agree(ours: Any, theirs: Any) -> None:
    """Fail unless the other codec holds exactly these values, and nothing it could not name."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        assert ours.keys() == theirs.keys()
        for key, value in ours.items():
            agree(value, theirs[key])
    elif isinstance(ours, dict):
        assert theirs._unknown_fields == b""
        for name, value in ours.items():
            agree(value, getattr(theirs, name))
    elif isinstance(ours, list):
        assert len(ours) == len(theirs)
        for mine, other in zip(ours, theirs, strict=True):
            agree(mine, other)
    else:
        assert ours == theirs
        assert (ours is None) == (theirs is None)


@pytest.mark.parametrize("case", REQUEST_CASES)
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_a_processing_request_reads_the_same_in_both_codecs_and_comes_back(case: str, data: st.DataObject) -> None:
    ours = data.draw(messages(ext_proc_pb2.ProcessingRequest, case))
    assert ours.WhichOneof("request") == case
    theirs = independent.ProcessingRequest.parse(ours.SerializeToString())
    agree(plain(ours), theirs)
    assert ext_proc_pb2.ProcessingRequest.FromString(bytes(theirs)) == ours


@pytest.mark.parametrize("case", RESPONSE_CASES)
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_a_processing_response_reads_the_same_in_both_codecs_and_comes_back(case: str, data: st.DataObject) -> None:
    ours = data.draw(messages(ext_proc_pb2.ProcessingResponse, case))
    assert ours.WhichOneof("response") == case
    theirs = independent.ProcessingResponse.parse(ours.SerializeToString())
    agree(plain(ours), theirs)
    assert ext_proc_pb2.ProcessingResponse.FromString(bytes(theirs)) == ours


def test_what_envoy_may_send_beyond_the_subset_survives_a_reader_that_does_not_know_it() -> None:
    theirs = independent.ProcessingRequest(
        response_body=independent.HttpBody(body=b"data", end_of_stream=True, grpc_message_compressed=True),
        observability_mode=True,
    )
    ours = ext_proc_pb2.ProcessingRequest.FromString(bytes(theirs))
    assert ours.response_body.body == b"data"
    assert independent.ProcessingRequest.parse(ours.SerializeToString()) == theirs
