"""The Bedrock dialect: AWS Bedrock Runtime's Converse and ConverseStream, signed with Signature Version 4.

The credential is an access key: its id and its secret, two fields of one secret in the vault, and for temporary keys
a third, the session token, which is signed and sent. Without a credential the request goes out unsigned, for an
endpoint in our own network.
A signature is made when the plan is, and AWS believes it for five minutes: an attempt that starts later than that,
after a slower one failed, is rejected. Source: Bedrock API reference, "Converse", 2026-11. ``bedrock_request``,
``bedrock_answer`` and ``bedrock_stream`` have the bodies, ``sigv4`` the signature.
"""

from urllib.parse import quote

from extproc.dialects.bedrock_answer import read_converse, read_converse_mistake
from extproc.dialects.bedrock_request import write_converse
from extproc.dialects.bedrock_stream import ConverseStream
from extproc.dialects.dialect import Answer, Outgoing, StreamReader
from extproc.dialects.mistakes import Mistake
from extproc.dialects.openai import JSON_HEADERS
from extproc.dialects.sigv4 import AwsKeys, Scope, Unsigned, sign
from extproc.dialects.strict_json import serialise
from extproc.model.catalog import Deployment
from extproc.model.chat import ModelRequest
from extproc.model.secret import Secret

_STREAM_MEDIA = "application/vnd.amazon.eventstream"
# AWS leaves the user agent out of its own signatures: proxies rewrite it.
_UNSIGNED = frozenset({"user-agent"})


class Bedrock:
    """Converse for plain requests, ConverseStream for streams."""

    stream_media = _STREAM_MEDIA

    def write(
        self, request: ModelRequest, deployment: Deployment, credentials: tuple[Secret, ...], now_s: float
    ) -> Outgoing:
        """See ``Dialect``. ``credentials``: key id, secret, session token (absent or empty: none); or none at all."""
        verb, media = ("converse-stream", _STREAM_MEDIA) if request.is_stream else ("converse", "application/json")
        path = f"{deployment.base_path}/model/{quote(deployment.upstream_model, safe='')}/{verb}"
        body = serialise(write_converse(request.payload))
        headers = (*JSON_HEADERS, ("accept", media))
        if not credentials:
            return Outgoing(path, headers, (), body)
        to_sign = tuple((name, value) for name, value in headers if name not in _UNSIGNED)
        unsigned = Unsigned("POST", deployment.authority, path, to_sign, body)
        scope = Scope(deployment.options["region"], "bedrock")
        key_id, secret, *session = credentials
        keys = AwsKeys(key_id, secret, next((token for token in session if token.reveal()), None))
        added, proofs = sign(unsigned, keys, scope, now_s)
        return Outgoing(path, (*headers, *added), proofs, body)

    def read_answer(self, body: bytes) -> Answer:
        """See ``Dialect``."""
        return read_converse(body)

    def open_stream(self) -> StreamReader:
        """See ``Dialect``."""
        return ConverseStream()

    def read_mistake(self, body: bytes) -> Mistake:
        """See ``Dialect``."""
        return read_converse_mistake(body)
