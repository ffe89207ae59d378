from dataclasses import replace

from structlog.testing import capture_logs

from extproc.adapters.log_journal import LogJournal
from extproc.model.exchange import AttemptRecord, DeliveryRecord, ExchangeRecord, Outcome, Usage
from extproc.model.ids import DeploymentName, ExchangeId
from tests.unit.exchange.test_delivery import context

ATTEMPT = AttemptRecord(ExchangeId("x-1"), DeploymentName("d0"), 503, "UF", 12)
DELIVERY = DeliveryRecord(context(), DeploymentName("d0"), Usage(3, 2), True, 100, 90)
EXCHANGE = ExchangeRecord(ExchangeId("x-1"), context(), Outcome.ANSWERED, 200, "", "via_upstream", 15, 10, 90)


def test_every_fact_is_one_line_that_names_its_exchange() -> None:
    journal = LogJournal()
    with capture_logs() as lines:
        journal.attempted(ATTEMPT)
        journal.delivered(DELIVERY)
        journal.finished(EXCHANGE)
    assert [line["event"] for line in lines] == ["attempt", "delivery", "exchange"]
    assert {line["exchange"] for line in lines} == {"x-1"}
    assert (lines[1]["input_tokens"], lines[1]["output_tokens"], lines[1]["is_complete"]) == (3, 2, True)
    assert (lines[2]["key"], lines[2]["outcome"]) == ("key_1", "answered")


def test_what_is_not_known_is_said_to_be_unknown() -> None:
    journal = LogJournal()
    with capture_logs() as lines:
        journal.delivered(replace(DELIVERY, usage=None))
        journal.finished(replace(EXCHANGE, context=None))
    assert lines[0]["input_tokens"] is None
    assert lines[1]["key"] is None
