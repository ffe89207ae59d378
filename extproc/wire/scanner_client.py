"""The ``Scanner`` port over a scanner service. ``adapters.guarded_scanner`` stands before it.

The service sees texts, an organisation's name and nothing else of an exchange. An answer is not believed further than
it makes sense: what it says of a text that was not asked about, or of a place that is not in it, makes the whole answer
none.
"""

import contextlib
import math
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import grpc

from extproc.model.guard import Finding, Leaf
from extproc.model.guard_scanners import ServiceSettings
from extproc.model.refusals import Unavailable
from extproc.policy.guard_ports import ScanAsked
from extproc.wire.gen.gateway.v1 import scanner_pb2 as pb

_MAX_MESSAGE_BYTES = 64 * 1024 * 1024
_OPTIONS = (
    ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
    ("grpc.enable_http_proxy", 0),
    # A service that is back is found within a second.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # A connection to a host that is gone would be believed for a quarter of an hour.
    ("grpc.keepalive_time_ms", 5000),
    ("grpc.keepalive_timeout_ms", 2000),
)
_KIND = re.compile(r"[a-z0-9_.]{1,64}")


@dataclass(slots=True, eq=False)
class ScannerClient:
    """Use from one event loop; ``open_scanner_client`` makes one."""

    name: str
    settings: ServiceSettings
    _ask: Any

    async def scan(self, asked: ScanAsked) -> Sequence[Finding]:
        """See ``Scanner``."""
        leaves = tuple(leaf for leaf in asked.leaves if leaf.trust in self.settings.trusts and leaf.text)
        if not leaves:
            return ()
        request = pb.ScanRequest(
            scanner=self.settings.scanner,
            organisation=asked.organisation,
            texts=[_encodable(leaf.text) for leaf in leaves],
        )
        try:
            response: pb.ScanResponse = await self._ask(request, timeout=asked.limit_s)
        except grpc.aio.AioRpcError as error:
            # Its own words may be of anybody who listens there.
            raise Unavailable(self.name, f"the scanner service answered {error.code().name}") from None
        return tuple(self._finding(each, leaves) for each in response.findings)

    def _finding(self, found: pb.ScanFinding, leaves: tuple[Leaf, ...]) -> Finding:
        leaf = leaves[found.text] if found.text < len(leaves) else None
        if (
            leaf is None
            or not found.start <= found.end <= len(leaf.text)
            or not (math.isfinite(found.score) and 0 <= found.score <= 1)
            or _KIND.fullmatch(found.kind) is None
        ):
            raise Unavailable(self.name, "the scanner service's answer makes no sense")
        return Finding(f"{self.name}.{found.kind}", leaf.place, found.start, found.end, found.score)


def _encodable(text: str) -> str:
    """The text with what UTF-8 does not have replaced, character for character."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


@contextlib.asynccontextmanager
async def open_scanner_client(name: str, settings: ServiceSettings) -> AsyncIterator[ScannerClient]:
    """A client that connects when it is first asked, and again whenever it must.

    Raises:
        OSError: the CA's file cannot be read.
    """
    if settings.ca_file is None:
        channel = grpc.aio.insecure_channel(settings.address, options=_OPTIONS)
    else:
        trust = grpc.ssl_channel_credentials(settings.ca_file.read_bytes())
        channel = grpc.aio.secure_channel(settings.address, trust, options=_OPTIONS)
    async with channel:
        ask = channel.unary_unary(
            "/gateway.v1.Scanner/Scan",
            request_serializer=pb.ScanRequest.SerializeToString,
            response_deserializer=pb.ScanResponse.FromString,
        )
        yield ScannerClient(name, settings, ask)
