"""One rig for all tests that leave it as they found it; a test that kills something takes ``own_rig``."""

from collections.abc import Iterator

import pytest

from tests.e2e.rig import Rig, make_rig


@pytest.fixture(scope="session")
def rig() -> Iterator[Rig]:
    yield from make_rig()


@pytest.fixture
def own_rig() -> Iterator[Rig]:
    yield from make_rig()
