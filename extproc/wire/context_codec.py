"""ExchangeContext ⇄ one base64 string: dynamic metadata is a Struct, and a Struct's strings must be UTF-8."""

import base64
import binascii

from google.protobuf.message import DecodeError

from extproc.model.catalog import Operation
from extproc.model.exchange import AttemptLimits, CachedAnswer, ExchangeContext
from extproc.model.ids import DeploymentName, ExchangeId, KeyId, ModelName, OrganisationId, ProjectId, TeamId
from extproc.model.money import MicroUsd
from extproc.wire.gen.gateway.v1 import exchange_context_pb2 as pb
from extproc.wire.guard_codec import decode_verdict, encode_verdict
from extproc.wire.hold_codec import decode_hold, decode_price, encode_hold, encode_price


class ContextUnreadable(ValueError):  # noqa: N818 - reads as a claim
    """The string is not a context that admission wrote."""


def encode_context(context: ExchangeContext) -> str:
    """The context as a base64 string."""
    message = pb.ExchangeContext(
        id=context.id,
        organisation=context.organisation,
        team=context.team,
        project=context.project,
        key=context.key,
        operation=context.operation,
        model=context.model,
        is_stream=context.is_stream,
        wants_usage=context.wants_usage,
        catalog_version=context.catalog_version,
        surface="" if context.surface == "openai" else context.surface,
        started_at_s=context.started_at_s,
        tells_route=context.tells_route,
        auto=context.auto,
        hold=encode_hold(context.hold),
        input_tokens=context.input_tokens,
        output_tokens=context.output_tokens,
        user=context.user,
        tags=context.tags,
        answer_headers=[pb.AnswerHeader(name=name, value=value) for name, value in context.answer_headers],
        verdicts=[encode_verdict(verdict) for verdict in context.verdicts],
        has_sealed=context.has_sealed,
        cached=_encode_cached(context.cached),
        plan=[
            pb.AttemptLimits(
                deployment=limits.deployment,
                dialect=limits.dialect,
                first_token_ms=round(limits.first_token_s * 1000),
                total_ms=round(limits.total_s * 1000),
                idle_ms=round(limits.idle_s * 1000),
                upstream_model=limits.upstream_model,
                context_tokens=limits.context_tokens or 0,
                degraded=limits.degraded,
                price=encode_price(limits.price),
            )
            for limits in context.plan
        ],
    )
    return base64.b64encode(message.SerializeToString()).decode("ascii")


def decode_context(text: str) -> ExchangeContext:
    """The context that ``encode_context`` wrote, by this version or a later one.

    Raises:
        ContextUnreadable: it is not one.
    """
    try:
        message = pb.ExchangeContext.FromString(base64.b64decode(text, validate=True))
        operation = Operation(message.operation)
        hold = decode_hold(message.hold) if message.HasField("hold") else None
        verdicts = tuple(decode_verdict(each) for each in message.verdicts)
    except (binascii.Error, DecodeError, ValueError) as error:
        raise ContextUnreadable(type(error).__name__) from None
    return ExchangeContext(
        id=ExchangeId(message.id),
        organisation=OrganisationId(message.organisation),
        team=TeamId(message.team),
        project=ProjectId(message.project),
        key=KeyId(message.key),
        operation=operation,
        model=ModelName(message.model),
        is_stream=message.is_stream,
        wants_usage=message.wants_usage,
        catalog_version=message.catalog_version,
        surface=message.surface or "openai",
        started_at_s=message.started_at_s,
        tells_route=message.tells_route,
        auto=message.auto,
        hold=hold,
        input_tokens=message.input_tokens,
        output_tokens=message.output_tokens,
        user=message.user,
        tags=tuple(message.tags),
        answer_headers=tuple((each.name, each.value) for each in message.answer_headers),
        verdicts=verdicts,
        has_sealed=message.has_sealed,
        cached=_decode_cached(message.cached) if message.HasField("cached") else None,
        plan=tuple(
            AttemptLimits(
                DeploymentName(limits.deployment),
                limits.dialect,
                limits.first_token_ms / 1000,
                limits.total_ms / 1000,
                limits.idle_ms / 1000,
                limits.upstream_model,
                limits.context_tokens or None,
                tuple(limits.degraded),
                decode_price(limits.price) if limits.HasField("price") else None,
            )
            for limits in message.plan
        ),
    )


def _encode_cached(cached: CachedAnswer | None) -> pb.CachedAnswer | None:
    if cached is None:
        return None
    return pb.CachedAnswer(
        tier=cached.tier,
        similarity=cached.similarity,
        age_s=cached.age_s,
        saved_micro_usd=cached.saved_micro_usd,
        exchange=cached.exchange,
    )


def _decode_cached(message: pb.CachedAnswer) -> CachedAnswer:
    return CachedAnswer(
        message.tier, message.similarity, message.age_s, MicroUsd(message.saved_micro_usd), message.exchange
    )
