"""The vocabulary of Envoy's JSON: a few words that every builder shares. Read ``render`` for what is built of them.

Resources are plain dictionaries in protobuf's JSON form, because the client library of Envoy's messages lacks some that
we need (priority_group). What makes them typed is the contract test: each one is parsed strictly, nested messages
included, against the descriptors inside the Envoy binary.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

Value: TypeAlias = "bool | int | float | str | Sequence[Value] | Mapping[str, Value] | None"
Message: TypeAlias = Mapping[str, Value]

_PREFIX = "type.googleapis.com/"


def typed(message_type: str, **fields: Value) -> Message:
    """A ``google.protobuf.Any`` of the named message."""
    return {"@type": _PREFIX + message_type, **fields}


def extension(name: str, message_type: str, **fields: Value) -> Message:
    """An extension in the form that all lists of extensions take: a name and a typed config."""
    return {"name": name, "typed_config": typed(message_type, **fields)}


def seconds(amount_s: float) -> str:
    """A ``google.protobuf.Duration``, to the millisecond."""
    return f"{amount_s:.3f}".rstrip("0").rstrip(".") + "s"


def tcp_address(address: str, port: int) -> Message:
    """A ``core.v3.Address`` of a TCP socket."""
    return {"socket_address": {"address": address, "port_value": port}}


def pipe_address(path: str) -> Message:
    """A ``core.v3.Address`` of a Unix socket."""
    return {"pipe": {"path": path}}


def endpoints(cluster: str, *localities: Sequence[Message], is_prioritized: bool = False) -> Message:
    """A load assignment; with ``is_prioritized`` each group of addresses is the fallback of the one before."""
    return {
        "cluster_name": cluster,
        "endpoints": [
            {
                **({"priority": index} if is_prioritized and index else {}),
                "lb_endpoints": [{"endpoint": {"address": address}} for address in addresses],
            }
            for index, addresses in enumerate(localities)
        ],
    }
