import pytest

from extproc.exchange.events import RequestBody, RequestHead, ResponseChunk, ResponseHead, ResponseTrailers
from extproc.model.seams import CONTEXT_FIELD, NAMESPACE_CONTEXT
from extproc.wire.context_codec import ContextUnreadable, encode_context
from extproc.wire.decode import MessageUnexpected, decode_admission, decode_delivery, decode_seat
from extproc.wire.gen.gateway.v1 import ext_proc_pb2 as pb
from tests.unit.exchange.test_delivery import context


def headers(*pairs: tuple[str, str]) -> pb.HeaderMap:
    return pb.HeaderMap(headers=[pb.HeaderValue(key=key, raw_value=value.encode("latin-1")) for key, value in pairs])


def test_a_request_head_keeps_every_header_in_order_and_every_byte() -> None:
    message = pb.ProcessingRequest(
        request_headers=pb.HttpHeaders(headers=headers((":path", "/x"), ("a", "1"), ("a", "\xff")), end_of_stream=True)
    )
    message.attributes["envoy.filters.http.ext_proc"].update({"request.protocol": "HTTP/2"})
    assert decode_admission(message) == RequestHead(((":path", "/x"), ("a", "1"), ("a", "\xff")), True, "HTTP/2")


def test_the_older_form_of_a_header_is_read_too() -> None:
    old = pb.HeaderMap(headers=[pb.HeaderValue(key="a", value="1")])
    event = decode_admission(pb.ProcessingRequest(request_headers=pb.HttpHeaders(headers=old)))
    assert event == RequestHead((("a", "1"),), False, "")


@pytest.mark.parametrize("is_end", [True, False], ids=["end", "trailers-follow"])
def test_a_body_is_whole_whatever_follows_it(is_end: bool) -> None:
    message = pb.ProcessingRequest(request_body=pb.HttpBody(body=b"{}", end_of_stream=is_end))
    assert decode_admission(message) == RequestBody(b"{}")


@pytest.mark.parametrize(
    "message",
    [
        pb.ProcessingRequest(),
        pb.ProcessingRequest(response_headers=pb.HttpHeaders()),
        pb.ProcessingRequest(request_trailers=pb.HttpTrailers()),
    ],
)
def test_what_admission_is_never_sent_is_refused(message: pb.ProcessingRequest) -> None:
    with pytest.raises(MessageUnexpected):
        decode_admission(message)


def test_a_response_in_parts() -> None:
    head = pb.ProcessingRequest(
        response_headers=pb.HttpHeaders(headers=headers((":status", "200")), end_of_stream=False)
    )
    assert decode_delivery(head) == ResponseHead(200, ((":status", "200"),), False)
    chunk = pb.ProcessingRequest(response_body=pb.HttpBody(body=b"x", end_of_stream=True))
    assert decode_delivery(chunk) == ResponseChunk(b"x", True)
    trailers = pb.ProcessingRequest(response_trailers=pb.HttpTrailers(trailers=headers(("a", "1"), ("a", "2"))))
    assert decode_delivery(trailers) == ResponseTrailers(("a",))


@pytest.mark.parametrize("status", ["", "abc", "²00"])
def test_a_response_without_a_status_is_refused(status: str) -> None:
    head = pb.HeaderMap(headers=[pb.HeaderValue(key=":status", value=status)])
    with pytest.raises(MessageUnexpected):
        decode_delivery(pb.ProcessingRequest(response_headers=pb.HttpHeaders(headers=head)))


def seat(cluster: str = "deployment.d0", written: str | None = None) -> pb.ProcessingRequest:
    message = pb.ProcessingRequest(response_headers=pb.HttpHeaders())
    message.attributes["any"].update({"xds.cluster_name": cluster, "upstream.request_attempt_count": 2})
    if written is not None:
        message.metadata_context.filter_metadata[NAMESPACE_CONTEXT].update({CONTEXT_FIELD: written})
    return message


def test_a_delivery_knows_its_exchange_its_deployment_and_its_turn() -> None:
    found = decode_seat(seat(written=encode_context(context())))
    assert (found.context, found.deployment, found.number) == (context(), "d0", 2)


def test_a_delivery_without_admissions_word_is_refused() -> None:
    with pytest.raises(MessageUnexpected):
        decode_seat(seat())
    with pytest.raises(MessageUnexpected):
        decode_seat(seat("deny", encode_context(context())))
    with pytest.raises(ContextUnreadable):
        decode_seat(seat(written="made up"))
