import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from extproc.local.model import MODEL_NAME, models
from extproc.local.problems import free_port
from tests.unit.cli.scripted_admin import ScriptedAdmin, run_admin


@pytest.fixture
def server() -> Iterator[ScriptedAdmin]:
    with run_admin() as made:
        yield made


async def test_it_is_ready_when_its_health_is_well_and_not_while_it_loads(server: ScriptedAdmin) -> None:
    (part,) = models(Path("/m.gguf"), (server.server.server_port,))
    assert not await part.is_ready()
    server.answers["/health"] = '{"status": "ok"}'
    assert await part.is_ready()


async def test_nobody_at_the_port_is_not_ready() -> None:
    (part,) = models(Path("/m.gguf"), (free_port(),))
    assert not await part.is_ready()


def test_the_server_calls_itself_what_applications_ask_for() -> None:
    (part,) = models(Path("/m.gguf"), (4000,))
    assert part.command[1:6] == ("-m", "extproc.local.model_server", "4000", "/m.gguf", MODEL_NAME)


def test_several_are_parts_with_names_and_ports_of_their_own_that_share_the_cores() -> None:
    parts = models(Path("/m.gguf"), (4000, 4001, 4002))
    assert [(part.name, part.command[3]) for part in parts] == [
        ("model", "4000"),
        ("model-2", "4001"),
        ("model-3", "4002"),
    ]
    threads = [int(part.command[6]) for part in parts]
    assert min(threads) >= 1
    assert sum(threads) <= max(len(parts), os.cpu_count() or 1)
