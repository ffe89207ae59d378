"""Envoy's messages → the exchange's events. Source: envoy.service.ext_proc.v3, Envoy 1.40."""

from dataclasses import dataclass

from google.protobuf.struct_pb2 import Struct

from extproc.exchange.events import (
    AdmissionEvent,
    DeliveryEvent,
    RequestBody,
    RequestHead,
    ResponseChunk,
    ResponseHead,
    ResponseTrailers,
)
from extproc.model.exchange import ExchangeContext
from extproc.model.ids import DeploymentName
from extproc.model.plan import Headers
from extproc.model.seams import (
    CONTEXT_FIELD,
    DEPLOYMENT_CLUSTER_PREFIX,
    NAMESPACE_CONTEXT,
    NAMESPACE_SEALED,
    SEALED_FIELD,
)
from extproc.wire.context_codec import decode_context
from extproc.wire.gen.gateway.v1 import ext_proc_pb2 as pb


class MessageUnexpected(Exception):  # noqa: N818 - reads as a claim
    """A message that this door's processing mode does not send, or without what it must carry."""


@dataclass(frozen=True, slots=True)
class AttemptSeat:
    """Which attempt of which exchange a delivery stream is for."""

    context: ExchangeContext
    deployment: DeploymentName
    number: int
    sealed: str = ""
    """What only delivery may read; empty: nothing was sealed."""


def decode_admission(message: pb.ProcessingRequest) -> AdmissionEvent:
    """The event in a message of the admission door.

    Raises:
        MessageUnexpected: it is none of admission's.
    """
    match message.WhichOneof("request"):
        case "request_headers":
            head = message.request_headers
            protocol = _attribute(message, "request.protocol")
            return RequestHead(_headers(head.headers), head.end_of_stream, protocol)
        case "request_body":
            # Buffered, so it is the whole body; end_of_stream is false when trailers follow, which go no further.
            return RequestBody(message.request_body.body)
        case other:
            raise MessageUnexpected(str(other))


def decode_delivery(message: pb.ProcessingRequest) -> DeliveryEvent:
    """The event in a message of the delivery door.

    Raises:
        MessageUnexpected: it is none of delivery's.
    """
    match message.WhichOneof("request"):
        case "response_body":
            body = message.response_body
            return ResponseChunk(body.body, body.end_of_stream)
        case "response_headers":
            head = message.response_headers
            headers = _headers(head.headers)
            status = next((value for name, value in headers if name == ":status"), "")
            if not status.isascii() or not status.isdigit():
                raise MessageUnexpected("response headers without a status")
            return ResponseHead(int(status), headers, head.end_of_stream)
        case "response_trailers":
            names = dict.fromkeys(header.key for header in message.response_trailers.trailers.headers)
            return ResponseTrailers(tuple(names))
        case other:
            raise MessageUnexpected(str(other))


def decode_seat(message: pb.ProcessingRequest) -> AttemptSeat:
    """Which attempt this is; carried by the first message of a delivery stream.

    Raises:
        MessageUnexpected: the cluster or its number is missing.
        ContextUnreadable: the context is not one that admission wrote.
    """
    cluster = _attribute(message, "xds.cluster_name")
    if not cluster.startswith(DEPLOYMENT_CLUSTER_PREFIX):
        raise MessageUnexpected("delivery for a cluster that is no deployment")
    number = _number(message, "upstream.request_attempt_count")
    namespace = message.metadata_context.filter_metadata.get(NAMESPACE_CONTEXT)
    if namespace is None or CONTEXT_FIELD not in namespace.fields:
        raise MessageUnexpected("delivery without admission's context")
    context = decode_context(namespace.fields[CONTEXT_FIELD].string_value)
    sealed = message.metadata_context.filter_metadata.get(NAMESPACE_SEALED)
    return AttemptSeat(
        context,
        DeploymentName(cluster.removeprefix(DEPLOYMENT_CLUSTER_PREFIX)),
        max(number, 1),
        "" if sealed is None else _text(sealed, SEALED_FIELD),
    )


def _headers(headers: pb.HeaderMap) -> Headers:
    # Envoy puts the bytes in raw_value; value is the older form. Latin-1 keeps every byte apart.
    return tuple(
        (header.key, header.raw_value.decode("latin-1") if header.raw_value else header.value)
        for header in headers.headers
    )


def _attribute(message: pb.ProcessingRequest, name: str) -> str:
    for group in message.attributes.values():
        if name in group.fields:
            return _text(group, name)
    return ""


def _text(group: Struct, name: str) -> str:
    return group.fields[name].string_value


def _number(message: pb.ProcessingRequest, name: str) -> int:
    for group in message.attributes.values():
        if name in group.fields:
            return int(group.fields[name].number_value)
    return 0
