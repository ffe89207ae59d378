"""The exchange's actions → Envoy's messages. Source: envoy.service.ext_proc.v3, Envoy 1.40."""

from collections.abc import Callable
from typing import Any, assert_never

from google.protobuf.struct_pb2 import Struct

from extproc.exchange.events import AdmissionAction, Go, PassTrailers, ReleaseHead, Replay, Reply, Send, Wait
from extproc.model.exchange import ExchangeContext
from extproc.model.plan import Headers, Plan
from extproc.model.sealed import NOTHING_SEALED
from extproc.model.seams import (
    CONTEXT_FIELD,
    DEPLOYMENT_CLUSTER_PREFIX,
    NAMESPACE_ATTEMPT,
    NAMESPACE_CONTEXT,
    NAMESPACE_ORDER,
    NAMESPACE_SEALED,
    SEALED_FIELD,
    SURFACE_FIELD,
)
from extproc.model.secret import Secret
from extproc.wire.context_codec import encode_context
from extproc.wire.gen.gateway.v1 import ext_proc_pb2 as pb
from extproc.wire.seal import seal

_OVERWRITE = pb.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD

CONTINUE_HEAD = pb.ProcessingResponse(request_headers=pb.HeadersResponse())
"""Go on to the body: the answer to most request heads."""


def encode_admission(action: AdmissionAction, pepper: Callable[[], Secret]) -> pb.ProcessingResponse:
    """The message for an action of admission; ``pepper`` seals what only delivery may read.

    Raises:
        Unavailable: there is something to seal, and the pepper is not at hand.
    """
    match action:
        case Wait():
            return CONTINUE_HEAD
        case Go():
            return _go(action, pepper)
        case Reply():
            return encode_reply(action)
        case Replay():
            reply = encode_reply(action.reply)
            reply.dynamic_metadata.CopyFrom(_context_metadata(action.record.context))
            return reply
        case _:
            assert_never(action)


def encode_delivery(action: ReleaseHead | Send | PassTrailers | Reply) -> pb.ProcessingResponse:
    """The message for an action of delivery; ``Break`` has none: it is the end of the RPC."""
    match action:
        case ReleaseHead(status, set_headers, remove_headers):
            status_header = ((":status", str(status)),) if status is not None else ()
            common = pb.CommonResponse(header_mutation=_mutation((*status_header, *set_headers), remove_headers))
            return pb.ProcessingResponse(response_headers=pb.HeadersResponse(response=common))
        case Send(data, is_last):
            streamed = pb.StreamedBodyResponse(body=data, end_of_stream=is_last)
            common = pb.CommonResponse(body_mutation=pb.BodyMutation(streamed_response=streamed))
            return pb.ProcessingResponse(response_body=pb.BodyResponse(response=common))
        case PassTrailers(names):
            return pb.ProcessingResponse(response_trailers=pb.TrailersResponse(header_mutation=_mutation((), names)))
        case Reply():
            return encode_reply(action)
        case _:
            assert_never(action)


def encode_reply(reply: Reply) -> pb.ProcessingResponse:
    """An immediate response: Envoy answers, nothing goes further."""
    return pb.ProcessingResponse(
        immediate_response=pb.ImmediateResponse(
            status=pb.HttpStatus(code=reply.status),  # type: ignore[arg-type]  # an open enum: any status is a value
            headers=_mutation(reply.headers, ()),
            body=reply.body,
            details=f"gateway:{reply.reason}",
        )
    )


def _go(action: Go, pepper: Callable[[], Secret]) -> pb.ProcessingResponse:
    # Envoy answers 500 to a changed body whose content-length was not set in the same reply, and ignores
    # clear_route_cache in a reply that changes no header.
    set_headers = (*action.set_headers, ("content-length", str(len(action.body))))
    common = pb.CommonResponse(
        header_mutation=_mutation(set_headers, action.remove_headers),
        body_mutation=pb.BodyMutation(body=action.body),
        # Without it the cluster specifier does not run again and every request gets the default group.
        clear_route_cache=True,
    )
    metadata = Struct()
    metadata.update(
        {
            NAMESPACE_ORDER: _order(action.plan),
            NAMESPACE_CONTEXT: _context_fields(action.context),
            NAMESPACE_ATTEMPT: _attempts(action.plan, action.body),
            **_sealed(action, pepper),
        }
    )
    return pb.ProcessingResponse(request_body=pb.BodyResponse(response=common), dynamic_metadata=metadata)


def _context_metadata(context: ExchangeContext) -> Struct:
    metadata = Struct()
    metadata.update({NAMESPACE_CONTEXT: _context_fields(context)})
    return metadata


def _context_fields(context: ExchangeContext) -> dict[str, Any]:
    return {CONTEXT_FIELD: encode_context(context), SURFACE_FIELD: context.surface}


def _sealed(action: Go, pepper: Callable[[], Secret]) -> dict[str, Any]:
    if action.sealed == NOTHING_SEALED:
        return {}
    return {NAMESPACE_SEALED: {SEALED_FIELD: seal(action.sealed, action.context.id, pepper())}}


def _order(plan: Plan) -> dict[str, Any]:
    return {
        "priority_groups": [
            {
                "name": attempt.deployment,
                "clusters": [{"cluster_name": DEPLOYMENT_CLUSTER_PREFIX + attempt.deployment, "weight": 1}],
            }
            for attempt in plan.attempts
        ]
    }


def _attempts(plan: Plan, request_body: bytes) -> dict[str, Any]:
    """What ``envoy/attempt_rewrite.lua`` reads; a body only where it differs from the request's own."""
    bodies: dict[bytes, str] = {}
    attempts: dict[str, Any] = {}
    for attempt in plan.attempts:
        headers = dict(attempt.headers)
        headers.update({credential.name: credential.value.reveal() for credential in attempt.credentials})
        entry: dict[str, Any] = {"path": attempt.path, "authority": attempt.authority, "headers": headers}
        if attempt.body != request_body:
            entry["body"] = bodies.setdefault(attempt.body, f"body_{len(bodies)}")
        attempts[attempt.deployment] = entry
    return {"attempts": attempts, "bodies": {key: body.decode() for body, key in bodies.items()}}


def _mutation(set_headers: Headers, remove_headers: tuple[str, ...]) -> pb.HeaderMutation:
    return pb.HeaderMutation(
        set_headers=[
            pb.HeaderValueOption(
                header=pb.HeaderValue(key=name, raw_value=value.encode("latin-1")), append_action=_OVERWRITE
            )
            for name, value in set_headers
        ],
        remove_headers=remove_headers,
    )
