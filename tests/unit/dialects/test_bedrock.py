"""The Bedrock dialect: against its goldens, and against what the real SDK sends and reads."""

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.model import OperationModel, Shape

from extproc.dialects.bedrock import Bedrock
from extproc.model.secret import Secret
from tests.aws_signatures import signature_scope
from tests.e2e.provider import Provider, Request, Turn
from tests.unit.dialects.bedrock_cases import CASES, DEPLOYMENT, KEYS, PLAIN, STREAMED, chat, stream_bytes, write


@pytest.mark.parametrize("name", CASES)
def test_a_request_becomes_the_one_of_the_golden_file(name: str) -> None:
    outgoing = write(CASES[name]["request"])
    assert json.loads(outgoing.body) == CASES[name]["sent"]
    verb = "converse-stream" if "stream" in CASES[name] else "converse"
    assert outgoing.path == f"/model/eu.anthropic.claude-x-v1%3A0/{verb}"


@pytest.fixture
def provider() -> Iterator[Provider]:
    server = Provider().start()
    yield server
    server.stop()


@pytest.fixture
def sdk(provider: Provider) -> Iterator[Any]:
    client = boto3.client(
        "bedrock-runtime",
        endpoint_url=f"http://127.0.0.1:{provider.port}",
        region_name="eu-west-1",
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="aws-secret",
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )
    yield client
    client.close()


def from_json(shape: Shape, value: Any) -> Any:
    """A JSON body's value as the SDK takes it: blobs are bytes."""
    if shape.type_name == "blob":
        return base64.b64decode(value)
    if shape.type_name == "list":
        return [from_json(shape.member, each) for each in value]  # type: ignore[attr-defined]
    if shape.type_name == "structure" and not getattr(shape, "is_document_type", False):
        return {name: from_json(shape.members[name], each) for name, each in value.items()}  # type: ignore[attr-defined]
    return value


def params(sdk: Any, operation: str, case: dict[str, Any]) -> dict[str, Any]:
    model: OperationModel = sdk.meta.service_model.operation_model(operation)
    assert model.input_shape is not None
    return {"modelId": DEPLOYMENT.upstream_model, **from_json(model.input_shape, case["sent"])}


def check_same(theirs: Request, case: dict[str, Any]) -> None:
    """The SDK sends for the same call what the dialect sends, to the same path, signed over no less."""
    ours = write(case["request"])
    assert theirs.line.split(" ")[1] == ours.path
    assert theirs.json == json.loads(ours.body)
    region, service, signed = signature_scope(theirs, "AKIDEXAMPLE", "aws-secret")
    proof = dict(ours.headers) | {each.name: each.value.reveal() for each in ours.credentials}
    request = Request(
        f"POST {ours.path} HTTP/1.1", [("host", DEPLOYMENT.authority), *proof.items()], ours.body, connection=1
    )
    assert signature_scope(request, "AKIDEXAMPLE", "aws-secret")[:2] == (region, service) == ("eu-west-1", "bedrock")
    own = {"accept", "x-amz-content-sha256"}
    assert signature_scope(request, "AKIDEXAMPLE", "aws-secret")[2] == signed | own
    assert theirs.header("content-type") == request.header("content-type")


@pytest.mark.parametrize("name", PLAIN)
def test_the_sdk_sends_the_same_request_and_reads_the_golden_answer(name: str, provider: Provider, sdk: Any) -> None:
    case = CASES[name]

    async def answer(turn: Turn) -> None:
        await turn.plain(json.dumps(case["answer"]).encode())

    provider.scripts["answer"] = answer
    read = sdk.converse(**params(sdk, "Converse", case))
    del read["ResponseMetadata"]
    shape = sdk.meta.service_model.operation_model("Converse").output_shape
    assert read == from_json(shape, case["answer"])
    check_same(provider.requests[0], case)


@pytest.mark.parametrize("name", STREAMED)
def test_the_sdk_streams_the_same_request_and_reads_the_golden_events(name: str, provider: Provider, sdk: Any) -> None:
    case = CASES[name]

    async def answer(turn: Turn) -> None:
        await turn.head(200, "application/vnd.amazon.eventstream", "transfer-encoding: chunked")
        await turn.chunk(stream_bytes(case))
        await turn.end()

    provider.scripts["answer"] = answer
    events = list(sdk.converse_stream(**params(sdk, "ConverseStream", case))["stream"])
    shape = sdk.meta.service_model.operation_model("ConverseStream").output_shape.members["stream"]
    padded = [{kind: {k: v for k, v in value.items() if k != "p"}} for kind, value in case["stream"]]
    assert events == [from_json(shape, each) for each in padded]
    check_same(provider.requests[0], case)


def test_a_model_id_and_a_base_path_reach_aws_in_the_path_that_was_signed() -> None:
    arn = "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.x-v1:0"
    outgoing = write(chat(), replace(DEPLOYMENT, upstream_model=arn, base_path="/proxy"))
    escaped = "arn%3Aaws%3Abedrock%3Aeu-west-1%3A123456789012%3Ainference-profile%2Feu.x-v1%3A0"
    assert outgoing.path == f"/proxy/model/{escaped}/converse"


def test_the_credential_travels_only_in_headers_that_are_known_as_credentials() -> None:
    outgoing = write(chat(), keys=(*KEYS, Secret("session-canary")))
    assert [each.name for each in outgoing.credentials] == ["authorization", "x-amz-security-token"]
    assert {name for name, _ in outgoing.headers} == {
        *("content-type", "user-agent", "accept", "x-amz-date", "x-amz-content-sha256")
    }
    assert "canary" not in repr(outgoing)
    assert "AKIDEXAMPLE" not in repr(outgoing)


def test_a_lasting_key_comes_with_an_empty_session_token_and_is_signed_without_one() -> None:
    assert write(chat(), keys=(*KEYS, Secret(""))) == write(chat(), keys=KEYS)
    signed = write(chat(), keys=(*KEYS, Secret("session-canary"))).credentials[0].value.reveal()
    assert "x-amz-security-token" in signed.partition("SignedHeaders=")[2].partition(",")[0]


def test_an_open_endpoint_is_asked_without_a_signature() -> None:
    outgoing = write(chat(stream=True), keys=())
    assert outgoing.credentials == ()
    assert dict(outgoing.headers) == {
        "content-type": "application/json",
        "user-agent": "extproc",
        "accept": "application/vnd.amazon.eventstream",
    }


def test_a_stream_is_aws_event_stream() -> None:
    assert Bedrock().stream_media == "application/vnd.amazon.eventstream"
