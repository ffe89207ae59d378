"""The third door: Envoy's access log as OTLP, one record for each attempt and one for each finished request.

Source: opentelemetry.proto.collector.logs.v1.LogsService; the attributes are named in ``dataplane.journal``. A record
that cannot be read is logged and dropped: it must not make Envoy send the whole batch again.

A batch is acknowledged when what it leaves is safe. Until then Envoy has it, and tells another worker where this one
dies: a batch may come twice.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as otlp

from extproc.exchange.outcome import read_outcome
from extproc.model.exchange import AttemptRecord, ExchangeContext, ExchangeRecord
from extproc.model.ids import DeploymentName, ExchangeId
from extproc.model.seams import DEPLOYMENT_CLUSTER_PREFIX, LOG_ATTEMPT, LOG_EXCHANGE
from extproc.policy.ports import Journal
from extproc.wire.context_codec import ContextUnreadable, decode_context

_NOTHING = frozenset({"", "-", "null"})
"""How Envoy writes a command operator that has no value."""


_SAFE_S = 3.0
"""Below Envoy's limit of a try. Where neither Postgres nor the disk takes rows, a batch that comes again and again
would only fill the memory."""


class JournalDoor:
    """The LogsService servicer."""

    def __init__(self, journal: Journal, is_safe: Callable[[float], Awaitable[bool]] | None = None) -> None:
        """Records go to ``journal``, which never waits.

        ``is_safe`` waits until what they left cannot get lost any more, or for so many seconds.
        """
        self._journal = journal
        self._is_safe = is_safe
        self._log = structlog.get_logger("extproc.wire")

    async def export(self, request: otlp.ExportLogsServiceRequest, _: Any) -> otlp.ExportLogsServiceResponse:
        """Take one batch."""
        for resource in request.resource_logs:
            for scope in resource.scope_logs:
                for record in scope.log_records:
                    self._take({item.key: item.value.string_value for item in record.attributes})
        if self._is_safe is not None:
            await self._is_safe(_SAFE_S)
        return otlp.ExportLogsServiceResponse()

    def _take(self, fields: Mapping[str, str]) -> None:
        kind = fields.get("kind")
        if kind == LOG_ATTEMPT:
            self._journal.attempted(read_attempt(fields))
        elif kind == LOG_EXCHANGE:
            self._journal.finished(read_exchange(fields))
        else:
            self._log.warning("journal_record_unknown", kind=kind)


def read_attempt(fields: Mapping[str, str]) -> AttemptRecord:
    """One upstream attempt, from the attributes of its record."""
    return AttemptRecord(
        exchange=ExchangeId(_text(fields, "request_id")),
        deployment=DeploymentName(_text(fields, "cluster").removeprefix(DEPLOYMENT_CLUSTER_PREFIX)),
        status=_number(fields, "code"),
        flags=_text(fields, "flags"),
        duration_ms=_number(fields, "duration_ms"),
    )


def read_exchange(fields: Mapping[str, str]) -> ExchangeRecord:
    """One finished request, from the attributes of its record."""
    context: ExchangeContext | None = None
    written = _text(fields, "context")
    if written:
        try:
            context = decode_context(written)
        except ContextUnreadable:
            context = None
    status = _number(fields, "code")
    flags = _text(fields, "flags")
    details = _text(fields, "details")
    return ExchangeRecord(
        exchange=ExchangeId(_text(fields, "request_id")),
        context=context,
        outcome=read_outcome(status, flags, details, context),
        status=status,
        flags=flags,
        details=details,
        duration_ms=_number(fields, "duration_ms"),
        request_bytes=_number(fields, "request_bytes"),
        response_bytes=_number(fields, "response_bytes"),
        attempts=_number(fields, "attempts") if _text(fields, "attempts") else None,
    )


def _text(fields: Mapping[str, str], name: str) -> str:
    value = fields.get(name, "")
    return "" if value in _NOTHING else value


def _number(fields: Mapping[str, str], name: str) -> int:
    value = fields.get(name, "").partition(".")[0]
    return int(value) if value.isascii() and value.isdigit() else 0
