"""Made-up credentials are the same for the same seed, and others for another."""

import pytest

from bench.guard_keys import made_up
from extproc.model.token import is_well_formed

KINDS = ("openai_key", "gateway_key", "jwt", "private_key", "password")


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_gives_its_credential(kind: str) -> None:
    assert made_up(kind, 1) == made_up(kind, 1) != made_up(kind, 2)


def test_a_key_of_the_gateway_is_well_formed() -> None:
    assert is_well_formed(made_up("gateway_key", 3))
