import hashlib
import time
from urllib.parse import quote

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from extproc.dialects.sigv4 import AwsKeys, Scope, Unsigned, authorization, canonical_path, sign
from extproc.model.secret import Secret

EMPTY = hashlib.sha256(b"").hexdigest()
EXAMPLE = AwsKeys(Secret("AKIDEXAMPLE"), Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"))
PRINTABLE = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
SEGMENTS = st.lists(st.one_of(st.text(max_size=20).map(lambda s: quote(s, safe="~")), st.sampled_from([".", "..", ""])))


def botocores(request: Unsigned, added: dict[str, str], keys: AwsKeys, scope: Scope) -> str:
    """The signature that botocore computes over these very bytes and headers."""
    token = keys.session_token.reveal() if keys.session_token else None
    credentials = Credentials(keys.access_key_id.reveal(), keys.secret_access_key.reveal(), token)
    auth = SigV4Auth(credentials, scope.service, scope.region)
    headers = {"host": request.host, **dict(request.headers), **added}
    url = f"https://{request.host}{request.path}"
    theirs = AWSRequest(method=request.method, url=url, data=request.body, headers=headers)
    theirs.context["timestamp"] = added["x-amz-date"]
    return str(auth.signature(auth.string_to_sign(theirs, auth.canonical_request(theirs)), theirs))


@given(
    path=SEGMENTS.map(lambda segments: "/" + "/".join(segments)),
    host=st.from_regex(r"\A[a-z][a-z0-9.-]{0,30}(:[1-9][0-9]{1,3})?\Z"),
    kind=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40),
    body=st.binary(max_size=200),
    key=PRINTABLE,
    secret=PRINTABLE,
    token=st.none() | PRINTABLE,
    region=PRINTABLE.filter(lambda text: "/" not in text),
    now_s=st.floats(0, 4e9),
)
def test_a_signature_is_the_one_that_botocore_computes(
    path: str, host: str, kind: str, body: bytes, key: str, secret: str, token: str | None, region: str, now_s: float
) -> None:
    request = Unsigned("POST", host, path, (("content-type", kind),), body)
    keys = AwsKeys(Secret(key), Secret(secret), Secret(token) if token else None)
    scope = Scope(region, "bedrock")
    plain, credentials = sign(request, keys, scope, now_s)
    secrets = {each.name: each.value.reveal() for each in credentials}
    value = secrets.pop("authorization")
    expected = botocores(request, {**dict(plain), **secrets}, keys, scope)
    assert value.rpartition("Signature=")[2] == expected
    assert value.startswith(f"AWS4-HMAC-SHA256 Credential={key}/{dict(plain)['x-amz-date'][:8]}/{region}/bedrock/")
    assert secrets == ({"x-amz-security-token": token} if token else {})


@pytest.mark.parametrize(
    ("method", "path", "headers", "signature"),
    [
        ("GET", "/", {}, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("POST", "/", {}, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        ("GET", "//./", {}, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    ],
)
def test_the_signatures_of_awss_own_test_suite_come_out(
    method: str, path: str, headers: dict[str, str], signature: str
) -> None:
    signed = {"host": "example.amazonaws.com", "x-amz-date": "20150830T123600Z", **headers}
    value = authorization(method, path, signed, EMPTY, EXAMPLE, Scope("us-east-1", "service"))
    assert value == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders=host;x-amz-date, Signature={signature}"
    )


def test_white_space_in_a_header_counts_as_aws_counts_it() -> None:
    request = Unsigned("POST", "h.example", "/", (("content-type", " text/plain;   a=b "),), b"")
    scope = Scope("eu-west-1", "bedrock")
    plain, (credential,) = sign(request, EXAMPLE, scope, 0.0)
    assert credential.value.reveal().rpartition("Signature=")[2] == botocores(request, dict(plain), EXAMPLE, scope)


def test_the_body_the_host_and_the_type_are_signed_and_the_length_is_not() -> None:
    request = Unsigned("POST", "h.example", "/", (("content-type", "application/json"),), b"{}")
    plain, (credential,) = sign(request, EXAMPLE, Scope("eu-west-1", "bedrock"), 1_800_000_000.0)
    assert dict(plain) == {"x-amz-date": "20270115T080000Z", "x-amz-content-sha256": hashlib.sha256(b"{}").hexdigest()}
    names = "content-type;host;x-amz-content-sha256;x-amz-date"
    assert f"SignedHeaders={names}," in credential.value.reveal()
    assert time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(1_800_000_000)) == dict(plain)["x-amz-date"]


def test_a_model_ids_colon_and_slash_are_encoded_twice() -> None:
    assert canonical_path("/model/a%2Fb-v1%3A0/converse") == "/model/a%252Fb-v1%253A0/converse"


def test_no_secret_shows_in_what_signing_takes_or_gives() -> None:
    keys = AwsKeys(Secret("AKID"), Secret("canary-secret"), Secret("canary-token"))
    request = Unsigned("POST", "h", "/", (), b"")
    assert "canary" not in repr(keys)
    assert "canary" not in repr(sign(request, keys, Scope("r", "s"), 0.0))
    assert "Signature" not in repr(sign(request, keys, Scope("r", "s"), 0.0))
