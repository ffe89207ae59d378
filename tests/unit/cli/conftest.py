"""Fixtures of this room: no gateway of whoever runs the tests, and Envoy's admin interface."""

import os
from collections.abc import Iterator

import pytest

from tests.unit.cli.scripted_admin import ScriptedAdmin, run_admin


@pytest.fixture(autouse=True)
def no_gateway_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("EXTPROC_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def admin() -> Iterator[ScriptedAdmin]:
    with run_admin() as made:
        yield made
