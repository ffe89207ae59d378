import asyncio

from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as otlp
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs

from extproc.adapters.memory import MemoryJournal
from extproc.model.exchange import AttemptRecord, Outcome
from extproc.model.ids import DeploymentName, ExchangeId
from extproc.wire.context_codec import encode_context
from extproc.wire.journal_door import JournalDoor
from tests.unit.exchange.test_delivery import context


def batch(*records: dict[str, str]) -> otlp.ExportLogsServiceRequest:
    logs = [
        LogRecord(attributes=[KeyValue(key=key, value=AnyValue(string_value=value)) for key, value in fields.items()])
        for fields in records
    ]
    return otlp.ExportLogsServiceRequest(resource_logs=[ResourceLogs(scope_logs=[ScopeLogs(log_records=logs)])])


EXCHANGE = {"kind": "exchange", "request_id": "x-1", "code": "200", "flags": "-", "details": "via_upstream"}


async def test_an_attempt_is_recorded() -> None:
    journal = MemoryJournal()
    fields = {"kind": "attempt", "request_id": "x-1", "cluster": "deployment.d0", "code": "0", "flags": "UF"}
    await JournalDoor(journal).export(batch({**fields, "duration_ms": "12"}), None)
    assert journal.attempts == [AttemptRecord(ExchangeId("x-1"), DeploymentName("d0"), 0, "UF", 12)]


async def test_a_finished_request_is_recorded_with_who_asked() -> None:
    journal = MemoryJournal()
    sizes = {"request_bytes": "10", "response_bytes": "20", "duration_ms": "-", "context": encode_context(context())}
    await JournalDoor(journal).export(batch({**EXCHANGE, **sizes}), None)
    (record,) = journal.exchanges
    assert (record.outcome, record.context, record.flags) == (Outcome.ANSWERED, context(), "")
    assert (record.request_bytes, record.response_bytes, record.duration_ms) == (10, 20, 0)
    assert record.attempts is None


async def test_how_many_deployments_were_asked_is_recorded_also_where_it_was_none() -> None:
    journal = MemoryJournal()
    await JournalDoor(journal).export(batch(*({**EXCHANGE, "attempts": each} for each in ("0", "2", "-"))), None)
    assert [record.attempts for record in journal.exchanges] == [0, 2, None]


async def test_a_request_that_admission_never_let_through_has_no_context() -> None:
    journal = MemoryJournal()
    await JournalDoor(journal).export(batch({**EXCHANGE, "code": "401", "context": "-"}), None)
    await JournalDoor(journal).export(batch({**EXCHANGE, "code": "401", "context": "made up"}), None)
    assert [(record.outcome, record.context) for record in journal.exchanges] == [(Outcome.REFUSED, None)] * 2


async def test_one_unreadable_record_does_not_cost_the_batch() -> None:
    journal = MemoryJournal()
    await JournalDoor(journal).export(batch({"kind": "?"}, {}, {**EXCHANGE, "code": "x"}), None)
    (record,) = journal.exchanges
    assert record.status == 0


async def test_a_batch_is_acknowledged_when_what_it_left_is_safe() -> None:
    journal, is_safe = MemoryJournal(), asyncio.Event()

    async def wait(limit_s: float) -> bool:
        assert 0 < limit_s < 5
        assert len(journal.exchanges) == 1
        return await is_safe.wait()

    call = asyncio.create_task(JournalDoor(journal, wait).export(batch(EXCHANGE), None))
    await asyncio.sleep(0)
    assert not call.done()
    is_safe.set()
    assert await call == otlp.ExportLogsServiceResponse()
