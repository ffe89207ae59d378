import json
from dataclasses import replace

from google.protobuf.json_format import MessageToDict

from extproc.exchange.events import Go, PassTrailers, ReleaseHead, Reply, Send, Wait
from extproc.model.guard import GuardSecrets, Redaction
from extproc.model.ids import DeploymentName
from extproc.model.plan import Attempt, CredentialHeader, Plan
from extproc.model.sealed import Sealed
from extproc.model.secret import Secret
from extproc.wire.context_codec import decode_context
from extproc.wire.encode import encode_admission, encode_delivery
from extproc.wire.gen.gateway.v1 import ext_proc_pb2 as pb
from extproc.wire.seal import unseal
from tests.samples import PEPPER
from tests.unit.exchange.test_delivery import context


def attempt(name: str, body: bytes = b'{"m":1}') -> Attempt:
    credentials = (CredentialHeader("authorization", Secret(f"Bearer sk-{name}")),)
    return Attempt(DeploymentName(name), f"/{name}", f"{name}.test", (("a", "1"),), credentials, body, 1, 2, 3)


def go(*attempts: Attempt) -> pb.ProcessingResponse:
    action = Go(Plan(attempts), context(), (("x-envoy-max-retries", "1"),), ("cookie",), attempts[0].body)
    return encode_admission(action, lambda: PEPPER)


def set_headers(mutation: pb.HeaderMutation) -> dict[str, bytes]:
    return {option.header.key: option.header.raw_value for option in mutation.set_headers}


def test_waiting_changes_nothing() -> None:
    message = encode_admission(Wait(), lambda: PEPPER)
    assert message.WhichOneof("response") == "request_headers"
    assert not message.request_headers.response.header_mutation.set_headers


def test_going_sets_the_length_the_route_and_the_order() -> None:
    message = go(attempt("one"), attempt("two"))
    common = message.request_body.response
    assert common.clear_route_cache
    assert common.body_mutation.body == b'{"m":1}'
    assert set_headers(common.header_mutation) == {"x-envoy-max-retries": b"1", "content-length": b"7"}
    assert list(common.header_mutation.remove_headers) == ["cookie"]
    metadata = MessageToDict(message.dynamic_metadata)
    assert metadata["gateway.order"] == {
        "priority_groups": [
            {"name": name, "clusters": [{"cluster_name": f"deployment.{name}", "weight": 1}]} for name in ("one", "two")
        ]
    }
    assert decode_context(metadata["gateway.context"]["exchange"]) == context()
    assert metadata["gateway.context"]["surface"] == "openai"


def test_only_bodies_that_differ_are_carried_and_each_once() -> None:
    one, two, three = attempt("one"), attempt("two", b'{"m":2}'), attempt("three", b'{"m":2}')
    carried = MessageToDict(go(one, two, three).dynamic_metadata)["gateway.attempt"]
    assert carried["bodies"] == {"body_0": '{"m":2}'}
    assert {name: entry.get("body") for name, entry in carried["attempts"].items()} == {
        "one": None,
        "two": "body_0",
        "three": "body_0",
    }
    assert carried["attempts"]["two"]["headers"] == {"a": "1", "authorization": "Bearer sk-two"}


def test_credentials_are_in_no_other_namespace() -> None:
    metadata = MessageToDict(go(attempt("one")).dynamic_metadata)
    del metadata["gateway.attempt"]
    assert "sk-one" not in json.dumps(metadata)


def test_what_only_delivery_may_read_travels_sealed_and_by_itself() -> None:
    sealed = Sealed(GuardSecrets("canary", (Redaction("[card-1]", "4111111111111111", "pii.card"),)))
    plan = Plan((attempt("one"),))
    action = Go(plan, replace(context(), has_sealed=True), (), (), b"{}", sealed)
    metadata = MessageToDict(encode_admission(action, lambda: PEPPER).dynamic_metadata)
    assert unseal(metadata["gateway.sealed"]["sealed"], context().id, PEPPER) == sealed
    assert not any(each in json.dumps(metadata) for each in ("4111111111111111", "canary"))


def test_nothing_is_sealed_where_there_is_nothing() -> None:
    assert "gateway.sealed" not in MessageToDict(go(attempt("one")).dynamic_metadata)


def test_a_reply_says_its_reason_to_the_journal() -> None:
    reply = Reply(429, (("a", "1"),), b"{}", "limited")
    for message in (encode_admission(reply, lambda: PEPPER), encode_delivery(reply)):
        immediate = message.immediate_response
        assert (immediate.status.code, immediate.body, immediate.details) == (429, b"{}", "gateway:limited")
        assert set_headers(immediate.headers) == {"a": b"1"}


def test_releasing_headers_may_change_the_status() -> None:
    head = encode_delivery(ReleaseHead(502, (("x-gateway-retry", "why"),), ("server",))).response_headers.response
    assert set_headers(head.header_mutation) == {":status": b"502", "x-gateway-retry": b"why"}
    assert list(head.header_mutation.remove_headers) == ["server"]
    assert ":status" not in set_headers(
        encode_delivery(ReleaseHead(None, (), ())).response_headers.response.header_mutation
    )


def test_bytes_and_trailers() -> None:
    streamed = encode_delivery(Send(b"x", True)).response_body.response.body_mutation.streamed_response
    assert (streamed.body, streamed.end_of_stream) == (b"x", True)
    trailers = encode_delivery(PassTrailers(("a",))).response_trailers
    assert list(trailers.header_mutation.remove_headers) == ["a"]
