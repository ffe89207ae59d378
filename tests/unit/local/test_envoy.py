"""When Envoy counts as ready and as drained, from a scripted admin interface."""

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from extproc.local.envoy import envoy, program
from extproc.local.part import Part
from extproc.operations.envoy_admin import Admin
from tests.servers import eventually
from tests.unit.cli.scripted_admin import ScriptedAdmin, run_admin


@pytest.fixture
def admin() -> Iterator[ScriptedAdmin]:
    with run_admin() as made:
        yield made


def part(admin: ScriptedAdmin) -> Part:
    return envoy(Path("/x/bootstrap.json"), Admin(admin.url), 8080)


def listening(*ports: int) -> str:
    addresses = [{"socket_address": {"address": "127.0.0.1", "port_value": port}} for port in ports]
    return json.dumps({"listener_statuses": [{"name": "n", "local_address": address} for address in addresses]})


def active(**by_listener: int) -> str:
    stats = [{"name": f"http.{name}.downstream_rq_active", "value": value} for name, value in by_listener.items()]
    return json.dumps({"stats": stats})


def test_the_program_is_the_one_of_the_wheel_and_can_be_run() -> None:
    assert os.access(program(), os.X_OK)


def test_two_stacks_never_meet_in_shared_memory(admin: ScriptedAdmin) -> None:
    command = part(admin).command
    assert "--disable-hot-restart" in command
    assert command[command.index("-c") + 1] == "/x/bootstrap.json"


async def test_it_is_ready_when_it_is_live_and_listens_where_applications_connect(admin: ScriptedAdmin) -> None:
    what = part(admin)
    assert not await what.is_ready()
    admin.answers["/listeners"] = listening(8081, 18080)
    assert not await what.is_ready()
    admin.answers["/listeners"] = listening(8081, 8080)
    assert await what.is_ready()
    admin.answers["/ready"] = "INITIALIZING\n"
    assert not await what.is_ready()
    admin.answers["/ready"] = "LIVE\n"
    del admin.answers["/listeners"]
    assert not await what.is_ready()


async def test_nobody_at_the_admin_address_is_not_ready() -> None:
    assert not await envoy(Path("/x"), Admin("http://127.0.0.1:1"), 8080).is_ready()


async def test_it_is_drained_once_no_request_is_left_but_the_admins_own(admin: ScriptedAdmin) -> None:
    admin.answers["/stats"] = active(gateway=1, admin=1)
    draining = asyncio.create_task(part(admin).before_stop())
    await eventually(lambda: sum("/stats" in call for call in admin.calls) >= 2, "a second look")
    assert not draining.done()
    assert admin.calls[:2] == ["POST /healthcheck/fail", "POST /drain_listeners?graceful"]
    admin.answers["/stats"] = active(gateway=0, admin=1)
    async with asyncio.timeout(5):  # half of the time that a drain may take
        await draining


async def test_an_envoy_that_cannot_be_drained_is_an_error_that_the_supervisor_knows(admin: ScriptedAdmin) -> None:
    del admin.answers["/drain_listeners"]
    with pytest.raises(ConnectionError, match="envoy admin unavailable"):
        await part(admin).before_stop()
