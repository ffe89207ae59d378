"""Our subset of ext_proc and the OTLP package we read the journal with, against the schema inside the Envoy binary.

Every field is compared by number, type, label, presence, oneof and map-ness, every enum value for value. What Envoy
has and we leave out is fine: protobuf keeps it as unknown fields. What we have and Envoy does not is never fine.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2

from extproc.model import refusals
from extproc.wire.gen.gateway.v1 import ext_proc_pb2
from tests.contracts.envoy_descriptors import envoy_pool

PROTO = Path(__file__).parents[2] / "protos" / "gateway" / "v1" / "ext_proc.proto"

MESSAGES = {
    "gateway.v1.ProcessingRequest": "envoy.service.ext_proc.v3.ProcessingRequest",
    "gateway.v1.Metadata": "envoy.config.core.v3.Metadata",
    "gateway.v1.HttpHeaders": "envoy.service.ext_proc.v3.HttpHeaders",
    "gateway.v1.HeaderMap": "envoy.config.core.v3.HeaderMap",
    "gateway.v1.HeaderValue": "envoy.config.core.v3.HeaderValue",
    "gateway.v1.HttpBody": "envoy.service.ext_proc.v3.HttpBody",
    "gateway.v1.HttpTrailers": "envoy.service.ext_proc.v3.HttpTrailers",
    "gateway.v1.ProcessingResponse": "envoy.service.ext_proc.v3.ProcessingResponse",
    "gateway.v1.HeadersResponse": "envoy.service.ext_proc.v3.HeadersResponse",
    "gateway.v1.BodyResponse": "envoy.service.ext_proc.v3.BodyResponse",
    "gateway.v1.TrailersResponse": "envoy.service.ext_proc.v3.TrailersResponse",
    "gateway.v1.CommonResponse": "envoy.service.ext_proc.v3.CommonResponse",
    "gateway.v1.HeaderMutation": "envoy.service.ext_proc.v3.HeaderMutation",
    "gateway.v1.HeaderValueOption": "envoy.config.core.v3.HeaderValueOption",
    "gateway.v1.BodyMutation": "envoy.service.ext_proc.v3.BodyMutation",
    "gateway.v1.StreamedBodyResponse": "envoy.service.ext_proc.v3.StreamedBodyResponse",
    "gateway.v1.ImmediateResponse": "envoy.service.ext_proc.v3.ImmediateResponse",
    "gateway.v1.HttpStatus": "envoy.type.v3.HttpStatus",
}
ENUMS = {
    "gateway.v1.CommonResponse.ResponseStatus": "envoy.service.ext_proc.v3.CommonResponse.ResponseStatus",
    "gateway.v1.HeaderValueOption.HeaderAppendAction": "envoy.config.core.v3.HeaderValueOption.HeaderAppendAction",
    "gateway.v1.StatusCode": "envoy.type.v3.StatusCode",
}


def _messages(of: list[Descriptor]) -> Iterator[Descriptor]:
    for message in of:
        if not message.GetOptions().map_entry:
            yield message
            yield from _messages(list(message.nested_types))


def _shape(field: FieldDescriptor) -> dict[str, object]:
    """Everything about a field that the wire or a reader can notice, with type names as Envoy spells them."""
    target = field.message_type or field.enum_type
    is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
    return {
        "number": field.number,
        "type": field.type,
        "of": None if target is None or is_map else (MESSAGES | ENUMS).get(target.full_name, target.full_name),
        "is_repeated": field.is_repeated,
        "is_required": field.is_required,
        "is_packed": field.is_packed,
        "has_presence": field.has_presence,
        "oneof": field.containing_oneof.name if field.containing_oneof else None,
        "map": {entry.name: _shape(entry) for entry in field.message_type.fields} if is_map else None,
    }


OURS = {
    message.full_name: message for message in _messages(list(ext_proc_pb2.DESCRIPTOR.message_types_by_name.values()))
}
OUR_ENUMS: dict[str, EnumDescriptor] = {
    enum.full_name: enum
    for enum in (
        *ext_proc_pb2.DESCRIPTOR.enum_types_by_name.values(),
        *(enum for message in OURS.values() for enum in message.enum_types),
    )
}


def test_every_message_and_enum_of_the_subset_is_claimed_to_equal_one_of_envoys() -> None:
    assert OURS.keys() == MESSAGES.keys()
    assert OUR_ENUMS.keys() == ENUMS.keys()


def test_the_comments_of_the_proto_file_name_the_counterparts_that_are_compared() -> None:
    found = re.findall(r"^// (envoy\.[\w.]+).*\n(?://.*\n)*(?:message|enum) (\w+)", PROTO.read_text(), re.MULTILINE)
    named = {f"gateway.v1.{ours}": theirs for theirs, ours in found}
    top_level = {ours: theirs for ours, theirs in (MESSAGES | ENUMS).items() if ours.count(".") == 2}
    assert named == top_level


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_every_field_is_the_field_envoy_has(name: str) -> None:
    theirs = envoy_pool().FindMessageTypeByName(MESSAGES[name]).fields_by_name
    ours = {field.name: _shape(field) for field in OURS[name].fields}
    assert ours == {field: _shape(theirs[field]) for field in ours if field in theirs}


@pytest.mark.parametrize("name", sorted(ENUMS))
def test_every_enum_has_exactly_the_values_envoy_has(name: str) -> None:
    theirs = envoy_pool().FindEnumTypeByName(ENUMS[name])
    assert {v.name: v.number for v in OUR_ENUMS[name].values} == {v.name: v.number for v in theirs.values}
    assert OUR_ENUMS[name].is_closed == theirs.is_closed


def test_envoy_calls_one_method_that_streams_these_messages_both_ways() -> None:
    service = envoy_pool().FindServiceByName("envoy.service.ext_proc.v3.ExternalProcessor")
    process = service.FindMethodByName("Process")
    assert process.input_type.full_name == MESSAGES["gateway.v1.ProcessingRequest"]
    assert process.output_type.full_name == MESSAGES["gateway.v1.ProcessingResponse"]
    assert process.client_streaming
    assert process.server_streaming


def test_every_status_the_gateway_refuses_with_is_one_envoy_can_name() -> None:
    statuses = {kind.status for kind in vars(refusals).values() if isinstance(kind, refusals.Kind)}
    assert statuses
    assert statuses <= set(ext_proc_pb2.StatusCode.values())


def _journal_messages() -> list[str]:
    """Full names of what an OTLP logs request is made of, as the installed package has it."""
    found: dict[str, Descriptor] = {}
    waiting = [
        logs_service_pb2.ExportLogsServiceRequest.DESCRIPTOR,
        logs_service_pb2.ExportLogsServiceResponse.DESCRIPTOR,
    ]
    while waiting:
        message = waiting.pop()
        if message.full_name not in found:
            found[message.full_name] = message
            waiting += [field.message_type for field in message.fields if field.message_type]
    return sorted(found)


@pytest.mark.parametrize("name", _journal_messages())
def test_the_otlp_package_reads_every_field_envoys_logger_can_write(name: str) -> None:
    package = logs_service_pb2.DESCRIPTOR.pool.FindMessageTypeByName(name).fields_by_name
    theirs = {field.name: _shape(field) for field in envoy_pool().FindMessageTypeByName(name).fields}
    assert theirs == {field: _shape(package[field]) for field in theirs if field in package}
