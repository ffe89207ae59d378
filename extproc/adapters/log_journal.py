"""The journal as one JSON log line for each attempt, delivery and exchange. Ids, numbers and codes; never content."""

import structlog

from extproc.model.exchange import AttemptRecord, DeliveryRecord, ExchangeRecord


class LogJournal:
    """Writes each record at once to the process's log."""

    def __init__(self) -> None:
        self._log = structlog.get_logger("extproc.journal")

    def attempted(self, record: AttemptRecord) -> None:
        """One line for an upstream attempt."""
        self._log.info(
            "attempt",
            exchange=record.exchange,
            deployment=record.deployment,
            status=record.status,
            flags=record.flags,
            duration_ms=record.duration_ms,
        )

    def delivered(self, record: DeliveryRecord) -> None:
        """One line for what delivery saw."""
        self._log.info(
            "delivery",
            exchange=record.context.id,
            deployment=record.deployment,
            key=record.context.key,
            model=record.context.model,
            input_tokens=record.usage.input_tokens if record.usage else None,
            output_tokens=record.usage.output_tokens if record.usage else None,
            is_complete=record.is_complete,
            received_bytes=record.received_bytes,
            judged_bytes=record.judged_bytes,
        )

    def finished(self, record: ExchangeRecord) -> None:
        """One line for a finished request."""
        context = record.context
        self._log.info(
            "exchange",
            exchange=record.exchange,
            outcome=record.outcome,
            status=record.status,
            flags=record.flags,
            details=record.details,
            organisation=context.organisation if context else None,
            project=context.project if context else None,
            key=context.key if context else None,
            model=context.model if context else None,
            duration_ms=record.duration_ms,
            request_bytes=record.request_bytes,
            response_bytes=record.response_bytes,
        )
