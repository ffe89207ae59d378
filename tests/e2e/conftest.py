"""One rig for all tests that leave it as they found it; a test that kills something takes ``own_rig``."""

from collections.abc import Iterator

import pytest

from tests.e2e.raw import files_with, wait_for_journal
from tests.e2e.rig import Rig, make_rig
from tests.e2e.rig_values import PROVIDER_KEY, TOKEN


@pytest.fixture(scope="session")
def rig() -> Iterator[Rig]:
    yield from make_rig()


@pytest.fixture
def own_rig() -> Iterator[Rig]:
    yield from make_rig()


@pytest.fixture(scope="module")
def no_secret_is_written(rig: Rig) -> Iterator[None]:
    """After a file's tests: neither the callers' key nor the provider's is in a log, the journal or Envoy's files."""
    yield
    wait_for_journal(rig)
    assert files_with(rig, TOKEN.rpartition("_")[2]) == []
    assert files_with(rig, PROVIDER_KEY) == []
