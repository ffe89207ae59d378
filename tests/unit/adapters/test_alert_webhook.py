"""Who is told of a budget's use, how often, and what happens while nobody listens."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from extproc.adapters.alert_webhook import AlertWebhook
from extproc.adapters.memory import MemoryClock
from extproc.model.limits import Crossing, LimitId, Unit
from tests.servers import eventually
from tests.webhook import Webhook, serving

SOON = (0.01,) * 3


def crossing(percent: int = 80, budget: str = "acme-month") -> Crossing:
    return Crossing(LimitId(budget), "part-of-a-user", percent, percent * 10, 1000, Unit.MICRO_USD)


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with serving(Webhook()) as opened:
        yield opened


@pytest.fixture
def lines() -> Iterator[list[Any]]:
    with capture_logs() as captured:
        yield captured


@contextlib.asynccontextmanager
async def running(url: str | None, **options: Any) -> AsyncIterator[AlertWebhook]:
    alerts = AlertWebhook(lambda: url, MemoryClock(), **{"pauses_s": SOON, **options})
    task = asyncio.create_task(alerts.run())
    try:
        yield alerts
    finally:
        task.cancel()
        await asyncio.wait({task})


async def settled(alerts: AlertWebhook) -> None:
    """Until nothing waits any more."""
    await eventually(alerts._empty.is_set, "an empty queue")


def named(lines: list[Any], event: str) -> list[Any]:
    return [line for line in lines if line["event"] == event]


async def test_each_crossing_is_one_line_and_one_event_in_order(webhook: Webhook, lines: list[Any]) -> None:
    async with running(webhook.url) as alerts:
        for percent in (50, 80, 100):
            alerts.tell("acme", crossing(percent))
        await settled(alerts)
    assert [event["percent"] for event in webhook.events] == [50, 80, 100]
    assert len({event["id"] for event in webhook.events}) == 3
    assert [line["percent"] for line in named(lines, "budget_alert")] == [50, 80, 100]
    assert not named(lines, "budget_alert_delayed")
    assert alerts.dropped == 0


async def test_an_event_says_what_was_crossed_and_nothing_about_who_asked(webhook: Webhook) -> None:
    async with running(webhook.url) as alerts:
        alerts.tell("acme", crossing())
        await settled(alerts)
    ((path, headers, event),) = webhook.got
    del event["id"]
    assert event == {
        "event": "budget_alert",
        "organisation": "acme",
        "budget": "acme-month",
        "percent": 80,
        "used": 800,
        "of": 1000,
        "unit": "micro_usd",
        "at": "2027-01-15T08:00:00.000+00:00",
    }
    assert (path, headers["content-type"]) == ("/budgets", "application/json")
    assert not {"authorization", "cookie"} & headers.keys()


async def test_an_event_that_nobody_took_is_posted_again_as_the_same(webhook: Webhook, lines: list[Any]) -> None:
    webhook.statuses = [503, 429]
    async with running(webhook.url) as alerts:
        alerts.tell("acme", crossing())
        await settled(alerts)
    assert len({event["id"] for event in webhook.events}) == 1
    assert len(webhook.events) == 3
    assert [line["reason"] for line in named(lines, "budget_alert_delayed")] == ["answered 503", "answered 429"]
    assert alerts.dropped == 0


async def test_a_server_that_is_down_and_comes_up_gets_each_event_once(lines: list[Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    webhook = Webhook(port)
    async with running(webhook.url, pauses_s=(0.02,) * 500) as alerts:
        alerts.tell("acme", crossing(80))
        alerts.tell("acme", crossing(100))
        await eventually(lambda: bool(named(lines, "budget_alert_delayed")), "a failure")
        with serving(webhook):
            await settled(alerts)
    assert [event["percent"] for event in webhook.events] == [80, 100]
    assert alerts.dropped == 0


async def test_a_server_that_stays_down_costs_the_event_which_is_counted(lines: list[Any]) -> None:
    async with running("http://127.0.0.1:1/secret-path") as alerts:
        alerts.tell("acme", crossing())
        await settled(alerts)
    (dropped,) = named(lines, "budget_alert_dropped")
    assert (dropped["reason"], dropped["dropped"], alerts.dropped) == ("ConnectionError", 1, 1)
    assert len(named(lines, "budget_alert_delayed")) == len(SOON)
    assert "secret-path" not in repr(lines)


@pytest.mark.parametrize("status", [302, 307, 400, 404])
async def test_a_server_that_means_no_is_asked_once_and_never_followed(
    webhook: Webhook, lines: list[Any], status: int
) -> None:
    webhook.statuses = [status]
    webhook.headers = {"location": webhook.url + "/elsewhere"}
    async with running(webhook.url) as alerts:
        alerts.tell("acme", crossing())
        await settled(alerts)
    assert len(webhook.events) == 1
    assert named(lines, "budget_alert_dropped")[0]["reason"] == f"answered {status}"


async def test_a_slow_server_holds_up_nobody_and_is_given_up_at_the_deadline(
    webhook: Webhook, lines: list[Any]
) -> None:
    webhook.answers.clear()
    async with running(webhook.url, deadline_s=0.1, pauses_s=(0.3,)) as alerts:
        for percent in range(1, 101):
            alerts.tell("acme", crossing(percent))
        await eventually(lambda: bool(webhook.got), "the first")
        # It says nothing before ``answers`` is set: only the deadline can have ended the first try.
        await eventually(lambda: bool(named(lines, "budget_alert_delayed")), "its end")
        webhook.answers.set()
        await settled(alerts)
    # Told again, since nobody knows whether it came; the receiver does by its id.
    assert len({event["id"] for event in webhook.events}) == 100
    assert alerts.dropped == 0


async def test_a_server_that_trickles_is_given_up_and_holds_one_thread_at_most(
    webhook: Webhook, lines: list[Any]
) -> None:
    webhook.trickle_s = 0.02
    async with running(webhook.url, deadline_s=0.1) as alerts:
        alerts.tell("acme", crossing())
        await settled(alerts)
    assert len(webhook.events) == 1
    assert named(lines, "budget_alert_dropped")[0]["reason"] == "the address still holds an earlier try"


async def test_where_too_many_wait_the_oldest_is_dropped_and_counted(webhook: Webhook, lines: list[Any]) -> None:
    alerts = AlertWebhook(lambda: webhook.url, MemoryClock(), most_waiting=2)
    for percent in (50, 80, 100):
        alerts.tell("acme", crossing(percent))
    assert [(line["percent"], line["dropped"]) for line in named(lines, "budget_alert_dropped")] == [(50, 1)]
    task = asyncio.create_task(alerts.run())
    await settled(alerts)
    task.cancel()
    await asyncio.wait({task})
    assert [event["percent"] for event in webhook.events] == [80, 100]


async def test_without_an_address_there_is_only_the_log(lines: list[Any]) -> None:
    async with running(None) as alerts:
        alerts.tell("acme", crossing())
        await alerts.flush(1.0)
    assert [line["event"] for line in lines] == ["budget_alert"]
    assert alerts.dropped == 0


async def test_at_the_end_what_waits_is_posted_without_pauses(webhook: Webhook) -> None:
    webhook.statuses = [503]
    async with running(webhook.url, pauses_s=(600.0,)) as alerts:
        alerts.tell("acme", crossing())
        await eventually(lambda: bool(webhook.got), "the first try")
        await alerts.flush(5.0)
    assert [event["percent"] for event in webhook.events] == [80, 80]


async def test_what_cannot_be_posted_before_the_end_is_counted(webhook: Webhook, lines: list[Any]) -> None:
    webhook.answers.clear()
    async with running(webhook.url) as alerts:
        alerts.tell("acme", crossing(80))
        alerts.tell("acme", crossing(100))
        await eventually(lambda: bool(webhook.got), "the first try")
        await alerts.flush(0.05)
    assert [(line["percent"], line["dropped"]) for line in named(lines, "budget_alert_dropped")] == [(80, 1), (100, 2)]
    assert alerts.dropped == 2
