"""A standing's two questions."""

import pytest

from extproc.model.health import FRESH, Standing, Trouble


@pytest.mark.parametrize(
    ("standing", "is_cooling", "is_unproven"),
    [
        (FRESH, False, False),
        (Standing(cooldown_until_s=11.0, trouble=Trouble.FAILURES), True, False),
        (Standing(cooldown_until_s=10.0, trouble=Trouble.RATE_LIMITED), False, True),
        (Standing(cooldown_until_s=9.0), False, False),
    ],
)
def test_a_deployment_cools_until_its_moment_and_is_then_unproven(
    standing: Standing, *, is_cooling: bool, is_unproven: bool
) -> None:
    assert standing.is_cooling(10.0) is is_cooling
    assert standing.is_unproven(10.0) is is_unproven
