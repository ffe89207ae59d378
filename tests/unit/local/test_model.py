from collections.abc import Iterator
from pathlib import Path

import pytest

from extproc.local.model import MODEL_NAME, model
from extproc.local.problems import free_port
from tests.unit.cli.scripted_admin import ScriptedAdmin, run_admin


@pytest.fixture
def server() -> Iterator[ScriptedAdmin]:
    with run_admin() as made:
        yield made


async def test_it_is_ready_when_its_health_is_well_and_not_while_it_loads(server: ScriptedAdmin) -> None:
    part = model(Path("/m.gguf"), server.server.server_port)
    assert not await part.is_ready()
    server.answers["/health"] = '{"status": "ok"}'
    assert await part.is_ready()


async def test_nobody_at_the_port_is_not_ready() -> None:
    assert not await model(Path("/m.gguf"), free_port()).is_ready()


def test_the_server_calls_itself_what_applications_ask_for() -> None:
    part = model(Path("/m.gguf"), 4000)
    assert part.command[1:] == ("-m", "extproc.local.model_server", "4000", "/m.gguf", MODEL_NAME)
